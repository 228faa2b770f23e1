"""Laws of the GCUT builder: it is the pandas loop, whatever the order or an interruption."""

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import TRACE, needs_originals
from scipy.stats import kstest

from tst.data import gcut, trace_parts
from tst.errors import DataError
from tst.study.benchmarks import reference_trace
from tst.study.benchmarks.reference_trace import CASES, FIVE, event, records, write

S = 1_000_000  # microseconds in a second
EXCERPT = bool(TRACE and list((TRACE / "task_usage").glob("*.excerpt.csv.gz")))
needs_excerpt = pytest.mark.skipif(
    not EXCERPT, reason="no excerpt of the original usage under TST_DATA/raw"
)


def counted(counts):
    """Return the counts as a dict of the filters that stopped anything."""
    return {k: n for k, n in zip(counts["filter"], counts["tasks"], strict=True) if n}


def assert_same(series, expected):
    """The set holds exactly the series of the loop, with their labels."""
    keys = list(zip(series.attributes["job"], series.attributes["task"], strict=True))
    assert keys == sorted(expected)
    for i, key in enumerate(keys):
        label, values = expected[key]
        assert series.labels[i] == label
        np.testing.assert_allclose(series[i], values, rtol=1e-6)


def assert_like_the_loop(usage, events, work):
    """Fast builder and loop agree in counts and series; returns the counts."""
    expected, counts = reference_trace.build(usage, events)
    counts = {k: n for k, n in counts.items() if n}
    if not expected:
        with pytest.raises(DataError, match="no task of"):
            gcut.build(usage, events, work)
        return counts
    series, table = gcut.build(usage, events, work)
    assert counted(table) == counts | {"all": sum(counts.values()), "sampled": len(expected)}
    assert_same(series, expected)
    return counts


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """Parts of 700 tasks with known faults: (usage, events, tasks, SeriesSet, counts)."""
    folder = tmp_path_factory.mktemp("trace")
    usage, events, tasks = reference_trace.write_parts(folder, 700, 3, seed=5, fault_share=0.4)
    return usage, events, tasks, *gcut.build(usage, events, folder / "work")


def test_each_fault_is_found(trace):
    """Generated tasks of known fault are counted under its filter.

    The others become series, spread over the parts.
    """
    _, _, tasks, series, counts = trace
    known = dict(tasks["fault"].value_counts().iter_rows())
    assert set(known) == {"kept", *gcut.FILTERS} and min(known.values()) > 20
    assert counted(counts) == known | {"all": 700, "sampled": known["kept"]}
    kept = tasks.filter(pl.col("fault") == "kept").sort("job", "task")
    assert series.lengths.tolist() == kept["records"].to_list()
    assert series.labels.tolist() == [reference_trace.NAMES[t] for t in kept["end_type"]]
    assert (series.name, series.origin, series.interval, series.label) == (
        "gcut",
        "subset",
        "5min",
        "end_event",
    )
    assert list(series.attributes["end_event"].cat.categories) == [
        "EVICT",
        "FAIL",
        "FINISH",
        "KILL",
    ]


