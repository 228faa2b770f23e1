"""Data cards and model cards in Markdown, from what a run left on disk.

A data card describes a data set (the `SeriesSet` of its training half beside its test half), a
model card all seeds of one kind of model trained on one data set. They hold facts of the files
only: sizes, settings, checksums, losses, measured scores.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open

from tst.io import files
from tst.series import SeriesSet
from tst.study import tables
from tst.study.report.markdown import table

Row = Sequence[object]  # the cells of a line of a table

ORIGINS = {
    "original": "the published file, whole",
    "subset": "real, but not all of the published file",
    "simulated": "made by a simulator, not measured",
}
N_VALUES = 12  # values of an attribute that are listed
SCORES: dict[str, dict[str, object]] = {  # table: which of its rows stand on a model card
    "05-fidelity": {"feature": "all", "label": "all"},
    "06-classification": {"train": "synthetic", "share": 0},
    "07-regression": {"train": "synthetic"},
}
JUDGES = ("classifier", "regressor")  # columns by which the rows of a metric are told apart


def write(folder: Path) -> list[Path]:
    """Write `folder`/cards/*.md from `folder`/artifacts; return their paths.

    Without artifacts nothing is written: the committed cards of a fresh clone stay as they are.
    """
    texts = {}
    for data in sorted(p.parent.parent for p in (folder / "artifacts").glob("*/train/meta.json")):
        halves = {}
        for half in ("train", "test"):
            if (data / half).is_dir():
                halves[half] = SeriesSet.load(data / half)
        counts = _rows(folder, "01-data", dataset=data.name)
        texts[f"data-{data.name}"] = data_card(halves, counts)
        for kind, runs in trained(data).items():
            scores = {}
            for name, which in SCORES.items():
                scores[name] = _rows(folder, name, dataset=data.name, model=kind, **which)
            texts[f"model-{data.name}-{kind}"] = model_card(kind, runs, halves["train"], scores)
    written = []
    for name, text in texts.items():
        path = folder / "cards" / f"{name}.md"
        files.write_text(text, path)
        written.append(path)
    return written


def trained(data: Path) -> dict[str, list[Path]]:
    """Return {kind of model: folders of its finished runs, by seed} for a data set."""
    runs: dict[str, list[Path]] = {}
    for path in sorted(data.glob("*/fingerprint.json")):
        if (path.parent / "model.safetensors").is_file():
            kind = path.parent.name.rsplit("-seed", 1)[0]
            runs.setdefault(kind, []).append(path.parent)
    return runs


def data_card(halves: Mapping[str, SeriesSet], counts: pd.DataFrame) -> str:
    """Return the card of a data set.

    Parameters
    ----------
    halves
        {"train": SeriesSet, "test": SeriesSet}; the second may be absent.
    counts
        Rows of table 01-data, of which those with a `filter` say how many series were left.
    """
    train = halves["train"]
    facts: list[Row] = [
        ("origin", f"{train.origin}: {ORIGINS[train.origin]}"),
        ("time between steps", train.interval),
        ("label", train.label or "none"),
        ("owner of a series", train.group or "itself"),
    ]
    for half, series in halves.items():
        facts.append((f"SHA-256 of {half}", f"`{series.sha256()}`"))
    parts = [
        f"# Data: {train.name}",
        table(["", ""], facts),
        "## Series",
        table(["", *halves], _length_rows(halves)),
        "## Features (training half)",
        table(
            ["feature", "kind", "unit", "least", "mean", "standard deviation", "most"],
            _feature_rows(train),
        ),
        "## Attributes (training half)",
        table(["attribute", "values", "series"], _attribute_rows(train.attributes)),
    ]
    if "filter" in counts and counts["filter"].notna().any():
        filters = counts.dropna(subset=["filter"])[["filter", "value"]]
        parts.append("## Filters, series left after each")
        parts.append(table(["filter", "series"], filters.to_numpy()))
    return "\n\n".join(parts) + "\n"


def model_card(
    kind: str, runs: Sequence[Path], real: SeriesSet, scores: Mapping[str, pd.DataFrame]
) -> str:
    """Return the card of a trained model.

    Parameters
    ----------
    kind
        Key of the model.
    runs
        Folders of its runs, one a seed, as a training leaves them.
    real
        The training half, whose checksum is compared with the runs'.
    scores
        {table: its tidy rows of this model}; an empty frame is left out.
    """
    fingerprints = [json.loads((run / "fingerprint.json").read_text()) for run in runs]
    first = fingerprints[0]
    checksum = real.sha256()
    is_unchanged = all(fingerprint["data"] == checksum for fingerprint in fingerprints)
    facts = [
        ("kind", first["model"]),
        ("trained on", f"{real.name}, {real.origin}: {len(real):,} series"),
        (
            "that training set lies beside it unchanged",
            "yes" if is_unchanged else "no: another one was used",
        ),
        ("parameters", f"{_n_parameters(runs[0]):,}"),
        ("code", f"`{first['code']}`"),
    ]
    training = {key: value for key, value in first["train"].items() if key != "seed"}
    parts = [
        f"# Model: {kind} on {real.name}",
        table(["", ""], facts),
        "## Seeds",
        table(
            [
                "seed",
                "steps",
                "mean loss, last tenth of the steps",
                "bytes",
                "SHA-256 of the weights",
            ],
            _seed_rows(runs, fingerprints),
        ),
        "## Architecture",
        table(["setting", "value"], first["config"].items()),
        "## Training",
        table(["setting", "value"], training.items()),
        "## Scaling",
        table(["setting", "value"], _scaling_rows(runs[0], real.feature_names)),
    ]
    measured: list[Row] = []
    for name, rows in scores.items():
        measured += _score_rows(name, rows)
    if measured:
        parts.append("## Measured on what it generates")
        parts.append(table(["table", "metric", "mean", "least", "most", "seeds"], measured))
    return "\n\n".join(parts) + "\n"


