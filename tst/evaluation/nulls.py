"""How far two parts of the real series lie apart by chance: many deals instead of one split.

Series of an owner (job, instance, page, device) are dealt together, so that a distance between two
parts is that between different owners. A measure's distribution over the deals is the null of a
generator that draws from the real law itself.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.series import SeriesSet, concat

MAX_DRAWS = 100  # deals tried for each one that is kept
N_DEALS = 200
LEVEL = 0.95  # of the quantile that the checks read

Measure = Callable[[SeriesSet, SeriesSet], float]  # of a real set and one that is compared with it


def owners(series: SeriesSet, group: str | None) -> np.ndarray:
    """Return the number of each series' owner, int64 (n_series,); without a group each its own."""
    if group is None:
        return np.arange(len(series))
    return pd.factorize(series.attributes[group].astype(str))[0]


def deals(
    first: SeriesSet,
    second: SeriesSet,
    group: str | None,
    n_deals: int = N_DEALS,
    seed: int = 0,
) -> Iterator[tuple[SeriesSet, SeriesSet]]:
    """Yield the series of two real sets dealt out anew into two parts of about the sets' sizes.

    Parameters
    ----------
    first, second
        Real sets, as a training and a test half.
    group
        Attribute whose values are never divided; None: each series alone.
    n_deals
        Deals.
    seed
        Of the deals.

    Yields
    ------
    first, second
        Disjoint; where the sets have a label, both have the same classes. Parts without a common
        class are dealt again.

    Raises
    ------
    DataError
        Where hardly any parts have a class in common.
    """
    both = concat([first, second])
    owner = owners(both, group)
    sizes = np.bincount(owner)
    rng = np.random.default_rng(seed)
    n_yielded = 0
    for _ in range(MAX_DRAWS * n_deals):
        if n_yielded == n_deals:
            return
        order = rng.permutation(len(sizes))
        n_before = np.cumsum(sizes[order])
        n_first = int(np.argmin(np.abs(n_before[:-1] - len(first)))) + 1
        is_first = np.isin(owner, order[:n_first])
        parts = both.take(np.flatnonzero(is_first)), both.take(np.flatnonzero(~is_first))
        shared = _of_shared_classes(*parts)
        if shared is not None:
            n_yielded += 1
            yield shared
    if n_yielded < n_deals:
        raise DataError(
            f"the parts of '{both.name}' that keep each {group or 'series'} whole have hardly ever "
            "a class in common: take more series."
        )


def _of_shared_classes(first: SeriesSet, second: SeriesSet) -> tuple[SeriesSet, SeriesSet] | None:
    """Return both sets without the classes that one of them lacks; None where none is left."""
    if first.label is None:
        return first, second
    shared = np.intersect1d(first.labels, second.labels)
    if not len(shared):
        return None
    kept = []
    for series in (first, second):
        kept.append(series.take(np.flatnonzero(np.isin(series.labels, shared))))
    return kept[0], kept[1]


def null(
    first: SeriesSet,
    second: SeriesSet,
    measures: Mapping[str, Measure],
    group: str | None,
    n_deals: int = N_DEALS,
) -> pd.DataFrame:
    """Return what measures give between two parts of the real series, over many deals.

    Parameters are those of `deals`.

    Returns
    -------
    pd.DataFrame
        Columns metric, draw, value; without the measures that the real series cannot show (NaN).
    """
    rows = []
    for draw, (one, other) in enumerate(deals(first, second, group, n_deals)):
        for name, measure in measures.items():
            rows.append((name, draw, measure(other, one)))
    return pd.DataFrame(rows, columns=["metric", "draw", "value"]).dropna()


def quantiles(draws: pd.DataFrame, levels: tuple[float, ...] = (0.5, LEVEL)) -> pd.DataFrame:
    """Return the quantiles of each measure's null: columns metric, level, value, n_deals."""
    by_metric = draws.groupby("metric", sort=False)["value"]
    parts = []
    for level in levels:
        frame = by_metric.agg(value=lambda x, q=level: x.quantile(q), n_deals="size")
        parts.append(frame.reset_index().assign(level=level))
    return pd.concat(parts, ignore_index=True)
