"""How often is the verdict on a good copy red? `python tests/nightly/own_error.py [N] [FILE ...]`
judges real series as if they were a copy, of tables of many kinds, and counts the lines.

A table is dealt in two halves, series by series: one is the real table, of the other two known-good
copies are made: its series as they are, and a bootstrap of them (drawn with replacement, each draw
under an id of its own). Both are written as CSV and judged end to end, as `make own` judges a copy.
FILE: tables of yours, whose series are dealt in the same way.
results/nightly/own_error.csv has a row for each kind and copy; exit code 1 where more than one copy
in twenty has a red line.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers import read_back, shop_visits

from tst.study import own_data
from tst.study.own_verdict import Finding, judge
from tst.table.roles import Roles
from tst.table.source import ChunkedFile, read
from tst.table.table import Table
from tst.table.validity import Laid, judged_series

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "results" / "nightly" / "own_error.csv"
MOST_RED = 0.05  # share of good copies
HELD_OUT = 0.25  # as in notebook 20
HOURS_A_WEEK = 168
MIN_ROUNDS = 6  # so that there are 60 copies and more

Made = tuple[pd.DataFrame, list[str], Roles]  # a table, the columns of its id, what is said of it


def rows_of(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row's series, and of its step within it, int (n_rows,) each."""
    series = np.repeat(np.arange(len(lengths)), lengths)
    first = np.cumsum(lengths) - lengths
    return series, np.arange(lengths.sum()) - first[series]