@pytest.mark.slow
def test_the_builder_is_the_loop(trace, tmp_path):
    """On generated parts the fast builder gives the loop's series, values, and counts."""
    usage, events, *_ = trace
    assert_like_the_loop(usage, events, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_the_builder_is_the_loop_on_noise(seed, tmp_path):
    """Coarse random numbers, full of ties, holes and duplicates, are judged as the loop does."""
    rng = np.random.default_rng(seed)
    usage, events = [], []
    for task in range(120):
        start = 300 * rng.integers(1, 4)
        for _ in range(rng.integers(0, 4)):
            end = start + rng.choice([300, 150, 1, 0], p=[0.8, 0.1, 0.05, 0.05])
            hole = {"c19": rng.choice(["", "NaN", "-1", "inf", "0"])} if rng.random() < 0.1 else {}
            usage += records(task, (start, end), **hole)
            start = end + rng.choice([0, 1, 1.000001, -1, 300], p=[0.8, 0.08, 0.04, 0.04, 0.04])
        for _ in range(rng.choice([0, 1, 2], p=[0.1, 0.7, 0.2])):
            kinds, shares = [0, 2, 3, 4, 5, 6, 7], [0.05, 0.2, 0.2, 0.2, 0.2, 0.1, 0.05]
            time = np.inf if rng.random() < 0.03 else start + rng.choice([0, -5, 10, 11, -400])
            events.append(event(task, time, rng.choice(kinds, p=shares)))
    rng.shuffle(usage)
    half = len(usage) // 2
    usage, events = (
        write(tmp_path, "task_usage", usage[:half], usage[half:]),
        write(tmp_path, "task_events", events),
    )
    assert len(assert_like_the_loop(usage, events, tmp_path)) >= 5


@pytest.mark.slow
def test_each_filter_by_hand(tmp_path):
    """Every case, written by hand, stops at the filter that its definition names."""
    for task, (name, (usage, events, expected)) in enumerate(CASES.items()):
        folder = tmp_path / str(task)
        folder.mkdir()
        # a second task, always kept, lets the build come through
        usage, events = (
            usage + records(99, (600, 900)),
            [event(0, *e) for e in events] + [event(99, 900, 2)],
        )
        wanted = {"kept": 2} if expected == "kept" else {"kept": 1, expected: 1}
        counts = assert_like_the_loop(
            write(folder, "task_usage", usage), write(folder, "task_events", events), folder / "w"
        )
        assert counts == wanted, name


def test_the_columns_are_the_right_ones(tmp_path):
    """Each feature carries its own column of the file, records in the order of their start."""
    rows = records(0, (900, 1200), (600, 900))
    for k, row in enumerate(rows):
        row[5:] = [
            f"{100 * (1 - k) + c}" for c in range(6, 21)
        ]  # schema field number, 1-based; +100 in the later record
    series, _ = gcut.build(
        write(tmp_path, "task_usage", rows),
        write(tmp_path, "task_events", [event(0, 1200, 5)]),
        tmp_path / "w",
    )
    fields = [6, 14, 20, 7, 8, 11, 9, 10, 13]
    names = (
        "cpu_rate maximum_cpu_rate sampled_cpu_usage canonical_memory_usage assigned_memory_usage "
    )
    names += "maximum_memory_usage unmapped_page_cache total_page_cache local_disk_space_usage"
    assert series.feature_names == names.split()
    assert series[0].tolist() == [fields, [f + 100 for f in fields]]


def test_many_passes_equal_one(trace, tmp_path, monkeypatch):
    """Ranges of hashes, order of parts and sample are of no influence on one another."""
    usage, events, _, whole, counts = trace
    sample, _ = gcut.build(usage, events, tmp_path, max_tasks=50, seed=3)
    monkeypatch.setattr(gcut, "ROWS_PER_PASS", 400)
    parted, parted_counts = gcut.build(usage[::-1], events[::-1], tmp_path)
    assert parted.sha256() == whole.sha256() and parted_counts.equals(counts)
    again, table = gcut.build(usage, events, tmp_path, max_tasks=50, seed=3)
    assert again.sha256() == sample.sha256()
    assert len(again) == counted(table)["sampled"] == 50 and counted(table)["kept"] == len(whole)


def test_the_sample_is_a_part_of_the_whole(trace, tmp_path):
    """A sample holds tasks of the whole with their values unchanged; another seed draws others.

    None keeps all.
    """
    usage, events, _, whole, _ = trace
    place = {
        key: i
        for i, key in enumerate(zip(whole.attributes["job"], whole.attributes["task"], strict=True))
    }
    drawn = []
    for seed in (1, 2):
        sample, _ = gcut.build(usage, events, tmp_path, max_tasks=100, seed=seed)
        drawn.append(
            [
                place[k]
                for k in zip(sample.attributes["job"], sample.attributes["task"], strict=True)
            ]
        )
        assert whole.take(drawn[-1]).sha256() == sample.sha256()
    assert len(set(drawn[0]) & set(drawn[1])) < 60  # 100 of 400, twice: about 25 by chance
    assert gcut.build(usage, events, tmp_path, max_tasks=None)[0].sha256() == whole.sha256()


def test_the_draw_is_uniform():
    """Priorities of neighbouring tasks are uniform and uncorrelated, between seeds too."""
    tasks = pl.DataFrame(
        {"job": np.arange(20_000) // 20 + 6_000_000_000, "task": np.arange(20_000) % 20}
    )
    first, second = (gcut.priorities(tasks, seed).to_numpy() / 2**64 for seed in (0, 1))
    assert kstest(first, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.03


def test_splitmix64_known_answers():
    """The first outputs of the published generator from the seeds 1234567 and 0."""
    steps = np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert gcut.splitmix64(steps + np.uint64(1234567)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
    assert hex(gcut.splitmix64(steps)[0]) == "0xe220a8397b1dcdaf"


def test_a_second_call_converts_nothing(trace, tmp_path, monkeypatch):
    """Converted parts are taken up again; a part that changed is converted anew."""
    usage, events, _, whole, _ = trace
    gcut.build(usage, events, tmp_path / "w")
    scanned, scan = [], pl.scan_csv
    monkeypatch.setattr(
        pl, "scan_csv", lambda part, **k: scanned.append(part.name) or scan(part, **k)
    )
    assert gcut.build(usage, events, tmp_path / "w")[0].sha256() == whole.sha256() and scanned == []
    other = write(tmp_path, "task_usage", records(0, *FIVE))[0]
    gcut.build([other, *usage[1:]], events, tmp_path / "w")
    assert scanned == [other.name]


def test_an_interrupted_build_goes_on(trace, tmp_path, monkeypatch):
    """What was converted before an interruption stays, whole.

    The next call does the rest and gives the same set.
    """
    usage, events, _, whole, _ = trace
    check = trace_parts.check_rows

    def interrupted(frame, part, table):
        if part == usage[1]:
            raise KeyboardInterrupt
        check(frame, part, table)

    monkeypatch.setattr(trace_parts, "check_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gcut.build(usage, events, tmp_path)
    assert not any(
        p.name.endswith(".part") or (usage[1].name in p.name and "usage" in p.name)
        for p in tmp_path.iterdir()
    )
    monkeypatch.setattr(trace_parts, "check_rows", check)
    assert gcut.build(usage, events, tmp_path)[0].sha256() == whole.sha256()


GOOD = records(0, *FIVE)
TEXT = "".join(",".join(map(str, r)) + "\n" for r in GOOD * 200)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "cut short or damaged"),
        (gzip.compress(TEXT.encode(), mtime=0)[:300], "cut short or damaged"),
        (
            gzip.compress(
                b"\n".join(line.rsplit(b",", 1)[0] for line in TEXT.encode().split()), mtime=0
            ),
            "not the 20 columns",
        ),
        (gzip.compress(TEXT.replace("\n", ",1\n").encode(), mtime=0), "not the 20 columns"),
        (gzip.compress((TEXT + TEXT[:-1] + ",1\n").encode(), mtime=0), "not the 20 columns"),
        (
            gzip.compress((TEXT + TEXT.replace(",1,0,", ",one,0,")).encode(), mtime=0),
            "not a table of numbers.*one",
        ),
        (
            gzip.compress((TEXT + TEXT.replace(",1,0,", ",,0,")).encode(), mtime=0),
            "lacks column 'job' in 600 rows",
        ),
        (gzip.compress(b"\x00\xff\xfe" * 50, mtime=0), "not the 20 columns"),
    ],
)
def test_a_bad_part_is_named(content, message, tmp_path):
    """A damaged part gives one sentence with its name and the remedy.

    Nothing of it stays in the work folder.
    """
    usage, events = (
        write(tmp_path, "task_usage", GOOD, GOOD),
        write(tmp_path, "task_events", [event(0, 1350, 4)]),
    )
    usage[1].write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        gcut.build(usage, events, tmp_path / "w")
    assert str(usage[1]) in str(caught.value) and "download it again" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(
        p.name.endswith(".part") or "usage-part-00001" in p.name for p in (tmp_path / "w").iterdir()
    )


def test_wrong_lists_of_parts_are_refused(tmp_path):
    """No part, a part that is not there, a part given twice, a sample of nothing: each is said."""
    usage, events = (
        write(tmp_path, "task_usage", GOOD),
        write(tmp_path, "task_events", [event(0, 1350, 4)]),
    )
    for parts, kwargs, message in [
        (([], events), {}, "no part of task_usage is given"),
        (
            ([*usage, tmp_path / "part-00007-of-00500.csv.gz"], events),
            {},
            "part-00007-of-00500.csv.gz is missing",
        ),
        ((usage, events * 2), {}, "is given twice"),
        ((usage, events), {"max_tasks": 0}, "max_tasks is 0"),
    ]:
        with pytest.raises(DataError, match=message):
            gcut.build(*parts, tmp_path / "w", **kwargs)
    assert not (tmp_path / "w").exists()


def test_nothing_left_is_said(tmp_path):
    """Where no task passes the filters, the sentence says what stopped them."""
    usage, events = (
        write(tmp_path, "task_usage", GOOD),
        write(tmp_path, "task_events", [event(0, 9000, 4)]),
    )
    with pytest.raises(
        DataError, match=r"no task of .*part-00000.*\(1 mismatched end\); add more parts"
    ):
        gcut.build(usage, events, tmp_path / "w")


def test_all_parts_are_the_original(tmp_path, monkeypatch):
    """Only a set built from every part of both tables calls itself original; it survives saving."""
    monkeypatch.setattr(trace_parts, "N_PARTS", 2)
    usage = write(tmp_path, "task_usage", GOOD[:1], GOOD[1:], n_parts=2)
    events = write(tmp_path, "task_events", [event(0, 600, 1)], [event(0, 1350, 4)], n_parts=2)
    series, _ = gcut.build(usage, events, tmp_path / "w")
    assert series.origin == "original"
    assert gcut.build(usage, events[1:], tmp_path / "w")[0].origin == "subset"
    assert not gcut.available(tmp_path)
    series.save(tmp_path / "gcut")
    assert gcut.available(tmp_path) and gcut.load(tmp_path)[0].sha256() == series.sha256()


@pytest.mark.slow
@needs_excerpt
def test_the_original_excerpt_is_read(tmp_path):
    """Of the first 677 original rows one task has an end event, later than its record."""
    usage = sorted((TRACE / "task_usage").glob("*.excerpt.csv.gz"))[:1]
    events = sorted((TRACE / "task_events").glob("*.csv.gz"))[:2]
    tasks = pd.read_csv(usage[0], header=None)[[2, 3]].drop_duplicates()
    ours = pd.concat([pd.read_csv(p, header=None) for p in events]).merge(tasks, on=[2, 3])
    rows = [["" if pd.isna(v) else v for v in row] for row in ours.astype(object).to_numpy()]
    counts = assert_like_the_loop(usage, write(tmp_path, "task_events", rows), tmp_path / "w")
    assert len(tasks) == 677 and counts == {"no end event": 676, "mismatched end": 1}


@pytest.mark.slow
@needs_originals
def test_the_original_events_label_the_tasks(tmp_path):
    """Usage made to fit original events gives exactly those tasks, labelled by their events."""
    parts = sorted((TRACE / "task_events").glob("*.csv.gz"))[:2]
    events = pd.concat(
        [pd.read_csv(p, header=None, usecols=[0, 2, 3, 5], names=range(13)) for p in parts]
    )
    events = events.sort_values(0, kind="stable")
    ends = events[events[5].isin(range(2, 7))]
    starts = events[(events[5] == 1) & (events[0] > 0)]
    once = [
        frame.drop_duplicates([2, 3], keep=False).set_index([2, 3])[[0, 5]]
        for frame in (starts, ends)
    ]
    once = once[0].join(once[1], how="inner", suffixes=("_start", "_end"))
    # tasks that started once, inside the trace: of those, every twentieth
    again = events[(events[5] == 1) & (events[0] == 0)].set_index([2, 3]).index
    once = once[(once["0_end"] > once["0_start"] + S) & ~once.index.isin(again)].sort_index()[::20]
    usage = []
    for (job, task), row in once.iterrows():
        first, last = row["0_start"] // S, -(-row["0_end"] // S)
        edges = [first, *range((first // 300 + 1) * 300, last, 300), last]
        usage += records(task, *zip(edges[:-1], edges[1:], strict=True), job=job)
    series, counts = gcut.build(write(tmp_path, "task_usage", usage), parts, tmp_path / "w")
    keys = pd.MultiIndex.from_frame(series.attributes[["job", "task"]])
    assert len(once) > 1000 and list(keys) == list(once.index)
    assert series.labels.tolist() == [gcut.CLASSES[kind] for kind in once["5_end"]]
    ended = (ends.drop_duplicates([2, 3], keep="last")[5] != gcut.LOST).sum()
    assert counted(counts)["empty"] == ended - len(once)
    assert counted(counts)["all"] == len(events[[2, 3]].drop_duplicates())
