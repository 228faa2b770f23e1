"""TODO"""

from dataclasses import asdict, dataclass

import numpy as np
import torch

from tst.series import DataError

BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


@dataclass(frozen=True)
class Normaliser:
    """Min-max scaling with an exact inverse.

    Parameters
    ----------
    low, high
        Bounds of the scaled training values.
    log
        Scale log(1 + value); values must be >= 0.
    per_series
        Scale each series by its own minimum and maximum instead of the training set's.
    loc, scale
        Minimum and range of each feature over the training set; empty where per_series.
    """

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    per_series: bool = False
    loc: tuple = ()
    scale: tuple = ()

    @classmethod
    def fit(cls, series, activation="sigmoid", log=False, per_series=False):
        """Return the normaliser of a training set, for a model with this output activation."""
        low, high = BOUNDS[activation]
        empty = cls(low, high, log, per_series)
        if per_series:
            return empty
        values = empty._forward(series)
        loc = values.min(0)
        return cls(
            low,
            high,
            log,
            per_series,
            tuple(loc.tolist()),
            tuple(_range(loc, values.max(0)).tolist()),
        )

    def normalise(self, series):
        """Return (scaled, loc, scale): float32 (rows, n_features) and float64 (n_series, n_features) twice.

        A constant feature gets scale 1 and stands at `low`.
        """
        values = self._forward(series)
        if self.per_series:
            loc = np.minimum.reduceat(values, series.offsets[:-1])
            scale = _range(loc, np.maximum.reduceat(values, series.offsets[:-1]))
        else:
            loc, scale = (
                np.tile(getattr(self, name), (len(series), 1)) for name in ("loc", "scale")
            )
        unit = (values - loc[series.series_index]) / scale[series.series_index]
        return (self.low + (self.high - self.low) * unit).astype(np.float32), loc, scale

    def inverse(self, scaled, lengths, loc, scale):
        """Return the values (rows, n_features) in data units; loc and scale as `normalise` returned them."""
        rows = np.repeat(np.arange(len(lengths)), lengths)
        unit = (np.asarray(scaled, np.float64) - self.low) / (self.high - self.low)
        values = loc[rows] + scale[rows] * unit
        return (np.maximum(np.expm1(values), 0.0) if self.log else values).astype(np.float32)

    def _forward(self, series):
        values = series.values.astype(np.float64)
        if not self.log:
            return values
        if (values < 0).any():
            raise DataError(
                f"series set '{series.name}' has negative values; a log normaliser needs values >= 0."
            )
        return np.log1p(values)

    def to_dict(self):
        """Return a mapping that JSON can hold; `Normaliser(**mapping)` is the inverse."""
        return asdict(self)


def _range(low, high):
    return np.where(high > low, high - low, 1.0)


ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
