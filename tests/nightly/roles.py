"""Are tables read right? `python tests/nightly/roles.py [N]` makes 1,000 whose roles are known.

Ids of every kind, names in several languages or none, calendars shared or not, even and uneven
steps, attributes or none, one or two columns as id, one series, rows and columns in any order. Each
must be read as it was built, or asked about in one sentence; exit code 1 where one is misread, or
more than a tenth are asked about. Every second one is changed before: its times are written in
another way, columns have other dtypes, repeat others or are empty; then the times must be read as
they were, too. results/nightly/roles.csv counts them by kind.
"""

import sys
import uuid
from pathlib import Path

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.table.evidence import choose
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.validity import Laid

OUTPUT = Path(__file__).resolve().parents[2] / "results" / "nightly" / "roles.csv"
MOST_ASKED = 0.1
MOST_CHARACTERS = 300  # of a sentence

ID_NAMES = ["id", "patient", "Gerät", "paciente", "capteur", "MeterNo", "unit_nr", "k1", "A", "x"]
TIME_NAMES = ["time", "Datum", "fecha", "heure", "charttime", "k2", "B", "zz", "visit"]
MEASURES = ["bpm", "hba1c", "kWh", "druck", "q", "v3", "count", "level", "score", "k9", "lab value"]
STATES = ["weather", "mode", "zustand", "event", "w"]


