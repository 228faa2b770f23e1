"""Measure on the real page views what their simulator needs; called by `calibrate.py`. Only statistics leave the table."""

import numpy as np
import pandas as pd
from scipy.ndimage import median_filter

from tst.data.simulated.statistics import levels, named_rhythm, rhythm

PROBABILITIES = np.linspace(0, 1, 21)
# What filtering and counting hide: set so that the same measurement on simulated pages returns the real values.
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


def rounded(values, digits=4):
    """Return `values` as nested lists of floats with `digits` significant digits (JSON stays small)."""
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return [rounded(v, digits) for v in values]
    return [float(f"{v:.{digits}g}") for v in np.asarray(values, dtype=float)]


def rounded_values(found):
    """Return the dict `found` with its numbers rounded to four significant digits."""
    return {k: rounded([v])[0] for k, v in found.items()}


def wwt(table):
    """Return shares, levels, rhythms, bursts and gaps of the real page views (natural log1p unless a key says log10)."""
    days = table.columns[5:]
    sample = table[table["source"] == "udscourse"]
    sample = sample[sample[days].notna().any(axis=1)]
    kind = sample["access"] + "_" + sample["agent"]
    complete = table[table[days].notna().all(axis=1)]
    logs = {a: np.log1p(g[days].to_numpy(dtype=float)) for a, g in complete.groupby("agent")}
    found = {a: rhythm(x) for a, x in logs.items()}
    real = {
        "share of spider": (sample["agent"] == "spider").mean(),
        **levels(sample[days].to_numpy()),
    }
    for agent, values in found.items():
        real |= named_rhythm(values, agent)
    return {
        "source": "wwt_pages: shares and levels from the udscourse rows (the only representative sample), rhythms from "
        "the complete rows of all sources, gaps from the bhishanpdl_tail rows; yearly_share, *_persistence, "
        "*_made and burst_rate are fitted: the same measurement on simulated pages returns about the real values",
        "domain_share": rounded_values(sample["domain"].value_counts(normalize=True).sort_index()),
        "access_agent_share": rounded_values(kind.value_counts(normalize=True).sort_index()),
        "level": _levels(np.log10(sample[days].mean(axis=1) + 1), sample["domain"], kind),
        "by_agent": {a: rounded_values(found[a]) | _week(x) | FITTED[a] for a, x in logs.items()},
        "gaps": _gaps(table.loc[table["source"] == "bhishanpdl_tail", days].isna().to_numpy()),
        "compared": {"real": rounded_values(real)},
    }


def _levels(level, domain, kind):
    """Return log10(1 + mean views) as domain effect + kind effect (least squares) and the quantiles of the rest."""
    design = pd.concat([pd.get_dummies(domain), pd.get_dummies(kind)], axis=1).astype(float)
    effects = pd.Series(np.linalg.lstsq(design, level, rcond=None)[0], index=design.columns)
    rest = (level - design @ effects).to_numpy()
    return {
        "log10_domain": rounded_values(effects[sorted(set(domain))]),
        "log10_access_agent": rounded_values(effects[sorted(set(kind))]),
        "log10_rest_quantiles": rounded(np.quantile(rest, PROBABILITIES)),
        "log10_range": rounded([level.min(), level.max()]),
    }


def _week(views):
    """Return the median week and its spread between pages, `views` = log1p from a Wednesday on."""
    slow = median_filter(views, size=(1, 29), mode="nearest")
    fast = views - slow
    week = np.stack([fast[:, k::7].mean(1) for k in range(7)], axis=1)
    week -= week.mean(1, keepdims=True)
    return {
        "weekday_from_wednesday": rounded(np.median(week, axis=0), 3),
        "weekday_page_sd": round(float(np.median(np.abs(week - np.median(week, axis=0)))), 3),
    }


def _gaps(missing):
    """Return how often days are missing: first days of pages that did not exist yet, and single later days."""
    n_days = missing.shape[1]
    leading = np.where(missing.all(1), n_days, np.argmin(missing, axis=1))
    incomplete = missing.any(1)
    later = missing.sum(1) - leading
    return {
        "incomplete_share": round(float(incomplete.mean()), 4),
        "missing_share": round(float(missing.mean()), 4),
        "leading_share_quantiles": rounded(
            np.quantile(leading[incomplete] / n_days, PROBABILITIES)
        ),
        "later_share_quantiles": rounded(np.quantile(later[incomplete] / n_days, PROBABILITIES)),
    }
