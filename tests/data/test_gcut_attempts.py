"""Laws of gcut_attempts: the builder is the literal replay; lengths, ends and seconds are kept."""

import gzip

import numpy as np
import pandas as pd
import pytest
from helpers import FOLDERS, TRACE, needs_originals

from tst import data
from tst.data import gcut, gcut_attempts, trace_parts
from tst.errors import DataError
from tst.io import paths

REAL = next((folder for folder in FOLDERS if (folder / gcut_attempts.FILE).is_file()), None)
needs_table = pytest.mark.skipif(REAL is None, reason="no gcut_attempts.parquet")
S = 1_000_000  # microseconds in a second
SUBMIT, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST, UPDATE = range(8)
ENDS = gcut.CLASSES


def line(time, job, task, kind, priority=1, cpu="0.5"):
    """Return a row of task_events, time in microseconds."""
    return f"{time},,{job},{task},7,{kind},user,2,{priority},{cpu},0.25,0.125,0"


def write(folder, *parts):
    """Write lines as gzip parts; return their paths."""
    written = []
    for number, lines in enumerate(parts):
        path = folder / trace_parts.part_name(number)
        path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
        written.append(path)
    return written


def replayed(lines):
    """Return {(job, task, attempt): (start, end, end event)} of lines in the order of time."""
    running, number, found = {}, {}, {}
    for row in (text.split(",") for text in lines):
        time, task, kind = int(row[0]), (int(row[2]), int(row[3])), int(row[5])
        if kind == SCHEDULE:
            number[task] = number.get(task, -1) + 1
            running[task] = time
        elif kind in (*ENDS, LOST):
            start = running.pop(task, None)
            if start is not None and start > 600 * S and kind in ENDS:
                found[*task, number[task]] = (start, time, ENDS[kind])
    return found


def random_lines(seed, n=400):
    """Return events of six tasks in a random order of kinds, with ties and ends of nothing."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.choice([0, 1, 30 * S, 300 * S], n)) + 500 * S
    shares = [0.1, 0.35, 0.1, 0.1, 0.15, 0.1, 0.05, 0.05]
    kinds = rng.choice(8, n, p=shares)
    tasks = rng.integers(0, 6, n)
    return [
        line(t, 10 + k // 2, k % 2, kind) for t, k, kind in zip(times, tasks, kinds, strict=True)
    ]


@pytest.mark.parametrize("seed", range(8))
def test_the_builder_is_the_replay(tmp_path, seed):
    """On random events, cut into parts and given in any order, it finds what a replay does."""
    lines = random_lines(seed)
    expected = replayed(lines)
    parts = write(tmp_path, lines[:100], lines[100:390], lines[390:])
    table, counts = gcut_attempts.build(parts[::-1])
    keys = list(table[["job", "task", "attempt"]].itertuples(index=False, name=None))
    assert keys == sorted(expected)
    assert len(keys) > 20
    ends = (table["start_s"] + table["seconds"].astype(float)) * S
    np.testing.assert_allclose(table["start_s"] * S, [expected[k][0] for k in keys], atol=501)
    np.testing.assert_allclose(ends, [expected[k][1] for k in keys], atol=2000)
    assert list(table["end_event"]) == [expected[k][2] for k in keys]
    read, *dropped, kept = counts["attempts"]
    assert read - sum(dropped) == kept == len(table)
    assert read == sum(text.split(",")[5] == str(SCHEDULE) for text in lines)


def test_windows_and_facts_by_hand(tmp_path):
    """300 s from a boundary touch one window and reach the next; facts are the SCHEDULE's."""
    lines = [
        line(900 * S, 1, 0, SCHEDULE, priority=9, cpu="0.0625"),
        line(950 * S, 1, 0, UPDATE, priority=3),
        line(1199 * S, 1, 0, FINISH, priority=3, cpu=""),
        line(1199 * S, 1, 0, SUBMIT),
        line(1199 * S, 1, 0, SCHEDULE, cpu=""),
        line(1200 * S, 1, 0, KILL),
    ]
    table, _ = gcut_attempts.build(write(tmp_path, lines))
    assert table["n_windows"].tolist() == [1, 2]
    assert table["end_event"].tolist() == ["FINISH", "KILL"]
    assert table["priority"].tolist() == [9, 1]
    assert table["cpu_request"].tolist() == pytest.approx([0.0625, np.nan], nan_ok=True)
    assert table["disk_request"].tolist() == [0.125, 0.125]


