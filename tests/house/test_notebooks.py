"""Laws of the notebooks as programs: a model that fails is said, counted, and stops no other."""

import json
import re
import shutil

import nbformat
import numpy as np
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
from tst.models.transformer import generative, model
from tst.models.transformer.config import GenerativeConfig, TSTConfig
from tst.series import SeriesSet
from tst.study import run_notebook, tables
from tst.study.peers import compare_tables
from tst.training.loop import TrainConfig
from tst.vocabulary import TERMS

DEVICES = ("Cam", "Plug", "Kettle")
WITH_SERIES = ("01-examples", "03-examples", "04-generated", "10-samples")
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
    "22-tuned-rates": {
        "dataset": "wwt",
        "seeds": [0, 1],
        "context_length": 8,
        "prediction_length": 4,
    },
    "18-budget": {
        "steps": {"tst_paper": 2, "doppelganger": 3, "tst": 2},
        "multiples": {"small": [1, 2, 3], "large": [1, 2, 3]},
    },
}


@pytest.mark.long
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


TINY_IOT = {
    "01-data": {"source": "real", "n_series": 0, "longest": 12},
    "02-train-tst": {"d_model": 8, "d_ff": 8, "n_layer": 1, "context_length": 12, "max_steps": 3},
    "03-train-baselines": SETTINGS["03-train-baselines"] | {"seeds": [0], "dg_learning_rate": 1e-3},
    "04-generate": {"max_steps": 12},
    "10-seedless": {"context_length": 12, "max_steps": 3, "batch_size": 8, "log": True},
    "05-fidelity": {},
    "06-classification": {"n_steps": 12, "epochs": 2, "shares": [0.0, 1.0]},
    "09-lengths": {},
}


def numbers_shown(text, gaps):
    """Return the gaps between packets, whole microseconds, that a text shows in some form."""
    forms = {str(gap): gap for gap in gaps} | {f"{gap:,}": gap for gap in gaps}
    forms |= {f"{gap:.6g}": gap for gap in gaps}
    return {forms[word] for word in re.findall(r"\d[\d.,e+]*\d", text) if word in forms}


@pytest.mark.long
def test_the_study_of_packets_shows_none(artifacts, tmp_path, monkeypatch):
    """The notebooks run on captures, classify types of devices, and name the terms.

    No output and no table holds a gap between two packets but the extremes; no figure has a series.
    """
    captures = {
        f"{name}-{i:02}": 5 + (3 * i + len(name)) % 9 for name in DEVICES for i in range(14)
    }
    packets = iot_packets(captures)
    packets.to_parquet(tmp_path / iot.FILE)
    monkeypatch.setenv("TST_DATA", str(tmp_path))
    base = {"profile": BASE["profile"], "dataset": "iot"}
    monkeypatch.setattr(run_notebook, "parameters", lambda name, *_: base | TINY_IOT[name])
    results = artifacts.parent.parent
    shown = []
    for name in TINY_IOT:
        out = results / f"{name}-iot.ipynb"
        run_notebook.run_named(name, BASE["profile"], "iot", out)
        outputs = [o for cell in nbformat.read(out, 4).cells for o in cell.get("outputs", [])]
        pictures = {"image/png": "", "text/html": ""}  # the text stands beside them
        shown += [{**o, "data": {**o.get("data", {}), **pictures}} for o in outputs]
    halves = [SeriesSet.load(results / "artifacts" / "iot" / half) for half in ("train", "test")]
    assert [set(half.labels) for half in halves] == [{f"{name} type" for name in DEVICES}] * 2
    gaps = np.unique(np.concatenate([half.values[:, 0] for half in halves]).astype(int))[2:-1]
    text = json.dumps(shown)
    tables = {path.name: path.read_text() for path in (results / "tables").glob("*.csv")}
    assert numbers_shown(str(gaps[:3]), gaps)
    assert numbers_shown(text, gaps) == set()
    assert {name for name, table in tables.items() if numbers_shown(table, gaps)} == set()
    assert TERMS["iot"] in text
    assert all(TERMS["iot"] in table for table in tables.values())
    figures = {path.stem for path in (results / "figures").glob("*-iot.png")}
    assert not figures & {f"{name}-iot" for name in WITH_SERIES}
    assert {"02-loss-iot", "06-accuracy-iot", "05-acf-iot"} <= figures
    scores = pd.read_csv(results / "tables" / "06-classification.csv")
    assert {"tst", "tst_paper", "doppelganger", "real"} <= set(scores["model"])


