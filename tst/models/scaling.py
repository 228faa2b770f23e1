"""Min-max scaling of measurements to the bounds of an output activation, and its exact inverse.

To [0, 1] for sigmoid or [-1, 1] for tanh, over the training set or within each series, after log1p
where levels span orders of magnitude (page views). The paper (arXiv 2506.07312) names neither the
scaling nor its bounds; its author's notebooks do.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import torch

from tst.errors import DataError
from tst.io.untrusted import from_mapping
from tst.series import SeriesSet

Activation = Literal["sigmoid", "tanh"]
ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}  # of each activation's values


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
    loc: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        series: SeriesSet,
        activation: Activation = "sigmoid",
        log: bool = False,
        per_series: bool = False,
    ) -> Self:
        """Return the normaliser of a training set, for a model with this output activation."""
        low, high = BOUNDS[activation]
        if per_series:
            return cls(low, high, log, per_series)
        values = _transformed(series, log)
        loc = values.min(0)
        scale = _range(loc, values.max(0))
        return cls(low, high, log, per_series, tuple(loc.tolist()), tuple(scale.tolist()))

    def normalise(self, series: SeriesSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (scaled, loc, scale) of a set; a constant feature has scale 1 and stands at `low`.

        Returns
        -------
        scaled
            float32, shape (rows, n_features).
        loc, scale
            float64, shape (n_series, n_features): what each series was scaled by.
        """
        values = _transformed(series, self.log)
        if self.per_series:
            loc = np.minimum.reduceat(values, series.offsets[:-1])
            scale = _range(loc, np.maximum.reduceat(values, series.offsets[:-1]))
        else:
            loc = np.tile(self.loc, (len(series), 1))
            scale = np.tile(self.scale, (len(series), 1))
        unit = (values - loc[series.series_index]) / scale[series.series_index]
        return (self.low + (self.high - self.low) * unit).astype(np.float32), loc, scale

    def inverse(
        self, scaled: np.ndarray, lengths: np.ndarray, loc: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        """Return the values in data units of scaled ones.

        Parameters
        ----------
        scaled
            float, shape (rows, n_features): series one after another.
        lengths
            int, shape (n_series,).
        loc, scale
            float, shape (n_series, n_features), as `normalise` returned them.

        Returns
        -------
        float32, shape (rows, n_features).
        """
        rows = np.repeat(np.arange(len(lengths)), lengths)
        unit = (np.asarray(scaled, np.float64) - self.low) / (self.high - self.low)
        values = loc[rows] + scale[rows] * unit
        if self.log:
            values = np.maximum(np.expm1(values), 0.0)
        return values.astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold."""
        return asdict(self)


def read_scaling(mapping: Any) -> Normaliser | None:
    """Return the normaliser that a model.json holds, None where the model was saved without one."""
    return None if mapping is None else from_mapping(Normaliser, mapping)


def _transformed(series: SeriesSet, log: bool) -> np.ndarray:
    """Return the values, float64 (rows, n_features), as log(1 + value) where asked for."""
    values = series.values.astype(np.float64)
    if not log:
        return values
    if (values < 0).any():
        raise DataError(
            f"series set '{series.name}' has negative values; a log normaliser needs values >= 0."
        )
    return np.log1p(values)


def _range(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return high - low, and 1 where they are equal."""
    return np.where(high > low, high - low, 1.0)