def test_what_is_built_is_what_is_loaded(tmp_path, monkeypatch):
    """`data.load` gives an attempt's windows as steps, whose seconds add up to its own."""
    table, _ = gcut_attempts.build(write(tmp_path, random_lines(0, n=900)))
    table.to_parquet(tmp_path / gcut_attempts.FILE)
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    series, counts = data.load("gcut_attempts")
    assert (series.name, series.origin, series.interval) == ("gcut_attempts", "subset", "5min")
    assert (series.label, series.group) == ("end_event", "job")
    assert series.lengths.tolist() == table["n_windows"].tolist()
    assert series.labels.tolist() == table["end_event"].tolist()
    total = np.add.reduceat(series.values[:, 0], series.offsets[:-1])
    np.testing.assert_allclose(total, table["seconds"], atol=0.01)
    inner = (series.step_index > 0) & (
        series.step_index < np.repeat(series.lengths, series.lengths) - 1
    )
    assert inner.any()
    assert (series.values[inner] == 300).all()
    modelled = set(series.attributes.select_dtypes("category"))
    assert modelled == {"end_event", "scheduling_class", "priority"}
    assert counts["series"].tolist() == [len(table), len(table)]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("end_event", "LOST", "row 1 has end_event LOST, which no attempt has"),
        ("seconds", -1.0, "row 1 has seconds -1.0"),
        ("n_windows", 0, "row 1 has n_windows 0"),
        ("start_s", np.nan, "row 1 has start_s nan"),
    ],
)
def test_what_no_attempt_has_is_named(tmp_path, column, value, message):
    """An unknown end, no window, a negative time: one sentence with the row."""
    table, _ = gcut_attempts.build(write(tmp_path, random_lines(0)))
    table["end_event"] = table["end_event"].astype(str)
    table.loc[1, column] = value
    table.to_parquet(tmp_path / gcut_attempts.FILE)
    with pytest.raises(DataError, match=message):
        gcut_attempts.load(tmp_path)


def test_mistakes_of_the_parts(tmp_path):
    """No part, a part of another table, a damaged one, nothing that ends: one sentence each."""
    with pytest.raises(DataError, match="no part of task_events is given"):
        gcut_attempts.build([])
    (path,) = write(tmp_path, ["1,2,3"])
    with pytest.raises(DataError, match="is not a part of task_events"):
        gcut_attempts.build([path])
    path.write_bytes(gzip.compress(b"x")[:-3])
    with pytest.raises(DataError, match="part-00000-of-00500.csv.gz"):
        gcut_attempts.build([path])
    write(tmp_path, [line(900 * S, 1, 0, SCHEDULE)])
    with pytest.raises(DataError, match="no attempt starts and ends in"):
        gcut_attempts.build([path])


@pytest.mark.slow
@needs_table
@needs_originals
def test_the_original_parts_give_the_table_s_attempts():
    """All attempts of the table that end within the parts at hand, fact by fact, and no others."""
    built, _ = gcut_attempts.build((TRACE / "task_events").glob("part-?????-of-00500.csv.gz"))
    table = pd.read_parquet(REAL / gcut_attempts.FILE)
    last = (built["start_s"] + built["seconds"]).max()
    table = table[table["start_s"] + table["seconds"] <= last].reset_index(drop=True)
    assert list(built) == list(table)
    pd.testing.assert_frame_equal(built, table, check_dtype=False, rtol=0, atol=1e-3)


@pytest.mark.slow
@needs_table
def test_the_real_attempts():
    """696,573 attempts of 15,514 jobs; shares and lengths of those of two windows and more."""
    series, counts = gcut_attempts.load(REAL)
    assert len(series) == 696_573 == counts["series"].iloc[-1]
    assert series.attributes["job"].nunique() == 15_514
    longer = series.take(np.flatnonzero(series.lengths >= 2))
    assert (len(longer), longer.lengths.max()) == (541_393, 228)
    assert longer.lengths.mean() == pytest.approx(14.1, abs=0.05)
    shares = pd.Series(longer.labels).value_counts(normalize=True)
    expected = {"EVICT": 0.323, "FAIL": 0.018, "FINISH": 0.474, "KILL": 0.185}
    assert shares.to_dict() == pytest.approx(expected, abs=1e-3)
    train, test = series.split(group="job")
    assert not set(train.attributes["job"]) & set(test.attributes["job"])
