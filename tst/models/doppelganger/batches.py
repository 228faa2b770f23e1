"""Batches of DoppelGANger: whole series, padded, beside their attributes and ranges.

A series longer than `max_steps` is cut and taken to end there.
"""

from dataclasses import dataclass
from typing import Self

import torch

from tst.errors import DataError
from tst.models.attributes import attribute_sizes
from tst.models.batches import add_flags
from tst.models.doppelganger.config import DGConfig
from tst.models.doppelganger.encoding import GanEncoder, series_ranges
from tst.models.scaling import BOUNDS, Normaliser
from tst.series import SeriesSet
from tst.training.batches import EpochOrder


@dataclass
class Draw:
    """Series of a batch, real or synthetic.

    Parameters
    ----------
    attributes
        float, shape (B, sum of category counts): one-hot or softmax.
    ranges
        float, shape (B, 2 * n_features or 0): mid-ranges and half-ranges, scaled.
    steps
        float, shape (B, T, n_features + 2): features and flags; zero after the last step.
    n_steps
        Steps after which all series have ended; T or less.
    synthetic
        The model's series for this batch, made once a step and judged by all its losses.
    """

    attributes: torch.Tensor
    ranges: torch.Tensor
    steps: torch.Tensor
    n_steps: int
    synthetic: Self | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on a device."""
        return type(self)(
            self.attributes.to(device, non_blocking=True),
            self.ranges.to(device, non_blocking=True),
            self.steps.to(device, non_blocking=True),
            self.n_steps,
        )

    def detach(self) -> Self:
        """Return the batch without its graph."""
        return type(self)(
            self.attributes.detach(), self.ranges.detach(), self.steps.detach(), self.n_steps
        )

    def conditions(self) -> torch.Tensor:
        """Return what the auxiliary critic sees, (B, n_conditions): attributes and ranges."""
        return torch.cat([self.attributes, self.ranges], dim=1)

    def everything(self) -> torch.Tensor:
        """Return what the critic sees, (B, n_conditions + n_steps * (n_features + 2)).

        The steps behind n_steps are left out: they are zero.
        """
        steps = self.steps[:, : self.n_steps].flatten(1)  # (B, n_steps * (n_features + 2))
        return torch.cat([self.conditions(), steps], dim=1)


class DGBatches:
    """Random batches of real series, each a function of the step alone.

    Parameters
    ----------
    series
        Training set.
    normaliser
        Fitted to it with the configuration's activation and `per_series`.
    batch_size
        Series a batch. Each epoch is a new permutation; what does not fill a batch is left out.
    seed
        Of the permutations.

    Raises
    ------
    DataError
        Where the configuration does not fit the data, or a batch would have one series.
    """

    def __init__(
        self,
        series: SeriesSet,
        normaliser: Normaliser,
        config: DGConfig,
        batch_size: int,
        seed: int,
    ) -> None:
        series = series.head(config.max_steps)
        self.config = config
        self.order = EpochOrder(len(series), batch_size, seed)
        self._check(series, normaliser)
        scaled, loc, scale = normaliser.normalise(series)
        ranges = series_ranges(series, normaliser, scaled, loc, scale)
        self.encoder = GanEncoder.fit(series, normaliser, ranges)
        self.rows = torch.from_numpy(add_flags(scaled, series.lengths))
        self.starts = torch.from_numpy(series.offsets[:-1])
        self.lengths = torch.from_numpy(series.lengths)
        self.attributes = torch.from_numpy(self.encoder.encode(series.attributes))
        self.ranges = torch.from_numpy(self.encoder.scale_ranges(ranges))

    def _check(self, series: SeriesSet, normaliser: Normaliser) -> None:
        config = self.config
        of_data = (
            series.n_features,
            attribute_sizes(series),
            (normaliser.low, normaliser.high),
            normaliser.per_series,
        )
        of_config = (
            config.n_features,
            config.attributes,
            BOUNDS[config.activation],
            config.per_series,
        )
        if of_data != of_config:
            raise DataError(
                f"the configuration does not fit '{series.name}': features, attribute sizes, "
                f"bounds and per_series are {of_data} in the data and its normaliser, "
                f"{of_config} in the configuration."
            )
        if self.order.batch_size < 2:
            raise DataError(
                f"DG trains on batches of two series or more; '{series.name}' or batch_size "
                "has one."
            )

    def __call__(self, step: int, rank: int = 0, n_ranks: int = 1) -> Draw:
        """Return the `Draw` of a step, of this process's share of the series."""
        return self.collate(torch.from_numpy(self.order.chosen(step)[rank::n_ranks]))

    def collate(self, chosen: torch.Tensor) -> Draw:
        """Return the `Draw` of some series; T is max_steps rounded up to whole rolls.

        Parameters
        ----------
        chosen
            int64, shape (B,): numbers of the series.
        """
        lengths = self.lengths[chosen]
        n_padded = self.config.n_rolls * self.config.sample_len  # T
        step = torch.arange(n_padded)
        observed = step < lengths[:, None]  # (B, T)
        row = self.starts[chosen][:, None] + step  # (B, T)
        steps = self.rows.new_zeros(len(chosen), n_padded, self.rows.shape[1])
        steps[observed] = self.rows[row[observed]]
        return Draw(self.attributes[chosen], self.ranges[chosen], steps, int(lengths.max()))
