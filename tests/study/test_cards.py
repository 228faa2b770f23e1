"""Laws of the cards: their facts are the files' facts, and another training set is said."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import TINY_TST, series_of, training_jobs

from tst.models import jobs
from tst.models.transformer.model import TST
from tst.series import SeriesSet
from tst.study.report import cards


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A results folder: a training set, a table, a model of two seeds, one unfinished run."""
    folder = tmp_path_factory.mktemp("cards") / "tiny"
    data = folder / "artifacts" / "mine"
    for job, seed in zip(training_jobs(data, (0, 1)), (0, 1), strict=True):
        jobs.train(replace(job, folder=str(data / f"tst_paper-seed{seed}")))
    (data / "ar-seed0").mkdir()
    (data / "ar-seed0" / "fingerprint.json").write_text("{}")
    row = {
        "dataset": "mine",
        "model": "tst_paper",
        "metric": "acf_rms",
        "feature": "all",
        "label": "all",
    }
    rows = [row | {"seed": s, "value": v} for s, v in ((0, 0.25), (1, 0.75))]
    rows += [
        row | {"seed": 0, "value": 9.0, "feature": "one"},
        row | {"seed": 0, "value": 9.0, "dataset": "other"},
    ]
    (folder / "tables").mkdir()
    pd.DataFrame(rows).to_csv(folder / "tables" / "05-fidelity.csv", index=False)
    return folder


def cells(text, first):
    """Return the cells of the row of a card that begins with `first`."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \| (.*) \|$", text, re.M)
    return row.split(" | ")


@pytest.mark.slow
def test_one_card_a_data_set_and_one_a_trained_model(run):
    """A run without weights has none; a second writing gives the same bytes."""
    written = cards.write(run)
    assert [p.name for p in written] == ["data-mine.md", "model-mine-tst_paper.md"]
    before = [p.read_bytes() for p in written]
    assert [p.read_bytes() for p in cards.write(run)] == before


def test_the_data_card_counts_what_is_there(run):
    """Series, steps, lengths, the values of each feature, the checksum."""
    real = SeriesSet.load(run / "artifacts" / "mine" / "train")
    text = cards.data_card({"train": real, "test": real.head(2)}, pd.DataFrame())
    assert cells(text, "series") == ["40", "40"]
    assert cells(text, "steps") == [f"{real.lengths.sum():,}", "80"]
    assert cells(text, "longest")[1] == "2"
    assert cells(text, "SHA-256 of train") == [f"`{real.sha256()}`"]
    assert cells(text, real.feature_names[1])[2:] == [
        f"{v:.4g}"
        for v in (f(real.values[:, 1].astype(float)) for f in (np.min, np.mean, np.std, np.max))
    ]


def test_filters_and_attributes_are_listed():
    """Each filter with what it left; of a long list of values the rest is counted."""
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical([f"k{i % 15}" for i in range(30)]),
            "page": [f"p{i}" for i in range(30)],
        }
    )
    real = series_of([np.full((2, 3), i) for i in range(30)])
    real = SeriesSet(
        **{k: getattr(real, k) for k in real.__dataclass_fields__} | {"attributes": frame}
    )
    counts = pd.DataFrame({"filter": ["short | odd", None], "value": [7, 3]})
    text = cards.data_card({"train": real}, counts)
    assert cells(text, r"short \| odd") == ["7"]
    assert "| kind | 3 others | 6 |" in text
    assert "| page | 30 different ones | 30 |" in text


def test_the_model_card_repeats_the_run(run):
    """Parameters, settings, each seed's steps and loss, scores of this data set and model."""
    text = (cards.write(run)[1]).read_text()
    assert cells(text, "parameters") == [f"{sum(p.numel() for p in TST(TINY_TST).parameters()):,}"]
    assert cells(text, "d_model") == ["8"]
    assert cells(text, "learning_rate") == ["0.01"]
    loss = pd.read_csv(run / "artifacts/mine/tst_paper-seed1/loss.csv")["loss"]
    assert cells(text, "1")[:2] == ["12", f"{loss.iloc[-1]:.4g}"]
    assert cells(text, "05-fidelity") == ["acf_rms", "0.5", "0.25", "0.75", "2"]
    assert cells(text, "that training set lies beside it unchanged") == ["yes"]
    assert cells(text, "kind") == ["tst_paper"]


def test_the_model_card_says_how_each_feature_is_scaled(run):
    """Minimum and range of the training set, as the model keeps them."""
    real = SeriesSet.load(run / "artifacts" / "mine" / "train")
    text = (cards.write(run)[1]).read_text()
    minimum, maximum = real.values[:, 0].min(), real.values[:, 0].max()
    expected = f"{minimum:.4g}, {maximum - minimum:.4g}"
    assert cells(text, f"{real.feature_names[0]}: minimum, range") == [expected]


def test_another_training_set_is_said(run, tmp_path):
    """A model whose data were replaced afterwards does not pass for a model of the new data."""
    other, runs = (
        series_of([np.ones((3, 3)) * i for i in range(4)]),
        cards.trained(run / "artifacts" / "mine")["tst_paper"],
    )
    text = cards.model_card("tst_paper", runs, other, {})
    assert cells(text, "that training set lies beside it unchanged") == ["no: another one was used"]


def test_no_artifacts_no_cards(tmp_path):
    """A clone without artifacts keeps the cards that are committed, and makes no folder."""
    assert cards.write(tmp_path) == []
    assert not (tmp_path / "cards").exists()
