"""Score against budget (notebook 18): models trained at several sizes and numbers of steps.

Each point is a training job with a folder of its own, named by what it trains, so that a sweep that
was stopped goes on where it was, on another day, too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tst.errors import DataError, translate_errors
from tst.evaluation import downstream, fidelity, ragged
from tst.evaluation.reference import Reference
from tst.io.untrusted import from_mapping
from tst.models import controls, spec_of
from tst.models.jobs import Job
from tst.models.one_hot import codes
from tst.models.transformer.config import PAPER
from tst.series import SeriesSet
from tst.study import checks
from tst.study.training import TrainingWorkspace
from tst.training.config import TrainConfig
from tst.vocabulary import Classifier, Regressor

STATISTICS = {**fidelity.STATISTICS, "length_ks": ragged.class_length_ks}
DISTANCES = {**STATISTICS, **fidelity.LEARNED_SCORES}
DISTANCE_TABLES = ("05-fidelity", "09-lengths")
CLASSIFIER: Classifier = "mlp"  # the paper's
REGRESSOR: Regressor = "mlp_1"  # the paper's first
# The last size of TST, of its paper.
PAPERS_SIZE = {name: getattr(PAPER, name) for name in ("d_model", "n_head", "n_layer", "d_ff")}
DOWNSTREAM = {"06-classification": "accuracy", "07-regression": "r2"}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run of a sweep: a model, the name of its size, times 1x its steps, a random seed."""

    model: str
    size: str
    multiple: float
    n_steps: int  # optimiser steps
    seed: int

    @property
    def facts(self) -> dict[str, Any]:
        """Return the columns of a table that name the point."""
        return asdict(self)


def points(
    steps: Mapping[str, int],
    sizes: Mapping[str, Mapping[str, Any]],
    multiples: Mapping[str, Sequence[float]],
    seeds: Sequence[int],
    papers_steps: int = 0,
) -> list[Point]:
    """Return the points of a sweep, the cheapest first, so that each day ends with whole columns.

    The last are TST at its paper's size, where `papers_steps` says how many steps it takes.

    Parameters
    ----------
    steps
        Optimiser steps at 1x, by model.
    sizes
        By model: {name of a size: its settings}.
    multiples
        Times 1x, by the name of a size: large models are costly, so that fewer are trained long.
    seeds
        Random seeds of training and sampling.

    Raises
    ------
    DataError
        Where a size has no multiples.
    """
    ranked: list[tuple[int, str, str]] = []
    for model, named in sizes.items():
        ranked += [(rank, model, size) for rank, size in enumerate(named)]
    ranked.sort(key=lambda entry: entry[0])  # each model's first size, then each one's second
    for _, _, size in ranked:
        if size not in multiples:
            raise DataError(f"no multiples of size '{size}': name them in `multiples`.")
    grid: list[tuple[str, str, float, int]] = []
    for multiple in sorted({one for named in multiples.values() for one in named}):
        for _, model, size in ranked:
            if multiple in multiples[size]:
                grid.append((model, size, multiple, math.ceil(multiple * steps[model])))
    if papers_steps:
        grid.append(("tst_paper", "paper", papers_steps / steps["tst_paper"], papers_steps))
    return [
        Point(model=model, size=size, multiple=multiple, n_steps=n_steps, seed=seed)
        for model, size, multiple, n_steps in grid
        for seed in seeds
    ]


def job(
    work: TrainingWorkspace,
    point: Point,
    sizes: Mapping[str, Mapping[str, Any]],
    precision: str,
) -> Job:
    """Return the job of a point: the run of notebook 02, 03 or 10 with other sizes and steps.

    Parameters
    ----------
    sizes
        As in `points`.
    precision
        Of training, see `TrainConfig`.

    Raises
    ------
    DataError
        Where that run is missing, or a setting of the size is none of the model's.
    """
    spec = spec_of(point.model)
    size = {"paper": PAPERS_SIZE, **sizes[point.model]}[point.size]
    trained = work.finished(spec, [0])
    if not trained:
        raise DataError(
            f"no {spec.key} of seed 0 in {work.folder}: run notebooks 02, 03 and 10 on "
            f"{work.dataset} under profile {work.profile} first."
        )
    changes = {"max_steps": point.n_steps, "seed": point.seed, "precision": precision}
    with translate_errors(f"size '{point.size}' of {point.model}", "correct `sizes`"):
        config = from_mapping(spec.config, {**trained[0].config, **size})
    settings = from_mapping(TrainConfig, trained[0].train | changes)
    return work.trial(spec, config, settings, "budget")


def sample(work: TrainingWorkspace, trained: Job, n_made: int) -> SeriesSet:
    """Return at most `n_made` series of a trained model, with categories as codes."""
    donors = controls.donors(work.read_by(spec_of(trained.model)), n_made)
    return codes(trained.load().sample(len(donors), trained.seed, real=donors))


def endpoint_metrics(real: SeriesSet) -> list[str]:
    """Return the metrics of the claims' endpoints on a data set that one synthetic set has.

    They are read from `tst.study.checks`, in its order, each once; a score of classifiers only
    where the set has a label.
    """
    names: dict[str, None] = {}
    for check in checks.of_claim(role="endpoint"):
        is_distance = check.table in DISTANCE_TABLES and check.metric in DISTANCES
        is_score = check.metric == DOWNSTREAM.get(check.table)
        if check.metric == "accuracy" and real.label is None:
            continue
        if real.name in check.dataset and (is_distance or is_score):
            names[check.metric] = None
    return list(names)


def scores(
    metrics: Sequence[str],
    real: SeriesSet,
    test: Reference,
    made: SeriesSet,
    seed: int,
    n_steps: int,
) -> dict[str, float]:
    """Return metrics of a synthetic set against the test half; NaN where a set is too small.

    Parameters
    ----------
    real
        Training half: it scales what a classifier sees.
    n_steps
        Steps that a classifier sees.
    """
    values = {}
    for name in metrics:
        try:
            values[name] = _score(name, real, test, made, seed, n_steps)
        except DataError as error:
            print(f"{made.model}, {name}: {error}")
            values[name] = math.nan
    return values


def _score(
    name: str, real: SeriesSet, test: Reference, made: SeriesSet, seed: int, n_steps: int
) -> float:
    if name in STATISTICS:
        return STATISTICS[name](test.real, made)
    if name in fidelity.LEARNED_SCORES:
        return fidelity.LEARNED_SCORES[name](test, made, seed)
    if name == "r2":
        pair = downstream.forecast(made, test.real, REGRESSOR, seed)
        table = downstream.regression_scores(*pair)
    else:
        table = downstream.classify(made, test.real, real, CLASSIFIER, seed, n_steps)
    return float(table.set_index("metric").loc[name, "value"])
