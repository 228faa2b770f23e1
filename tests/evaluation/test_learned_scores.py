"""Laws of the learned scores: a known law is learned, Gaussians have a known distance."""

import numpy as np
import pytest
from helpers import ar1_series, toy_series

from tst.errors import DataError
from tst.evaluation import fidelity, learned_scores
from tst.evaluation.reference import Reference


def test_predictive_score_knows_a_law():
    """A line goes on: after training on lines the error is nearly 0, after noise it is not."""
    rng = np.random.default_rng(0)
    arrays = []
    for _ in range(31):
        line = rng.uniform() + rng.choice([-1, 1]) * np.arange(11.0) / 20
        arrays.append(line[:, None])
    lines = toy_series(arrays)
    good = learned_scores.predictive_score(lines, lines, 0)
    bad = learned_scores.predictive_score(lines, fidelity.noise(lines, 0), 0)
    assert good < 0.04
    assert bad > 0.25
    assert learned_scores.predictive_score(lines, lines.head(1), 0) == pytest.approx(0.25, abs=0.06)
    assert np.isnan(learned_scores.predictive_score(lines.head(1), lines, 0))


def test_the_predictor_sees_four_steps():
    """Of a cycle of four random steps it knows the next one, of a cycle of five it does not."""
    rng = np.random.default_rng(0)
    errors = []
    for period in (4, 5):
        arrays = [np.tile(rng.uniform(size=period), 3)[:, None] for _ in range(300)]
        cycles = toy_series([a[period:] for a in arrays])
        errors.append(learned_scores.predictive_score(cycles, cycles, 0))
    assert errors[0] < 0.7 * errors[1]


def test_frechet_of_gaussians():
    """Of points shifted by d it is |d|**2; of points scaled by 2, the trace of the covariance."""
    points = np.random.default_rng(0).standard_normal((101, 5))
    scaled = 2 * points - points.mean(0)
    assert learned_scores.frechet(points, points) == pytest.approx(0, abs=1e-6)
    assert learned_scores.frechet(points, points + np.arange(5)) == pytest.approx(30)
    assert learned_scores.frechet(points, scaled) == pytest.approx(np.trace(np.cov(points.T)))


def _points_with_rare_ones(n: int, n_rare: int, seed: int) -> np.ndarray:
    """Return points of one law, (n, 7); in the last coordinate all but a few are 0."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, 7))
    points[:, -1] = 0.0
    points[:n_rare, -1] = rng.uniform(0.01, 0.1, n_rare)
    return points


def test_a_rare_coordinate_does_not_decide_the_distance():
    """One series in 2,000 against five, of one law, is nearer than a shift by half a spread."""
    real = _points_with_rare_ones(2000, 1, seed=0)
    same_law = _points_with_rare_ones(2000, 5, seed=1)
    shifted = _points_with_rare_ones(2000, 1, seed=2)
    shifted[:, 0] += 0.5
    good = learned_scores.scaled_frechet(real, same_law)
    bad = learned_scores.scaled_frechet(real, shifted)
    assert good < 0.1 < 0.2 < bad


def test_a_coordinate_that_leaves_the_real_range_is_seen():
    """Rare in real points, common in the synthetic ones: as far as a large shift."""
    real = _points_with_rare_ones(2000, 1, seed=0)
    common = _points_with_rare_ones(2000, 2000, seed=1)
    assert learned_scores.scaled_frechet(real, common) > 0.2


def test_series_that_are_all_the_same_cannot_be_told_apart():
    """The score is 0, without a classifier."""
    same = toy_series([np.ones((3, 1))] * 12)
    assert learned_scores.discriminative_score(same, same, 0) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "score",
    [
        learned_scores.discriminative_score,
        learned_scores.predictive_score,
        learned_scores.context_fid,
    ],
)
def test_a_reference_gives_what_the_set_gives(score, monkeypatch):
    """Also a second time, with another seed and another set, and where series are drawn."""
    monkeypatch.setattr(learned_scores, "MAX_SERIES", 23)
    real = ar1_series(61)
    reference = Reference(real)
    for seed, n in ((0, 41), (0, 17), (1, 41), (0, 41)):
        other = ar1_series(n, seed=3)
        assert score(reference, other, seed) == score(real, other, seed)


def test_sets_that_are_too_small_are_refused():
    """The sentence names the smaller set."""
    real = ar1_series(61)
    with pytest.raises(DataError, match="has 3 series; the learned scores need 10 in each set"):
        learned_scores.context_fid(real, real.take([0, 1, 2]), 0)
