"""What the runs of a profile cost, from what each left beside its log (`tst.study.meter`)."""

import json

import pandas as pd

from tst.io import paths
from tst.study import dependencies
from tst.study.sampler import KINDS
from tst.training.loop import COST_FILE
from tst.vocabulary import DATASETS

BESIDE = ("wall_seconds", "peak_memory_mb")  # measured with the seconds of each kind


def read(profile: str) -> pd.DataFrame:
    """Return what the last run of each notebook of a profile cost, the dearest first.

    Returns
    -------
    DataFrame
        Index notebook, as make calls the run; columns core_seconds, then the share of each of KINDS
        in them, then BESIDE.
    """
    rows = {}
    for path in sorted((paths.artifacts_dir(profile) / "logs").glob("*.json")):
        rows[path.stem] = json.loads(path.read_text())
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=[*KINDS, *BESIDE], dtype=float)
    frame.insert(0, "core_seconds", frame[list(KINDS)].sum(axis=1))
    frame = frame.rename_axis("notebook").sort_values("core_seconds", ascending=False)
    return _with_shares(frame)


def _with_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the costs with the seconds of each kind as a share of a row's."""
    kinds = list(KINDS)
    return frame.assign(**frame[kinds].div(frame["core_seconds"], axis=0))


def total(costs: pd.DataFrame) -> pd.Series:
    """Return the sum over all runs: core_seconds, and the share of each of KINDS in them."""
    kinds = costs[list(KINDS)].mul(costs["core_seconds"], axis=0).sum()
    seconds = costs["core_seconds"].sum()
    return pd.Series({"core_seconds": seconds, **kinds / seconds}, name="sum")


def missing(costs: pd.DataFrame, name: str) -> list[str]:
    """Return the runs that come before one of the study, by pipeline.yml, and left no costs."""
    return [before for before in dependencies.before(name) if before not in costs.index]


def trainings(profile: str) -> pd.DataFrame:
    """Return what each training of a profile took: rows dataset, model, seed, metric, value.

    The metric is training_seconds, wall seconds on the machine that ran it, beside whatever else it
    did.
    """
    rows = []
    for path in sorted(paths.artifacts_dir(profile).glob(f"*/*-seed*/{COST_FILE}")):
        if path.parent.parent.name not in DATASETS:
            continue  # of notebook 11, which trains models of its own
        model, _, seed = path.parent.name.rpartition("-seed")
        facts = {"dataset": path.parent.parent.name, "model": model, "seed": int(seed)}
        seconds = json.loads(path.read_text())["seconds"]
        rows.append(facts | {"metric": "training_seconds", "value": seconds})
    columns = ["dataset", "model", "seed", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def tidy(costs: pd.DataFrame) -> pd.DataFrame:
    """Return rows notebook, metric, value; a kind of work is the metric KIND_share."""
    named = costs.rename(columns={kind: f"{kind}_share" for kind in KINDS})
    return named.rename_axis(columns="metric").stack().rename("value").reset_index()
