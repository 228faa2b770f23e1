"""Laws of the sampler: seconds go to the work that a stack is at, and none is lost."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

from tst.data import simulated
from tst.evaluation import fidelity
from tst.io import paths
from tst.models.hmm import HMM, HMMConfig
from tst.plots import cost_plots
from tst.study import sampler
from tst.study.sampler import KINDS, Sampler


@pytest.fixture
def seen():
    """Return a function that runs an action and tells the kinds that a look at each call saw."""

    def kinds(action):
        found = set()
        sys.setprofile(lambda frame, event, _: found.add(sampler.kind_of(frame)))
        try:
            action()
        finally:
            sys.setprofile(None)
        return found

    return kinds


def test_a_stack_is_at_the_work_of_its_innermost_room(seen):
    """Scoring and plots by their rooms; a library that they call counts for them."""
    series = simulated.gcut(12, seed=0)
    assert seen(lambda: fidelity.pearson_distance(series, series)) <= {"scoring", "other"}
    assert "scoring" in seen(lambda: fidelity.pearson_distance(series, series))
    assert "plots" in seen(lambda: cost_plots.slope(np.arange(1, 5), np.arange(1, 5)))


def test_generation_and_training_by_their_entry(seen):
    """What `sample` of a model calls is generation; what fits it is training."""
    real = simulated.gcut(12, seed=0)
    fitted = []
    config = HMMConfig(n_states=2, max_rows=50)
    assert "training" in seen(lambda: fitted.append(HMM.fit(config, real, 0)))
    kinds = seen(lambda: fitted[0].sample(2, 0, real=real, max_steps=5))
    assert "generation" in kinds and "training" not in kinds


def test_an_import_is_start_up_wherever_it_stands(seen):
    """Also within scoring: what is imported lazily is not the work of who asks for it."""
    assert "start_up" in seen(lambda: importlib.reload(importlib.import_module("colorsys")))


def test_no_second_is_lost():
    """The kinds add up to the clock; all before the first look is start-up."""
    times = iter([2.0, 2.5, 4.0])
    watched = Sampler(clock=lambda: next(times))
    watched.look(0, None)
    watched.look(0, None)
    assert watched.seconds == dict.fromkeys(KINDS, 0.0) | {"start_up": 2.0, "other": 2.0}


@pytest.mark.slow
def test_a_process_writes_its_seconds_when_it_ends(tmp_path):
    """Of the kind that it spent them in; a system call that waits is not broken by a look."""
    code = (
        "import os, time\n"
        "from tst.study import sampler\n"
        f"sampler.start({str(tmp_path / 's.json')!r})\n"
        "from tst.data import simulated\n"
        "from tst.evaluation import fidelity\n"
        "series = simulated.gcut(40, seed=0)\n"
        "start = time.process_time()\n"
        "while time.process_time() < start + 0.5:\n"
        "    fidelity.pearson_distance(series, series)\n"
        "time.sleep(0.1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=paths.ROOT)
    seconds = json.loads((tmp_path / "s.json").read_text())
    assert set(seconds) == set(KINDS)
    assert seconds["scoring"] > 0
    assert seconds["start_up"] > 0
