"""One column of a user's table as numbers or categories, and back in its own dtype.

Missing measurements are filled from their neighbours for training and marked in a companion
feature, so that synthetic columns have gaps of their own. So is a number that stands for missing
(-1, -999); it is written back as that number. A numeric attribute is learned as one of at most 16
ranges, and synthetic values are drawn uniformly within theirs, with the endings that such numbers
have (`tst.endings`). An attribute with a value of its own
for nearly every series is not learned at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from pandas.api import types

from tst.endings import Endings
from tst.io.untrusted import from_mapping
from tst.table.values import (
    FEW,
    Epoch,
    Numbers,
    from_seconds,
    is_number,
    round_to_digits,
    rounded,
    shortest,
    to_numbers,
)

N_RANGES = 16  # quantiles of a numeric attribute: coarse enough that each holds many series
MAX_DISTINCT = 2**16  # values of a column that are kept, to tell categories
MAX_CATEGORIES = 200  # of a column, the commonest; the others are pooled
RARE = "(rare)"  # the category that pooled values are learned as
MISSING = "(missing)"  # the category that missing values of an attribute are learned as


# number: decimals; whole: integers, dates and durations; category: one of a few values; name: names
# a series and is not learned
ColumnKind = Literal["number", "whole", "category", "name"]
Category = str | bool | int | float


class Problem(NamedTuple):
    """Something in the table that was noticed, and what was done about it."""

    column: str
    text: str
    n_rows: int


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """What a codec needs of a column that is gone through in parts.

    Parameters
    ----------
    distinct
        Distinct values in the dtype of the column, in the order in which they occur; of numbers
        that are no codes, and of more than `MAX_DISTINCT`, only some.
    n_rows, n_missing
        Rows, and those of them that hold nothing.
    numbers
        Where it holds numbers, what is known of them.
    epoch
        What seconds stand for.
    """

    distinct: pd.Series
    n_rows: int
    n_missing: int
    numbers: Numbers | None = None
    epoch: Epoch = ""

    @classmethod
    def of(cls, column: pd.Series) -> Self:
        """Return the facts of a column or of a part of it."""
        n_missing = int(column.isna().sum())
        distinct = column.drop_duplicates().head(MAX_DISTINCT + 1)
        if not is_number(column):
            return cls(distinct=distinct, n_rows=len(column), n_missing=n_missing)
        x, epoch = to_numbers(column)
        return cls(
            distinct=distinct,
            n_rows=len(column),
            n_missing=n_missing,
            numbers=Numbers.of(x[np.isfinite(x)]),
            epoch=epoch,
        )

    def joined(self, following: "ColumnFacts") -> "ColumnFacts":
        """Return the facts of this part and of the one behind it."""
        distinct = self.distinct
        if len(distinct) <= MAX_DISTINCT:
            distinct = pd.concat([distinct, following.distinct]).drop_duplicates()
        numbers = self.numbers
        if numbers is not None and following.numbers is not None:
            numbers = numbers.joined(following.numbers)
        return ColumnFacts(
            distinct=distinct.head(MAX_DISTINCT + 1),
            n_rows=self.n_rows + following.n_rows,
            n_missing=self.n_missing + following.n_missing,
            numbers=numbers,
            epoch=self.epoch,
        )

    def n_coded(self, code: float | None) -> int:
        """Return how many values are missing, or are the code that says so."""
        n_coded = 0
        if code is not None and self.numbers is not None:
            is_low = self.numbers.low == code
            n_coded = self.numbers.n_low if is_low else self.numbers.n_high
        return self.n_missing + n_coded


@dataclass(frozen=True, kw_only=True)
class ColumnCodec:
    """How a column is coded: its dtype, and what brings a code or a number back to a value.

    Parameters
    ----------
    name, dtype
        Of the column, as pandas spells them.
    kind
        number, whole, category or name (see `ColumnKind`).
    categories
        Values of a category, in the order of its codes.
    rare, rare_weights
        Values that are too many to be told apart, learned as one more category: those of several
        series, which synthetic values are drawn from, and how many rows each has.
    edges
        Rising numbers that bound the ranges of a numeric attribute.
    decimals
        Digits behind the point that no value exceeds; None: as many as were computed.
    shift
        Subtracted before numbers become float32, where that keeps digits of them.
    missing
        Whether values are missing.
    missing_code
        A number that means missing, or None.
    epoch
        datetime or timedelta, where numbers are seconds of one of them; else empty.
    endings
        How the numbers of an attribute end, where they end alike.
    ordered, dtype_categories
        Of a categorical dtype: whether it is ordered, and all its categories, used or not.
    """

    name: str
    dtype: str
    kind: ColumnKind = "number"
    categories: tuple[Category, ...] = ()
    rare: tuple[Category, ...] = ()
    rare_weights: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()
    decimals: int | None = None
    shift: float = 0.0
    missing: bool = False
    missing_code: float | None = None
    epoch: Epoch = ""
    endings: Endings | None = None
    ordered: bool = False
    dtype_categories: tuple[Category, ...] = ()

    @classmethod
    def fit(cls, column: pd.Series, categorical: bool = False) -> Self:
        """Return how a measurement is coded; `categorical` says that its numbers are codes."""
        return cls.of(ColumnFacts.of(column), categorical)

    @classmethod
    def of(cls, column: "ColumnFacts", categorical: bool = False) -> Self:
        """Return how a measurement is coded of which these facts are known."""
        facts = _facts(column.distinct) | {"missing": column.n_missing > 0}
        if categorical or column.numbers is None:
            return cls(**facts, kind="category", **_categories(column.distinct))
        numbers = column.numbers
        missing_code = None
        if not facts["missing"] and not column.epoch:
            missing_code = numbers.missing_code()
            if missing_code is not None:
                facts |= {"missing": True, "missing_code": missing_code}
        decimals = numbers.rounding(missing_code)
        if numbers.is_far_from_zero(missing_code):
            facts["shift"] = numbers.without(missing_code)[0]
        return cls(**facts, **_number_facts(column.distinct, decimals, column.epoch))

    @classmethod
    def fit_attribute(cls, column: pd.Series) -> Self:
        """Return how an attribute is coded: numbers as ranges, unless they are few.

        Parameters
        ----------
        column
            One value a series.
        """
        facts = _facts(column)
        if not is_number(column):
            return cls(**facts, kind="category", **_categories(column))
        x, epoch = to_numbers(column)
        known = x[np.isfinite(x)]
        facts |= _number_facts(column, Numbers.of(known).rounding(), epoch)
        if len(np.unique(known)) <= FEW and not epoch:
            facts["kind"] = "category"
            categories = pd.unique(column.dropna().sort_values()).tolist()
            return cls(**facts, categories=tuple(categories))
        endings = None
        if not epoch:
            endings = Endings.find(known, np.arange(len(known)))
        # Of numbers that end alike an edge is one of them, too.
        method: Literal["linear", "lower"] = "linear" if endings is None else "lower"
        edges = np.unique(np.quantile(known, np.linspace(0, 1, N_RANGES + 1), method=method))
        return cls(**facts, edges=tuple(edges.tolist()), endings=endings)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the column that JSON held; raises ValueError where it cannot be one."""
        codec = from_mapping(cls, mapping)
        codec._check()
        return codec

    def _check(self) -> None:
        """Raise an error where a column that was read is not as one is saved."""
        types.pandas_dtype(self.dtype)
        is_rising = all(np.diff(self.edges) > 0)
        if len(self.rare) != len(self.rare_weights) or min(self.rare_weights, default=1) < 1:
            raise ValueError(f"column '{self.name}' of the table is not as it was saved")
        is_rounded = not self.is_numeric or self.decimals in (None, *range(16))
        if not (is_rising and is_rounded and np.isfinite(self.shift)):
            raise ValueError(f"column '{self.name}' of the table is not as it was saved")

    @property
    def is_numeric(self) -> bool:
        """Whether values are coded as numbers."""
        return self.kind in ("number", "whole")

    @property
    def n_ranges(self) -> int:
        """Number of ranges of a numeric attribute."""
        return max(1, len(self.edges) - 1)

    @property
    def known_labels(self) -> list[str]:
        """Categories that the known values of an attribute are learned as, in order of codes."""
        if self.kind == "category":
            known = list(map(str, self.categories))
            return [*known, self._rare_label] if self.rare else known
        lower_edges = self.edges[: self.n_ranges]
        return [f"{i}: from {edge:.6g}" for i, edge in enumerate(lower_edges)]

    @property
    def labels(self) -> list[str]:
        """All categories that an attribute is learned as: `MISSING` behind the known ones."""
        return [*self.known_labels, MISSING] if self.missing else self.known_labels

    def pooled(self, counts: pd.Series, n_series: pd.Series) -> "ColumnCodec":
        """Return a category with its commonest values, and the others as one more.

        A value that one series alone has may tell whose it is: it is not drawn again.

        Parameters
        ----------
        counts, n_series
            Rows and series of each value, by value.
        """
        shared = [value for value in self.categories if n_series[value] > 1]
        ranked = sorted(shared, key=lambda value: -counts[value])  # stable: else by value
        common = set(ranked[: MAX_CATEGORIES - 1])
        kept = tuple(value for value in self.categories if value in common)
        rare = ranked[MAX_CATEGORIES - 1 :] or ranked[-1:]  # a pool cannot be empty
        weights = tuple(int(counts[value]) for value in rare)
        return replace(self, categories=kept, rare=tuple(rare), rare_weights=weights)

    @property
    def n_categories(self) -> int:
        """Number of categories that known values are learned as, 0 for numbers."""
        return len(self.categories) + bool(self.rare) if self.kind == "category" else 0

    @property
    def _rare_label(self) -> str:
        label = RARE
        while label in map(str, self.categories):
            label += "_"
        return label

    def as_name(self) -> "ColumnCodec":
        """Return the column as one whose values only name a series."""
        return ColumnCodec(name=self.name, dtype=self.dtype, kind="name", missing=self.missing)

    def encode(self, column: pd.Series) -> np.ndarray:
        """Return the codes or shifted numbers of a column.

        Returns
        -------
        x
            float64, shape (n_rows,), NaN where missing, -1 for an unknown category.

        Raises
        ------
        DataError
            Where a number is infinite or too large.
        """
        if self.kind != "category":
            x, _ = to_numbers(column)
            if self.missing_code is not None:
                x = np.where(x == self.missing_code, np.nan, x)
            return x - self.shift
        row_values, values = pd.factorize(column)
        known = pd.Index(self.categories, dtype=object)
        codes = known.get_indexer(pd.Index(values).astype(object))
        if self.rare:  # all others, also those that are not drawn again
            codes = np.where(codes < 0, len(known), codes)
        # a missing row has row_values -1, which takes the entry appended here and is then replaced
        return np.where(row_values >= 0, np.append(codes, 0)[row_values], np.nan)

    def decode(
        self,
        x: np.ndarray,
        missing: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> pd.Series:
        """Return the column, in its dtype, of codes or shifted numbers: inverts `encode`.

        Parameters
        ----------
        x
            float, shape (n_rows,).
        missing
            bool, shape (n_rows,): True where the value is left empty; None: nowhere.
        rng
            Draws the values of pooled categories.
        """
        if missing is None:
            missing = np.zeros(len(x), dtype=bool)
        if missing.all() and self.missing_code is None:
            return self._empty(len(x))
        if self.kind == "category":
            return self._in_dtype(self._category_values(np.asarray(x, int), rng), missing)
        values = self._unshifted(np.asarray(x, np.float64))
        if self.missing_code is not None:
            values = np.where(missing, self.missing_code, values)
            missing = np.zeros(len(values), dtype=bool)
        return self._in_dtype(values, missing)

    def _category_values(self, codes: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Return the values of codes, those of the pool drawn by how often they occur."""
        values = pd.Index([*self.categories, *self.rare], dtype=object)
        n_common = len(self.categories)
        is_rare = codes >= n_common
        if is_rare.any() and self.rare:
            rng = rng or np.random.default_rng(0)
            shares = np.array(self.rare_weights) / sum(self.rare_weights)
            drawn = rng.choice(len(self.rare), int(is_rare.sum()), p=shares)
            codes = codes.copy()
            codes[is_rare] = n_common + drawn
        return values[codes].to_numpy()

    def _unshifted(self, x: np.ndarray) -> np.ndarray:
        """Return numbers with the shift added and as many digits as the column's have."""
        if self.decimals is not None:
            if self.kind == "number":
                x = shortest(x, self.decimals)
            return rounded(x + self.shift, self.decimals)
        if self.shift == 0:
            x = round_to_digits(x)
        return x + self.shift

    def to_labels(self, values: pd.Series) -> pd.Categorical:
        """Return values of an attribute as the model learns them, missing where unknown."""
        if self.kind == "category":
            is_missing = values.isna()
            labels = values.astype(object).map(str).where(~is_missing, MISSING)
            if self.rare:
                known = [*map(str, self.categories), MISSING]
                labels = labels.where(labels.isin(known), self._rare_label)
        else:
            x, _ = to_numbers(values)
            range_labels = np.array([*self.known_labels, MISSING], dtype=object)
            labels = pd.Series(range_labels[self._range_index(x)], index=values.index)
        return pd.Categorical(labels.where(labels.isin(self.labels), None), self.labels)

    def to_label(self, value: object) -> str | None:
        """Return the category of a model that one value of an attribute belongs to, or None."""
        values = pd.Series([value], name=self.name)
        if self.kind != "category":
            try:
                x, _ = to_numbers(values)
            except (TypeError, ValueError):  # text that is no number
                return None
            if not self.edges[0] <= x[0] <= self.edges[-1]:
                return None
        label = self.to_labels(values)[0]
        return None if pd.isna(label) else str(label)

    def from_labels(self, labels: pd.Series, rng: np.random.Generator) -> pd.Series:
        """Return values of an attribute for labels: inverts `to_labels`, drawing within ranges."""
        missing = (labels == MISSING).to_numpy()
        codes = np.maximum(pd.Index(self.known_labels).get_indexer(labels), 0)
        if self.kind != "category":
            return self.decode(self._draw_in_range(codes, rng), missing)
        return self.decode(codes, missing, rng)

    def _range_index(self, x: np.ndarray) -> np.ndarray:
        """Return the number of each value's range, -1 where missing; the outer ranges are open."""
        index = np.searchsorted(self.edges, x, "right") - 1
        return np.where(np.isfinite(x), np.clip(index, 0, self.n_ranges - 1), -1)

    def _draw_in_range(self, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return numbers drawn uniformly from ranges of these numbers, which end as theirs do."""
        edges = np.array(self.edges)
        # one edge alone is a range of one number
        low, high = edges[index], edges[np.minimum(index + 1, len(edges) - 1)]
        drawn = rng.uniform(low, high)
        if self.endings is None:
            return drawn
        drawn = self.endings.gathered(drawn)
        is_within = (drawn >= low) & ((drawn < high) | (index == self.n_ranges - 1))
        return np.where(is_within, np.minimum(drawn, high), low)

    def _empty(self, n_rows: int) -> pd.Series:
        """Return a column without values."""
        return pd.Series([None] * n_rows, name=self.name, dtype=object).astype(self._pandas_dtype)

    @property
    def _pandas_dtype(self) -> Any:
        if self.dtype == "category":
            return pd.CategoricalDtype(self.dtype_categories, self.ordered)
        return types.pandas_dtype(self.dtype)

    def _in_dtype(self, values: np.ndarray, missing: np.ndarray) -> pd.Series:
        """Return values in the dtype of the column, empty where missing."""
        dtype = self._pandas_dtype
        if self.dtype == "category":
            values = np.where(missing, np.array(None), values)
            return pd.Series(pd.Categorical(values, dtype=dtype), name=self.name)
        if self.epoch:
            return from_seconds(values, missing, dtype, self.epoch).rename(self.name)
        if self.is_numeric and isinstance(dtype, np.dtype) and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            values = np.clip(values, limits.min, limits.max)
        if not missing.any():
            return pd.Series(values, name=self.name).astype(dtype)
        with_gaps = pd.Series(values, name=self.name, dtype=object).where(~missing, None)
        if self.is_numeric:
            with_gaps = with_gaps.astype(float)
        return with_gaps.astype(dtype)


def _facts(column: pd.Series) -> dict[str, Any]:
    return {
        "name": column.name,
        "dtype": str(column.dtype),
        "missing": bool(column.isna().any()),
    }


def _number_facts(column: pd.Series, decimals: int | None, epoch: Epoch) -> dict[str, Any]:
    """Return kind, epoch and decimals of a column of numbers."""
    if types.is_integer_dtype(column.dtype) or epoch:
        return {"kind": "whole", "epoch": epoch, "decimals": 0}
    return {"kind": "number", "epoch": epoch, "decimals": decimals}


def _categories(column: pd.Series) -> dict[str, Any]:
    """Return the categories of a column in the order of their codes."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories().cat.categories
        return {
            "categories": tuple(used.tolist()),
            "ordered": bool(column.cat.ordered),
            "dtype_categories": tuple(column.cat.categories.tolist()),
        }
    values = pd.unique(column.dropna()).tolist()
    # values of several types do not compare: sort by type first
    return {"categories": tuple(sorted(values, key=lambda value: (str(type(value)), value)))}
