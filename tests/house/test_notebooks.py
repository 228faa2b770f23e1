"""Laws of the notebooks as programs: a model that fails is said, counted, and stops no other."""

import json
import shutil

import nbformat
import pandas as pd
import pytest
from helpers import iot_packets

from tst.data import iot, simulated
from tst.io import paths
from tst.models import jobs
from tst.models.attributes import attribute_sizes
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.config import DGConfig
from tst.models.jobs import Job
from tst.models.transformer import model
from tst.models.transformer.config import TSTConfig
from tst.series import SeriesSet
from tst.study import run_notebook
from tst.training.loop import TrainConfig
from tst.vocabulary import TERMS

PROFILE = "pytest-simulated"  # ignored by git, as all results of that name


@pytest.fixture
def artifacts(monkeypatch):
    """Return the folder of a study of its own with 60 short series, removed at the end."""
    root = paths.ROOT / "results" / PROFILE
    monkeypatch.delenv("TST_DATA", raising=False)
    monkeypatch.setattr(run_notebook, "parameters", lambda name, *_: BASE | SETTINGS[name])
    folder = paths.artifacts_dir(PROFILE.removesuffix("-simulated")) / "gcut"
    simulated.gcut(60, 0).head(12).save(folder / "train")
    yield folder
    shutil.rmtree(root, ignore_errors=True)


BASE = {"profile": PROFILE.removesuffix("-simulated"), "dataset": "gcut"}
SETTINGS = {
    "03-train-baselines": {
        "seeds": [0, 1],
        "max_steps": 12,
        "dg_learning_rate": 1e30,
        "dg_steps": 4,
        "naive_steps": 4,
        "ar_steps": 2,
        "rnn_steps": 2,
        "hmm_rows": 200,
        "n_states": 2,
    },
    "14-tuning": {"steps_share": 0.5},
}


@pytest.mark.notebooks
def test_notebook_3_goes_on_where_every_seed_of_the_gans_diverges(artifacts):
    """Each failed seed is said and counted in the table; the other models' sets are there."""
    out = artifacts.parent.parent / "03-train-baselines-gcut.ipynb"
    run_notebook.run_named("03-train-baselines", BASE["profile"], "gcut", out)
    text = out.read_text()
    assert "doppelganger: seeds [0, 1] failed" in text
    assert "4 of 8 training runs failed." in text
    assert "doppelganger: all 2 runs diverged" in text
    table = pd.read_csv(artifacts.parent.parent / "tables" / "03-train-baselines.csv")
    failed = table[table["metric"] == "failed"].groupby("model")["value"].sum()
    assert failed.to_dict() == {"ar": 0, "doppelganger": 2, "naive_gan": 2, "rnn": 0}
    made = {p.name.split("-seed")[0] for p in (artifacts / "synthetic").iterdir()}
    assert made == {"ar", "rnn", "hmm", "seed_only", "seed_repeat", "bootstrap_copy"}


@pytest.mark.notebooks
def test_notebook_1_tells_of_packets_and_shows_none(artifacts, tmp_path, monkeypatch):
    """Its halves have a capture of each device; no output has a column of packets or their number.

    Its table names the terms.
    """
    packets = iot_packets()
    packets.to_parquet(tmp_path / iot.FILE)
    monkeypatch.setenv("TST_DATA", str(tmp_path))
    settings = {"profile": BASE["profile"], "dataset": "iot", "source": "real", "n_series": 0}
    monkeypatch.setattr(run_notebook, "parameters", lambda *_: settings)
    out = artifacts.parent.parent / "01-data-iot.ipynb"
    run_notebook.run_named("01-data", BASE["profile"], "iot", out)
    halves = [SeriesSet.load(artifacts.parent / "iot" / half) for half in ("train", "test")]
    assert [sorted(half.labels) for half in halves] == [["Cam", "Plug"]] * 2
    cells = nbformat.read(out, 4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = json.dumps([{**o, "data": {**o.get("data", {}), "image/png": ""}} for o in outputs])
    assert TERMS["iot"] in shown
    assert not [name for name in ("gap_us", "n_destinations", "time_s") if name in shown]
    table = pd.read_csv(artifacts.parent.parent / "tables" / "01-data.csv")
    assert set(table["terms"]) == {TERMS["iot"]}
    assert len(table) < len(packets)


@pytest.mark.notebooks
def test_notebook_14_gives_both_models_the_same_trials(artifacts):
    """Three rates each, the same share of the steps, all scored; trained models stay untouched."""
    real = SeriesSet.load(artifacts / "train")
    sizes = {"d_model": 8, "n_head": 2, "n_layer": 1, "d_ff": 8, "context_length": 12}
    tst = TSTConfig(n_features=real.n_features + 2, dropout=0.0, attention_dropout=0.0, **sizes)
    gan = DGConfig(
        n_features=real.n_features, attributes=attribute_sizes(real), max_steps=12, sample_len=3
    )
    settings = TrainConfig(max_steps=6, batch_size=8, learning_rate=1e-3)
    for spec, config in ((model.SPEC, tst), (doppelganger.SPEC, gan)):
        folder = artifacts / f"{spec.key}-seed0"
        jobs.train(Job.of(spec, artifacts / "train", folder, config, settings))
    before = {p: p.read_bytes() for p in artifacts.glob("*-seed0/*") if p.is_file()}
    out = artifacts.parent.parent / "14-tuning-gcut.ipynb"
    run_notebook.run_named("14-tuning", BASE["profile"], "gcut", out)
    assert before == {p: p.read_bytes() for p in artifacts.glob("*-seed0/*") if p.is_file()}
    table = pd.read_csv(artifacts.parent.parent / "tables" / "14-tuning.csv")
    trials = table[table["metric"] == "validation_score"].dropna(subset=["factor"])
    factors = trials.groupby("model")["factor"].agg(list).to_dict()
    assert factors == {"doppelganger": [0.3, 1.0, 3.0], "tst_paper": [0.3, 1.0, 3.0]}
    assert (trials["n_steps"] == 3).all()
    assert (trials["value"] >= 0).all()


@pytest.mark.notebooks
def test_notebook_15_says_which_peers_were_not_run(artifacts, monkeypatch):
    """In miniature, without their environment: the controls and our models are judged."""
    out = artifacts.parent.parent / "15-peers-sines-24.ipynb"
    settings = {"profile": BASE["profile"], "peers": ["no_such_peer"]}
    monkeypatch.setattr(run_notebook, "parameters", lambda *_: settings)
    run_notebook.run_named("15-peers", BASE["profile"], "sines-24", out)
    text = out.read_text()
    assert "not run: no_such_peer." in text
    table = pd.read_csv(artifacts.parent.parent / "tables" / "15-peers.csv")
    assert {"tst", "doppelganger", "random_halves", "shuffled_steps"} <= set(table["model"])
    metrics = set(table.loc[table["model"] == "tst", "metric"])
    assert {"context_fid", "second_judge_auc", "copied_share", "core_seconds"} <= metrics
