"""Simulated stand-ins for the data sets of the study, calibrated on real tables.

`calibration.json` holds what they are calibrated on; `python notebooks/calibration/calibrate.py`
measures it.
"""

from tst.data.simulated.borg2019 import borg2019
from tst.data.simulated.gcut import gcut
from tst.data.simulated.statistics import statistics
from tst.data.simulated.wwt import wwt, wwt_pages

__all__ = ["borg2019", "gcut", "statistics", "wwt", "wwt_pages"]
