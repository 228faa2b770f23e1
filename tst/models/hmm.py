"""Baseline HMM of DoppelGANger (Lin et al., IMC 2020, arXiv 1909.13403, section 5): Gaussian, diagonal, by hmmlearn.

As there, attributes are drawn from their empirical joint distribution, independently of the series. Ours, where the paper
is silent: the generation flags are two more channels of the emission, a series ends at flag2 >= flag1; emissions are
clipped to the bounds of the training data; under a per-series normaliser, loc and scale come from a training series of
their own, independent of the attributes too; a large training set is thinned to `max_rows`.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from hmmlearn.hmm import GaussianHMM

from tst.errors import translate_errors
from tst.io import files
from tst.io.untrusted import read_arrays
from tst.models.autoregressive import (
    assemble,
    attribute_columns,
    check_fit,
    check_request,
    in_series_order,
)
from tst.models.batches import N_FLAGS, add_flags
from tst.series import DataError

# Of every transition and mean: nothing follows the state of the last record, and an empty state has no mean.
PSEUDO_COUNT = 1e-6


@dataclass(frozen=True)
class HMMConfig:
    """Settings of the fit.

    Parameters
    ----------
    n_states
        Hidden states; no more than the training set has distinct records.
    max_rows
        Whole series, drawn at random, are fitted until they have this many steps.
    n_iter
        Most iterations of expectation and maximisation.
    tol
        They stop when the log-likelihood of a step grows by less.
    """

    n_states: int = 10
    max_rows: int = 100_000
    n_iter: int = 100
    tol: float = 1e-4

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not value > 0:
                raise DataError(f"{name} of the HMM is {value}; give a number above 0.")


@dataclass(frozen=True, eq=False)
class HMM:
    """A fitted model of K states over C channels: start (K,), transitions (K, K), means and variances (K, C)."""

    start: np.ndarray
    transitions: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    key = "hmm"

    def __post_init__(self):
        n_states, n_channels = self.means.shape
        shapes = [np.shape(a) for a in (self.start, self.transitions, self.variances)]
        if shapes != [(n_states,), (n_states, n_states), (n_states, n_channels)]:
            raise DataError(
                f"the arrays of an HMM disagree in shape: {shapes}, means {self.means.shape}."
            )
        if not all(np.isfinite(a).all() for a in vars(self).values()):
            raise DataError("the HMM has a parameter that is not a number; fit with fewer states.")

    def save(self, folder):
        """Write hmm.npz to a folder; no pickle."""
        with files.replacing(Path(folder) / "hmm.npz") as part, open(part, "wb") as file:
            np.savez(file, allow_pickle=False, **vars(self))

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote; raises DataError where it is missing or damaged."""
        path = Path(folder) / "hmm.npz"
        if not path.is_file():
            raise DataError(f"no hmm model at {folder}; fit it first.")
        with translate_errors(f"the hmm model at {folder} is damaged", "fit it again"):
            return cls(**read_arrays(path, [f.name for f in fields(cls)]))


def fit(real, normaliser, config, seed):
    """Return the `HMM` of a training set, the lengths of its series respected."""
    check_fit(real, normaliser, real.n_features + N_FLAGS)
    rng = np.random.default_rng(seed)
    chosen = _thin(real.lengths, config.max_rows, rng)
    thinned = real.take(chosen)
    rows = add_flags(normaliser.normalise(thinned)[0], thinned.lengths).astype(np.float64)
    if len(rows) < 2:
        raise DataError(
            f"series set '{real.name}' has one step to fit an HMM to; give more series."
        )
    model = GaussianHMM(
        min(config.n_states, len(np.unique(rows, axis=0))),
        covariance_type="diag",
        n_iter=config.n_iter,
        tol=config.tol * len(rows),
        transmat_prior=1 + PSEUDO_COUNT,
        means_weight=PSEUDO_COUNT,
        random_state=int(rng.integers(2**31)),
    ).fit(rows, thinned.lengths)
    variances = np.diagonal(
        model.covars_, axis1=1, axis2=2
    ).copy()  # hmmlearn returns full matrices
    return HMM(model.startprob_, model.transmat_, model.means_, variances)


def _thin(lengths, max_rows, rng):
    """Return the numbers of series, in order, drawn until the next would pass `max_rows`; at least one."""
    order = rng.permutation(len(lengths))
    return np.sort(order[: max(1, int((lengths[order].cumsum() <= max_rows).sum()))])


def sample(model, real_train, normaliser, n, max_steps, seed):
    """Return `n` synthetic series of a fitted `HMM`; parameters as in `tst.models.autoregressive.sample`."""
    check_request(n, max_steps, seed)
    check_fit(real_train, normaliser, model.means.shape[1])
    attribute_columns(real_train)  # refuses a set before the work, not after it
    rng = np.random.default_rng(seed)
    drawn, levels = rng.integers(len(real_train), size=(2, n))
    values, lengths = _walk(model, n, max_steps, rng)
    values = values.clip(normaliser.low, normaliser.high)
    return assemble(real_train, drawn, levels, values, lengths, normaliser, model.key)


def _walk(model, n, max_steps, rng):
    """Return records (rows, C) of n series one after another, and their lengths (n,)."""
    deviations, records = np.sqrt(model.variances), []
    alive, state = np.arange(n), _draw(np.tile(model.start, (n, 1)), rng)
    for _ in range(max_steps):
        x = model.means[state] + deviations[state] * rng.standard_normal(
            (len(state), deviations.shape[1])
        )
        records.append((alive, x.astype(np.float32)))
        going = x[:, -1] < x[:, -2]
        alive, state = alive[going], state[going]
        if len(alive) == 0:
            break
        state = _draw(model.transitions[state], rng)
    return in_series_order(records)


def _draw(probabilities, rng):
    """Return one state a row of probabilities (B, K)."""
    total = probabilities.cumsum(1)
    return (rng.random((len(total), 1)) * total[:, -1:] >= total).sum(1)
