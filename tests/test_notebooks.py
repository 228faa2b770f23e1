"""Laws of the notebooks as programs: bad luck in one model is said, counted, and stops nothing else."""

import shutil

import pandas as pd
import pytest

from tst import paths, run
from tst.data import simulate

PROFILE = "pytest-simulated"  # ignored by git, as all results of that name


@pytest.fixture
def artifacts(monkeypatch):
    """Return the folder of a study of its own with 40 short series to train on, removed at the end."""
    root = paths.ROOT / "results" / PROFILE
    monkeypatch.delenv("TST_DATA", raising=False)
    monkeypatch.setattr(run, "parameters", lambda *names: dict(SETTINGS))
    folder = paths.artifacts_dir(PROFILE.removesuffix("-simulated")) / "gcut"
    simulate.gcut(40, 0).head(12).save(folder / "train")
    yield folder
    shutil.rmtree(root, ignore_errors=True)


SETTINGS = {
    **{"profile": PROFILE.removesuffix("-simulated"), "dataset": "gcut", "seeds": [0, 1], "max_steps": 12},
    **{"dg_learning_rate": 1e30, "dg_steps": 4, "ar_steps": 2, "rnn_steps": 2, "hmm_rows": 200, "n_states": 2},
}


@pytest.mark.notebooks
def test_notebook_3_goes_on_where_every_seed_of_dg_diverges(artifacts):
    """Each failed seed is said in a sentence and counted in the table; the other models' sets are there."""
    out = artifacts.parent.parent / "03-train-baselines-gcut.ipynb"
    run.run("03-train-baselines", SETTINGS["profile"], "gcut", out)
    text = out.read_text()
    assert "doppelganger: seeds [0, 1] failed" in text and "2 of 6 training runs failed." in text
    assert "doppelganger: all 2 runs diverged" in text
    table = pd.read_csv(artifacts.parent.parent / "tables" / "03-train-baselines.csv")
    failed = table[table["metric"] == "failed"].groupby("model")["value"].sum()
    assert failed.to_dict() == {"ar": 0, "doppelganger": 2, "rnn": 0}
    made = {p.name.split("-seed")[0] for p in (artifacts / "synthetic").iterdir()}
    assert made == {"ar", "rnn", "hmm", "seed_only", "seed_repeat", "bootstrap_copy"}
