"""DoppelGANger's data side: real series as padded draws with one-hot attributes and min/max values, and the way back.

Generation flags as in arXiv 1909.13403, section 4.1.1: (1, 0) while a series goes on, (0, 1) at its last step, then zeros.
Auto-normalisation (4.1.3, `per_series`): each series is scaled by its own minimum and maximum, and (max + min)/2 and
(max - min)/2 of each feature, our `spread`, are generated like attributes. A series longer than max_steps is cut and
taken to end there.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tst.models.batches import N_FLAGS
from tst.models.scaling import Normaliser
from tst.series import DataError, Feature, SeriesSet


@dataclass(frozen=True)
class GanEncoder:
    """What turns a model's numbers back into a SeriesSet: names, categories, normaliser, bounds of the min/max values."""

    name: str
    origin: str
    interval: str
    label: str | None
    features: tuple  # (name, kind, unit) each
    attributes: dict  # name -> categories seen in training, in their order
    normaliser: dict
    spread_low: tuple = ()
    spread_range: tuple = ()

    def encode(self, frame):
        """Return the one-hot rows, float32 (n, sum of category counts), of a table's attributes.

        Raises
        ------
        DataError
            Where a column is missing or holds a category that the model has not seen.
        """
        blocks = [np.zeros((len(frame), 0))]
        for name, known in self.attributes.items():
            if name not in frame:
                raise DataError(
                    f"attribute '{name}' is missing; the model knows {', '.join(self.attributes)}."
                )
            codes = pd.Index(known).get_indexer(frame[name].astype(object))
            if (codes < 0).any():
                value = frame[name].iloc[int((codes < 0).argmax())]
                raise DataError(
                    f"attribute '{name}' is '{value}' once or more; known are {', '.join(map(str, known))}."
                )
            blocks.append(np.eye(len(known))[codes])
        return np.concatenate(blocks, axis=1).astype(np.float32)

    def decode(self, one_hot):
        """Return the table of one-hot rows (n, sum of category counts); `encode` is the inverse."""
        frame, start = pd.DataFrame(index=range(len(one_hot))), 0
        for name, known in self.attributes.items():
            codes = one_hot[:, start : start + len(known)].argmax(1)
            frame[name] = pd.Categorical.from_codes(codes, known)
            start += len(known)
        return frame

    def to_series(self, steps, one_hot, spread, key):
        """Return the SeriesSet of generated steps (n, T, n_features + 2), attributes and min/max, all numpy."""
        normaliser, observed = Normaliser(**self.normaliser), steps[..., -N_FLAGS:].sum(2) > 0.5
        if normaliser.per_series:
            unit = (spread - normaliser.low) / (normaliser.high - normaliser.low)
            mid, half = np.split(
                np.array(self.spread_low) + np.array(self.spread_range) * unit, 2, axis=1
            )
            loc, scale = mid - half, 2 * half
        else:
            loc, scale = (
                np.tile(getattr(normaliser, part), (len(steps), 1)) for part in ("loc", "scale")
            )
        lengths = observed.sum(1)
        values = normaliser.inverse(steps[observed][:, :-N_FLAGS], lengths, loc, scale)
        made = (
            [Feature(*f) for f in self.features],
            self.decode(one_hot),
            self.origin,
            self.interval,
        )
        return SeriesSet(self.name, values, lengths, *made, model=key, label=self.label)


def scaled_spread(scaled, loc, scale, series, normaliser):
    """Return ((max + min)/2, (max - min)/2) of each feature, scaled to the bounds: (n, 2 * n_features), lows, ranges."""
    if not normaliser.per_series:
        return np.zeros((len(series), 0), np.float32), (), ()
    varies = (
        np.maximum.reduceat(scaled, series.offsets[:-1]) > normaliser.low
    )  # the normaliser's scale is 1 where not
    half = np.where(varies, scale / 2, 0.0)
    spread = np.concatenate([loc + half, half], axis=1)
    low, width = spread.min(0), np.ptp(spread, axis=0)
    unit = (spread - low) / np.where(width > 0, width, 1.0)
    bounded = normaliser.low + (normaliser.high - normaliser.low) * unit
    return bounded.astype(np.float32), tuple(low.tolist()), tuple(width.tolist())
