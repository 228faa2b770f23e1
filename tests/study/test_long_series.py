"""Laws of what notebook 11 compares: numbers on one scale, classes that were tested, one rule."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from helpers import labelled_series, toy_series

from tst.io import paths
from tst.models import controls
from tst.series import Feature
from tst.study import checks
from tst.study.benchmarks import common, long
from tst.study.long_series import MACRO, class_scores, comparable, numeric


def packets():
    """Return two series of a number, a category of two codes, and one of three."""
    features = [Feature("gap"), Feature("way", "categorical"), Feature("protocol", "categorical")]
    arrays = [np.array([[0.0, 1, 2], [9, 0, 1]]), np.array([[99.0, 1, 0]])]
    return toy_series(arrays, features=features)


def test_codes_of_several_categories_are_no_numbers():
    """What is compared are numbers and 0/1 codes, by name, on the scale that is asked for."""
    series = packets()
    assert numeric(series) == ["gap", "way"]
    plain = comparable(series, ["way", "gap"], log=False)
    assert plain.feature_names == ["way", "gap"]
    assert plain.values.tolist() == [[1, 0], [0, 9], [1, 99]]
    logged = comparable(series, ["gap"], log=True)
    np.testing.assert_allclose(logged.values[:, 0], np.log1p([0, 9, 99]), rtol=1e-6)
    below = replace(series, values=series.values - 5)
    assert comparable(below, ["gap"], log=True).values.min() == 0


def scores(train, test, reference, seed=0):
    """Return the metrics of `class_scores` as a mapping."""
    frame = class_scores(train, test, reference, seed, n_steps=13)
    return frame.set_index("metric")["value"].to_dict()


def test_a_real_half_scores_above_one_with_permuted_labels():
    """Known good and known bad: the judge tells series of their class from series of none."""
    real, test = labelled_series(300), labelled_series(300, seed=1)
    good = scores(real, test, real)
    bad = scores(controls.permuted_labels(real, 0), test, real)
    assert good["accuracy"] > 0.6 and good[MACRO] > 0.6
    assert bad["accuracy"] < 0.45 and bad[MACRO] < 0.45


def test_a_class_that_is_not_tested_lowers_no_mean():
    """F1 of a class without a test series is 0 by definition: it has no row."""
    real, test = labelled_series(300), labelled_series(300, seed=1)
    classes = sorted(set(real.labels))
    part = test.take(np.flatnonzero(test.labels != classes[0]))
    frame = class_scores(real, part, real, 0, n_steps=13)
    by_class = frame.dropna(subset=["label"])
    assert by_class["label"].tolist() == classes[1:]
    (macro,) = frame.loc[frame["metric"] == MACRO, "value"]
    assert macro == pytest.approx(by_class["value"].mean())


def test_the_benchmark_measures_the_sizes_that_are_asked_for():
    """Those of a size stand where nothing else is asked for."""
    size = common.SIZES["full"]
    assert long.config_of(size, {}).d_model == long.LARGE["d_model"]
    asked = long.config_of(size, {"d_model": 64, "n_head": 4})
    assert (asked.d_model, asked.n_head, asked.n_layer) == (64, 4, long.LARGE["n_layer"])
    tiny = common.SIZES["smoke"]
    assert long.config_of(tiny, {}) == tiny.config


def test_the_benchmark_prints_what_is_asked_for(capsys):
    """A row of memory and one of time for each kind and length, short to long."""
    long.main(["smoke", "full", "patch:4", "--lengths", "16", "8", "--sizes", '{"n_layer": 1}'])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ROW ")]
    rows = [yaml.safe_load(line[4:]) for line in lines]
    seen = [(row["detail"]["attention"], row["detail"]["x"]) for row in rows[::2]]
    assert seen == [("full", 8), ("full", 16), ("patch:4", 8), ("patch:4", 16)]
    assert {row["metric"] for row in rows} == {"peak_memory_mb", "seconds_per_step"}


@pytest.mark.parametrize("profile", ["laptop", "full", "paper"])
def test_q3_is_judged_on_one_model(profile):
    """Its rule reads every row of its length: models of other sizes are measured at others."""
    (rule,) = checks.of_claim("Q3", "endpoint")
    path = paths.ROOT / "notebooks" / "profiles" / f"{profile}.yml"
    settings = yaml.safe_load(path.read_text())["11-long-sequences"]
    others = [part for part in settings.values() if part.get("cost_sizes")]
    assert len(others) == 2
    for part in others:
        assert int(rule.length) not in [*part["lengths"], part["longest"]]
