"""*Simulated* usage of long-running task instances, calibrated collection by collection.

Log levels of an instance, slow and fast noise with the measured autocorrelations and correlations,
idle spells, and steps that repeat the last one.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from tst.data.simulated.draws import (
    check_size,
    correlation_root,
    exact_shares,
    quantile,
    ragged_ar1,
)
from tst.data.simulated.statistics import calibration
from tst.series import Feature, SeriesSet, offsets

N_FEATURES = 9
# Columns, in the order of the calibration's `features`.
CPU_MEAN = 0
CPU_MAX = 1
CPU_PERCENTILES = slice(3, 6)
MEMORY_MEAN = 6
MEMORY_MAX = 7

IDLE_PERSISTENCE = 0.95  # of idle spells (zeros come together), assumed
# Share of unchanged steps from which on a measurement is zero for a whole instance or never.
HELD_ALWAYS = 0.9


def borg2019(n_instances: int, seed: int) -> SeriesSet:
    """Return *simulated* usage of instances, hundreds to thousands of 5-minute steps each.

    Levels, persistence, correlations, zeros and unchanged steps of the 9 measurements are those of
    the instance's collection. Raises DataError where `n_instances` is below 1.
    """
    check_size(n_instances, "n_instances")
    rng = np.random.default_rng(seed)
    calibrated = calibration()["borg2019"]
    names = list(calibrated["collections"])
    collections = list(calibrated["collections"].values())
    shares = [collection["instances"] for collection in collections]
    code = np.sort(exact_shares(rng, shares, n_instances))
    values = []
    lengths = []
    for k in np.unique(code):
        probability = rng.random((code == k).sum())
        length = quantile(collections[k]["length_quantiles"], probability).astype(int)
        length = np.maximum(length, 2)
        values.append(_collection(rng, collections[k], length))
        lengths.append(length)
    attributes = pd.DataFrame(
        {
            "collection": pd.Categorical.from_codes(code, names),
            "instance": [f"{names[k]}-{i}" for i, k in enumerate(code)],
        }
    )
    return SeriesSet(
        name="borg2019",
        values=np.concatenate(values),
        lengths=np.concatenate(lengths),
        features=[Feature(name, unit="machine shares") for name in calibrated["features"]],
        attributes=attributes,
        origin="simulated",
        interval="5min",
        label="collection",
        group="instance",
    )


def _collection(
    rng: np.random.Generator, collection: dict[str, Any], lengths: np.ndarray
) -> np.ndarray:
    """Return the measurements of one collection's instances, float32 (sum of lengths, 9)."""
    n_steps = lengths.sum()
    mix = correlation_root(np.array(collection["correlation"]))  # (9, 9)
    noise = _log_noise(rng, collection, lengths, mix)
    level_noise = rng.standard_normal((len(lengths), N_FEATURES)) @ mix.T
    level = collection["log10_level"] + np.array(collection["log10_level_sd"]) * level_noise
    log10 = np.repeat(level, lengths, axis=0) + np.array(collection["log10_sd"]) * noise
    values = np.minimum(10**log10, 1)  # (sum of lengths, 9)
    _keep_order(values)
    unchanged_share = np.array(collection["unchanged_share"])
    # Zeros: of a whole instance where a measurement hardly changes, else in spells that all
    # measurements share.
    spell = ragged_ar1(rng.standard_normal((n_steps, 1)), lengths, [IDLE_PERSISTENCE])
    of_instance = np.repeat(rng.random((len(lengths), 1)), lengths, axis=0)
    rank = np.where(unchanged_share > HELD_ALWAYS, of_instance, ndtr(spell))
    values[rank < collection["zero_share"]] = 0
    # Unchanged steps repeat the last one that changed; the first step of a series always changes.
    is_first = np.zeros(n_steps, dtype=bool)
    is_first[offsets(lengths)[:-1]] = True
    changes = is_first[:, None] | (rng.random(values.shape) >= unchanged_share)
    row = np.arange(n_steps)[:, None]
    last_change = np.maximum.accumulate(np.where(changes, row, 0), axis=0)
    return np.take_along_axis(values, last_change, axis=0).astype(np.float32)


def _log_noise(
    rng: np.random.Generator, collection: dict[str, Any], lengths: np.ndarray, mix: np.ndarray
) -> np.ndarray:
    """Return noise of unit variance, shape (sum of lengths, 9), with the measured dynamics.

    The autocorrelations at lags 1 and 12 are those of the collection. A slow autoregressive part
    and white noise: their shares and the slow part's persistence follow from the two.
    """
    lag_1 = np.array(collection["acf_lag_1"]).clip(1e-3)
    lag_12 = np.array(collection["acf_lag_12"]).clip(1e-3)
    persistence = ((lag_12 / lag_1) ** (1 / 11)).clip(0, 0.9999)
    slow_share = (lag_1 / persistence).clip(0, 1)
    shape = (lengths.sum(), N_FEATURES)
    slow = ragged_ar1(rng.standard_normal(shape) @ mix.T, lengths, persistence)
    fast = rng.standard_normal(shape) @ mix.T
    return np.sqrt(slow_share) * slow + np.sqrt(1 - slow_share) * fast


def _keep_order(values: np.ndarray) -> None:
    """Make mean <= maximum of CPU and of memory, and percentiles ascend, in place."""
    values[:, CPU_MAX] = np.maximum(values[:, CPU_MEAN], values[:, CPU_MAX])
    values[:, CPU_PERCENTILES] = np.sort(values[:, CPU_PERCENTILES], axis=1)
    values[:, MEMORY_MAX] = np.maximum(values[:, MEMORY_MEAN], values[:, MEMORY_MAX])
