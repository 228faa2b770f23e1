"""Laws of transitions: which a table shows not to occur, and where it does not show it."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text

from tst.table.relations import Places, Transitions
from tst.table.table import Table
from tst.table.transitions import MAX_NEW, TransitionCounts, share_new

STEPS = {"new": ["paid", "lost"], "paid": ["sent", "lost"], "sent": ["paid", "done"]}
SENTENCE = "step takes only transitions that occur"


def orders(n_series=200, seed=0, steps=STEPS, start="new"):
    """Return a table of processes that take the steps of a graph until one has none."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n_series):
        state = start
        t = 0
        while True:
            rows.append((f"u{i:04d}", t, state, round(float(rng.normal()), 3)))
            if not steps.get(state):
                break
            state = steps[state][rng.integers(len(steps[state]))]
            t += 1
    return pd.DataFrame(rows, columns=["unit", "t", "step", "x"])


def transitions(frame, **roles):
    """Return the relation of a table, or None."""
    found = Table.fit(frame, roles)[0].relations
    return next((one for one in found if isinstance(one, Transitions)), None)


def places_of(frame):
    """Return where the rows of a table stand."""
    is_first = np.append(True, frame["unit"].to_numpy()[1:] != frame["unit"].to_numpy()[:-1])
    return Places(times=frame["t"].to_numpy(), is_first=is_first)


def test_the_steps_of_a_process_are_found():
    """Its starts, what follows each state, and its ends; as text, and as numbers that are codes."""
    frame = orders()
    one = transitions(frame)
    states = list(one.states)
    found = {}
    for state, following in zip(states, one.follows, strict=True):
        found[state] = {states[i] for i in following}
    assert found == {state: set(STEPS.get(state, ())) for state in states}
    assert [states[i] for i in one.starts] == ["new"]
    assert {states[i] for i in one.ends} == {"lost", "done"}
    codes = frame.assign(step=frame["step"].map({"new": 7, "paid": 1, "sent": 5, "lost": 3}))
    codes["step"] = codes["step"].fillna(2.0)  # floats
    of_codes = transitions(codes, categorical=["step"])
    assert of_codes.follows == one.follows
    assert of_codes.states[:1] == (7.0,)


@pytest.mark.parametrize(
    "frame",
    [
        orders(12),
        orders(300, steps={str(i): [str(j) for j in range(0, 120, 2)] for i in range(0, 120, 3)},
               start="0"),
        orders(300, steps={"new": ["a", "b", "z"], "a": ["b", "z", "new"], "b": ["a", "z", "new"]}),
    ],
    ids=["few series", "many states", "all follow each other"],
)  # fmt: skip
def test_nothing_is_kept_that_a_table_does_not_show(frame):
    """Too few rows, too many states; or next to nothing that does not occur."""
    one = transitions(frame)
    if one is not None:
        assert one.may_follow[:3, :3].sum() >= 6  # ends and starts only
        assert len(one.states) == 4
    else:
        assert "takes only" not in problem_text(Table.fit(frame)[0])


@pytest.mark.parametrize("weights", [np.ones(30), 0.8 ** np.arange(40), 1 / np.arange(1, 200)])
def test_the_share_of_what_is_new_is_bounded(weights):
    """By a bound below which it is in nine tables of ten: here it is known what is missed."""
    rng = np.random.default_rng(0)
    p = weights / weights.sum()
    n_tables, n_draws = 400, 300
    n_within = 0
    for _ in range(n_tables):
        counts = rng.multinomial(n_draws, p)  # one of each series
        n_within += p[counts == 0].sum() <= share_new(counts, counts)
    assert n_within >= 0.9 * n_tables
    wrong = 0.97 * np.append(p, 0.04 / 0.97)  # a new thing, a little above the limit
    n_kept = 0
    for _ in range(n_tables):
        counts = rng.multinomial(n_draws, wrong / wrong.sum())
        n_kept += counts[-1] == 0 and share_new(counts, counts) <= MAX_NEW
    assert n_kept <= 0.05 * n_tables
    assert share_new(np.array([99]), np.array([99])) > MAX_NEW > share_new(*[np.array([101])] * 2)


