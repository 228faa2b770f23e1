"""Tables of columns that users may have: every dtype, name and gap, as a Hypothesis strategy."""

import datetime
import decimal

import numpy as np
import pandas as pd
from hypothesis import strategies as st

N = 12  # rows: four series of three steps
STEPS = np.tile(np.arange(3), 4)
IDS = {
    "text": np.repeat(list("abcd"), 3),
    "number": np.repeat([3, 1, 7, 2], 3),
    "large": np.repeat(np.array([2**63 - 1, 2**62, 5, 2**53 + 1]), 3),
    "category": pd.Categorical(np.repeat(list("abcd"), 3)),
    "gaps": np.repeat(np.array(["a", None, "c", "d"], dtype=object), 3),
    "broken lines": np.repeat(["a\nb", "c\r", "", "'"], 3),
    "row": np.arange(N),
}
DAY = pd.Timestamp("2024-02-27")
TIMES = {
    "number": STEPS,
    "fraction": STEPS * 0.1,
    "date": DAY + pd.to_timedelta(STEPS, "D"),
    "text": (DAY + pd.to_timedelta(STEPS, "D")).strftime("%Y-%m-%d"),
    "zone": (DAY + pd.to_timedelta(STEPS, "D")).tz_localize("Europe/Paris"),
    "year 1": np.array(["0001-01-01", "0001-01-02", "0001-01-03"] * 4, "datetime64[us]"),
    "year 9999": np.array(["9999-12-29", "9999-12-30", "9999-12-31"] * 4, "datetime64[us]"),
    "far text": np.array(["0001-01-01", "5000-01-02", "9999-12-31"] * 4),
    "same": np.zeros(N),
    "infinite": np.where(STEPS, np.inf, 0.0),
    "huge": STEPS * 1e300,
    "gaps": np.where(np.arange(N) % 5, STEPS, np.nan),
    "duration": pd.to_timedelta(STEPS, "h"),
    "never": pd.to_datetime([None] * N),
}


def _column(kind, rng):
    """Return a column of a kind."""
    numbers = rng.normal(size=N)
    makers = {
        "float": lambda: numbers,
        "float16": lambda: numbers.astype(np.float16),
        "int": lambda: rng.integers(-9, 9, N),
        "int8": lambda: rng.integers(-128, 127, N).astype(np.int8),
        "uint64": lambda: rng.integers(0, 2**64 - 1, N, dtype=np.uint64),
        "tiny": lambda: numbers * 1e-310,
        "huge": lambda: numbers * 1e29,
        "beyond": lambda: numbers * 1e305,
        "infinite": lambda: np.where(numbers > 1, np.inf, numbers),
        "gaps": lambda: np.where(numbers > 0, np.nan, numbers),
        "Int64": lambda: pd.array([None, 1, 2, 3] * 3, dtype="Int64"),
        "Float64": lambda: pd.array([None, 1.5, 2, 3] * 3, dtype="Float64"),
        "boolean": lambda: pd.array([None, True, False] * 4, dtype="boolean"),
        "bool": lambda: numbers > 0,
        "text": lambda: rng.choice(["p", "q", "é\n"], N),
        "text of numbers": lambda: rng.choice(["1", "2", "x"], N, p=[0.6, 0.3, 0.1]),
        "dates as text": lambda: rng.choice(["2024-01-01", "2024-01-02"], N),
        "category": lambda: pd.Categorical(
            rng.choice(list("pq"), N), categories=list("qpr"), ordered=True
        ),
        "category of numbers": lambda: pd.Categorical(rng.choice([1.5, np.pi], N)),
        "category of dates": lambda: pd.Categorical(
            rng.choice(pd.date_range("2024", periods=2), N)
        ),
        "date": lambda: DAY + pd.to_timedelta(rng.integers(0, 99, N), "h"),
        "zoned": lambda: (DAY + pd.to_timedelta(rng.integers(0, 99, N), "h")).tz_localize("UTC"),
        "date of a day": lambda: np.array(
            [datetime.date(2024, 1, 1 + i) for i in range(N)], dtype=object
        ),
        "duration": lambda: pd.to_timedelta(rng.integers(0, 99, N), "h"),
        "period": lambda: pd.period_range("2024", periods=N, freq="M"),
        "interval": lambda: pd.interval_range(0, N),
        "decimal": lambda: np.array([decimal.Decimal(i) / 3 for i in range(N)], dtype=object),
        "complex": lambda: numbers + 1j,
        "empty": lambda: np.full(N, np.nan),
        "nothing": lambda: np.array([None] * N, dtype=object),
        "mixed": lambda: np.array([1, "a", None, 2.5, True, b"x"] * 2, dtype=object),
        "bytes": lambda: np.array([b"a", b"\xff"] * 6, dtype=object),
        "lists": lambda: pd.Series([[1], [2, 3], []] * 4),
        "records": lambda: pd.Series([{"a": 1}, {"b": [2]}] * 6),
        "constant": lambda: np.full(N, 7),
        "still": lambda: np.repeat(rng.normal(size=4), 3),
        "still text": lambda: np.repeat(rng.choice(["m", "n"], 4), 3),
        "sparse": lambda: pd.arrays.SparseArray(np.where(numbers > 0, 0.0, numbers)),
        "arrow": lambda: pd.array(rng.integers(0, 9, N), dtype="int32[pyarrow]"),
        "large beside its range": lambda: 1e12 + rng.integers(0, 9, N),
    }  # fmt: skip
    return makers[kind]() if kind else sorted(makers)


COLUMNS = _column(None, np.random.default_rng(0))
NAMES = [
    "x",
    "y",
    "all",
    "id",
    "time",
    "",
    " ",
    "x missing",
    "a\nb",
    "é",
    "x" * 400,
    0,
    None,
    ("a", 1),
    "x",
    "(missing)",
]


@st.composite
def frames(draw):
    """A table of an id, a time and a few columns of any kind; maybe empty, or with rows twice."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    known = [("text", "number"), ("number", "text"), ("text", "date"), ("category", "zone")]
    key, time = draw(
        st.one_of(
            *map(st.just, known), st.tuples(*(st.sampled_from(sorted(k)) for k in (IDS, TIMES)))
        )
    )
    columns = [("id", IDS[key]), ("time", TIMES[time])]
    kinds = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4))
    columns += [
        (draw(st.sampled_from(NAMES)) if draw(st.booleans()) else f"c{i}", _column(k, rng))
        for i, k in enumerate(kinds)
    ]
    columns = columns[draw(st.sampled_from([0] * 9 + [1])) :]
    frame = pd.concat([pd.Series(values).reset_index(drop=True) for _, values in columns], axis=1)
    frame.columns = pd.Index([name for name, _ in columns], dtype=object)
    rows = draw(st.sampled_from(["all", "all", "all", "none", "one", "twice", "shuffled"]))
    chosen = {"none": [], "one": [0], "twice": [*range(N), 0, 5]}.get(rows, np.arange(N))
    return frame.iloc[rng.permutation(N) if rows == "shuffled" else chosen]
