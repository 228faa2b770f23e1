"""Baseline HMM of DoppelGANger (Lin et al., IMC 2020, arXiv 1909.13403, section 5), by hmmlearn.

Gaussian with diagonal covariance. As there, attributes are drawn from their empirical joint
distribution, independently of the series. Ours, where the paper is silent: the generation flags are
two more channels of the emission, a series ends at flag2 >= flag1; emissions are clipped to the
bounds of the training data; under a per-series normaliser, loc and scale come from a training
series of their own, independent of the attributes too; a large training set is thinned to
`max_rows`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from hmmlearn.hmm import GaussianHMM
from torch import nn

from tst.errors import DataError, translate_errors
from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.assembly import assemble, check_fit, check_request, in_series_order
from tst.models.attributes import attribute_columns
from tst.models.batches import add_flags
from tst.models.scaling import Activation, Normaliser
from tst.series import SeriesSet

# Of every transition and mean: no step follows the last one's state, an empty state has no mean.
PSEUDO_COUNT = 1e-6
LARGEST = 10_000  # states and channels; a damaged file must not ask for any number


@dataclass(frozen=True, kw_only=True)
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
    log, per_series, activation
        Scaling of the training set: log(1 + value); each series by its own minimum and maximum; to
        the bounds of sigmoid, [0, 1], or tanh, [-1, 1].
    """

    n_states: int = 10
    max_rows: int = 100_000
    n_iter: int = 100
    tol: float = 1e-4
    log: bool = False
    per_series: bool = False
    activation: Activation = "sigmoid"

    def __post_init__(self) -> None:
        for name in ("n_states", "max_rows", "n_iter", "tol"):
            value = getattr(self, name)
            if not value > 0:
                raise DataError(f"{name} of the HMM is {value}; give a number above 0.")


class HMM(nn.Module):
    """A Gaussian hidden Markov model of K states over C channels, measurements and two flags.

    Its buffers, float64: start (K,), transitions (K, K), means and variances (K, C).
    """

    key = "hmm"
    start: torch.Tensor
    transitions: torch.Tensor
    means: torch.Tensor
    variances: torch.Tensor

    def __init__(self, n_states: int, n_channels: int, scaling: Normaliser | None = None) -> None:
        super().__init__()
        self.n_states = n_states
        self.n_channels = n_channels
        self.scaling = scaling
        shapes = {
            "start": (n_states,),
            "transitions": (n_states, n_states),
            "means": (n_states, n_channels),
            "variances": (n_states, n_channels),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))

    @classmethod
    def fit(cls, config: HMMConfig, real: SeriesSet, seed: int = 0) -> Self:
        """Return the model of a training set, the lengths of its series respected."""
        scaling = Normaliser.fit(real, config.activation, config.log, config.per_series)
        rng = np.random.default_rng(seed)
        thinned = real.take(_thin(real.lengths, config.max_rows, rng))
        rows = add_flags(scaling.normalise(thinned)[0], thinned.lengths).astype(np.float64)
        if len(rows) < 2:
            raise DataError(
                f"series set '{real.name}' has one step to fit an HMM to; give more series."
            )
        fitted = GaussianHMM(
            min(config.n_states, len(np.unique(rows, axis=0))),
            covariance_type="diag",
            n_iter=config.n_iter,
            tol=config.tol * len(rows),
            transmat_prior=1 + PSEUDO_COUNT,
            means_weight=PSEUDO_COUNT,
            random_state=int(rng.integers(2**31)),
        ).fit(rows, thinned.lengths)
        # hmmlearn returns full matrices, (K, C, C).
        variances = np.diagonal(fitted.covars_, axis1=1, axis2=2)
        arrays = {
            "start": fitted.startprob_,
            "transitions": fitted.transmat_,
            "means": fitted.means_,
            "variances": variances,
        }
        n_states, n_channels = fitted.means_.shape
        model = cls(n_states, n_channels, scaling)
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise DataError(
                    f"the {name} of the HMM are not all numbers; fit with fewer states."
                )
            getattr(model, name)[:] = torch.from_numpy(np.array(array))
        return model

    def sample(
        self,
        n_series: int,
        seed: int = 0,
        *,
        real: SeriesSet | None = None,
        max_steps: int | None = None,
    ) -> SeriesSet:
        """Return `n_series` synthetic series.

        Parameters
        ----------
        real
            The training set, which gives the attributes and, under a per-series normaliser, loc and
            scale.
        max_steps
            Cap of the length; default: the longest real series.
        """
        if real is None or self.scaling is None:
            raise DataError("hmm draws attributes from the training set; give it as real=.")
        if max_steps is None:
            max_steps = int(real.lengths.max())
        check_request(n_series, max_steps, seed)
        check_fit(real, self.scaling, self.n_channels)
        attribute_columns(real)  # refuses a set before the work, not after it
        rng = np.random.default_rng(seed)
        attributes_of, scale_of = rng.integers(len(real), size=(2, n_series))
        values, lengths = _walk(self, n_series, max_steps, rng)
        values = values.clip(self.scaling.low, self.scaling.high)
        return assemble(real, attributes_of, scale_of, values, lengths, self.scaling, self.key)

    def save(self, folder: Path | str) -> None:
        """Write model.json and model.safetensors to a folder."""
        scaling = None if self.scaling is None else self.scaling.to_dict()
        facts = {"n_states": self.n_states, "n_channels": self.n_channels, "scaling": scaling}
        weights.save(folder, facts, self.state_dict())

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote; raises DataError where it is missing or damaged."""
        what = "hmm model"
        facts, state = weights.read(folder, what)
        with translate_errors(f"no sound {what} at {folder}", weights.AGAIN):
            sizes = from_mapping(_Sizes, facts)
        return weights.load_into(
            lambda: cls(sizes.n_states, sizes.n_channels, sizes.scaling), state, folder, what
        )


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """What model.json says of an HMM."""

    n_states: int
    n_channels: int
    scaling: Normaliser | None

    def __post_init__(self) -> None:
        for name in ("n_states", "n_channels"):
            value = getattr(self, name)
            if not 1 <= value <= LARGEST:
                raise DataError(f"{name} of the HMM is {value}; give 1 to {LARGEST}.")


def _thin(lengths: np.ndarray, max_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return the numbers, sorted, of series drawn until the next would pass `max_rows`.

    At least one is drawn.
    """
    order = rng.permutation(len(lengths))
    n_fitting = int((lengths[order].cumsum() <= max_rows).sum())
    return np.sort(order[: max(1, n_fitting)])


def _walk(
    model: HMM, n_series: int, max_steps: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return steps (rows, C) of the series one after another, and their lengths (n_series,)."""
    transitions = model.transitions.numpy()
    means = model.means.numpy()
    deviations = np.sqrt(model.variances.numpy())
    alive = np.arange(n_series)
    state = _draw(np.tile(model.start.numpy(), (n_series, 1)), rng)
    steps = []
    for _ in range(max_steps):
        noise = rng.standard_normal((len(state), model.n_channels))
        x = means[state] + deviations[state] * noise
        steps.append((alive, x.astype(np.float32)))
        going = x[:, -1] < x[:, -2]
        alive = alive[going]
        if len(alive) == 0:
            break
        state = _draw(transitions[state[going]], rng)
    return in_series_order(steps)


def _draw(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one state, int (B,), for each row of probabilities (B, K)."""
    total = probabilities.cumsum(1)
    threshold = rng.random((len(total), 1)) * total[:, -1:]
    return (threshold >= total).sum(1)
