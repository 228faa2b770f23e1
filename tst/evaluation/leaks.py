"""Signs that a synthetic set gives away who was learned, each with what honest sets show.

Copied steps and series beside those of held-out real series; whether synthetic series lie nearer to
learned than to held-out ones, and an attack on membership, beside random membership. Limits are
such that an honest set is beyond one of them about once in a thousand.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from tst.evaluation.privacy import (
    COPY,
    MAX_SERIES,
    copied_step_share,
    membership_auc,
)
from tst.evaluation.ragged import subsample
from tst.evaluation.reference import Reference, nearest
from tst.series import SeriesSet, concat

RARE = 0.001
N_PERMUTATIONS = 999
MORE_STEPS = 0.05  # share of copied steps above the held-out series' that is no sign
TIMES_STEPS = 2.0
NORMAL = 3.09 / 1.96  # of a 95 % half width, to what chance exceeds once in a thousand


class Leak(NamedTuple):
    """A sign: its value, what honest sets show, and the limit above which learned series leak."""

    name: str
    value: float
    floor: float
    limit: float

    @property
    def is_beyond(self) -> bool:
        """Whether the value is above its limit."""
        return self.value > self.limit


def leaks(learned: SeriesSet, held_out: SeriesSet, synthetic: SeriesSet, seed: int) -> list[Leak]:
    """Return the signs; sets of the same features, two series in each at least."""
    reference = Reference(learned)
    steps = copied_step_share(reference, synthetic)
    floor = copied_step_share(reference, held_out)
    auc, _, high = membership_auc(reference, held_out, synthetic, seed)
    return [
        Leak("copied_steps", steps, floor, max(TIMES_STEPS * floor, floor + MORE_STEPS)),
        _copied_series(reference, held_out, synthetic, seed),
        _nearer(reference, held_out, synthetic, seed),
        Leak("membership", auc, 0.5, 0.5 + NORMAL * (high - 0.5)),
    ]


def _copied_series(
    reference: Reference, held_out: SeriesSet, synthetic: SeriesSet, seed: int
) -> Leak:
    """Return the share of synthetic series that are a learned one, beside that of real series.

    A real series counts where another learned one equals it; the limit is the least share that so
    many series would exceed once in a thousand by chance.
    """
    is_copy = reference.distance(synthetic, MAX_SERIES, seed) < COPY
    held_out_copies = reference.distance(held_out, MAX_SERIES, seed) < COPY
    learned = subsample(reference.real, MAX_SERIES, seed)
    _, distance = nearest(learned, learned, reference.rank_transform, 2)
    others = np.zeros(len(learned), dtype=bool)
    if distance.shape[1] > 1:
        others = distance[:, 1] < COPY
    n_real = len(held_out_copies) + len(others)
    n_copies = int(held_out_copies.sum() + others.sum())
    chance = (n_copies + 1) / (n_real + 2)
    limit = binom.ppf(1 - RARE, len(is_copy), chance) / len(is_copy)
    return Leak("copied_series", float(is_copy.mean()), n_copies / n_real, float(limit))


def _nearer(reference: Reference, held_out: SeriesSet, synthetic: SeriesSet, seed: int) -> Leak:
    """Return the share of synthetic series that are nearer to a learned than to a held-out one.

    Of equally many learned and held-out series; the limit is that of random membership.
    """
    rng = np.random.default_rng(seed)
    learned = reference.real
    n = min(len(learned), len(held_out), MAX_SERIES)
    order = rng.permutation(2 * n)  # of series that are as near, the first is taken
    is_member = order < n
    real = concat([subsample(learned, n, seed), subsample(held_out, n, seed)]).take(order)
    made = subsample(synthetic, MAX_SERIES, seed)
    nearest_real = nearest(made, real, reference.rank_transform)[0][:, 0]
    shares = []
    for _ in range(N_PERMUTATIONS):
        shares.append(rng.permutation(is_member)[nearest_real].mean())
    limit = max(float(np.quantile(shares, 1 - RARE)), 0.5)
    return Leak("nearer_to_learned", float(is_member[nearest_real].mean()), 0.5, limit)
