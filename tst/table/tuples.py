"""Several numbers in one cell, as `120/80` or `(48.85, 2.35)`: read and written as they stand."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from tst.table.spelled import Spelling

MAX_NUMBERS = 4  # of a cell
BETWEEN = ("/", ";", "|", "×", "x", "*", ",", " - ")  # numbers, looked for in this order
BEFORE = r"[$€£¥₹]?"  # what may stand before a number
BRACKETS = {"": "", "(": ")", "[": "]", "{": "}", "<": ">"}


@dataclass(frozen=True, kw_only=True)
class NumbersInCell:
    """How the numbers of a cell are written.

    Parameters
    ----------
    bracket
        That the cell opens with, or nothing.
    between
        What stands between two numbers, with its blanks.
    spellings
        How each number is written, in order.
    """

    bracket: str
    between: str
    spellings: tuple[Spelling, ...]

    @classmethod
    def of(cls, texts: Collection[object]) -> Self | None:
        """Return the one way in which all texts are as many numbers, None where there is none."""
        known = [text for text in texts if isinstance(text, str) and text]
        if not known or len(known) < len(texts):
            return None
        bracket = known[0][0] if known[0][0] in BRACKETS else ""
        for sign in BETWEEN:
            found = re.search(rf"(?<=\S)\s*{re.escape(sign)}\s*(?=\S)", known[0])
            if found is None:
                continue
            one = cls._separated(known, bracket, found[0])
            if one is not None:
                return one
        return None

    @classmethod
    def _separated(cls, texts: list[str], bracket: str, between: str) -> Self | None:
        """Return how texts are written, if all are numbers with such a text between them."""
        blank = cls(bracket=bracket, between=between, spellings=())
        cells = [blank._cut(text) for text in texts]
        n_numbers = len(cells[0])
        if not 2 <= n_numbers <= MAX_NUMBERS or {len(cell) for cell in cells} != {n_numbers}:
            return None
        if between == "," and not any("." in number for cell in cells for number in cell):
            return None  # 12,345 is one number
        spellings = []
        for numbers in zip(*cells, strict=True):
            spelling = Spelling.of(set(numbers), is_plain=True)
            if spelling is None or not re.fullmatch(BEFORE, spelling.before):
                return None  # A12/34 is a code
            spellings.append(spelling)
        return cls(bracket=bracket, between=between, spellings=tuple(spellings))

    @property
    def example(self) -> str:
        """A cell as it is written."""
        return self._joined([one.example for one in self.spellings])

    def may_be_dates(self, numbers: Sequence[np.ndarray]) -> bool:
        """Tell whether numbers, (n_rows,) each, may be days and months, in any order."""
        if len(numbers) != 2 or any(one.decimals for one in self.spellings):
            return False
        highest = sorted(float(np.nanmax(x)) for x in numbers)
        return min(np.nanmin(x) for x in numbers) >= 1 and highest[0] <= 12 and highest[1] <= 31

    def _cut(self, text: str) -> list[str]:
        """Return the numbers of a cell, none where its brackets are others."""
        close = BRACKETS[self.bracket]
        if not text.startswith(self.bracket) or not text.endswith(close):
            return []
        return text[len(self.bracket) : len(text) - len(close)].split(self.between)

    def _joined(self, numbers: Collection[str]) -> str:
        return f"{self.bracket}{self.between.join(numbers)}{BRACKETS[self.bracket]}"

    def read(self, texts: pd.Series) -> list[pd.Series]:
        """Return each number as a column, float64, NaN where a text is missing or other."""
        cells = self._cells(texts)
        return [one.read(cells[i]) for i, one in enumerate(self.spellings)]

    def _cells(self, texts: pd.Series) -> pd.DataFrame:
        """Return the texts of the numbers, a column each, missing where a cell is none of such."""
        codes, distinct = pd.factorize(texts)
        n_numbers = len(self.spellings)
        rows = np.full((len(distinct) + 1, n_numbers), None, dtype=object)  # the last: missing
        for row, text in zip(rows, distinct, strict=False):
            numbers = self._cut(str(text))
            if len(numbers) == n_numbers:
                row[:] = numbers
        return pd.DataFrame(rows[codes], index=texts.index, dtype=object)

    def write(self, columns: Collection[pd.Series]) -> pd.Series:
        """Return cells, None where a number is missing: inverts `read`."""
        written = [one.write(x) for one, x in zip(self.spellings, columns, strict=True)]
        cells = [
            None if None in numbers else self._joined(numbers)
            for numbers in zip(*written, strict=True)
        ]
        values = np.array([*cells, None], dtype=object)[:-1]
        return pd.Series(values, index=written[0].index, dtype=object)

    def comes_back(self, texts: pd.Series) -> np.ndarray:
        """Return which texts are written as they stand, bool (n_rows,); -0.0 may lose its sign."""
        cells = self._cells(texts)
        back = [one.comes_back(cells[i]) for i, one in enumerate(self.spellings)]
        return np.logical_and.reduce(back)
