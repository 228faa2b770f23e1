"""What pandas would not keep of a CSV: zeros in front of numbers, None as text, TRUE and FALSE.

A column of digits of which some begin with 0 holds codes (a postcode): it is read as text, but
where it is called like a time, which is a number and is written in as many digits. In a column of
text, a word such as None or NA is text; only nothing at all is missing. Truth values that are not
written as True and False are text. The bytes are looked through first: a file without such a value
is read as ever.
"""

import gzip
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from tst.table.calendar import is_time
from tst.table.dialect import PLAIN, Compression, Dialect
from tst.table.evidence import is_called_id, is_called_time

# Words that pandas takes for a missing value, as its documentation lists them.
WORDS = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
TRUTHS = ("TRUE", "FALSE", "true", "false")
FOUND_BY = b"Nn#<"  # first letters of the words that are looked for: others are rare spellings
VALUE = re.compile(
    rb"(?:0\d+|"
    + b"|".join(re.escape(word.encode()) for word in (*WORDS, *TRUTHS))
    + rb')(?=[,;\t|"\r\n])'
)
# of bytes: 1 before a value, 2 the first letter of a word, 4 a digit, 8 the first of a truth value
KINDS = np.zeros(256, dtype=np.uint8)
KINDS[list(b',;\t|"\n')] = 1
KINDS[list(FOUND_BY)] = 2
KINDS[list(b"0123456789")] = 4
KINDS[list(b"TFtf")] = 8
SECOND = np.frombuffer(b"RAra", dtype=np.uint8)  # letters of these truth values
BLOCK = 2**22  # bytes
OVERLAP = 64  # bytes of a block that are looked at again: longer than any of these values
CELLS = 2**20  # values of a chunk
MIN_ZEROS = 0.05  # of distinct values, that begin with 0 in a column of codes of several lengths
MAX_WIDTH = 18  # digits of a time that is a number
TRUTH_VALUES = frozenset({"true", "false"})


def truths_as_written(categories: Iterable[object]) -> dict[bool, str]:
    """Return how a column of text writes truth values, as TRUE; empty where it holds others."""
    found = {}
    for word in categories:
        if not isinstance(word, str) or word.lower() not in TRUTH_VALUES:
            return {}
        found[word.lower() == "true"] = word
    return found


