"""Laws of the costs: a run leaves them, shares add up to one, what is missing is said."""

import json
import resource

import pytest

from tst.io import paths
from tst.study import dependencies, run_costs
from tst.study.meter import Meter
from tst.study.sampler import KINDS


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """The folder of logs of a project without runs."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    folder = paths.artifacts_dir("smoke") / "logs"
    folder.mkdir(parents=True)
    return folder


def leave(logs, name, **seconds):
    """Leave the costs of a run."""
    costs = dict.fromkeys(KINDS, 0.0) | {"wall_seconds": 9, "peak_memory_mb": 100}
    (logs / f"{name}.json").write_text(json.dumps(costs | seconds))


def test_shares_of_the_seconds(logs):
    """Known answers: the dearest first, shares of a run and of all runs."""
    leave(logs, "01-a", training=3, start_up=1)
    leave(logs, "02-b", scoring=12)
    costs = run_costs.read("smoke")
    assert costs["core_seconds"].to_dict() == {"02-b": 12, "01-a": 4}
    assert costs.loc["01-a", ["training", "start_up", "scoring"]].tolist() == [0.75, 0.25, 0]
    total = run_costs.total(costs)
    assert total[["core_seconds", "training", "start_up", "scoring"]].tolist() == [
        16,
        3 / 16,
        1 / 16,
        0.75,
    ]
    rows = run_costs.tidy(costs).set_index(["notebook", "metric"])["value"]
    assert rows["01-a", "training_share"] == 0.75
    assert rows["01-a", "core_seconds"] == 4
    assert rows["02-b", "wall_seconds"] == 9
    assert len(rows) == 2 * (len(KINDS) + 3)


def test_what_each_training_took(logs):
    """A row a finished training, by data set, model and seed; a name may hold a dash."""
    for name, seconds in (
        ("wwt/tst_paper-seed0", 4.5),
        ("iot/a-b-seed12", 1.0),
        ("long/a-seed0", 2.0),
    ):
        folder = logs.parent / name
        folder.mkdir(parents=True)
        (folder / "cost.json").write_text(json.dumps({"seconds": seconds, "device": "the CPU"}))
    rows = run_costs.trainings("smoke").set_index(["dataset", "model", "seed"])["value"]
    assert rows.to_dict() == {("iot", "a-b", 12): 1.0, ("wwt", "tst_paper", 0): 4.5}
    assert run_costs.trainings("laptop").empty


def test_without_a_run_there_is_nothing(logs):
    """No row, and all that should have come before is missing."""
    costs = run_costs.read("smoke")
    assert len(costs) == 0


def test_what_is_missing(logs):
    """The runs that come before one of the study, without those that left their costs."""
    leave(logs, "01-data-gcut", other=1)
    assert run_costs.missing(run_costs.read("smoke"), "02-train-tst-gcut") == []
    assert run_costs.missing(run_costs.read("smoke"), "02-train-tst-wwt") == ["01-data-wwt"]


def test_before_is_what_make_runs_first():
    """Directly or not; the verdicts come after all but the tuning, the timings not after them."""
    assert dependencies.before("04-generate-wwt") == ["01-data-wwt", "02-train-tst-wwt"]
    assert dependencies.before("01-data-wwt") == []
    assert {"12-cost", "08-ablation-head"} <= set(dependencies.before("13-claims"))
    assert "13-claims" not in dependencies.before("12-cost")


def test_all_seconds_of_children_are_counted(tmp_path, monkeypatch):
    """What the kernel does not know of a kind is other; the runner's own is start-up."""
    seconds = {resource.RUSAGE_SELF: 2.0, resource.RUSAGE_CHILDREN: 5.0}
    monkeypatch.setattr("tst.study.meter._seconds", seconds.get)
    meter = Meter(tmp_path / "seconds.json")
    seconds[resource.RUSAGE_CHILDREN] = 15.0
    meter.path.write_text(json.dumps({"training": 6.0, "start_up": 1.0, "other": 0.5}))
    costs = json.loads(meter.read())
    assert costs["training"] == 6
    assert costs["start_up"] == 3
    assert costs["other"] == 3
    assert sum(costs[kind] for kind in KINDS) == 12
    meter.path.unlink()
    assert json.loads(meter.read())["other"] == 10
