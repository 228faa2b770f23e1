"""The tool beside other projects' generators on five tables: notebook 19, `make peers-own`.

Each has the same core-seconds, on one core, and the same three quarters of the series; the rest
judges. Copies are kept beside the digest of what decides them, so that a run that was stopped goes
on.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.evaluation.fidelity import fidelity
from tst.evaluation.privacy import privacy
from tst.evaluation.reference import Reference
from tst.io import closure, files, paths
from tst.plots.base import mean_and_half_width
from tst.series import SeriesSet
from tst.study.peers import generators
from tst.study.peers.own_tables import TABLES, OwnTable
from tst.synthesiser import Synthesiser
from tst.table.recent import Recent
from tst.table.steps import is_next
from tst.table.table import Table
from tst.vocabulary import METRICS

PROGRAM = Path(__file__).parent / "run_table.py"
PEERS = ("tabular_argn", "par")
HELD_OUT = 0.25  # of the series
VALIDITY = ("broken_relation_share", "repeated_keys", "off_calendar")  # shares; 0 where all is kept
QUALITY = ("discriminative_score", "acf_rms", "length_w1", "pearson_distance", "marginal_w1")
# Not the ratio of distances to nearest neighbours: with three times as many series learned as held
# out it does not tell a copy.
PRIVACY = ("copied_series_share", "membership_auc")

Row = dict[str, Any]


def halves(own: OwnTable, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of series that are learned, and of those that judge."""
    ids = own.frame[own.id].drop_duplicates().to_numpy()
    order = np.random.default_rng(seed).permutation(len(ids))
    judges = ids[order[: round(HELD_OUT * len(ids))]]
    is_judge = own.frame[own.id].isin(judges)
    learned = own.frame[~is_judge].reset_index(drop=True)
    return learned, own.frame[is_judge].reset_index(drop=True)


def ours(own: OwnTable, learned: pd.DataFrame, out: Path, seconds: float, seed: int) -> None:
    """Fit the tool as a user would; write a copy, and beside it what it took."""
    model = Synthesiser(minutes=seconds / 60, seed=seed, roles=own.roles)
    before = time.process_time()
    model.fit(learned)
    trained = time.process_time()
    frame = model.sample(int(learned[own.id].nunique()), seed)
    spent = {
        "core_seconds": trained - before,
        "sampling_core_seconds": time.process_time() - trained,
    }
    files.write_text(json.dumps(spent), out.with_suffix(".json"))
    # Last and by rename: a file that is there is complete.
    with files.replacing(out) as part:
        frame.to_parquet(part, index=False)


