"""Scores of generators that stand on no package index: run by hand from a fetched copy.

Of these projects nothing but `by_hand.csv` is kept: scores, settings, commit, licence and
core-seconds. The same calls of `tst.evaluation` judged them and ours, which stands beside them:
of mba there, of the benchmarks' windows in the tables of notebooks 15 and 21.
"""

from pathlib import Path

import pandas as pd
from scipy import stats

from tst.errors import DataError
from tst.evaluation.bootstrap import LEVEL

TABLE = Path(__file__).with_name("by_hand.csv")


def rows(dataset: str) -> pd.DataFrame:
    """Return the scores of a data set.

    Columns model, seed, metric, value, source, licence, commit, settings, core_seconds.
    """
    frame = pd.read_csv(TABLE, dtype={"commit": str})
    return frame[frame["dataset"] == dataset].drop(columns="dataset").reset_index(drop=True)


def as_trainings(dataset: str) -> pd.DataFrame:
    """Return the scores of a data set as rows of `tst.study.peers.scores`.

    Columns model, seed, metric, repeat, value; a training's core_seconds are a metric, too.
    """
    found = rows(dataset)
    costs = found.drop_duplicates(["model", "seed"])
    costs = costs.assign(metric="core_seconds", value=costs["core_seconds"])
    both = pd.concat([found, costs], ignore_index=True).assign(repeat=0)
    return both[["model", "seed", "metric", "repeat", "value"]]


def beside(scores: pd.DataFrame, ours: str, theirs: str) -> pd.DataFrame:
    """Return how the means of two models over their trainings differ, a row a metric.

    Parameters
    ----------
    scores
        Columns model, seed, metric, value.
    ours, theirs
        Keys of the models.

    Returns
    -------
    pd.DataFrame
        Index metric; columns ours and theirs (means), low and high (Welch's 95 % interval of ours
        less theirs), within (0 lies in it).

    Raises
    ------
    DataError
        Where a model has fewer than two trainings: there is no interval.
    """
    found = []
    for metric, group in scores.groupby("metric", sort=False):
        first = group.loc[group["model"] == ours, "value"]
        second = group.loc[group["model"] == theirs, "value"]
        if min(len(first), len(second)) < 2:
            raise DataError(
                f"{metric}: {ours} has {len(first)} trainings, {theirs} {len(second)}; an interval "
                "needs two of each."
            )
        interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(LEVEL)
        facts = {"metric": metric, "ours": first.mean(), "theirs": second.mean()}
        facts |= {"low": interval.low, "high": interval.high}
        found.append(facts | {"within": bool(interval.low <= 0 <= interval.high)})
    return pd.DataFrame(found).set_index("metric")
