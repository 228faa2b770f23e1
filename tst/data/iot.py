"""iot: packets of smart-home devices while they are set up (IoT SENTINEL, Aalto University).

One series a capture, one step a packet: how long after the one before, how large, which way, of
which protocol, to which kind of port, and how many destinations the device has spoken to so far.
The label is the type of the device that was set up, for four pairs of devices are of one model. No
address, payload or name of a host is kept.

The terms of the packets are not settled (`tst.vocabulary.TERMS`): no table and no output of a
notebook shows any, only figures, statistics and scores.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from tst.data import long
from tst.errors import DataError
from tst.series import Feature, SeriesSet

FILE = "iot_sentinel.parquet"
# What the codes of the categorical measurements mean, in the order of the codes.
DIRECTIONS = ("received", "sent")
PROTOCOLS = (
    "ARP",
    "DHCP",
    "DNS",
    "mDNS",
    "SSDP",
    "ICMP",
    "HTTP",
    "HTTPS/TLS",
    "NTP",
    "other TCP",
    "other UDP",
    "other",
)
PORT_CLASSES = ("none", "well-known", "registered", "dynamic")
FEATURES = (
    # Whole microseconds, the clock of the captures: a count, whose logarithm has no cut-off.
    Feature("gap_us", unit="microseconds"),
    Feature("size", unit="bytes"),
    Feature("direction", "categorical"),
    Feature("protocol", "categorical"),
    Feature("port_class", "categorical"),
    Feature("n_destinations", unit="IP addresses"),
)
ATTRIBUTES = ("device", "device_type")
NUMBERS = ("step", "time_s", "size", "direction", "n_destinations")
MICROSECONDS = 1_000_000  # in a second


def load(data_dir: Path | str) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet of all captures, counts) from the data folder's iot_sentinel.parquet.

    Raises
    ------
    DataError
        Where the file is missing, or a column holds what it cannot.
    """
    path = Path(data_dir) / FILE
    table = long.read(path, ["capture", *ATTRIBUTES, "protocol", "port_class"], NUMBERS)
    return from_packets(table, path)


def from_packets(table: pd.DataFrame, path: Path) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet, counts) of a table of packets, rows in any order; `path` names it."""
    table = table.assign(capture=table["capture"].astype(str))
    table = table.sort_values(["capture", "step"], kind="stable").reset_index(drop=True)
    table["protocol"] = _codes(table["protocol"], PROTOCOLS, path)
    table["port_class"] = _codes(table["port_class"], PORT_CLASSES, path)
    _check(table, path)
    micros = (table["time_s"] * MICROSECONDS).round()
    table["gap_us"] = micros.diff().where(table["step"] > 0, 0.0)
    _check_gaps(table, path)
    for column in ATTRIBUTES:
        table[column] = table[column].astype(str).astype("category")
    series = long.to_series(
        table.assign(run=table["capture"]),
        "iot",
        FEATURES,
        [*ATTRIBUTES, "capture"],
        origin="subset",
        interval="packet",
        label="device_type",
        group="capture",
    )
    read = {"packets read": len(table), "captures read": len(series), "kept": len(series)}
    return series, pd.DataFrame(read.items(), columns=["filter", "series"])


def _codes(column: pd.Series, names: tuple[str, ...], path: Path) -> np.ndarray:
    """Return the codes of a column of names, int (rows,)."""
    codes = pd.Index(names).get_indexer(column.astype(str))
    if (codes < 0).any():
        unknown = str(column.iloc[int(np.argmax(codes < 0))])[:40]
        raise DataError(
            f"{path}: column '{column.name}' holds '{unknown}'; known are {', '.join(names)}."
        )
    return codes


def _check(table: pd.DataFrame, path: Path) -> None:
    """Raise DataError where steps have holes, or a number is none of a packet; sorted rows."""
    expected_step = table.groupby("capture").cumcount()
    faults = {
        "step": table["step"] != expected_step,
        "time_s": ~np.isfinite(table["time_s"]),
        "size": ~(table["size"] > 0),
        "direction": ~table["direction"].isin([0, 1]),
        "n_destinations": ~(table["n_destinations"] >= 0),
    }
    for column, is_wrong in faults.items():
        if is_wrong.any():
            row = table.loc[int(np.argmax(is_wrong))]
            raise DataError(
                f"{path}: capture '{row['capture']}' has {column} {row[column]} at its packet "
                f"{expected_step[row.name]}; build the file again."
            )


def _check_gaps(table: pd.DataFrame, path: Path) -> None:
    """Raise DataError where packets of a capture are not in the order of time."""
    is_early = table["gap_us"] < 0
    if is_early.any():
        row = table.loc[int(np.argmax(is_early))]
        raise DataError(
            f"{path}: packet {row['step']} of capture '{row['capture']}' is earlier than the one "
            "before it; sort each capture by time and number its steps anew."
        )
