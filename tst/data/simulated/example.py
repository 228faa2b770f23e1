"""The example table of `make own`: *simulated* task usage as a long CSV, `python -m tst.data.simulated.example notebooks/example.csv`.

160 short GCUT-like series with a clock, a whole number, a category, a gap here and there: one of each kind that a user may
bring.
"""

import sys

import numpy as np
import pandas as pd

from tst.data import simulated
from tst.io import files

N_SERIES, N_STEPS, SEED = 160, 40, 7


def table():
    """Return the table: task, time, cpu, memory, threads, state, status, machine."""
    series, rng = simulated.gcut(N_SERIES, SEED).head(N_STEPS), np.random.default_rng(SEED)
    at, n = series.series_index, len(series.values)
    cpu, memory = (
        series.values[:, series.feature_names.index(k)]
        for k in ("cpu_rate", "canonical_memory_usage")
    )
    start = pd.Timestamp("2026-03-02") + pd.to_timedelta(5 * rng.integers(0, 2016, N_SERIES), "min")
    frame = pd.DataFrame({"task": np.char.add("task-", (1000 + at).astype(str)), "time": start[at]})
    frame["time"] += pd.to_timedelta(5 * series.step_index, "min")
    frame["cpu"], frame["memory"] = (
        np.round(cpu, 4),
        np.where(rng.random(n) < 0.04, np.nan, np.round(memory, 4)),
    )
    frame["threads"] = rng.poisson(1 + 40 * cpu)
    frame["state"] = np.select([cpu > np.quantile(cpu, 0.8), cpu > 0], ["busy", "running"], "idle")
    frame["status"] = series.attributes["end_event"].astype(str).to_numpy()[at]
    frame["machine"] = rng.choice(["small", "large"], N_SERIES, p=[0.7, 0.3])[at]
    return frame


def main():
    """Write the table to the path given."""
    if len(sys.argv) != 2:
        sys.exit(
            "give the path to write to: python -m tst.data.simulated.example notebooks/example.csv"
        )
    files.write_text(table().to_csv(index=False), sys.argv[1])


if __name__ == "__main__":
    main()
