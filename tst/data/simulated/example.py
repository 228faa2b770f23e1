"""The example table of `make own`: *simulated* task usage as a long CSV.

`python -m tst.data.simulated.example notebooks/example.csv` writes 160 short GCUT-like series with
a clock, a whole number, a category, a gap here and there: one of each kind that a user may bring.
"""

import sys

import numpy as np
import pandas as pd

from tst.data import simulated
from tst.io import files

N_SERIES = 160
N_STEPS = 40
SEED = 7
MISSING_SHARE = 0.04  # of the memory values
SLOTS = 2016  # five-minute slots of the week in which the series start


def table() -> pd.DataFrame:
    """Return the table: task, time, cpu, memory, threads, state, status, machine."""
    series = simulated.gcut(N_SERIES, SEED).head(N_STEPS)
    rng = np.random.default_rng(SEED)
    row = series.series_index  # series of each step
    n_steps = len(row)
    cpu = series.values[:, series.feature_names.index("cpu_rate")]
    memory = series.values[:, series.feature_names.index("canonical_memory_usage")]
    slot = rng.integers(0, SLOTS, N_SERIES)
    start = pd.Timestamp("2026-03-02") + pd.to_timedelta(5 * slot, "min")
    is_missing = rng.random(n_steps) < MISSING_SHARE
    is_busy = cpu > np.quantile(cpu, 0.8)
    end_event = series.attributes["end_event"].astype(str).to_numpy()
    frame = pd.DataFrame({"task": np.char.add("task-", (1000 + row).astype(str))})
    frame["time"] = start[row] + pd.to_timedelta(5 * series.step_index, "min")
    frame["cpu"] = np.round(cpu, 4)
    frame["memory"] = np.where(is_missing, np.nan, np.round(memory, 4))
    frame["threads"] = rng.poisson(1 + 40 * cpu)
    frame["state"] = np.select([is_busy, cpu > 0], ["busy", "running"], "idle")
    frame["status"] = end_event[row]
    frame["machine"] = rng.choice(["small", "large"], N_SERIES, p=[0.7, 0.3])[row]
    return frame


def main() -> int:
    """Write the table to the path given; return the exit code."""
    if len(sys.argv) != 2:
        print(
            "give the path to write to: python -m tst.data.simulated.example notebooks/example.csv",
            file=sys.stderr,
        )
        return 1
    files.write_text(table().to_csv(index=False), sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
