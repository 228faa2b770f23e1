"""New names of series, in the pattern of the real ones, none of which is used again.

Whole numbers go on behind the last. Of texts that end in a number (`P0041`, `000123`) the number
goes on, in as many digits; a UUID is followed by other UUIDs; what has no pattern is named anew.
"""

import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.values import is_number

PARTS = r"^(.*?)(\d{1,18})(\D*)$"  # before the last number, the number, behind it
MAX_PREFIX_SHARE = 0.25  # of names that a text before the number may have for itself
HEX = r"[0-9a-f]{12,64}"  # at least so long that no two of a table are alike by chance

NameKind = Literal["number", "numbered", "uuid", "hex", "name"]


@dataclass(frozen=True, kw_only=True)
class NewNames:
    """How the names of a column are made.

    Parameters
    ----------
    column, dtype
        Of the names, as pandas spells them.
    kind
        number: whole numbers; numbered: text around a number; uuid, hex: by a hash; name: the
        name of the column, or `word`, and a number.
    word
        What stands before the number.
    suffix
        What stands behind it.
    width
        Digits of the number, 0 where they are as many as it takes.
    start, room
        The first new number, and how many follow it before the next real one; 0: no end.
    """

    column: str
    dtype: str
    kind: NameKind = "name"
    word: str = ""
    suffix: str = ""
    width: int = 0
    start: int = 1
    room: int = 0

    def __post_init__(self) -> None:
        types.pandas_dtype(self.dtype)  # a saved one may be none

    @classmethod
    def of(cls, names: pd.Series, word: str) -> "NewNames":
        """Return how new names of a column are made; `word`, where they have no pattern."""
        column = str(names.name)
        dtype = str(names.dtype)
        if is_number(names):
            return cls(column=column, dtype=dtype, kind="number", start=_number_behind(names))
        texts = pd.Series(names.dropna().unique()).astype(str)
        if texts.str.fullmatch(HEX).all() and texts.str.contains("[a-f]").any():
            if texts.str.len().nunique() == 1:
                width = len(texts.iloc[0])
                return cls(column=column, dtype=dtype, kind="hex", width=width)
        if len(texts) and all(map(_is_uuid, texts)):
            return cls(column=column, dtype=dtype, kind="uuid")
        named = cls(column=column, dtype=dtype, word=f"{word}-")
        return _numbered(texts, named) or named

    def make(self, numbers: np.ndarray, n_all: int) -> pd.Series:
        """Return names in the dtype of the column.

        Parameters
        ----------
        numbers
            int, shape (n_names,): counted from 0.
        n_all
            How many there are in all.

        Raises
        ------
        DataError
            Where the dtype has no room for the numbers.
        """
        dtype = types.pandas_dtype(self.dtype)
        if self.kind == "number":
            self._check_room(int(numbers.max(initial=0)) + 1)
            return pd.Series(self.start + numbers, name=self.column).astype(dtype)
        width = self.width or (len(str(n_all)) if self.kind == "name" else 0)
        distinct, index = np.unique(numbers, return_inverse=True)
        texts = [self._text(int(number), width) for number in distinct]
        values = np.array([*texts, ""], dtype=object)[:-1][index]
        return pd.Series(values, name=self.column).astype(self.dtype)

    def _text(self, number: int, width: int) -> str:
        if self.kind in ("uuid", "hex"):
            digest = hashlib.sha256(f"{self.column}/{number}".encode())
            if self.kind == "hex":
                return digest.hexdigest()[:width]
            return str(uuid.UUID(bytes=digest.digest()[:16], version=4))
        counted = self.start + number
        if self.room and number >= self.room:  # beyond every real one: a digit more
            counted = 10**width + number - self.room
        return f"{self.word}{counted:0{width}d}{self.suffix}"

    def _check_room(self, n_names: int) -> None:
        """Raise DataError where the dtype cannot count on for so many names."""
        dtype = types.pandas_dtype(self.dtype)
        dtype = getattr(dtype, "numpy_dtype", dtype)
        if dtype.kind in "iu" and self.start - 1 + n_names > np.iinfo(dtype).max:
            raise DataError(
                f"column '{self.column}' ends at {self.start - 1}, so that {dtype} has no room "
                f"for {n_names:,} new ids: give smaller numbers, or text."
            )


def _number_behind(names: pd.Series) -> int:
    """Return the whole number behind all of a column."""
    known = names.dropna()
    if types.is_datetime64_any_dtype(names.dtype) or types.is_timedelta64_dtype(names.dtype):
        known = known.astype("int64")
    return int(known.max()) + 1 if len(known) else 1


def _is_uuid(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))


def _numbered(texts: pd.Series, named: NewNames) -> NewNames | None:
    """Return how texts around a number go on, None for others."""
    parts = texts.str.extract(PARTS)
    if not len(texts) or parts[0].isna().any():
        return None
    word, word_share = _commonest(parts[0])
    suffix, _ = _commonest(parts[2])
    n_words = parts[0].nunique()
    if n_words > 1 and (word_share < MAX_PREFIX_SHARE or n_words > len(texts) / 4):
        return None
    if parts[2].nunique() > 1:
        return None
    digits = parts[1].astype(str)
    width = int(digits.str.len().max()) if digits.str.len().nunique() == 1 else 0
    numbers = np.unique(digits.astype(np.int64).to_numpy())
    pattern = replace(named, kind="numbered", word=word, suffix=suffix, width=width)
    if not width:
        return replace(pattern, start=int(numbers[-1]) + 1)
    # the widest stretch of free numbers; behind the last one where it has room for as many again
    bounds = np.concatenate([[-1], numbers, [10**width]])
    room = np.diff(bounds) - 1
    widest = len(room) - 1
    if room[-1] < 4 * len(numbers):
        widest = int(np.argmax(room))
    if not room[widest]:
        return replace(pattern, start=10**width)
    return replace(pattern, start=int(bounds[widest]) + 1, room=int(room[widest]))


def _commonest(values: pd.Series) -> tuple[str, float]:
    """Return the commonest value, the first of equal ones, and its share."""
    counts = values.value_counts()
    commonest = str(min(counts.index[counts == counts.max()]))
    return commonest, float(counts.max() / len(values))
