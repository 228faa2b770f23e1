"""DataError: a mistake in data or settings, always one sentence, and the way from any library's error to one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 300  # characters of a sentence
BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class DataError(ValueError):
    """A user's mistake in data or settings: one sentence that says what, where and what to do.

    Names and values in it may come from a hostile file: line breaks become spaces, the middle of a long sentence dots.
    """

    def __init__(self, text: object = "") -> None:
        text = BREAKS.sub(" ", str(text)).encode("utf-8", "replace").decode()
        super().__init__(
            text if len(text) <= LONGEST else f"{text[: LONGEST - 125]} ... {text[-120:]}"
        )


def describe(error: BaseException) -> str:
    """Return what an error of a library says, short and in one line."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= 120 else f"{text[:117]}..."


@contextmanager
def translate_errors(fault: str, remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong while a user's file is read into the DataError `fault (why); remedy.`; one stays as it is."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of any library: a hostile file decides which
        raise DataError(f"{fault} ({describe(error)}); {remedy}.") from None
