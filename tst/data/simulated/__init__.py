"""Simulated stand-ins for the data sets of the study, calibrated on real tables (calibration.json)."""

from tst.data.simulated.clusters import borg2019, gcut
from tst.data.simulated.statistics import statistics
from tst.data.simulated.wwt import wwt, wwt_pages

__all__ = ["borg2019", "gcut", "statistics", "wwt", "wwt_pages"]
