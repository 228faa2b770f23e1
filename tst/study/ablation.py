"""What an ablation found (notebook 08): which settings differ from its base, beyond the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from tst.evaluation.bootstrap import t_interval
from tst.plots.ablation_plots import by_regressor, without_regressor
from tst.vocabulary import METRICS, metric_label

COST = "seconds_per_step"  # told apart: it is no quality


@dataclass(frozen=True)
class Finding:
    """A setting beside the base: the metrics in which it is better, and worse, of how many."""

    setting: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    n_metrics: int

    def counted(self) -> str:
        """Return in how many metrics the setting is better, and worse."""
        n_better, n_worse = len(self.better), len(self.worse)
        if not n_better and not n_worse:
            return f"{self.setting} no clear difference in {self.n_metrics} metrics"
        return (
            f"{self.setting} better in {n_better}, worse in {n_worse} of {self.n_metrics} metrics"
        )

    def sentence(self, base: str) -> str:
        """Return the finding in words."""
        if not self.better and not self.worse:
            return f"{self.setting}: no difference from {base} in {self.n_metrics} metrics"
        told = []
        for word, metrics in (("better", self.better), ("worse", self.worse)):
            if metrics:
                told.append(f"{word} in {', '.join(map(metric_label, metrics))}")
        return f"{self.setting}: {' and '.join(told)}, of {self.n_metrics} metrics"


def against_base(frame: pd.DataFrame, base: str, settings: Sequence[str]) -> list[Finding]:
    """Return a finding for each setting but the base.

    A setting is better or worse where the 95 % t-interval of its difference from the base, paired
    by seed, leaves out 0. For ratios what counts is the distance from 1.

    Parameters
    ----------
    frame
        Columns setting, metric (of METRICS), seed, value; regressor, where a metric has one.
    base
        The setting that the others change.
    settings
        All settings, in order.
    """
    frame = by_regressor(frame)
    values = frame.groupby(["metric", "setting", "seed"])["value"].mean()
    metrics = [
        m for m in dict.fromkeys(frame["metric"]) if without_regressor(m) in METRICS and m != COST
    ]
    findings = []
    for setting in settings:
        if setting == base:
            continue
        verdicts: dict[str, list[str]] = {"better": [], "worse": [], "no difference": []}
        for metric in metrics:
            by_setting = _goodness(values[metric], metric)
            if {base, setting} <= set(by_setting.index.get_level_values("setting")):
                verdicts[_verdict(by_setting[setting] - by_setting[base])].append(metric)
        n_metrics = sum(map(len, verdicts.values()))
        better, worse = tuple(verdicts["better"]), tuple(verdicts["worse"])
        findings.append(Finding(setting, better, worse, n_metrics))
    return findings


def _goodness(values: pd.Series, metric: str) -> pd.Series:
    """Return the values of a metric such that more is better."""
    better = METRICS[without_regressor(metric)].better
    if better == "near_1":
        return -(values - 1).abs()
    if better == "higher":
        return values
    return -values


def _verdict(differences: pd.Series) -> str:
    """Return whether differences by seed are surely above or below 0."""
    _, low, high = t_interval(differences.dropna().to_numpy())
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "no difference"