def _length_rows(halves: Mapping[str, SeriesSet]) -> list[Row]:
    """Return the numbers of series and steps, and the lengths, a column a half."""
    columns = []
    for series in halves.values():
        n = series.lengths
        columns.append(
            [len(n), int(n.sum()), int(n.min()), float(np.median(n)), float(n.mean()), int(n.max())]
        )
    names = ("series", "steps", "shortest", "median length", "mean length", "longest")
    return list(zip(names, *columns, strict=True))


def _feature_rows(series: SeriesSet) -> list[Row]:
    """Return each feature's kind, unit, minimum, mean, standard deviation and maximum."""
    values = series.values.astype(np.float64)  # (all steps of all series, n_features)
    statistics = np.stack([values.min(0), values.mean(0), values.std(0), values.max(0)], axis=1)
    rows: list[Row] = []
    for feature, numbers in zip(series.features, statistics, strict=True):
        rows.append((feature.name, feature.kind, feature.unit, *numbers))
    return rows


def _attribute_rows(attributes: pd.DataFrame) -> list[Row]:
    """Return how many series have each value of each categorical attribute, most common first.

    Of any other attribute the number of different values is said.
    """
    rows: list[Row] = []
    for name, column in attributes.items():
        if not isinstance(column.dtype, pd.CategoricalDtype):
            rows.append((name, f"{column.nunique():,} different ones", len(column)))
            continue
        counts = column.value_counts()
        counts = counts[counts > 0]
        for value, n_series in counts[:N_VALUES].items():
            rows.append((name, value, int(n_series)))
        if len(counts) > N_VALUES:
            rows.append((name, f"{len(counts) - N_VALUES} others", int(counts[N_VALUES:].sum())))
    return rows


def _seed_rows(runs: Sequence[Path], fingerprints: Sequence[Mapping]) -> list[Row]:
    """Return each run's seed, number of steps, final loss, and the size and checksum of weights."""
    rows: list[Row] = []
    for run, fingerprint in zip(runs, fingerprints, strict=True):
        loss = pd.read_csv(run / "loss.csv")["loss"]
        weights = run / "model.safetensors"
        final_loss = loss[-max(1, len(loss) // 10) :].mean()
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        seed = fingerprint["train"]["seed"]
        rows.append((seed, len(loss), float(final_loss), weights.stat().st_size, f"`{digest}`"))
    return rows


def _n_parameters(run: Path) -> int:
    """Return how many numbers a run's weights hold; only the header of the file is read."""
    n = 0
    with safe_open(run / "model.safetensors", framework="numpy") as weights:
        for name in weights.keys():  # noqa: SIM118 (safe_open is no mapping)
            n += int(np.prod(weights.get_slice(name).get_shape()))
    return n


def _scaling_rows(run: Path, feature_names: Sequence[str]) -> list[Row]:
    """Return the normaliser's settings, and the minimum and range of each feature it scales."""
    facts = json.loads((run / "model.json").read_text())
    encoder = facts.get("encoder") or {}
    settings = facts.get("scaling") or encoder.get("normaliser") or {}
    loc = settings.pop("loc", ())
    scale = settings.pop("scale", ())
    rows: list[Row] = list(settings.items())
    for name, minimum, spread in zip(feature_names, loc, scale, strict=False):
        rows.append((f"{name}: minimum, range", (minimum, spread)))
    return rows


def _score_rows(name: str, rows: pd.DataFrame) -> Iterator[Row]:
    """Give mean, least and most over seeds of each metric of a table, for each of its judges."""
    if not len(rows):
        return
    by = ["metric", *(column for column in JUDGES if column in rows)]
    for key, part in rows.dropna(subset=["value"]).groupby(by, sort=False):
        of_seed = part.groupby("seed")["value"].mean()
        metric = ", ".join(map(str, key))
        yield name, metric, of_seed.mean(), of_seed.min(), of_seed.max(), len(of_seed)


def _rows(folder: Path, name: str, **which: object) -> pd.DataFrame:
    """Return the rows of a table that match; none where the table or a column is missing."""
    path = tables.find(folder / "tables", name)
    if path is None:
        return pd.DataFrame(columns=list(which))
    rows = pd.read_csv(path)
    for column, value in which.items():
        rows = rows[rows[column] == value] if column in rows else rows[:0]
    return rows
