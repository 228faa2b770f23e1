"""DataError, the one exception for a mistake in data or settings, and how others become one.

Its text is always one sentence that says what is wrong, where, and what to do.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

MAX_SENTENCE = 300  # characters
MAX_QUOTED = 120  # characters of another library's error within a sentence
TAIL = 120  # characters kept at the end of a sentence that is cut: what to do stands there
LINE_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class DataError(ValueError):
    """A user's mistake in data or settings: one sentence that says what, where and what to do.

    Names and values in it may come from a hostile file: control characters become spaces, and the
    middle of a long sentence becomes dots.
    """

    def __init__(self, text: object = "") -> None:
        text = LINE_BREAKS.sub(" ", str(text)).encode("utf-8", "replace").decode()
        if len(text) > MAX_SENTENCE:
            head = text[: MAX_SENTENCE - TAIL - len(" ... ")]
            text = f"{head} ... {text[-TAIL:]}"
        super().__init__(text)


def short_message(error: BaseException) -> str:
    """Return an exception's text in one line of at most 120 characters, else its type's name."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if len(text) > MAX_QUOTED:
        return f"{text[: MAX_QUOTED - len('...')]}..."
    return text


@contextmanager
def translate_errors(fault: str, remedy: str) -> Iterator[None]:
    """Raise `DataError(f"{fault} (message of the error); {remedy}.")` for any error of the block.

    A DataError passes unchanged, for it says already what to do.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of any type: a hostile file decides which library fails, and how
        raise DataError(f"{fault} ({short_message(error)}); {remedy}.") from None
