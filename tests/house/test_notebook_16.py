"""Notebook 16 in miniature: it runs, attacks, says what was proven, and resumes."""

import shutil

import pandas as pd
import pytest

from tst.data import simulated
from tst.io import paths
from tst.study import run_notebook

PROFILE = "pytest-private"


@pytest.fixture
def artifacts(monkeypatch):
    """Return the folder of a study of its own with short series, removed at the end."""
    monkeypatch.delenv("TST_DATA", raising=False)
    settings = {
        "profile": PROFILE,
        "dataset": "gcut",
        "epsilons": [1.0],
        "steps": 2,
        "rate": 0.5,
        "n_pool": 40,
    }
    monkeypatch.setattr(run_notebook, "parameters", lambda *_: settings)
    folder = paths.artifacts_dir(PROFILE) / "gcut"
    for half, seed in (("train", 0), ("test", 1)):
        simulated.gcut(60, seed).head(8).save(folder / half)
    yield folder
    root = paths.ROOT / "results"
    for name in (PROFILE, f"{PROFILE}-simulated"):
        shutil.rmtree(root / name, ignore_errors=True)


@pytest.mark.long
def test_notebook_16_says_what_was_promised_and_proven(artifacts):
    """Quality and attacks of a promise and of none, in one table; a second run trains nothing."""
    root = artifacts.parent.parent
    out = root / "16-privacy-gcut.ipynb"
    run_notebook.run_named("16-privacy", PROFILE, "gcut", out)
    text = out.read_text()
    assert "spent within it: True" in text
    assert "promised epsilon 1: the canary proves at least" in text
    table = pd.read_csv(root / "tables" / "16-privacy.csv")
    assert {"marginal_jsd", "attribute_jsd", "length_w1", "lira_auc", "core_seconds"} <= set(
        table["metric"]
    )
    assert set(table["model"]) == {"tst", "real_floor"}
    kept = {p: p.stat().st_mtime_ns for p in artifacts.glob("private/*/*") if p.is_file()}
    assert len(kept) == 6
    run_notebook.run_named("16-privacy", PROFILE, "gcut", out)
    assert kept == {p: p.stat().st_mtime_ns for p in artifacts.glob("private/*/*") if p.is_file()}
