"""Data cards and model cards in Markdown, from what a run left on disk: `cards.write(results/laptop)`.

A data card a data set (the `SeriesSet` of its training half beside its test half), a model card a trained model: all seeds
of one kind on one data set. They hold facts of the files only: sizes, settings, checksums, losses, measured scores.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open

from tst.io import files
from tst.series import SeriesSet

ORIGINS = {
    "original": "the published file, whole",
    "subset": "real, but not all of the published file",
    "simulated": "made by a simulator, not measured",
}
LEVELS = 12  # values of an attribute that are listed
SCORES = {  # table: columns that say which of its rows stand on a model card, and their values
    "05-fidelity": {"feature": "all", "label": "all"},
    "06-classification": {"train": "synthetic", "share": 0},
    "07-regression": {"train": "synthetic"},
}
BY = ("classifier", "regressor")


def write(folder):
    """Write `folder`/cards/*.md from `folder`/artifacts; return their paths (none where there are no artifacts)."""
    folder, texts = Path(folder), {}
    for data in sorted(p.parent.parent for p in (folder / "artifacts").glob("*/train/meta.json")):
        real = {
            half: SeriesSet.load(data / half)
            for half in ("train", "test")
            if (data / half).is_dir()
        }
        texts[f"data-{data.name}"] = data_card(real, _rows(folder, "01-data", dataset=data.name))
        for kind, runs in trained(data).items():
            scores = {
                name: _rows(folder, name, dataset=data.name, model=kind, **where)
                for name, where in SCORES.items()
            }
            texts[f"model-{data.name}-{kind}"] = model_card(kind, runs, real["train"], scores)
    for name, text in texts.items():
        files.write_text(text, folder / "cards" / f"{name}.md")
    return [folder / "cards" / f"{name}.md" for name in texts]


def trained(data):
    """Return {kind: folders of its finished runs, by seed} among the artifacts of a data set."""
    runs = {}
    for path in sorted(data.glob("*/fingerprint.json")):
        if (path.parent / "model.safetensors").is_file():
            runs.setdefault(path.parent.name.rsplit("-seed", 1)[0], []).append(path.parent)
    return runs


def data_card(real, counts):
    """Return the card of a data set.

    Parameters
    ----------
    real
        {"train": SeriesSet, "test": SeriesSet}; the second may be absent.
    counts
        Rows of table 01-data, of which those with a `filter` tell what was left out.
    """
    first = real["train"]
    facts = [
        ("origin", f"{first.origin}: {ORIGINS[first.origin]}"),
        ("time between steps", first.interval),
    ]
    facts += [
        ("label", first.label or "none"),
        ("never divided by the split", first.group or "nothing"),
    ]
    facts += [(f"SHA-256 of {half}", f"`{part.sha256()}`") for half, part in real.items()]
    parts = [f"# Data: {first.name}", _table(["", ""], facts), "## Series", _table(*_halves(real))]
    parts += [
        "## Features (training half)",
        _table(*_features(first)),
        "## Attributes (training half)",
    ]
    parts += [_table(["attribute", "values", "series"], _attributes(first.attributes))]
    if "filter" in counts and counts["filter"].notna().any():
        kept = counts.dropna(subset=["filter"])
        parts += [
            "## Filters, series left after each",
            _table(["filter", "series"], kept[["filter", "value"]].to_numpy()),
        ]
    return "\n\n".join(parts) + "\n"


def model_card(kind, runs, real, scores):
    """Return the card of a trained model.

    Parameters
    ----------
    kind
        Key of the model.
    runs
        Folders of its runs, one a seed, as `train.fit` leaves them.
    real
        SeriesSet of the training half, whose checksum is compared with the runs'.
    scores
        {table: its tidy rows of this model}; an empty frame is left out.
    """
    prints = [json.loads((run / "fingerprint.json").read_text()) for run in runs]
    first = prints[0]
    same = all(p["data"] == real.sha256() for p in prints)
    facts = [
        ("kind", first["kind"]),
        ("trained on", f"{real.name}, {real.origin}: {len(real):,} series"),
    ]
    facts += [
        (
            "that training set lies beside it unchanged",
            "yes" if same else "no: another one was used",
        )
    ]
    facts += [("parameters", f"{_n_parameters(runs[0]):,}"), ("code", f"`{first['code']}`")]
    parts = [f"# Model: {kind} on {real.name}", _table(["", ""], facts), "## Seeds"]
    parts += [
        _table(
            [
                "seed",
                "steps",
                "mean loss, last tenth of the steps",
                "bytes",
                "SHA-256 of the weights",
            ],
            _seeds(runs, prints),
        )
    ]
    parts += ["## Architecture", _table(["setting", "value"], first["model"].items())]
    parts += [
        "## Training",
        _table(["setting", "value"], [i for i in first["train"].items() if i[0] != "seed"]),
    ]
    parts += ["## Scaling", _table(["setting", "value"], _scaling(runs[0], real.feature_names))]
    found = [row for name, rows in scores.items() for row in _measured(name, rows)]
    if found:
        parts += [
            "## Measured on what it generates",
            _table(["table", "metric", "mean", "least", "most", "seeds"], found),
        ]
    return "\n\n".join(parts) + "\n"


