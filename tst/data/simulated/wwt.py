"""*Simulated* daily page views, calibrated on the real pages of the 2017 forecasting competition (calibration.json).

The log of a page's views is a level (by domain, access and agent) + a yearly rhythm + slow drift + a weekly rhythm + fast
noise + bursts that decay; the views are Poisson. `wwt_pages` has missing days, in the layout of the real table.
"""

import numpy as np
import pandas as pd

from tst.data.simulated.statistics import calibration
from tst.data.wwt import CATEGORIES, DAYS
from tst.series import DataError, Feature, SeriesSet

SOURCE = "simulated"
PEAK_DAY = 215  # days after July 1: the yearly rhythm of the real pages is highest in late January and in February


def wwt(n_series, seed, n_days=550):
    """Return `n_series` *simulated* complete pages of `n_days` daily views; raises DataError for sizes below 1."""
    attributes, views = _pages(n_series, seed, n_days)
    lengths = np.full(n_series, n_days)
    features = [Feature("views", unit="views/day")]
    return SeriesSet("wwt", views.reshape(-1, 1), lengths, features, attributes, "simulated", "1D")


def wwt_pages(n_pages, seed):
    """Return *simulated* pages with missing days (NaN): columns page domain access agent source and one a day (550).

    The loader's dropping of incomplete pages can be tried on it (`tst.data.wwt.from_pages`).
    """
    attributes, views = _pages(n_pages, seed, len(DAYS))
    rng = np.random.default_rng([seed, 1])
    views[_missing(rng, calibration()["wwt"]["gaps"], views.shape)] = np.nan
    names = attributes.astype(str).assign(source=SOURCE)
    return pd.concat([names, pd.DataFrame(views, columns=DAYS)], axis=1)


def exact_shares(rng, share, n):
    """Return `n` shuffled codes of len(share) classes; each count differs from n * share by less than one."""
    edges = np.cumsum(share) / np.sum(share)
    return rng.permutation(
        np.searchsorted(edges[:-1], (np.arange(n) + rng.random()) / n, side="right")
    )


def quantile(table, probability):
    """Return the quantiles at `probability` of a table of equally spaced ones."""
    return np.interp(probability, np.linspace(0, 1, len(table)), table)


def check_size(n, name):
    """Raise DataError where a size asked for is below 1."""
    if n < 1:
        raise DataError(f"simulate: {name} is {n}; give at least 1.")


def _pages(n, seed, n_days):
    check_size(n, "n_series")
    check_size(n_days, "n_days")
    rng, c = np.random.default_rng(seed), calibration()["wwt"]
    domains, kinds = list(c["domain_share"]), list(c["access_agent_share"])
    domain = np.array(domains)[exact_shares(rng, list(c["domain_share"].values()), n)]
    kind = np.array(kinds)[exact_shares(rng, list(c["access_agent_share"].values()), n)]
    access, agent = np.array([k.split("_") for k in kind]).T
    level = c["level"]
    log10 = pd.Series(domain).map(level["log10_domain"]) + pd.Series(kind).map(
        level["log10_access_agent"]
    )
    log10 = np.maximum(
        log10.to_numpy() + quantile(level["log10_rest_quantiles"], rng.random(n)),
        level["log10_range"][0],
    )
    views = np.empty((n, n_days), dtype=np.float32)
    for name, rhythm in c["by_agent"].items():
        mine = agent == name
        views[mine] = _views(rng, rhythm, log10[mine], n_days)
    page = [
        f"Simulated_page_{i}_{d}_{a}_{g}"
        for i, (d, a, g) in enumerate(zip(domain, access, agent, strict=True))
    ]
    parts = {"domain": domain, "access": access, "agent": agent}
    parts = {k: pd.Categorical(v, categories=CATEGORIES[k]) for k, v in parts.items()}
    return pd.DataFrame({"page": page, **parts}), views


def _views(rng, c, log10_level, n_days):
    """Return daily views, shape (pages, n_days), of pages of one agent from July 1, 2015, a Wednesday."""
    n, day = len(log10_level), np.arange(n_days)
    yearly = c["yearly_share"]
    peak = PEAK_DAY + 60 * rng.standard_normal((n, 1))
    slow_sd = c["slow_sd_made"] * np.exp(0.3 * rng.standard_normal((n, 1)))
    log = slow_sd * np.sqrt(2 * yearly) * np.cos(2 * np.pi * (day - peak) / 365.25)
    log += slow_sd * np.sqrt(1 - yearly) * _autoregression(rng, n, n_days, c["slow_persistence"])
    fast_sd = c["fast_sd_made"] * np.exp(0.3 * rng.standard_normal((n, 1)))
    log += fast_sd * _autoregression(rng, n, n_days, c["fast_persistence"])
    week = c["week_made"] * np.array(c["weekday_from_wednesday"]) * rng.gamma(4, 0.25, (n, 1))
    week = week + c["weekday_page_sd"] * rng.standard_normal((n, 7))
    log += week[:, day % 7] + _bursts(rng, c, n, n_days)
    log += np.log(np.maximum(10 ** log10_level[:, None] - 1, 0.05)) - (slow_sd**2 + fast_sd**2) / 2
    return rng.poisson(np.exp(np.minimum(log, 17)))


def _autoregression(rng, n, n_days, persistence):
    """Return stationary AR(1) noise of unit variance, shape (n, n_days)."""
    noise = rng.standard_normal((n, n_days))
    noise[:, 1:] *= np.sqrt(1 - persistence**2)
    for t in range(1, n_days):
        noise[:, t] += persistence * noise[:, t - 1]
    return noise


def _bursts(rng, c, n, n_days):
    """Return what bursts add to the log: exponential heights above log 2 that decay from day to day.

    Some pages burst more than others: the rates follow a gamma distribution of shape 1.
    """
    starts = rng.random((n, n_days)) < c["burst_rate"] * rng.gamma(1, 1, (n, 1))
    more = max(c["burst_height_made"] - np.log(2), 0.1)
    bursts = starts * (np.log(2) + rng.exponential(more, (n, n_days)))
    for t in range(1, n_days):
        bursts[:, t] = np.maximum(bursts[:, t], c["burst_decay_made"] * bursts[:, t - 1])
    return bursts


def _missing(rng, c, shape):
    """Return which days are missing: the first ones of pages that did not exist yet, and single later ones."""
    n, n_days = shape
    incomplete = rng.random((n, 1)) < c["incomplete_share"]
    leading = np.round(quantile(c["leading_share_quantiles"], rng.random((n, 1))) * n_days)
    later = quantile(c["later_share_quantiles"], rng.random((n, 1)))
    missing = (np.arange(n_days) < leading) | (rng.random(shape) < later)
    missing[:, 0] |= ~missing.any(axis=1)
    return missing & incomplete
