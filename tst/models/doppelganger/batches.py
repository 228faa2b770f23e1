"""TODO"""

from dataclasses import astuple, dataclass

import numpy as np
import torch

from tst.models.attributes import attribute_sizes, known_categories
from tst.models.batches import add_flags
from tst.models.doppelganger.encoding import GanEncoder, scaled_spread
from tst.models.scaling import BOUNDS
from tst.series import DataError


@dataclass
class Draw:
    """Series of a batch, real or synthetic.

    Parameters
    ----------
    attributes, spread
        float, shapes (B, sum of category counts) and (B, 2 * n_features or 0): one-hot or softmax; min/max, scaled.
    steps
        float, shape (B, T, n_features + 2): features and flags; zero after the last step.
    n_steps
        Steps after which all series have ended; T or less.
    synthetic
        The model's series for this batch, made once a step.
    """

    attributes: torch.Tensor
    spread: torch.Tensor
    steps: torch.Tensor
    n_steps: int
    synthetic: object = None

    def __len__(self):
        return len(self.steps)

    def to(self, device):
        """Return the batch on a device."""
        tensors = (
            t.to(device, non_blocking=True) for t in (self.attributes, self.spread, self.steps)
        )
        return Draw(*tensors, self.n_steps)

    def detach(self):
        """Return the batch without its graph."""
        return Draw(
            self.attributes.detach(), self.spread.detach(), self.steps.detach(), self.n_steps
        )

    def conditions(self):
        """Return what the auxiliary critic sees, (B, n_conditions)."""
        return torch.cat([self.attributes, self.spread], dim=1)

    def everything(self):
        """Return what the critic sees, (B, n_conditions + n_steps * (n_features + 2)); what would follow is zero."""
        return torch.cat([self.conditions(), self.steps[:, : self.n_steps].flatten(1)], dim=1)


class DGBatches:
    """Random batches of real series, each a function of the step alone (as `preprocess.PackedBatches`).

    Parameters
    ----------
    series, normaliser
        Training set, and its normaliser, fitted with the configuration's activation and per_series.
    batch_size
        Series a batch. Each epoch is a new permutation; what does not fill a batch is left out.
    """

    def __init__(self, series, normaliser, config, batch_size, seed):
        series = series.head(config.max_steps)
        self.config, self.seed, self.n_series = config, seed, len(series)
        self.batch_size = min(batch_size, len(series))
        self._check(series, normaliser)
        scaled, loc, scale = normaliser.normalise(series)
        self.rows = torch.from_numpy(add_flags(scaled, series.lengths))
        self.starts, self.lengths = (
            torch.from_numpy(series.offsets[:-1]),
            torch.from_numpy(series.lengths),
        )
        spread, low, width = scaled_spread(scaled, loc, scale, series, normaliser)
        self.encoder = GanEncoder(
            series.name, series.origin, series.interval, series.label, tuple(map(astuple, series.features)),
            known_categories(series), normaliser.to_dict(), low, width,
        )  # fmt: skip
        self.attributes = torch.from_numpy(self.encoder.encode(series.attributes))
        self.spread = torch.from_numpy(spread)

    def _check(self, series, normaliser):
        got = (
            series.n_features,
            attribute_sizes(series),
            (normaliser.low, normaliser.high),
            normaliser.per_series,
        )
        config = self.config
        wanted = config.n_features, config.attributes, BOUNDS[config.activation], config.per_series
        if got != wanted:
            raise DataError(
                f"the configuration does not fit '{series.name}': features, attribute sizes, bounds and per_series are "
                f"{got} in the data and its normaliser, {wanted} in the configuration."
            )
        if self.batch_size < 2:
            raise DataError(
                f"DG trains on batches of two series or more; '{series.name}' or batch_size has one."
            )

    def __call__(self, step, rank=0, n_ranks=1):
        """Return the `Draw` of a step; T is max_steps rounded up to whole rolls."""
        epoch, position = divmod(step, self.n_series // self.batch_size)
        if getattr(self, "_order", (None,))[0] != epoch:
            self._order = (
                epoch,
                np.random.default_rng([self.seed, epoch]).permutation(self.n_series),
            )
        chosen = self._order[1][position * self.batch_size : (position + 1) * self.batch_size][
            rank::n_ranks
        ]
        return self.collate(torch.from_numpy(chosen))

    def collate(self, chosen):
        """Return the `Draw` of the series with these numbers, int64 (B,)."""
        T, lengths = self.config.n_rolls * self.config.sample_len, self.lengths[chosen]
        step = torch.arange(T)
        observed = step < lengths[:, None]
        steps = self.rows.new_zeros(len(chosen), T, self.rows.shape[1])
        steps[observed] = self.rows[(self.starts[chosen][:, None] + step)[observed]]
        return Draw(self.attributes[chosen], self.spread[chosen], steps, int(lengths.max()))
