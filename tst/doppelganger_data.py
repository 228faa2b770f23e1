"""DoppelGANger's data side: real series as padded draws with one-hot attributes and min/max values, and the way back.

Generation flags as in arXiv 1909.13403, section 4.1.1: (1, 0) while a series goes on, (0, 1) at its last step, then zeros.
Auto-normalisation (4.1.3, `per_series`): each series is scaled by its own minimum and maximum, and (max + min)/2 and
(max - min)/2 of each feature, our `spread`, are generated like attributes. A series longer than max_steps is cut and
taken to end there.
"""

from dataclasses import astuple, dataclass

import numpy as np
import pandas as pd
import torch

from tst.preprocess import BOUNDS, N_FLAGS, Normaliser, add_flags
from tst.series import DataError, Feature, SeriesSet


@dataclass(frozen=True)
class Schema:
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
                raise DataError(f"attribute '{name}' is missing; the model knows {', '.join(self.attributes)}.")
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

    def to_series(self, steps, one_hot, spread):
        """Return the SeriesSet of generated steps (n, T, n_features + 2), attributes and min/max, all numpy."""
        normaliser, observed = Normaliser(**self.normaliser), steps[..., -N_FLAGS:].sum(2) > 0.5
        if normaliser.per_series:
            unit = (spread - normaliser.low) / (normaliser.high - normaliser.low)
            mid, half = np.split(np.array(self.spread_low) + np.array(self.spread_range) * unit, 2, axis=1)
            loc, scale = mid - half, 2 * half
        else:
            loc, scale = (np.tile(getattr(normaliser, part), (len(steps), 1)) for part in ("loc", "scale"))
        lengths = observed.sum(1)
        values = normaliser.inverse(steps[observed][:, :-N_FLAGS], lengths, loc, scale)
        made = [Feature(*f) for f in self.features], self.decode(one_hot), self.origin, self.interval
        return SeriesSet(self.name, values, lengths, *made, model="doppelganger", label=self.label)


def known_categories(series):
    """Return {attribute: its categories that occur} of what DG models: categorical columns and the label, not the group."""
    found = {}
    for name, column in series.attributes.items():
        if name != series.group and (isinstance(column.dtype, pd.CategoricalDtype) or name == series.label):
            if column.isna().any():
                raise DataError(
                    f"attribute '{name}' of '{series.name}' has missing values: give them a category first."
                )
            found[name] = column.astype("category").cat.remove_unused_categories().cat.categories.tolist()
    return found


def attribute_sizes(series):
    """Return the numbers of categories that `DGConfig.attributes` wants for a training set."""
    return tuple(map(len, known_categories(series).values()))


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
        tensors = (t.to(device, non_blocking=True) for t in (self.attributes, self.spread, self.steps))
        return Draw(*tensors, self.n_steps)

    def detach(self):
        """Return the batch without its graph."""
        return Draw(self.attributes.detach(), self.spread.detach(), self.steps.detach(), self.n_steps)

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
        self.starts, self.lengths = torch.from_numpy(series.offsets[:-1]), torch.from_numpy(series.lengths)
        spread, low, width = _spread(scaled, loc, scale, series, normaliser)
        self.schema = Schema(
            series.name, series.origin, series.interval, series.label, tuple(map(astuple, series.features)),
            known_categories(series), normaliser.to_dict(), low, width,
        )  # fmt: skip
        self.attributes = torch.from_numpy(self.schema.encode(series.attributes))
        self.spread = torch.from_numpy(spread)

    def _check(self, series, normaliser):
        got = series.n_features, attribute_sizes(series), (normaliser.low, normaliser.high), normaliser.per_series
        config = self.config
        wanted = config.n_features, config.attributes, BOUNDS[config.activation], config.per_series
        if got != wanted:
            raise DataError(
                f"the configuration does not fit '{series.name}': features, attribute sizes, bounds and per_series are "
                f"{got} in the data and its normaliser, {wanted} in the configuration."
            )
        if self.batch_size < 2:
            raise DataError(f"DG trains on batches of two series or more; '{series.name}' or batch_size has one.")

    def __call__(self, step, rank=0, n_ranks=1):
        """Return the `Draw` of a step; T is max_steps rounded up to whole rolls."""
        epoch, position = divmod(step, self.n_series // self.batch_size)
        if getattr(self, "_order", (None,))[0] != epoch:
            self._order = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.n_series)
        chosen = self._order[1][position * self.batch_size : (position + 1) * self.batch_size][rank::n_ranks]
        return self.collate(torch.from_numpy(chosen))

    def collate(self, chosen):
        """Return the `Draw` of the series with these numbers, int64 (B,)."""
        T, lengths = self.config.n_rolls * self.config.sample_len, self.lengths[chosen]
        step = torch.arange(T)
        observed = step < lengths[:, None]
        steps = self.rows.new_zeros(len(chosen), T, self.rows.shape[1])
        steps[observed] = self.rows[(self.starts[chosen][:, None] + step)[observed]]
        return Draw(self.attributes[chosen], self.spread[chosen], steps, int(lengths.max()))


def _spread(scaled, loc, scale, series, normaliser):
    """Return ((max + min)/2, (max - min)/2) of each feature, scaled to the bounds: (n, 2 * n_features), lows, ranges."""
    if not normaliser.per_series:
        return np.zeros((len(series), 0), np.float32), (), ()
    varies = np.maximum.reduceat(scaled, series.offsets[:-1]) > normaliser.low  # the normaliser's scale is 1 where not
    half = np.where(varies, scale / 2, 0.0)
    spread = np.concatenate([loc + half, half], axis=1)
    low, width = spread.min(0), np.ptp(spread, axis=0)
    unit = (spread - low) / np.where(width > 0, width, 1.0)
    bounded = normaliser.low + (normaliser.high - normaliser.low) * unit
    return bounded.astype(np.float32), tuple(low.tolist()), tuple(width.tolist())