def train_tiny(artifacts, *specs):
    """Train a tiny model of each kind for six steps, as seed 0 of the study."""
    real = SeriesSet.load(artifacts / "train")
    sizes = {"d_model": 8, "n_head": 2, "n_layer": 1, "d_ff": 8, "context_length": 12}
    sizes |= {"dropout": 0.0, "attention_dropout": 0.0}
    gan = {"attributes": attribute_sizes(real), "max_steps": 12, "sample_len": 3}
    configs = {
        model.SPEC.key: TSTConfig(n_features=real.n_features + 2, **sizes),
        doppelganger.SPEC.key: DGConfig(n_features=real.n_features, **gan),
        generative.SPEC.key: GenerativeConfig(n_features=real.n_features, **sizes),
    }
    settings = TrainConfig(max_steps=6, batch_size=8, learning_rate=1e-3)
    for spec in specs:
        folder = artifacts / f"{spec.key}-seed0"
        jobs.train(Job.of(spec, artifacts / "train", folder, configs[spec.key], settings))


@pytest.mark.long
def test_notebook_14_gives_both_models_the_same_trials(artifacts):
    """Three rates each, the same share of the steps, all scored; trained models stay untouched."""
    train_tiny(artifacts, model.SPEC, doppelganger.SPEC)
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


@pytest.mark.long
def test_notebook_22_trains_at_the_rates_that_notebook_14_prefers(artifacts):
    """Only DG's, three times its rate; C3's endpoints are judged by what was trained here."""
    pages = artifacts.parent / "wwt"
    for seed, half in enumerate(("train", "test")):
        simulated.wwt(40, seed).head(12).save(pages / half)
    train_tiny(pages, model.SPEC, doppelganger.SPEC)
    facts = {"dataset": "wwt", "origin": "simulated", "seed": 0}
    trials = [
        facts | {"metric": "validation_score", "model": key, "factor": factor, "value": value}
        for key, scores in (("tst_paper", (2, 1, 2)), ("doppelganger", (9, 5, 2)))
        for factor, value in zip((0.3, 1.0, 3.0), scores, strict=True)
    ]
    tables.write(pd.DataFrame(trials), BASE["profile"], "14-tuning")
    used = facts | {"metric": "r2", "model": "doppelganger", "train": "synthetic", "value": 0.5}
    used = pd.DataFrame([used | {"regressor": r} for r in ("mlp_1", "mlp_5")])
    tables.write(used, BASE["profile"], "07-regression")
    out = artifacts.parent.parent / "22-tuned-rates-wwt.ipynb"
    run_notebook.run_named("22-tuned-rates", BASE["profile"], "wwt", out)
    trained = {path.parent.name for path in pages.glob("tuned/*/model.safetensors")}
    assert trained == {f"{k}-seed{s}" for k in ("tst_paper-1", "doppelganger-3") for s in (0, 1)}
    rates = {
        name: json.loads((pages / "tuned" / name / "fingerprint.json").read_text())["train"]
        for name in trained
    }
    assert {r["learning_rate"] for n, r in rates.items() if n.startswith("dopp")} == {3e-3}
    table = pd.read_csv(artifacts.parent.parent / "tables" / "22-tuned-rates.csv")
    assert {"real", "tst_paper"} <= set(table["model"])
    said = out.read_text()
    assert "DG at 3 times its rate, TST at 1 times its rate: not tested (2 seeds)" in said
    assert "DG, seed 0: 0 of 40 series reach the last day; no set" in said