def ids(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n distinct ids of some kind."""
    kind = rng.integers(6)
    numbers = rng.permutation(10 * n)[:n]
    if kind == 0:
        return np.arange(n) + int(rng.integers(0, 5000))
    if kind == 1:
        return numbers
    if kind == 2:
        return numbers.astype(float)
    if kind == 3:
        return np.array([f"{'PQS'[i % 3]}{i:05d}" for i in numbers])
    if kind == 4:
        return np.array([str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(n)])
    return np.array([f"n-{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{i}" for i in numbers])


def starts_and_steps(
    rng: np.random.Generator, lengths: np.ndarray
) -> tuple[list[np.ndarray], bool, str]:
    """Return the hours of each series, whether steps are even, and what the calendar is."""
    is_even = rng.random() < 0.65
    calendar = str(rng.choice(["shared", "own", "zero"]))
    hours = []
    for n in lengths:
        steps = np.full(n, 1) if is_even else rng.integers(1, 30, n)
        start = {"shared": 0, "zero": 0, "own": int(rng.integers(0, 24 * 900))}[calendar]
        hours.append(start + np.cumsum(steps) - steps[0])
    return hours, is_even, calendar


def series_table(rng: np.random.Generator) -> tuple[pd.DataFrame, tuple[str, ...], str, str]:
    """Return a table of several series, its id, its time, and its kind."""
    n = int(rng.integers(12, 80))
    lengths = rng.integers(8, 60, n) if rng.random() < 0.6 else np.full(n, rng.integers(10, 40))
    hours, is_even, calendar = starts_and_steps(rng, lengths)
    key = str(rng.choice(ID_NAMES))
    time = str(rng.choice([name for name in TIME_NAMES if name != key]))
    names = ids(rng, n)
    of_row = np.repeat(np.arange(n), lengths)
    frame = pd.DataFrame({key: names[of_row]})
    all_hours = np.concatenate(hours)
    if calendar == "zero" and rng.random() < 0.7:
        frame[time] = all_hours
        is_date = False
    else:
        frame[time] = pd.Timestamp("2019-02-01") + pd.to_timedelta(all_hours, "h")
        is_date = True
    add_measures(rng, frame, lengths)
    for i in range(int(rng.integers(0, 3))):
        frame[f"group{i}"] = rng.choice(list("abcd"), n)[of_row]
    id_columns: tuple[str, ...] = (key,)
    kind = f"{'even' if is_even else 'uneven'} steps, {calendar} start"
    if not is_date:
        kind += ", number as time"
    if rng.random() < 0.15 and calendar == "shared":
        frame[key] = names[of_row // 5 * 5 % n]
        frame["part"] = np.char.add("p", (of_row % 5).astype(str))
        frame = frame[~frame.duplicated([key, "part", time])]
        id_columns = (key, "part")
        kind += ", two columns"
    return frame, id_columns, time, kind


def add_measures(rng: np.random.Generator, frame: pd.DataFrame, lengths: np.ndarray) -> None:
    """Add measurements: whole numbers that vary slowly, decimals, counts and states."""
    chosen = rng.permutation([name for name in MEASURES if name not in frame])
    for i, name in enumerate(chosen[: int(rng.integers(1, 5))]):
        level = np.repeat(rng.normal(80, 10, len(lengths)), lengths)
        walk = np.concatenate([rng.normal(0, 2, n).cumsum() for n in lengths])
        kind = int(rng.integers(3)) if i else int(rng.integers(2))
        values = [
            (level + walk).round().astype(int),
            (level + walk).round(1),
            rng.poisson(6, len(frame)),
        ]
        frame[name] = values[kind]
    if rng.random() < 0.5:
        name = str(rng.choice(STATES))
        stays = rng.random(len(frame)) < 0.7
        codes = np.maximum.accumulate(np.where(stays, 0, np.arange(len(frame))))
        frame[name] = np.array(["sun", "rain", "fog", "snow"])[
            rng.integers(0, 4, len(frame))[codes]
        ]


def one_series(rng: np.random.Generator) -> tuple[pd.DataFrame, tuple[str, ...], str, str]:
    """Return a table of one series."""
    n = int(rng.integers(300, 1500))
    time = str(rng.choice(TIME_NAMES))
    step = str(rng.choice(["5min", "h", "D"]))
    frame = pd.DataFrame({time: pd.date_range("2018-03-01", periods=n, freq=step)})
    add_measures(rng, frame, np.array([n]))
    return frame, (), time, "one series"


# How dates are written: with a time of the day, and without.
HOURLY = [
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%Y-%m-%dT%H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d %B %Y %H:%M",
    "%Y%m%d%H%M",
    "%Y-%m-%d %H:%M+02:00",
]
DAILY = ["%d/%m/%Y", "%Y/%m/%d", "%d-%b-%y", "%b %d, %Y", "%Y%m%d", "%A, %d %B %Y", "%Y-%j"]


def rewritten(rng: np.random.Generator, frame: pd.DataFrame, time: str) -> str:
    """Write the times of a table in another way, in place; return how."""
    times = frame[time]
    if not pd.api.types.is_datetime64_any_dtype(times):
        kind = str(rng.choice(["float64", "Int64", "string", "int16"]))
        frame[time] = times.astype(kind)
        return f"time as {kind}"
    kind = int(rng.integers(4))
    if kind == 0:
        frame[time] = times.to_numpy("datetime64[s]").astype("int64")
        return "seconds since 1970"
    if kind == 1:
        frame[time] = times.dt.tz_localize("Asia/Tokyo")
        return "a time zone"
    has_hours = bool((times.dt.hour != 0).any())
    writing = str(rng.choice(HOURLY if has_hours else DAILY))
    text = times.dt.strftime(writing)
    frame[time] = text.astype("int64") if writing.startswith("%Y%m%d") else text
    return writing


def changed(rng: np.random.Generator, frame: pd.DataFrame, key: tuple[str, ...]) -> str:
    """Change what is beside the times, in place; return how."""
    kind = int(rng.integers(6))
    measures = [name for name in frame if name in MEASURES]
    if kind == 0 and len(key) == 1:
        frame[key[0]] = frame[key[0]].astype("category")
        return "an id of categories"
    if kind == 1:
        frame["nothing"] = np.nan
        return "an empty column"
    if kind == 2:
        frame["again"] = frame[measures[0]]
        return "a column twice"
    if kind == 3:
        for name in measures:
            frame[name] = frame[name].astype("float32")
        return "numbers of four bytes"
    if kind == 4:
        name = str(rng.choice(measures))
        frame[name] = frame[name].where(rng.random(len(frame)) < 0.8)
        return "missing values"
    frame["version"] = 3
    return "a constant column"


def same_times(frame: pd.DataFrame, known: pd.Series, key: tuple[str, ...]) -> bool:
    """Tell whether the times of a table are read as they are known, in the order of its series."""
    table, _ = Table.fit(frame, Roles())
    if table.stretches is not None or not pd.api.types.is_datetime64_any_dtype(known):
        return True
    places = Laid.of(table, frame, Roles(), True).places
    names = [frame[name].astype(str) for name in key]
    times = pd.Series(known.to_numpy("datetime64[s]").astype("int64"))
    first = times.groupby(names).transform("min") if names else times.min()
    wanted = np.sort((times - first).to_numpy())
    found = np.sort(places.times - places.start)
    units = (1, 10**9)  # numbers of seconds, which stay such, and nanoseconds
    return any(np.array_equal(found, wanted * unit) for unit in units)


def judged(seed: int) -> dict[str, str | int]:
    """Make a table, and return of what kind it is and how it is read."""
    rng = np.random.default_rng([seed, 7])
    make = one_series if rng.random() < 0.15 else series_table
    frame, key, time, kind = make(rng)
    order = "rows in order"
    if rng.random() < 0.5:
        frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
        order = "rows in any order"
    if rng.random() < 0.5:
        frame = frame[rng.permutation(frame.columns)]
    change = "as it is"
    known = frame[time]
    if seed % 2:
        frame = frame.copy()
        change = rewritten(rng, frame, time)
        other = changed(rng, frame, key)
        kind += f", {other}"
    try:
        choice = choose(frame, None, None, ())
        is_right = set(choice.id) == set(key) and choice.time == time
        is_right = is_right and (not seed % 2 or same_times(frame, known, key))
    except DataError as error:
        result = "asked" if len(str(error)) <= MOST_CHARACTERS else "a long sentence"
        if seed % 2:
            print(f"seed {seed}: {change}: {error}")
    else:
        result = "right" if is_right else "misread"
        if not is_right:
            read = f"{choice.id}, {choice.time} instead of {key}, {time}"
            print(f"seed {seed}: {kind}, {change}, {list(frame)}: {read}")
    return {"kind": kind, "times": change, "order": order, "result": result, "tables": 1}


def main() -> int:
    """Make the tables, judge how each is read, and write the counts."""
    n_tables = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    found = pd.DataFrame(map(judged, range(n_tables)))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found.groupby(["kind", "times", "order", "result"]).sum().reset_index().to_csv(
        OUTPUT, index=False
    )
    shares = found["result"].value_counts(normalize=True)
    print(shares.round(3).to_string())
    is_good = shares.get("misread", 0) == 0 and "a long sentence" not in shares
    return int(not (is_good and shares.get("asked", 0) <= MOST_ASKED))


if __name__ == "__main__":
    sys.exit(main())
