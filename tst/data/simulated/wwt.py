"""*Simulated* daily page views, calibrated on real pages (calibration.json).

The log of a page's views is a level (by domain, access and agent) + a yearly rhythm + slow drift +
a weekly rhythm + fast noise + bursts that decay; the views are Poisson. `wwt_pages` has missing
days, in the layout of the real table.
"""

from typing import Any

import numpy as np
import pandas as pd

from tst.data.simulated.draws import check_size, exact_shares, quantile
from tst.data.simulated.statistics import calibration
from tst.data.wwt import CATEGORIES, DAYS, FEATURES, N_DAYS
from tst.series import SeriesSet

Calibrated = dict[str, Any]  # a part of calibration.json

SOURCE = "simulated"
# Days after July 1: the yearly rhythm of the real pages is highest in late January and in February.
PEAK_DAY = 215
PEAK_DAY_SD = 60  # days between pages
LOG_AMPLITUDE_SD = 0.3  # of the log of a page's amplitudes around those of its agent
LOG_MOST_VIEWS = 17  # 24 million views a day; keeps the Poisson rate in the range of real pages


def wwt(n_series: int, seed: int, n_days: int = N_DAYS) -> SeriesSet:
    """Return *simulated* complete pages of `n_days` daily views; DataError for sizes below 1."""
    attributes, views = _pages(n_series, seed, n_days)
    return SeriesSet(
        name="wwt",
        values=views.reshape(-1, 1),  # (n_series * n_days, 1)
        lengths=np.full(n_series, n_days),
        features=FEATURES,
        attributes=attributes,
        origin="simulated",
        interval="1D",
    )


def wwt_pages(n_pages: int, seed: int) -> pd.DataFrame:
    """Return *simulated* pages with missing days (NaN), in the layout of the real subset.

    Columns page, domain, access, agent, source and one a day (550). The loader's dropping of
    incomplete pages can be tried on it (`tst.data.wwt.from_pages`).
    """
    attributes, views = _pages(n_pages, seed, N_DAYS)
    rng = np.random.default_rng([seed, 1])
    views[_missing(rng, calibration()["wwt"]["gaps"], views.shape)] = np.nan
    names = attributes.astype(str).assign(source=SOURCE)
    return pd.concat([names, pd.DataFrame(views, columns=DAYS)], axis=1)