def codes(prefix: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n distinct ids of a pattern."""
    return np.char.add(prefix, (10_000 + rng.permutation(9 * n)[:n]).astype(str))


def walks(lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an AR(1) of unit variance for each series, float (n_rows,)."""
    x = rng.normal(size=lengths.sum())
    step = rows_of(lengths)[1]
    for i in range(1, len(x)):
        if step[i]:
            x[i] = 0.8 * x[i - 1] + 0.6 * x[i]
    return x


def shops(seed: int) -> Made:
    """Return days of shops: relations, attributes that go together, a weekly rhythm."""
    return shop_visits(240, seed), ["shop"], Roles()


def patients(seed: int) -> Made:
    """Return uneven times that depend on the ward, gaps, and starts on any day of a year."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 30, 200)
    series, step = rows_of(lengths)
    is_icu = rng.random(200) < 0.4
    wait = rng.exponential(np.where(is_icu, 20, 90)[series]).astype(int) + 1
    wait[step == 0] = 0
    minutes = wait.cumsum() - (wait.cumsum() - wait)[step == 0][series]
    begun = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 525_000, 200), "min")
    frame = pd.DataFrame({"patient": codes("P", 200, rng)[series]})
    frame["at"] = (begun[series] + pd.to_timedelta(minutes, "min")).strftime("%Y-%m-%d %H:%M")
    frame["unit"] = np.where(is_icu, "icu", "ward")[series]
    level = rng.normal(80, 8, 200) + 10 * is_icu
    frame["pulse"] = (level[series] + 6 * walks(lengths, rng)).round()
    lactate = np.exp(0.4 * walks(lengths, rng)).round(1)
    frame["lactate"] = np.where(rng.random(len(frame)) < 0.3, np.nan, lactate)
    return frame, ["patient"], Roles()


def engines(seed: int) -> Made:
    """Return runs to failure: wear never falls, the duty decides how long a unit lasts."""
    rng = np.random.default_rng(seed)
    is_heavy = rng.random(160) < 0.5
    lengths = np.where(is_heavy, rng.integers(15, 30, 160), rng.integers(40, 80, 160))
    series, step = rows_of(lengths)
    gained = rng.gamma(2, 1, lengths.sum())
    total = np.bincount(series, weights=gained)
    ends = rng.uniform(0.98, 1.02, 160)
    before = (np.cumsum(gained) - gained)[step == 0]
    worn = (np.cumsum(gained) - before[series]) * (ends / total)[series]
    frame = pd.DataFrame({"engine": codes("E-", 160, rng)[series], "cycle": step})
    frame["duty"] = np.where(is_heavy, "heavy", "light")[series]
    frame["wear"] = worn.round(4)
    frame["heat"] = (60 + 30 * worn + 2 * walks(lengths, rng)).round(1)
    return frame, ["engine"], Roles()


def prices(seed: int) -> Made:
    """Return prices of trading days, low to high, under two columns as id."""
    rng = np.random.default_rng(seed)
    lengths = np.full(120, 50)
    series, step = rows_of(lengths)
    days = pd.bdate_range("2022-03-07", periods=50)
    frame = pd.DataFrame({"market": np.array(["north", "south"])[series % 2]})
    frame["ticker"] = codes("T", 60, rng)[series // 2]
    frame["date"] = days[step].strftime("%d/%m/%Y")
    level = rng.lognormal(3, 0.5, 120)[series] * np.exp(0.1 * walks(lengths, rng))
    frame["low"] = level.round(2)
    frame["close"] = (frame["low"] + rng.exponential(0.3, len(frame))).round(2)
    frame["high"] = (frame["close"] + rng.exponential(0.3, len(frame))).round(2)
    frame["volume"] = rng.poisson(300, len(frame))
    return frame, ["market", "ticker"], Roles(id=["market", "ticker"], time="date")


def events(seed: int) -> Made:
    """Return events in an order without times, and amounts that only some of them have."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 15, 300)
    series, step = rows_of(lengths)
    kind = rng.choice(["view", "order", "pay"], len(step), p=[0.6, 0.25, 0.15])
    frame = pd.DataFrame({"user": codes("u", 300, rng)[series]})
    frame["event"] = np.where(step == 0, "signup", kind)
    amount = rng.lognormal(3, 1, len(step)).round(2)
    frame["amount"] = np.where(np.isin(frame["event"], ["order", "pay"]), amount, 0.0)
    frame["plan"] = rng.choice(["free", "paid"], 300)[series]
    return frame, ["user"], Roles(id="user", time="none")


def wide(seed: int) -> Made:
    """Return a row a series, a column a step."""
    rng = np.random.default_rng(seed)
    lengths = np.full(160, 24)
    is_bad = rng.random(160) < 0.4
    wave = np.sin(np.arange(24) / np.where(is_bad, 3, 5)[:, None] + rng.uniform(0, 6, (160, 1)))
    values = (wave + 0.1 * walks(lengths, rng).reshape(160, 24)).round(3)
    frame = pd.DataFrame(values, columns=np.char.add("t_", np.arange(24).astype(str)))
    frame.insert(0, "cycle", codes("c", 160, rng))
    frame.insert(1, "state", np.where(is_bad, "fault", "ok"))
    return frame, ["cycle"], Roles(shape="wide")


def measurements(seed: int) -> Made:
    """Return a row a measurement."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(8, 20, 160)
    series, step = rows_of(lengths)
    frame = pd.DataFrame({"subject": codes("s", 160, rng)[series]})
    frame["hour"] = step
    frame["mass"] = (rng.normal(75, 9, 160)[series] + walks(lengths, rng)).round(1)
    frame["pulse"] = (rng.normal(70, 6, 160)[series] + 5 * walks(lengths, rng)).round()
    long = frame.melt(["subject", "hour"], var_name="measure", value_name="value")
    order = np.lexsort((long["hour"], long["subject"]))
    return long.iloc[order].reset_index(drop=True), ["subject"], Roles(shape="long_measure")


def weeks_of(path: Path) -> Made:
    """Return the weeks of the one series of a file, each under an id of its own."""
    frame = pd.read_csv(path)
    n_weeks = len(frame) // HOURS_A_WEEK
    frame = frame.head(n_weeks * HOURS_A_WEEK)
    week = np.arange(len(frame)) // HOURS_A_WEEK
    frame.insert(0, "week", np.char.add("w", (100 + week).astype(str)))
    return frame, ["week"], Roles(id="week", time="date")


def file(path: Path) -> Made:
    """Return a user's table of several series."""
    frame = read(ChunkedFile(path))
    table, _ = Table.fit(frame, Roles())
    return frame, list(table.keys.id), Roles()


def of_series(frame: pd.DataFrame, names: list[str]) -> list[np.ndarray]:
    """Return the rows of each series, in the order of the table."""
    series = frame.groupby(names, sort=False).ngroup().to_numpy()
    order = np.argsort(series, kind="stable")
    return np.split(order, np.cumsum(np.bincount(series))[:-1])


def halves(made: Made, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return half the series of a table, and the known-good copies of the other half."""
    frame, names, _ = made
    series = of_series(frame, names)
    dealt = rng.permutation(len(series))
    first = np.sort(dealt[: len(series) // 2])
    second = np.sort(dealt[len(series) // 2 :])
    drawn = rng.choice(second, len(second))
    rows = [frame.iloc[np.concatenate([series[i] for i in part])] for part in (first, second)]
    again = []
    for i, name in zip(drawn, second, strict=True):
        again.append(frame.iloc[series[i]].assign(**frame.iloc[series[name][0]][names].to_dict()))
    copies = {"other half": rows[1], "bootstrap": pd.concat(again)}
    return rows[0].reset_index(drop=True), copies


def findings_of(real: pd.DataFrame, copy: pd.DataFrame, roles: Roles, seed: int) -> list[Finding]:
    """Return the verdict on a copy as notebook 20 makes it."""
    table, _ = Table.fit(real, roles)
    laid = Laid.of(table, real, roles, True)
    parts = own_data.halves_of(judged_series(table, laid, "real"), HELD_OUT, seed)
    return judge(table, laid, read_back(copy), roles, parts, seed)


def kinds(files: list[Path]) -> Iterator[tuple[str, Callable[[int], Made]]]:
    """Yield the name of each kind of table, and what makes one of a seed."""
    for make in (shops, patients, engines, prices, events, wide, measurements):
        yield make.__name__, make
    peers = Path(os.environ.get("TST_DATA", "")) / "peers" / "ETTh1.csv"
    if peers.is_file():
        yield "ETTh1, weeks", lambda seed: weeks_of(peers)
    for path in (ROOT / "notebooks" / "example.csv", *files):
        yield path.stem, lambda seed, path=path: file(path)


def main() -> int:
    """Judge the copies, show what is red, and write the counts."""
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else MIN_ROUNDS
    rows = []
    for kind, make in kinds([Path(name) for name in sys.argv[2:]]):
        for seed in range(n_rounds):
            made = make(seed)
            real, copies = halves(made, np.random.default_rng([seed, 20]))
            for name, copy in copies.items():
                start = time.process_time()
                found = findings_of(read_back(real), copy, made[2], seed)
                red = [one for one in found if one.state == "RED"]
                for one in red:
                    print(f"{kind}, seed {seed}, {name}: {one.section}: {one.text}, {one.note}")
                seconds = time.process_time() - start
                rows.append((kind, name, 1, bool(red), len(found), len(red), seconds))
        print(f"{kind}: {sum(row[3] for row in rows)} of {len(rows)} so far", flush=True)
    columns = ["table", "copy", "copies", "red_copies", "lines", "red_lines", "seconds"]
    counts = pd.DataFrame(rows, columns=columns).groupby(["table", "copy"], sort=False).sum()
    share = counts["red_copies"].sum() / counts["copies"].sum()
    print(counts.round(1).to_string())
    print(f"{share:.1%} of {counts['copies'].sum()} good copies are red")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    counts.drop(columns="seconds").to_csv(OUTPUT)
    return int(share > MOST_RED)


if __name__ == "__main__":
    sys.exit(main())