def peer(
    own: OwnTable, learned: pd.DataFrame, model: str, out: Path, seconds: float, seed: int
) -> None:
    """Fit another project's generator in its own environment; write as `ours` does.

    Raises
    ------
    DataError
        Where its environment is missing or its program fails.
    """
    if not generators.interpreter().is_file():
        raise DataError(f"{model} is not installed here: run make peers-own.")
    source = out.with_name("learned.parquet")
    learned.to_parquet(source, index=False)
    words = [str(PROGRAM), model, str(source), str(out)]
    words += ["--id", own.id, "--time", own.time, "--attributes", ",".join(own.attributes)]
    words += ["--seconds", str(seconds), "--seed", str(seed)]
    words += ["--n", str(learned[own.id].nunique())]
    # One core, as ours.
    generators.run_program(model, words, out, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


def copy_of(
    own: OwnTable, learned: pd.DataFrame, model: str, folder: Path, seconds: float, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a copy by a model, and what it took; read where it was made before."""
    facts = [model, seconds, seed, own.roles, _code(model)]
    digest = hashlib.sha256(json.dumps(facts).encode())
    digest.update(pd.util.hash_pandas_object(learned).to_numpy().tobytes())
    out = folder / f"{model}-{digest.hexdigest()[:12]}.parquet"
    cost = out.with_suffix(".json")
    if not (out.is_file() and cost.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        if model == "tst":
            ours(own, learned, out, seconds, seed)
        else:
            peer(own, learned, model, out, seconds, seed)
    return pd.read_parquet(out), json.loads(cost.read_text())


def _code(model: str) -> str:
    """Return what names the code that makes a copy: ours, or that which calls a peer."""
    if model == "tst":
        return closure.fingerprint(closure.closure("from tst.synthesiser import Synthesiser"))
    return PROGRAM.read_text()


def violations(table: Table, own: OwnTable, copy: pd.DataFrame) -> dict[str, float]:
    """Return how much of a copy breaks what holds in every row of the real table.

    Returns
    -------
    broken_relations (of them), broken_relation_share, repeated_keys and off_calendar (shares of the
    rows).
    """
    recent = Recent.of(table, copy)
    places = recent.places
    n_broken = 0
    frame = recent.rows
    for relation in table.relations:
        n_broken += not relation.holds(frame, places)
        frame = relation.apply(frame, places)
    off = 0.0
    if not table.clock.intervals:
        n_steps = table.clock.calendar.count(recent.times[:-1], recent.times[1:])
        within = ~recent.is_first[1:]
        if within.any():
            off = float((~is_next(n_steps[within])).mean())
    return {
        "broken_relations": float(n_broken),
        "broken_relation_share": n_broken / max(1, len(table.relations)),
        "repeated_keys": float(copy.duplicated([own.id, own.time]).mean()),
        "off_calendar": off,
    }


def scores(
    reference: Reference, held_out: SeriesSet, synthetic: SeriesSet, seed: int
) -> dict[str, float]:
    """Return quality and privacy of a copy; the quality is a distance to held-out series."""
    measured = fidelity(held_out, synthetic, seed)
    means = measured.groupby("metric")["value"].mean()
    found = {name: float(means[name]) for name in QUALITY if name in means}
    private = privacy(reference, held_out, synthetic, seed).set_index("metric")["value"]
    return found | {name: float(private[name]) for name in PRIVACY}


def compare(name: str, models: Sequence[str], seconds: float, seed: int, profile: str) -> list[Row]:
    """Return the rows of a table: dataset, origin, model, seed, metric, value.

    Parameters
    ----------
    name
        Key of `TABLES`.
    models
        tst, or keys of other projects' models.
    seconds
        Core-seconds of a training.
    seed
        Of the split into series that are learned and that judge, and of the trainings.
    profile
        Whose artifacts keep the copies.
    """
    own = TABLES[name]()
    learned, judges = halves(own, seed)
    table, series = Table.fit(learned, own.roles, name)
    held_out = Recent.of(table, judges).series
    reference = Reference.of(series)
    folder = paths.artifacts_dir(profile) / "peers-own" / name
    rows: list[Row] = []

    def add(model: str, values: dict[str, Any]) -> None:
        facts = {"dataset": name, "origin": own.origin, "model": model, "seed": seed}
        for metric, value in values.items():
            if metric != "package":
                rows.append(facts | {"metric": metric, "value": value})

    floor = scores(reference, held_out, series, seed)
    add("real_floor", violations(table, own, judges))
    add("real_floor", {metric: floor[metric] for metric in QUALITY if metric in floor})
    for model in models:
        try:
            copy, spent = copy_of(own, learned, model, folder, seconds, seed)
            add(model, spent)
            add(model, violations(table, own, copy))
            add(model, scores(reference, held_out, Recent.of(table, copy).series, seed))
        except DataError as error:
            print(f"{name}, {model}: {error}", flush=True)
            add(model, {"unreadable": 1.0})
    return rows


def standing(rows: pd.DataFrame, metrics: Sequence[str], model: str = "tst") -> pd.DataFrame:
    """Return how a model stands on each table: the means of all, and whether one is better.

    Parameters
    ----------
    rows
        Those of `compare`, of any tables and seeds.
    metrics
        Which, in this order; what is better, `vocabulary.METRICS` says.

    Returns
    -------
    DataFrame
        Index metric and dataset; a column a model with its mean over seeds; `ahead_of_it`: the
        others whose mean is better, and `clearly_ahead`: those of them whose lead, seed by seed,
        has a 95 % interval beyond 0. Keys in one text, empty where there is none.
    """
    chosen = rows[rows["metric"].isin(metrics)]
    each = chosen.pivot_table(
        index=["metric", "dataset", "seed"], columns="model", values="value", sort=False
    )
    others = [name for name in each if name not in (model, "real_floor")]
    found = {}
    for (metric, dataset), values in each.groupby(["metric", "dataset"], sort=False):
        best = 1.0 if METRICS[metric].better == "near_1" else 0.0
        off = (values - best).abs()
        lead = {name: mean_and_half_width(off[model] - off[name]) for name in others}
        found[metric, dataset] = values.mean().to_dict() | {
            "ahead_of_it": ", ".join(name for name in others if lead[name][0] > 0),
            "clearly_ahead": ", ".join(name for name in others if lead[name][0] > lead[name][1]),
        }
    frame = pd.DataFrame.from_dict(found, orient="index").rename_axis(["metric", "dataset"])
    return frame.reindex(metrics, level="metric")
