"""The field's predictive score: a small GRU learns from synthetic windows to predict real ones.

TimeGAN's (Yoon et al. 2019, section 5) as its code has it: a GRU of half as many units as features
sees all columns but the last up to step t and predicts the last one at t + 1; 5,000 steps of Adam
on the absolute error of 128 windows; judged on all real windows. It never sees the past of what it
predicts: where the last column is noise (Energy) or independent of the others (Sines) no generator
can be told from another, and a constant does as well (`constant_error`, to be shown beside it).
"""

import numpy as np
import torch

from tst.errors import DataError
from tst.evaluation import peer_windows
from tst.evaluation.peer_gru import SideBySide, draw

N_STEPS = 5000
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
AT_ONCE = 2048  # windows that are predicted at once
N_REPEATS = 5


def predictive_score(
    real: np.ndarray,
    synthetic: np.ndarray,
    seed: int = 0,
    *,
    n_repeats: int = N_REPEATS,
    n_steps: int = N_STEPS,
    batch_size: int = BATCH_SIZE,
) -> np.ndarray:
    """Return the error on real windows of predictors that learned synthetic ones, (n_repeats,).

    It is the mean absolute error; lower is better, but it is no distance: the value to reach is
    that of real windows given as synthetic ones. The protocol takes the mean of five predictors.

    Parameters
    ----------
    real, synthetic
        float, shape (N, length, n_features) and (M, length, n_features), values from 0 to 1.
    seed
        Of the predictors' weights and of their batches.
    n_repeats, n_steps, batch_size
        Predictors, and their training.

    Raises
    ------
    DataError
        Where there is one feature only, shapes differ, a value is missing or there are fewer than
        20 windows.
    """
    peer_windows.check(real, synthetic)
    n_features = real.shape[2]
    if n_features < 2:
        raise DataError("the predictive score sees all columns but the last: give two or more.")
    windows = torch.from_numpy(np.ascontiguousarray(synthetic, dtype=np.float32))
    generator = torch.Generator().manual_seed(seed)
    predictors = SideBySide(n_repeats, n_features - 1, n_features // 2, generator)
    optimiser = torch.optim.Adam(predictors.parameters(), lr=LEARNING_RATE)
    size = min(batch_size, len(windows))
    for _ in range(n_steps):
        batch = windows[draw(len(windows), size, n_repeats, generator)]
        # Each predictor's mean error; their sum, for no predictor shares a weight with another.
        loss = (_predicted(predictors, batch) - _target(batch)).abs().mean((1, 2)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return _errors(predictors, torch.from_numpy(np.ascontiguousarray(real, dtype=np.float32)))


def constant_error(real: np.ndarray) -> float:
    """Return the error of the best constant, the median of what the score predicts."""
    target = real[:, 1:, -1]
    return float(np.abs(target - np.median(target)).mean())


def _target(batch: torch.Tensor) -> torch.Tensor:
    """Return the last column from the second step on, (R, T - 1, B), of (R, B, T, n_features)."""
    return batch[:, :, 1:, -1].transpose(1, 2)


def _predicted(predictors: SideBySide, batch: torch.Tensor) -> torch.Tensor:
    """Return what is predicted of `_target`, from all other columns up to the step before."""
    states = predictors.states(batch[:, :, :-1, :-1])  # (R, T - 1, B, n_units)
    return torch.sigmoid(predictors.output(states.flatten(1, 2)).view(states.shape[:3]))


@torch.no_grad()
def _errors(predictors: SideBySide, windows: torch.Tensor) -> np.ndarray:
    """Return the mean absolute error of each predictor over windows (N, T, n_features)."""
    n_repeats = len(predictors.weight_x)
    total = np.zeros(n_repeats)
    for part in windows.split(AT_ONCE):
        batch = part.expand(n_repeats, *part.shape)
        total += (_predicted(predictors, batch) - _target(batch)).abs().sum((1, 2)).numpy()
    return total / (len(windows) * (windows.shape[1] - 1))
