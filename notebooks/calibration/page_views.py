"""Measure on the real page views what their simulator needs. Only statistics leave the table."""

from typing import Any

import numpy as np
import pandas as pd
from rounding import PROBABILITIES, rounded, rounded_values
from scipy.ndimage import median_filter

from tst.data.simulated.statistics import log_levels, named_rhythm, rhythm

REPRESENTATIVE = "udscourse"  # the only source whose pages are a sample of all pages
WITH_GAPS = "bhishanpdl_tail"  # the source whose missing days are those of the original
N_FACTS = 5  # columns before the days: page domain access agent source
# What filtering and counting hide: set so that the same measurement on simulated pages returns the
# real values.
FITTED = {
    "all-agents": {
        "yearly_share": 0.5,
        "slow_persistence": 0.955,
        "slow_sd_made": 0.41,
        "fast_sd_made": 0.09,
        "fast_persistence": 0.5,
        "week_made": 1.6,
        "burst_rate": 0.03,
        "burst_height_made": 1.15,
        "burst_decay_made": 0.65,
    },
    "spider": {
        "yearly_share": 0.25,
        "slow_persistence": 0.96,
        "slow_sd_made": 0.31,
        "fast_sd_made": 0.36,
        "fast_persistence": 0.2,
        "week_made": 1.0,
        "burst_rate": 0.007,
        "burst_height_made": 2.2,
        "burst_decay_made": 0.27,
    },
}


def wwt(table: pd.DataFrame) -> dict[str, Any]:
    """Return shares, levels, rhythms, bursts and gaps of the real page views.

    Logs are natural log1p unless a key says log10.

    Parameters
    ----------
    table
        One row a page: page, domain, access, agent, source, then one column a day, NaN = missing.
    """
    days = table.columns[N_FACTS:]
    sample = table[table["source"] == REPRESENTATIVE]
    sample = sample[sample[days].notna().any(axis=1)]
    kind = sample["access"] + "_" + sample["agent"]
    complete = table[table[days].notna().all(axis=1)]
    with_gaps = table["source"] == WITH_GAPS
    compared = {"share of spider": (sample["agent"] == "spider").mean()}
    compared |= log_levels(sample[days].to_numpy())
    by_agent = {}
    for agent, pages in complete.groupby("agent"):
        views = np.log1p(pages[days].to_numpy(dtype=float))  # (pages, days)
        measured = rhythm(views)
        by_agent[agent] = rounded_values(measured) | _week(views) | FITTED[agent]
        compared |= named_rhythm(measured, agent)
    return {
        "source": "wwt_pages: shares and levels from the udscourse rows (the only representative "
        "sample), rhythms from the complete rows of all sources, gaps from the bhishanpdl_tail "
        "rows; yearly_share, *_persistence, *_made and burst_rate are fitted: the same "
        "measurement on simulated pages returns about the real values",
        "domain_share": rounded_values(sample["domain"].value_counts(normalize=True).sort_index()),
        "access_agent_share": rounded_values(kind.value_counts(normalize=True).sort_index()),
        "level": _levels(np.log10(sample[days].mean(axis=1) + 1), sample["domain"], kind),
        "by_agent": by_agent,
        "gaps": _gaps(table.loc[with_gaps, days].isna().to_numpy()),
        "compared": {"real": rounded_values(compared)},
    }


def _levels(level: pd.Series, domain: pd.Series, kind: pd.Series) -> dict[str, Any]:
    """Return log10(1 + mean views) as effects of domain and kind (least squares) and a rest."""
    design = pd.concat([pd.get_dummies(domain), pd.get_dummies(kind)], axis=1).astype(float)
    effects = pd.Series(np.linalg.lstsq(design, level, rcond=None)[0], index=design.columns)
    rest = (level - design @ effects).to_numpy()
    return {
        "log10_domain": rounded_values(effects[sorted(set(domain))]),
        "log10_access_agent": rounded_values(effects[sorted(set(kind))]),
        "log10_rest_quantiles": rounded(np.quantile(rest, PROBABILITIES)),
        "log10_range": rounded([level.min(), level.max()]),
    }


def _week(views: np.ndarray) -> dict[str, Any]:
    """Return the median week and its spread between pages.

    Parameters
    ----------
    views
        log1p of daily views, shape (pages, days), from a Wednesday on.
    """
    slow = median_filter(views, size=(1, 29), mode="nearest")
    fast = views - slow
    by_weekday = [fast[:, k::7].mean(1) for k in range(7)]
    week = np.stack(by_weekday, axis=1)  # (pages, 7)
    week -= week.mean(1, keepdims=True)
    median_week = np.median(week, axis=0)
    page_sd = float(np.median(np.abs(week - median_week)))
    return {
        "weekday_from_wednesday": rounded(median_week, 3),
        "weekday_page_sd": round(page_sd, 3),
    }


def _gaps(missing: np.ndarray) -> dict[str, Any]:
    """Return how often days are missing: first days of new pages, and single later days.

    Parameters
    ----------
    missing
        bool, shape (pages, days), True = missing.
    """
    n_days = missing.shape[1]
    leading = np.where(missing.all(1), n_days, np.argmin(missing, axis=1))
    later = missing.sum(1) - leading
    is_incomplete = missing.any(1)
    leading_share = leading[is_incomplete] / n_days
    later_share = later[is_incomplete] / n_days
    return {
        "incomplete_share": round(float(is_incomplete.mean()), 4),
        "missing_share": round(float(missing.mean()), 4),
        "leading_share_quantiles": rounded(np.quantile(leading_share, PROBABILITIES)),
        "later_share_quantiles": rounded(np.quantile(later_share, PROBABILITIES)),
    }
