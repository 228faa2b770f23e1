"""Sizes of our model and of its training steps, by the data: one rule for the study and the tool.

What a second of training gains is decided by how many steps it holds more than by what each sees.
For one time (15 s of a core) on GCUT, WWT and borg2019, held-out series are likelier the fewer
tokens a batch has, down to some 500, and the higher the rate is, up to about half a hundredth; 64
wide beats 32 (hardly faster, for the head takes most of a step) and 128 (half as many steps). The
ablations `width`, `batch` and `rate` show it anew.

With a tenth of the units dropped, held-out series are likelier on iot (207 series), about as likely
on borg2019 (328), mba (300) and gcut_attempts, and less likely on WWT (1,733, of a million values).

What 64 numbers hold of many measurements is little of each. Where a token sees the three steps
before it as they are, not the last alone, windows of new times are likelier by .4 nats a step on
Energy (28 measurements) and by .7 on fMRI (50). Series of GCUT (9; the ablation `near`) are less
likely by .5, five sines by 1.2. And it takes data: of 200 windows of fMRI that share no step, 32
steps a number seen, others are less likely by 2 nats, of 50 by 43; of Energy 395 (113 steps a
number) make no difference, 99 cost 2 nats. Whatever is cut into patches sees several steps anyway.

All this is by series that share no step with those learned. Of windows that overlap, single ones
held out seem the likelier the more is learned by heart: four times as many units of the head gain
31 nats a step on fMRI by these, and lose 44 on times that were not seen.
"""

import numpy as np

from tst.series import SeriesSet, ceil_div

D_MODEL = 64
N_LAYER = 3
LEARNING_RATE = 5e-3
TOKENS_A_BATCH = 512
MIN_BATCH, MAX_BATCH = 4, 64  # series: fewer are too noisy a sample, more see too many at once
SMALL = 600_000  # values of a set, up to which a share of the units is dropped in training
DROPOUT = 0.1
NEAR = 3
# Measurements of which so many steps are seen; of more, where training begins would be worse known:
# its regressions read so many numbers and no more (`beginning.MAX_SEEN`).
MANY, TOO_MANY = 16, 128
STEPS_A_NUMBER = 100  # of the set, at least, for each number that a token sees


def batch_size(series: SeriesSet, patch: int) -> int:
    """Return how many series of a set have `TOKENS_A_BATCH` tokens of `patch` steps together."""
    n_tokens = float(np.mean(ceil_div(series.lengths, patch)))
    return int(np.clip(round(TOKENS_A_BATCH / n_tokens), MIN_BATCH, MAX_BATCH))


def near(series: SeriesSet, patch: int) -> int:
    """Return how many tokens of `patch` steps right before each it sees as they are."""
    n_features = series.n_features
    is_enough = len(series.values) >= STEPS_A_NUMBER * NEAR * n_features
    return NEAR if patch == 1 and MANY <= n_features < TOO_MANY and is_enough else 1


def dropout(series: SeriesSet) -> float:
    """Return the share of the units that is dropped in training of a small set."""
    return DROPOUT if series.values.size <= SMALL else 0.0
