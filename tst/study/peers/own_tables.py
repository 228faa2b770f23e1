"""Five tables as people bring them, on which the tool and other projects' are compared.

Each has an id, a time and attributes by name, so that no tool has to guess.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.io import paths

SALES_SERIES = 120
SALES_DAYS = 60
MAX_SERIES = 200
MAX_ROWS = 60  # of a series of borg2019
WEEK = 168  # hours


@dataclass(frozen=True, kw_only=True)
class OwnTable:
    """A table and its roles.

    Parameters
    ----------
    frame
        The rows.
    id, time, attributes
        Its roles; all other columns are measurements.
    origin
        simulated or original.
    """

    frame: pd.DataFrame
    id: str
    time: str
    attributes: tuple[str, ...]
    origin: str

    @property
    def roles(self) -> dict[str, Any]:
        """What a user would say of it."""
        return {"id": self.id, "time": self.time, "attributes": list(self.attributes)}


def example() -> OwnTable:
    """Return the example of `make own`: tasks with gaps, a state, and a status each."""
    frame = pd.read_csv(paths.ROOT / "notebooks" / "example.csv")
    frame["time"] = pd.to_datetime(frame["time"])
    return OwnTable(
        frame=frame, id="task", time="time", attributes=("status", "machine"), origin="simulated"
    )


def sales() -> OwnTable:
    """Return prices and sales of items on business days, with relations between columns."""
    rng = np.random.default_rng(0)
    n = SALES_SERIES
    kind = rng.integers(0, 3, n)
    base = np.array([5.0, 20.0, 80.0])[kind] * rng.lognormal(0, 0.2, n)
    days = pd.bdate_range("2023-01-02", periods=SALES_DAYS)
    index = np.repeat(np.arange(n), SALES_DAYS)
    frame = pd.DataFrame({"item": 1000 + index, "day": np.tile(days, n)})
    frame["kind"] = np.array(["basic", "fresh", "luxury"])[kind[index]]
    promo = rng.random(len(frame)) < 0.15
    walk = rng.normal(0, 0.01, (n, SALES_DAYS)).cumsum(axis=1).ravel()
    frame["list_price"] = np.round(base[index] * np.exp(walk), 2)
    frame["price"] = np.round(frame["list_price"] * np.where(promo, 0.8, 1.0), 2)
    frame["promo"] = np.where(promo, "yes", "no")
    demand = np.array([30.0, 12.0, 2.0])[kind[index]] * np.where(promo, 1.8, 1.0)
    frame["units"] = rng.poisson(demand * np.where(frame["day"].dt.day_of_week == 4, 1.5, 1.0))
    frame["total"] = frame.groupby("item")["units"].cumsum()
    return OwnTable(frame=frame, id="item", time="day", attributes=("kind",), origin="simulated")


def etth1() -> OwnTable:
    """Return the hours of a transformer, a series a week."""
    frame = pd.read_csv(_path("peers/ETTh1.csv"))
    frame["date"] = pd.to_datetime(frame["date"])
    n_whole = len(frame) // WEEK * WEEK
    frame = frame.iloc[:n_whole]
    frame.insert(0, "week", np.arange(n_whole) // WEEK)
    return OwnTable(frame=frame, id="week", time="date", attributes=(), origin="original")


def borg2019() -> OwnTable:
    """Return the use of processor and memory of instances in a cluster."""
    frame = pd.read_parquet(_path("borg2019_usage.parquet"))
    columns = ["instance", "start_s", "cpu_mean", "cpu_max", "memory_mean", "memory_max"]
    frame = frame[columns].sort_values(["instance", "start_s"])
    frame = frame[frame.groupby("instance").cumcount() < MAX_ROWS]
    kept = frame["instance"].drop_duplicates().head(MAX_SERIES)
    frame = frame[frame["instance"].isin(kept)].reset_index(drop=True)
    return OwnTable(frame=frame, id="instance", time="start_s", attributes=(), origin="original")


def mba() -> OwnTable:
    """Return the traffic and losses of homes, with their technology."""
    frame = pd.read_parquet(_path("fcc_mba.parquet"))
    frame = frame[["home", "step", "traffic_byte_counter", "ping_loss_rate", "technology"]]
    frame = frame.astype({"technology": str, "home": "int64", "step": "int64"})
    kept = frame["home"].drop_duplicates().head(MAX_SERIES)
    frame = frame[frame["home"].isin(kept)].reset_index(drop=True)
    return OwnTable(
        frame=frame, id="home", time="step", attributes=("technology",), origin="original"
    )


def _path(name: str) -> Path:
    """Return the path of a table of the data folder; raises DataError where it is not there."""
    path = paths.data_dir() / name
    if not path.is_file():
        raise DataError(f"no table at {path}: see README, Data.")
    return path


TABLES: dict[str, Callable[[], OwnTable]] = {
    "example": example,
    "sales": sales,
    "etth1": etth1,
    "borg2019": borg2019,
    "mba": mba,
}
