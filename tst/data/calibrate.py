"""Measure on the real tables what the simulators need: `python -m tst.data.calibrate` writes calibration.json.

Only statistics leave the tables (shares, quantiles, correlations), never a row; what cannot be measured here is listed
apart as `published` (with its source) or `fitted` (with what it was fitted to). A job counts for at most JOB_CAP
attempts: one job of the first three hours alone has 9,913.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tst.data.calibrate_wwt import wwt
from tst.paths import data_dir

OUTPUT = Path(__file__).with_name("calibration.json")
JOB_CAP = 100
BULK = 50
CLASSES = ("EVICT", "FAIL", "FINISH", "KILL")
REQUESTS = ("cpu_request", "memory_request", "disk_request")
PROBABILITIES = np.linspace(0, 1, 21)
CPU = ["cpu_mean", "cpu_max", "cpu_sampled", "cpu_p50", "cpu_p90", "cpu_p99"]
BORG = [*CPU, "memory_mean", "memory_max", "memory_assigned"]
PUBLISHED = {
    "source": "class shares, mean length 11-12, maximum 2,497, 97 % at most 50 steps, modes at 2-4 and 9, 2 the most "
    "common: facts of the 2011 trace as reported with DoppelGANger (arXiv 1909.13403) and by Elnady (arXiv 2506.07312)",
    "class_share": dict(zip(CLASSES, (0.128, 0.330, 0.435, 0.108), strict=True)),
    "max_length": 2497,
    "share_at_most_50": 0.97,
}
