"""What must be true of a SeriesSet, whoever made it: the one validator at its door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tst.errors import DataError, describe

if TYPE_CHECKING:  # series imports this module
    from tst.series import SeriesSet

ORIGINS = ("original", "subset", "simulated")
KINDS = ("continuous", "categorical")
EXACT = 2**53  # up to which float64 holds each whole number


def check_facts(series: SeriesSet) -> None:
    """Raise DataError where a name is no text, an attribute no column of its own, a kind or an origin unknown."""
    where = f"series set '{series.name}'"
    for field, kinds in {"name": str, "origin": str, "interval": str, "model": str}.items():
        if not isinstance(getattr(series, field), kinds):
            raise DataError(
                f"{where}: {field} is {repr(getattr(series, field))[:40]}; give a text."
            )
    if not isinstance(series.attributes, pd.DataFrame) or not series.attributes.columns.is_unique:
        raise DataError(
            f"{where}: attributes must be a DataFrame with distinct columns; rename what stands twice."
        )
    features = series.features if isinstance(series.features, list | tuple) else []
    parts = [getattr(f, part, None) for f in features for part in ("name", "kind", "unit")]
    if not parts or not all(isinstance(part, str) for part in parts):
        raise DataError(
            f"{where}: each of the features needs a name, a kind and a unit as text; give one or more."
        )
    if series.origin not in ORIGINS:
        raise DataError(
            f"{where}: unknown origin '{series.origin}'; use one of {', '.join(ORIGINS)}."
        )
    if any(f.kind not in KINDS for f in series.features):
        raise DataError(f"{where}: a feature's kind must be one of {', '.join(KINDS)}.")
    for role in ("label", "group"):
        column = getattr(series, role)
        if column is not None and (not isinstance(column, str) or column not in series.attributes):
            known = ", ".join(map(str, series.attributes))[:100]
            raise DataError(
                f"{where}: {role} '{str(column)[:40]}' is not among the attributes: {known or 'none'}."
            )


def numbers(series: SeriesSet, field: str, dtype: type[np.float32 | np.int64]) -> np.ndarray:
    """Return a field as an array of a dtype; raises DataError where it holds no numbers, or other ones than fit."""
    try:
        given = np.asarray(getattr(series, field))
        good = given.size == 0 or given.dtype.kind in "fiub"
        if good and dtype is np.int64 and given.dtype.kind in "fu":
            good = bool((given == np.round(given)).all() and (np.abs(given) < EXACT).all())
        with np.errstate(over="ignore", invalid="ignore"):
            made = np.ascontiguousarray(given, dtype=dtype) if good else None
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"series set '{series.name}': {field} are no array of numbers ({describe(error)})."
        ) from None
    if made is None:
        wanted = "whole numbers" if dtype is np.int64 else "numbers"
        raise DataError(
            f"series set '{series.name}': {field} hold {given.dtype}, not {wanted}; convert them first."
        )
    return made


def check_shapes(series: SeriesSet) -> None:
    """Raise DataError where values, lengths, features and attributes do not fit each other."""
    where, lengths = f"series set '{series.name}'", series.lengths
    if lengths.ndim != 1 or len(lengths) == 0:
        raise DataError(f"{where} is empty: give at least one series.")
    if lengths.min() < 1:
        raise DataError(
            f"{where}: series {lengths.argmin()} has no steps; drop empty series first."
        )
    n_rows = int(lengths.astype(object).sum()) if lengths.max() > EXACT else int(lengths.sum())
    wanted = (n_rows, len(series.features))
    if series.values.shape != wanted:
        raise DataError(
            f"{where}: values have shape {series.values.shape}, lengths and features ask for {wanted}."
        )
    if len(series.attributes) != len(lengths):
        raise DataError(
            f"{where}: {len(series.attributes)} rows of attributes for {len(lengths)} series."
        )
    if len({f.name for f in series.features}) != len(series.features):
        twice = [f.name for f in series.features]
        raise DataError(f"{where}: a feature name stands twice; rename one of {twice}.")


def check_values(series: SeriesSet) -> None:
    """Raise DataError where a value is missing or infinite."""
    bad = ~np.isfinite(series.values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        place = int(np.searchsorted(series.offsets, row, side="right") - 1)
        raise DataError(
            f"series set '{series.name}': feature '{series.features[column].name}' of series {place} "
            f"has a missing or infinite value at step {row - series.offsets[place]}; drop or fill it first."
        )