def test_one_series_alone_shows_nothing():
    """However often it repeats what no other does."""
    counts = np.array([1000, 500])
    assert share_new(counts, np.array([9, 9])) < MAX_NEW < share_new(counts, np.array([9, 1]))


def test_parts_are_counted_as_the_whole():
    """Series by series is all at once."""
    frame = orders(60, seed=3)
    whole = TransitionCounts("step")
    whole.add(frame["step"], places_of(frame))
    parted = TransitionCounts("step")
    for _, part in frame.groupby("unit", sort=False):
        parted.add(part["step"], places_of(part))
    assert list(parted.states) == list(whole.states)
    for name in ("counts", "n_series", "stays"):
        np.testing.assert_array_equal(getattr(parted, name), getattr(whole, name))


def test_gaps_are_passed_over():
    """A state that is not known breaks nothing; the model may repeat the one before it."""
    frame = orders(400)
    frame.loc[frame.index % 5 == 4, "step"] = None
    table, series = Table.fit(frame)
    one = next(one for one in table.relations if isinstance(one, Transitions))
    assert one.holds(frame, places_of(frame))
    starts, follows, ends = table.transitions()["step"]
    column = series.feature_names.index("step")
    for i in range(len(series)):
        codes = series[i][:, column].astype(int)
        assert starts[codes[0]]
        assert follows[codes[:-1], codes[1:]].all()
        assert ends[codes[-1]]


def test_a_copy_that_takes_others_is_told():
    """A step that does not occur, an unknown state, another start, another end."""
    frame = orders()
    one = transitions(frame)
    places = places_of(frame)
    last = places.last
    assert not one.broken(frame, places).any()
    for rows, state in (([0], "sent"), (last[:1], "new"), ([1], "unheard of")):
        bad = frame.copy()
        bad.loc[rows, "step"] = state
        assert one.broken(bad, places)[rows].all()
    shuffled = frame.assign(step=frame["step"].sample(frac=1, random_state=0).to_numpy())
    assert one.broken(shuffled, places).mean() > 0.3


def test_a_user_leaves_them_out():
    """By their sentence or the column; then nothing is masked. They are in the report's list."""
    frame = orders()
    table = Table.fit(frame)[0]
    assert SENTENCE in problem_text(table)
    assert set(table.transitions()) == {"step"}
    for said in (f"not {SENTENCE}", "not step", "none"):
        other = Table.fit(frame, {"relations": [said]})[0]
        assert SENTENCE not in problem_text(other)
        assert other.transitions() == {}


def test_what_was_saved_is_read_or_refused():
    """JSON and back; a damaged one is no table."""
    table = Table.fit(orders())[0]
    facts = json.loads(json.dumps(table.to_dict()))
    assert Table.from_dict(facts).relations == table.relations
    for key, value in (("starts", [9]), ("follows", [[0]]), ("states", list("abcde"))):
        damaged = json.loads(json.dumps(facts))
        relation = next(one for one in damaged["relations"] if one["kind"] == "transitions")
        relation[key] = value
        with pytest.raises(ValueError, match="fit"):
            Table.from_dict(damaged)


def test_an_order_of_states_holds_beside_them():
    """What never goes back is found by fewer rows; where both are known, both hold."""
    steps = {"new": ["used", "worn"], "used": ["worn", "gone"], "worn": ["gone"]}
    frame = orders(steps=steps)
    table = Table.fit(frame)[0]
    kinds = {one.kind for one in table.relations if one.column == "step"}
    assert kinds == {"state order", "transitions"}
    one = next(one for one in table.relations if one.kind == "transitions")
    assert one.holds(frame, places_of(frame))
    few = Table.fit(orders(20, steps=steps))[0]
    assert {one.kind for one in few.relations if one.column == "step"} == {"state order"}
    assert replace(one, starts=(0, 1)).may_start[:2].all()
