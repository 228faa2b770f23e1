"""Attacks on the promise of differential privacy: who was in a training set, by many models.

Shadow models are trained on random halves of a pool. `lira` asks of each series how likely a
model's score is among those of models with and without it (Carlini et al., 2022, arXiv 2112.03570).
`epsilon_bound` says how large epsilon must at least be for guesses to be so right (Jagielski et
al., 2020, arXiv 2006.07709): a bound above the promised one refutes the promise.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, norm, rankdata

from tst.errors import DataError

MIN_MODELS = 8  # with a series, and without it
LEVEL = 0.95  # of the two-sided confidence of a bound
MIN_SPREAD = 1e-9  # of scores: models without noise may give equal ones


@dataclass(frozen=True, kw_only=True)
class Shadows:
    """Scores of series under models, some of which saw them.

    Parameters
    ----------
    score
        float, (n_models, n_series): the higher, the better a model knows a series.
    is_member
        bool, (n_models, n_series): whether the model was trained on it.
    """

    score: np.ndarray
    is_member: np.ndarray

    def __post_init__(self) -> None:
        n_in = self.is_member.sum(0)
        n_out = (~self.is_member).sum(0)
        if self.score.shape != self.is_member.shape or min(n_in.min(), n_out.min()) < MIN_MODELS:
            raise DataError(
                f"an attack needs {MIN_MODELS} models with and {MIN_MODELS} without each series; "
                "train more of them."
            )


def lira(shadows: Shadows) -> np.ndarray:
    """Return the log likelihood ratio of membership, float (n_models, n_series).

    Scores of the other models with and without a series are each taken as normal.
    """
    ratio = np.empty(shadows.score.shape)
    for model in range(len(ratio)):
        others = np.arange(len(ratio)) != model
        score = shadows.score[others]
        is_member = shadows.is_member[others]
        inside = _log_density(shadows.score[model], np.where(is_member, score, np.nan))
        outside = _log_density(shadows.score[model], np.where(is_member, np.nan, score))
        ratio[model] = inside - outside
    return ratio


def _log_density(x: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the log density of x (n,) under normals of samples (models, n) with gaps."""
    spread = np.maximum(np.nanstd(sample, axis=0, ddof=1), MIN_SPREAD)
    log_density: np.ndarray = norm.logpdf(x, np.nanmean(sample, axis=0), spread)
    return log_density


def auc(score: np.ndarray, is_member: np.ndarray) -> float:
    """Return the chance that a member has the higher score, 0.5 for guessing; shapes alike."""
    member = is_member.ravel()
    ranks = rankdata(score.ravel())
    n_in = int(member.sum())
    n_out = len(member) - n_in
    return float((ranks[member].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out))


def true_positive_rate(
    score: np.ndarray, is_member: np.ndarray, false_positive_rate: float
) -> float:
    """Return the share of members above the threshold that so many others exceed at most."""
    outside = np.sort(score[~is_member])[::-1]
    threshold = outside[int(false_positive_rate * len(outside))]
    return float((score[is_member] > threshold).mean())


def epsilon_bound(score: np.ndarray, is_member: np.ndarray, delta: float) -> float:
    """Return a lower bound of epsilon by guesses whether one series was in a model's training.

    Thresholds are chosen by one half of the models, guesses made of the other; the rates of right
    and wrong ones have Clopper-Pearson bounds at LEVEL. Not below 0.

    Parameters
    ----------
    score, is_member
        float and bool, (n_models,): of one series, a canary.
    delta
        Of the promise.
    """
    chosen = np.zeros(len(score), dtype=bool)
    for members in (is_member, ~is_member):
        chosen[np.flatnonzero(members)[::2]] = True
    best = (-np.inf, 0.0, 1)
    for threshold in np.unique(score[chosen]):
        for side in (1, -1):
            bound = _bound_at(score[chosen], is_member[chosen], threshold, side, delta)
            best = max(best, (bound, float(threshold), side))
    _, threshold, side = best
    kept = ~chosen
    return max(0.0, _bound_at(score[kept], is_member[kept], threshold, side, delta))


def epsilon_bounds(shadows: Shadows, delta: float) -> np.ndarray:
    """Return `epsilon_bound` by each series, float (n_series,)."""
    bounds = np.empty(shadows.score.shape[1])
    for series in range(len(bounds)):
        score = shadows.score[:, series]
        bounds[series] = epsilon_bound(score, shadows.is_member[:, series], delta)
    return bounds


def _bound_at(
    score: np.ndarray,
    is_member: np.ndarray,
    threshold: float,
    side: int,
    delta: float,
) -> float:
    """Return the bound of a threshold: guess "in" (side 1) above it, or "out" (-1) below it."""
    guessed = score >= threshold if side > 0 else score < threshold
    wanted = is_member if side > 0 else ~is_member
    right = clopper_pearson(int(guessed[wanted].sum()), int(wanted.sum()))[0]
    wrong = clopper_pearson(int(guessed[~wanted].sum()), int((~wanted).sum()))[1]
    if right <= delta:
        return 0.0
    return float(np.log((right - delta) / wrong))


def clopper_pearson(n_right: int, n: int) -> tuple[float, float]:
    """Return the exact interval of a share, each end with half of 1 - LEVEL beyond it."""
    tail = (1 - LEVEL) / 2
    low = 0.0
    high = 1.0
    if n_right > 0:
        low = float(beta.ppf(tail, n_right, n - n_right + 1))
    if n_right < n:
        high = float(beta.ppf(1 - tail, n_right + 1, n - n_right))
    return low, high