def _halves(real):
    """Return (columns, rows) of the numbers of series and steps in each half."""
    facts = {half: _lengths(part.lengths) for half, part in real.items()}
    names = ("series", "steps", "shortest", "median length", "mean length", "longest")
    return ["", *facts], [(name, *(f[i] for f in facts.values())) for i, name in enumerate(names)]


def _lengths(n):
    return len(n), int(n.sum()), int(n.min()), float(np.median(n)), float(n.mean()), int(n.max())


def _features(series):
    """Return (columns, rows) of each feature's kind, unit and spread."""
    values = series.values.astype(np.float64)
    spread = zip(values.min(0), values.mean(0), values.std(0), values.max(0), strict=True)
    rows = [(f.name, f.kind, f.unit, *s) for f, s in zip(series.features, spread, strict=True)]
    return ["feature", "kind", "unit", "least", "mean", "standard deviation", "most"], rows


def _attributes(frame):
    """Return a row a value of each categorical attribute, the most common first, and one row of each other attribute."""
    rows = []
    for name, column in frame.items():
        if not isinstance(column.dtype, pd.CategoricalDtype):
            rows.append((name, f"{column.nunique():,} different ones", len(column)))
            continue
        counts = column.value_counts()
        counts = counts[counts > 0]
        rows += [(name, value, int(n)) for value, n in counts[:LEVELS].items()]
        if len(counts) > LEVELS:
            rows.append((name, f"{len(counts) - LEVELS} others", int(counts[LEVELS:].sum())))
    return rows


def _seeds(runs, prints):
    """Return a row a run: its seed, length, loss and weights."""
    rows = []
    for run, facts in zip(runs, prints, strict=True):
        loss, weights = pd.read_csv(run / "loss.csv")["loss"], run / "model.safetensors"
        tail = loss[-max(1, len(loss) // 10) :].mean()
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        rows.append(
            (facts["train"]["seed"], len(loss), float(tail), weights.stat().st_size, f"`{digest}`")
        )
    return rows


def _n_parameters(run):
    """Return how many numbers a run's weights hold; they are not read."""
    with safe_open(run / "model.safetensors", framework="numpy") as weights:
        return sum(int(np.prod(weights.get_slice(name).get_shape())) for name in weights.keys())


def _scaling(run, names):
    """Return the normaliser's settings, and the minimum and range of each feature where they are the training set's."""
    path = run / "normaliser.json"
    settings = json.loads(path.read_text()) if path.is_file() else {}
    spread = zip(names, settings.get("loc", ()), settings.get("scale", ()), strict=False)
    rows = [(k, v) for k, v in settings.items() if k not in ("loc", "scale")]
    return rows + [(f"{name}: minimum, range", (low, size)) for name, low, size in spread]


def _measured(name, rows):
    """Return mean, least and most over seeds of each metric of a table, for each classifier or regressor."""
    by = [c for c in BY if c in rows]
    for key, part in (
        rows.dropna(subset=["value"]).groupby(["metric", *by], sort=False) if len(rows) else ()
    ):
        seeds = part.groupby("seed")["value"].mean()
        yield name, ", ".join(map(str, key)), seeds.mean(), seeds.min(), seeds.max(), len(seeds)


def _rows(folder, name, **where):
    """Return the rows of a table that match, or an empty frame where table or column is missing."""
    path = folder / "tables" / f"{name}.csv"
    rows = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(where))
    for column, value in where.items():
        rows = rows[rows[column] == value] if column in rows else rows[:0]
    return rows


def _table(columns, rows):
    lines = [[_text(cell) for cell in row] for row in rows]
    return "\n".join(
        f"| {' | '.join(line)} |" for line in [columns, ["---"] * len(columns), *lines]
    )


def _text(value):
    """Return a cell: whole numbers in full, others at four significant digits, a list by its members."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