@pytest.mark.long
def test_notebook_18_goes_on_where_it_was_stopped(artifacts):
    """Every point of the sweep is trained and scored; a second run trains none and finds the same.

    The models of the study stay untouched.
    """
    simulated.gcut(60, 1).head(12).save(artifacts / "test")
    train_tiny(artifacts, model.SPEC, doppelganger.SPEC, generative.SPEC)
    null = {"dataset": "gcut", "origin": "simulated", "metric": "acf_rms", "level": 0.95}
    tables.write(pd.DataFrame([null | {"value": 0.1}]), BASE["profile"], "17-nulls")
    out = artifacts.parent.parent / "18-budget-gcut.ipynb"
    runs = []
    for _ in range(2):
        run_notebook.run_named("18-budget", BASE["profile"], "gcut", out)
        table = pd.read_csv(artifacts.parent.parent / "tables" / "18-budget.csv")
        files = [*artifacts.glob("*-seed0/model.*"), *(artifacts / "budget").rglob("model.*")]
        runs.append((table, {path: path.stat().st_mtime_ns for path in files}))
    (table, written), (again, kept) = runs
    pd.testing.assert_frame_equal(table, again)
    assert written == kept
    points = table.groupby(["model", "size", "multiple"])["metric"].nunique()
    assert len(points) == 3 * 3 + 3
    assert points.nunique() == 1
    assert len(written) == 2 * (3 + len(points))
    assert re.search(r"C8, TST, .* budgets; at 100x by its trend", out.read_text())
    steps = SETTINGS["18-budget"]["steps"]
    assert (table["n_steps"] == table["multiple"] * table["model"].map(steps)).all()


def run_without_peers(artifacts, monkeypatch, name, dataset=""):
    """Run a notebook in miniature beside a model that is not there; return its text and table."""
    out = artifacts.parent.parent / f"{name}.ipynb"
    settings = {"profile": BASE["profile"], "peers": ["no_such_peer"]}
    monkeypatch.setattr(run_notebook, "parameters", lambda *_: settings)
    run_notebook.run_named(name, BASE["profile"], dataset, out)
    return out.read_text(), pd.read_csv(artifacts.parent.parent / "tables" / f"{name}.csv")


@pytest.mark.long
def test_notebook_15_says_which_peers_were_not_run(artifacts, monkeypatch):
    """In miniature, without their environment: the controls and our models are judged."""
    text, table = run_without_peers(artifacts, monkeypatch, "15-peers", "sines-24")
    assert "not run: no_such_peer." in text
    assert {"tst", "doppelganger", "random_halves", "shuffled_steps"} <= set(table["model"])
    metrics = set(table.loc[table["model"] == "tst", "metric"])
    assert {"context_fid", "second_judge_auc", "copied_share", "core_seconds"} <= metrics


@pytest.mark.long
def test_notebook_21_stands_beside_equal_budgets(artifacts, monkeypatch):
    """In miniature: it reads the rows of notebook 15, and says where there are none."""
    assert "15-peers" in run_without_peers(artifacts, monkeypatch, "21-own-budgets", "sines-24")[0]
    row = {"dataset": "sines-24", "origin": "simulated", "model": "tst", "seed": 0, "repeat": 0}
    rows = [row | {"metric": "context_fid", "value": 7.125}, row | {"metric": "core_seconds"}]
    tables.write(pd.DataFrame(rows).fillna({"value": 3}), BASE["profile"], "15-peers")
    text, table = run_without_peers(artifacts, monkeypatch, "21-own-budgets", "sines-24")
    assert "Context-FID: equal budget 7.125, own" in text
    assert set(table["model"]) == {"tst_own"}
    assert "memorised_share" in set(table["metric"])


@pytest.mark.long
def test_notebook_19_says_which_copies_it_did_not_get(artifacts, monkeypatch):
    """In miniature: ours beside real rows; another project's model that is not there is named."""
    text, table = run_without_peers(artifacts, monkeypatch, "19-peers-own")
    assert "no table that can be read: no such peer" in text
    table = table[table["metric"].isin(compare_tables.VALIDITY) & (table["dataset"] == "example")]
    assert set(table["model"]) == {"tst", "real_floor"}
    assert (table["value"] == 0).all()