def _pages(n_pages: int, seed: int, n_days: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the attributes of pages, and their daily views, float32 of shape (n_pages, n_days)."""
    check_size(n_pages, "n_series")
    check_size(n_days, "n_days")
    rng = np.random.default_rng(seed)
    calibrated = calibration()["wwt"]
    domain = _draw_names(rng, calibrated["domain_share"], n_pages)
    kind = _draw_names(rng, calibrated["access_agent_share"], n_pages)
    access, agent = np.array([name.split("_") for name in kind]).T
    level = calibrated["level"]
    domain_effect = pd.Series(domain).map(level["log10_domain"])
    kind_effect = pd.Series(kind).map(level["log10_access_agent"])
    rest = quantile(level["log10_rest_quantiles"], rng.random(n_pages))
    log10 = np.maximum((domain_effect + kind_effect).to_numpy() + rest, level["log10_range"][0])
    views = np.empty((n_pages, n_days), dtype=np.float32)
    for name, rhythm in calibrated["by_agent"].items():
        of_agent = agent == name
        views[of_agent] = _views(rng, rhythm, log10[of_agent], n_days)
    attributes = {"page": _page_names(domain, access, agent)}
    for column, values in (("domain", domain), ("access", access), ("agent", agent)):
        attributes[column] = pd.Categorical(values, categories=CATEGORIES[column])
    return pd.DataFrame(attributes), views


def _draw_names(rng: np.random.Generator, share: dict[str, float], n: int) -> np.ndarray:
    """Return `n` of the names in their shares, to within one of each."""
    return np.array(list(share))[exact_shares(rng, list(share.values()), n)]


def _page_names(domain: np.ndarray, access: np.ndarray, agent: np.ndarray) -> list[str]:
    """Return a page name each, from which the loader reads domain, access and agent."""
    parts = zip(domain, access, agent, strict=True)
    return [f"Simulated_page_{i}_{'_'.join(part)}" for i, part in enumerate(parts)]


def _views(
    rng: np.random.Generator, rhythm: Calibrated, log10_level: np.ndarray, n_days: int
) -> np.ndarray:
    """Return daily views of one agent's pages, (pages, n_days), from Wednesday, July 1, 2015."""
    n_pages = len(log10_level)
    day = np.arange(n_days)
    yearly = rhythm["yearly_share"]
    peak = PEAK_DAY + PEAK_DAY_SD * rng.standard_normal((n_pages, 1))
    slow_sd = rhythm["slow_sd_made"] * np.exp(LOG_AMPLITUDE_SD * rng.standard_normal((n_pages, 1)))
    log = slow_sd * np.sqrt(2 * yearly) * np.cos(2 * np.pi * (day - peak) / 365.25)
    drift = _ar1(rng, n_pages, n_days, rhythm["slow_persistence"])
    log += slow_sd * np.sqrt(1 - yearly) * drift
    fast_sd = rhythm["fast_sd_made"] * np.exp(LOG_AMPLITUDE_SD * rng.standard_normal((n_pages, 1)))
    log += fast_sd * _ar1(rng, n_pages, n_days, rhythm["fast_persistence"])
    # The weekly rhythm of the agent, stronger on some pages (mean 1), and each page's own; (pages,
    # 7).
    strength = rng.gamma(4, 0.25, (n_pages, 1))
    week = rhythm["week_made"] * np.array(rhythm["weekday_from_wednesday"]) * strength
    week = week + rhythm["weekday_page_sd"] * rng.standard_normal((n_pages, 7))
    log += week[:, day % 7] + _bursts(rng, rhythm, n_pages, n_days)
    # The level is that of log10(1 + mean views), and the mean of a lognormal exceeds its median.
    level = np.log(np.maximum(10 ** log10_level[:, None] - 1, 0.05))
    log += level - (slow_sd**2 + fast_sd**2) / 2
    return rng.poisson(np.exp(np.minimum(log, LOG_MOST_VIEWS)))


def _ar1(rng: np.random.Generator, n: int, n_days: int, persistence: float) -> np.ndarray:
    """Return stationary first-order autoregressive noise of unit variance, shape (n, n_days)."""
    noise = rng.standard_normal((n, n_days))
    noise[:, 1:] *= np.sqrt(1 - persistence**2)
    for t in range(1, n_days):
        noise[:, t] += persistence * noise[:, t - 1]
    return noise


def _bursts(rng: np.random.Generator, rhythm: Calibrated, n: int, n_days: int) -> np.ndarray:
    """Return what bursts add to the log, shape (n, n_days): heights that decay from day to day.

    Some pages burst more than others: the rates follow a gamma distribution of shape 1.
    """
    u = rng.random((n, n_days))
    starts = u < rhythm["burst_rate"] * rng.gamma(1, 1, (n, 1))
    # A burst is counted from log 2 on, so its mean height is log 2 and an exponential part.
    mean_above = max(rhythm["burst_height_made"] - np.log(2), 0.1)
    height = np.log(2) + rng.exponential(mean_above, (n, n_days))
    bursts = np.where(starts, height, 0)
    for t in range(1, n_days):
        bursts[:, t] = np.maximum(bursts[:, t], rhythm["burst_decay_made"] * bursts[:, t - 1])
    return bursts


def _missing(rng: np.random.Generator, gaps: Calibrated, shape: tuple[int, int]) -> np.ndarray:
    """Return which days are missing: the first ones of new pages, and single later ones."""
    n_pages, n_days = shape
    is_incomplete = rng.random((n_pages, 1)) < gaps["incomplete_share"]
    leading_share = quantile(gaps["leading_share_quantiles"], rng.random((n_pages, 1)))
    leading = np.round(leading_share * n_days)
    later_share = quantile(gaps["later_share_quantiles"], rng.random((n_pages, 1)))
    missing = (np.arange(n_days) < leading) | (rng.random(shape) < later_share)
    missing[:, 0] |= ~missing.any(axis=1)  # an incomplete page lacks at least one day
    return missing & is_incomplete