@dataclass(frozen=True, kw_only=True)
class Written:
    """Columns of a CSV that are read in a way of their own.

    Parameters
    ----------
    text
        Codes with zeros in front, and truth values as TRUE and FALSE, read as text.
    words
        Text in which words such as None are no missing values.
    padded
        Times that are numbers with zeros in front: (column, digits).
    """

    text: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    padded: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, path: Path, compression: Compression, dialect: Dialect = PLAIN) -> Self:
        """Return what a CSV holds; its rows are only read where its bytes have such a value."""
        # blanks stand between separators and the values that are looked for
        if not (dialect.has_blanks or _has_any(path, compression)):
            return cls()
        columns: dict[str, _Column] = {}
        reading = dialect.reading()
        heading = pd.read_csv(path, nrows=0, compression=compression, **reading)
        reader = pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            compression=compression,
            chunksize=max(1, CELLS // max(1, len(heading.columns))),
            **reading,
        )
        with reader:
            for chunk in reader:
                for name in chunk:
                    columns.setdefault(str(name), _Column()).add(chunk[name])
        coded = [name for name, column in columns.items() if column.is_code]
        times = [name for name in coded if is_called_time(name) and not is_called_id(name)]
        padded = [(name, columns[name].width) for name in times if columns[name].is_padded]
        text = [name for name in coded if name not in dict(padded)]
        text += [name for name, column in columns.items() if column.has_other_truths]
        words = [name for name, column in columns.items() if column.is_text_with_words]
        return cls(text=tuple(text), words=tuple(words), padded=tuple(padded))

    def options(self, columns: list[str], text_columns: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return how pandas reads these columns; `text_columns` are text for another reason."""
        text = {*self.text, *self.words, *text_columns}
        options: dict[str, Any] = {"dtype": {name: str for name in columns if name in text}}
        if self.words:
            options["keep_default_na"] = False
            options["na_values"] = {
                name: [""] if name in self.words else ["", *WORDS] for name in columns
            }
        return options


def _blocks(path: Path, compression: Compression) -> Iterator[bytes]:
    """Yield the bytes of a file, those at the end of a block again with the next one."""
    end = b"\n"
    with gzip.open(path) if compression else open(path, "rb") as file:
        while block := file.read(BLOCK):
            yield end + block
            end = block[-OVERLAP:]
        yield end + b"\n"


def _has_any(path: Path, compression: Compression) -> bool:
    """Tell whether a file has a value that pandas would not keep."""
    for block in _blocks(path, compression):
        letters = np.frombuffer(block, dtype=np.uint8)
        kinds = KINDS[letters]
        is_value = kinds[:-2] == 1
        is_zero = (letters[1:-1] == ord("0")) & (kinds[2:] == 4)
        # of one case, as True is not
        is_truth = (kinds[1:-1] == 8) & ((letters[1:-1] ^ letters[2:]) & 32 == 0)
        is_truth &= np.isin(letters[2:], SECOND)
        candidates = np.flatnonzero(is_value & (is_zero | is_truth | (kinds[1:-1] == 2))) + 1
        if any(VALUE.match(block, start) for start in candidates.tolist()):
            return True
    return False


class _Column:
    """What is known of a column, gone through in chunks of text."""

    def __init__(self) -> None:
        self.only_digits = True
        self.n_zeros = 0  # of the distinct values of each chunk
        self.n_values = 0
        self.has_words = False
        self.has_truths = False  # as TRUE or false
        self.are_truths = True  # all
        self.has_text = False  # that is no number, no truth value and no such word
        self.is_date = False
        self.widths: set[int] = set()

    def add(self, column: pd.Series) -> None:
        """Add a chunk."""
        values = pd.Series(column.unique())
        is_word = values.isin(WORDS)
        self.has_words |= bool(is_word.any())
        known = values[~is_word & (values != "")]
        if not len(known):
            return
        self.has_truths |= bool(known.isin(TRUTHS).any())
        self.are_truths &= bool(known.str.lower().isin(TRUTH_VALUES).all())
        is_digits = known.str.fullmatch(r"\d+")
        self.only_digits &= bool(is_digits.all())
        self.n_zeros += int(known.str.fullmatch(r"0\d+").sum())
        self.n_values += len(known)
        self.widths.update(known.str.len().unique().tolist())
        if not self.has_text:
            others = known[~is_digits]
            is_number = pd.to_numeric(others, errors="coerce").notna()
            is_truth = others.str.lower().isin(TRUTH_VALUES)
            text = others[~is_number & ~is_truth]
            self.has_text = len(text) > 0
            self.is_date = is_time(text)

    @property
    def is_code(self) -> bool:
        """Whether it holds digits alone, some with a zero in front, and not by a slip."""
        is_usual = len(self.widths) == 1 or self.n_zeros >= MIN_ZEROS * self.n_values
        return self.only_digits and self.n_zeros > 0 and is_usual

    @property
    def has_other_truths(self) -> bool:
        """Whether it holds truth values alone, and not as Python writes them."""
        return self.has_truths and self.are_truths

    @property
    def width(self) -> int:
        """Most digits."""
        return max(self.widths, default=0)

    @property
    def is_padded(self) -> bool:
        """Whether all numbers are written in as many digits."""
        return len(self.widths) == 1 and self.width <= MAX_WIDTH

    @property
    def is_text_with_words(self) -> bool:
        """Whether it is text, and has a word that pandas takes for a missing value."""
        return self.has_words and self.has_text and not self.is_date


def padded(numbers: pd.Series, width: int) -> np.ndarray:
    """Return whole numbers as text of at least so many digits, None where missing."""
    texts = [None if pd.isna(x) else f"{int(x):0{width}d}" for x in numbers]
    return np.array([*texts, None], dtype=object)[:-1]
