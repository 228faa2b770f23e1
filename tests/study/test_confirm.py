"""Laws of the confirmation: frozen models meet held-out data, all that can be told is told.

The folders are made here: random packets of three devices, one folder to train on, one held out.
"""

import re
import shutil

import numpy as np
import pytest
from helpers import TINY_SIZES, iot_packets

from tst.data import iot
from tst.io import paths
from tst.models.attributes import attribute_sizes
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.config import DGConfig
from tst.models.transformer import generative, model
from tst.models.transformer.config import GenerativeConfig, TSTConfig
from tst.study import claims, confirm, dependencies, run_notebook
from tst.study.frozen import freeze
from tst.study.training import TrainingWorkspace
from tst.training.loop import TrainConfig

NAME = "pytest-confirm"
SETTINGS = {
    "01-data": {"n_series": 0, "longest": 12},
    "05-fidelity": {"models": ["tst_paper", "tst", "doppelganger", "bootstrap_copy"]},
    "06-classification": {"n_steps": 12, "epochs": 2, "classifiers": ["mlp", "decision_tree"]},
    "10-seedless": {"log": True},
}


def captures(n, start=0):
    """Return {DEVICE-NUMBER: packets} of n captures a device."""
    found = {}
    for device in ("Cam", "Plug", "Kettle"):
        for i in range(start, start + n):
            found[f"{device}-{i:02}"] = 5 + (3 * i + len(device)) % 9
    return found


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Return (folder of held-out data, folder of frozen models); 14 captures a device train."""
    for name, table in (
        ("data", iot_packets(captures(14))),
        ("held-out", iot_packets(captures(6, 14)).assign(size=700)),
    ):
        (tmp_path / name).mkdir()
        table.to_parquet(tmp_path / name / iot.FILE)
    monkeypatch.setenv("TST_DATA", str(tmp_path / "data"))
    base = {"dataset": "iot"}
    monkeypatch.setattr(run_notebook, "parameters", lambda name, *_: base | SETTINGS[name])
    monkeypatch.setattr(confirm, "NAME", NAME)
    yield tmp_path / "held-out", tmp_path / "frozen"
    shutil.rmtree(paths.results_dir(NAME), ignore_errors=True)


def freeze_tiny_models(work, frozen):
    """Train each model for a few steps on the training half, and freeze it."""
    numbers = work.numbers()
    sizes = TINY_SIZES | {"context_length": 12}
    gan = DGConfig(
        n_features=numbers.n_features,
        attributes=attribute_sizes(numbers),
        max_steps=12,
        sample_len=3,
    )
    paper = TSTConfig(n_features=numbers.n_features + 2, **sizes)
    ours = GenerativeConfig(n_features=work.real().n_features, **sizes)
    settings = TrainConfig(max_steps=3, batch_size=8, learning_rate=1e-3)
    for spec, config in ((doppelganger.SPEC, gan), (model.SPEC, paper), (generative.SPEC, ours)):
        work.train(spec, config, settings, [0])
        freeze(work.folder / f"{spec.key}-seed0", spec.key, frozen / "iot" / spec.key)


@pytest.mark.long
def test_held_out_captures_are_judged(folders, tmp_path, monkeypatch, capsys):
    """The test half is the held-out folder's, whole; no capture of it was trained on.

    Each check that can be made is a sentence; its rows are those of `verdicts`.
    """
    held_out, frozen = folders
    train, test = confirm.deal("iot", held_out)
    assert not set(train.attributes["capture"]) & set(test.attributes["capture"])
    assert (len(train), len(test)) == (21, 18)
    assert (test.values[:, 1] == 700).all()
    assert not (train.values[:, 1] == 700).all()
    work = TrainingWorkspace(NAME, "iot")
    work.deal(train, "train")
    freeze_tiny_models(work, frozen)
    judged = confirm.confirm(held_out, frozen, [0, 1], NAME)
    assert work.real("test").sha256() == test.sha256()
    assert set(judged["dataset"]) == {"iot"}
    is_told = judged["reason"].fillna("") == ""
    assert is_told.sum() >= 5
    assert np.isfinite(judged.loc[is_told & (judged["source"] != claims.OVERALL), "ours"]).any()
    capsys.readouterr()
    confirm.tell(judged)
    said = capsys.readouterr().out
    assert all(sentence in said for sentence in judged.loc[is_told, "sentence"])
    assert f"{(~is_told).sum()} of {len(judged)} rows need" in said


def test_what_is_confirmed_has_its_judges_and_its_rules():
    """Each data set is judged by a notebook of JUDGES, in units that notebook 17 measured on it."""
    runs = dependencies.all_runs(dependencies.pipeline_of_study())
    for names in (confirm.JUDGES, ("17-calibration",)):
        judged = {run.dataset for run in runs if run.notebook.name in names}
        assert set(confirm.DATASETS) <= judged


def test_a_folder_without_held_out_data_is_told(tmp_path, capsys):
    """One sentence each: what a folder may hold, or that none is named."""
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        ([str(tmp_path / "empty")], f"put one of these there: .*{iot.FILE}"),
        ([], "name one with held-out data"),
    ):
        assert confirm.main(arguments) == 1
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert re.search(sentence, said)


def test_what_was_never_trained_is_not_frozen(tmp_path, monkeypatch, capsys):
    """The command says which run makes the models."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert confirm.main(["--freeze", "--frozen", str(tmp_path / "out")]) == 1
    assert "run make reproduce PROFILE=laptop first" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_frozen_model_is_told(folders, capsys):
    """Before any notebook runs."""
    held_out, frozen = folders
    assert confirm.main([str(held_out), "--frozen", str(frozen)]) == 1
    assert "no frozen model at" in capsys.readouterr().err
