"""Laws of SeriesSet: nothing is lost, nothing is mixed, what is wrong is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import distinct_series, toy_series
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.errors import DataError
from tst.io import mapped
from tst.series import Feature, SeriesSet, ceil_div, concat, from_list, offsets


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=12), st.data())
def test_take_is_indexing(lengths, data):
    """take(i)[k] is the series i[k], repeats and any order included."""
    series = distinct_series(tuple(lengths))
    indices = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=20))
    taken = series.take(indices)
    for k, i in enumerate(indices):
        np.testing.assert_array_equal(taken[k], series[i])
        assert taken.attributes["id"][k] == i


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=9), st.integers(1, 9))
def test_padded_and_head_agree_with_a_loop(lengths, n_steps):
    """Each series is cut to n_steps, the fill stands elsewhere; the mask tells which is which."""
    series = distinct_series(tuple(lengths))
    values, mask = series.padded(n_steps, fill=-1)
    assert values.shape == (len(lengths), n_steps, 2)
    for i, n in enumerate(lengths):
        kept = min(n, n_steps)
        np.testing.assert_array_equal(values[i, :kept], series[i][:kept])
        np.testing.assert_array_equal(series.head(n_steps)[i], series[i][:kept])
        assert (values[i, kept:] == -1).all()
        assert mask[i].sum() == kept
        assert mask[i, :kept].all()


@pytest.mark.parametrize(
    "kinds", [[3, 1, 3, 2], [0.5, 2.5, 0.5, 0.5], [True, False, True, True], list("abba")]
)
def test_categories_that_are_numbers_stay_categories(tmp_path, kinds):
    """Parquet knows categories of text only."""
    attributes = pd.DataFrame({"kind": pd.Categorical(kinds), "plain": kinds})
    series = replace(distinct_series(), attributes=attributes, label=None)
    series.save(tmp_path / "toy")
    pd.testing.assert_frame_equal(SeriesSet.load(tmp_path / "toy").attributes, attributes)


def test_save_and_load_round_trip(tmp_path):
    """What is loaded equals what was saved, to the bit, dtypes of attributes included."""
    series = distinct_series(label="kind", group="id")
    series.save(tmp_path / "toy")
    loaded = SeriesSet.load(tmp_path / "toy")
    assert loaded.sha256() == series.sha256()
    pd.testing.assert_frame_equal(loaded.attributes, series.attributes)
    assert (loaded.features, loaded.label, loaded.group, loaded.origin) == (
        series.features,
        "kind",
        "id",
        "simulated",
    )
    assert {p.name for p in tmp_path.iterdir()} == {"toy"}


@pytest.mark.parametrize("name", ["values.npy", "lengths.npy", "attributes.parquet", "meta.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_folder_is_named(tmp_path, name, damage):
    """A missing or truncated file ends in one sentence that names the folder and the remedy."""
    folder = tmp_path / "toy"
    distinct_series().save(folder)
    path = folder / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"{folder}.*write it (again )?with SeriesSet\.save"):
        SeriesSet.load(tmp_path / "toy")


def test_a_changed_value_fails_the_checksum(tmp_path):
    """One flipped byte in the values is noticed."""
    distinct_series().save(tmp_path / "toy")
    path = tmp_path / "toy" / "values.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="checksum"):
        SeriesSet.load(tmp_path / "toy")


def test_save_failure_leaves_the_old_set(tmp_path, monkeypatch):
    """A save that breaks off half-way leaves what stood there."""
    old, new = distinct_series(seed=1), distinct_series(seed=2)
    old.save(tmp_path / "toy")
    monkeypatch.setattr(
        pd.DataFrame, "to_parquet", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        new.save(tmp_path / "toy")
    assert SeriesSet.load(tmp_path / "toy").sha256() == old.sha256()
    assert {p.name for p in tmp_path.iterdir()} == {"toy"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"values": np.full((11, 2), np.nan)},
            "series 0 has a missing or infinite value at step 0",
        ),
        ({"values": np.ones((10, 2))}, "shape"),
        ({"lengths": [3, 0, 6, 2]}, "no steps"),
        ({"lengths": []}, "empty"),
        ({"lengths": [3, 1, 5, 2.7]}, "lengths hold float64, not whole numbers"),
        ({"lengths": [3, 1, 2**62, 2**63 - 1]}, "lengths and features ask for"),
        ({"lengths": [[3, 1, 5, 2]]}, "empty"),
        ({"values": [["a", "b"]] * 11}, "values hold <U1, not numbers"),
        ({"values": np.ones((11, 2), complex)}, "values hold complex128, not numbers"),
        ({"values": np.full((11, 2), 1e300)}, "missing or infinite value"),
        ({"features": [Feature(1), Feature("b")]}, "a name, a kind and a unit as text"),
        ({"features": None}, "a name, a kind and a unit as text"),
        ({"attributes": None}, "attributes must be a DataFrame"),
        ({"name": 3}, "name is 3; give a text"),
        ({"origin": "imagined"}, "unknown origin"),
        ({"label": "colour"}, "not among the attributes"),
        ({"features": [Feature("a"), Feature("a")]}, "stands twice"),
        ({"attributes": pd.DataFrame({"id": [1]})}, "1 rows of attributes for 4 series"),
    ],
)
def test_what_is_wrong_is_said(change, message):
    """Each broken field raises a DataError that names it."""
    good = distinct_series()
    names = ("name", "values", "lengths", "features", "attributes", "origin", "interval")
    fields = {k: getattr(good, k) for k in names}
    with pytest.raises(DataError, match=message):
        SeriesSet(**fields | change)


def test_stratified_split_keeps_the_shares():
    """Both halves hold every class in its share and divide the set; the seed decides how."""
    series = distinct_series(tuple([2] * 40))
    first, second = series.split(0.5, stratify="kind", seed=3)
    assert first.attributes["kind"].value_counts().to_dict() == {"k0": 10, "k1": 10}
    assert sorted([*first.attributes["id"], *second.attributes["id"]]) == list(range(40))
    again, _ = series.split(0.5, stratify="kind", seed=3)
    other, _ = series.split(0.5, stratify="kind", seed=4)
    assert (
        list(again.attributes["id"]) == list(first.attributes["id"]) != list(other.attributes["id"])
    )


def test_a_class_with_one_member_goes_to_the_first_part():
    """A lone class does not break a stratified split."""
    attributes = pd.DataFrame({"kind": ["a"] * 6 + ["b"]})
    first, second = distinct_series(tuple([2] * 7), attributes=attributes).split(
        0.5, stratify="kind"
    )
    assert "b" in set(first.attributes["kind"])
    assert "b" not in set(second.attributes["kind"])


def test_grouped_split_divides_no_group():
    """No group stands on both sides."""
    attributes = pd.DataFrame({"owner": np.repeat(["a", "b", "c", "d"], 5)})
    first, second = distinct_series(tuple([2] * 20), attributes=attributes).split(
        0.5, group="owner"
    )
    assert not set(first.attributes["owner"]) & set(second.attributes["owner"])
    assert len(first) + len(second) == 20


def test_concat_refuses_to_mix_origins():
    """Simulated and real rows never stand in one set."""
    both = concat([distinct_series(seed=1), distinct_series(seed=2)])
    assert len(both) == 8
    assert isinstance(both.attributes["kind"].dtype, pd.CategoricalDtype)
    with pytest.raises(DataError, match="will not mix"):
        concat([distinct_series(), distinct_series(origin="subset")])


def test_a_set_without_attributes_survives_the_disk(tmp_path):
    """Series that nothing describes: as many rows of no columns come back."""
    bare = SeriesSet(
        "bare",
        np.ones((5, 1)),
        [2, 3],
        [Feature("x")],
        pd.DataFrame(index=range(2)),
        "simulated",
        "1D",
    )
    bare.save(tmp_path / "bare")
    again = SeriesSet.load(tmp_path / "bare")
    assert again.attributes.shape == (2, 0)
    assert again.sha256() == bare.sha256()


def test_a_set_says_what_it_is_in_one_line():
    """Where its values go back to, its model, lengths and features; one is not many."""
    one = from_list(
        [np.ones((3, 1))] * 2,
        attributes=pd.DataFrame(index=range(2)),
        features=[Feature("x")],
        name="toy",
        origin="simulated",
        interval="1h",
    )
    said = "SeriesSet(toy, simulated data: 2 series of 3 steps, 1 feature, one step per 1h)"
    assert repr(one) == said
    drawn = replace(distinct_series((3, 5)), model="tst")
    assert " from " in repr(drawn)
    assert "2 series of 3 to 5 steps" in repr(drawn)


def test_the_units_of_a_set_are_its_groups():
    """The same name, the same unit, from 0; one that is missing is a unit, too; else each alone."""
    attributes = pd.DataFrame({"job": ["b", "a", None, "b", None]})
    made = toy_series([np.ones((2, 1))] * 5, attributes=attributes)
    assert made.units.tolist() == [0, 1, 2, 3, 4]
    assert replace(made, group="job").units.tolist() == [0, 1, 2, 0, 2]


def test_step_index_counts_within_each_series():
    """From 0 in each series; series and step together name a row."""
    made = from_list(
        [np.zeros((n, 1)) for n in (3, 1, 2)],
        name="x",
        features=[Feature("a")],
        origin="simulated",
        interval="1D",
        attributes=pd.DataFrame(index=range(3)),
    )
    assert made.step_index.tolist() == [0, 1, 2, 0, 0, 1]
    np.testing.assert_array_equal(made.offsets[made.series_index] + made.step_index, np.arange(6))


@given(st.lists(st.integers(0, 7), max_size=12))
def test_offsets_are_sums_of_the_lengths_before(lengths):
    """Entry k is the number of rows of the first k series, the last one that of all."""
    first_rows = offsets(np.array(lengths, dtype=np.int64))
    assert first_rows.tolist() == [sum(lengths[:k]) for k in range(len(lengths) + 1)]
    assert first_rows.dtype == np.int64


@given(st.lists(st.integers(0, 99), min_size=1), st.integers(1, 13))
def test_ceil_div_counts_parts(counts, size):
    """The least number of parts that hold all; for one number and for an array."""
    n_parts = ceil_div(np.array(counts), size)
    assert n_parts.tolist() == [ceil_div(n, size) for n in counts]
    assert ((n_parts - 1) * size < counts).all()
    assert (n_parts * size >= counts).all()


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks of 64 bytes, and every array of 100 bytes a mapped one."""
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 64)
    monkeypatch.setattr(mapped, "MAPPED_BYTES", 100)


def test_a_mapped_set_is_the_set(tmp_path, monkeypatch, tiny_blocks):
    """Taken, split, saved and loaded by blocks: the same numbers, and the same fingerprint."""
    lengths = (7, 1, 12, 3, 30, 2, 9)
    mapped_set = distinct_series(lengths).take([6, 0, 4, 4, 1, 2, 3, 5])
    assert mapped.is_mapped(mapped_set.values)
    mapped_set.save(tmp_path / "mapped")
    loaded = SeriesSet.load(tmp_path / "mapped")
    assert mapped.is_mapped(loaded.values)
    halves = loaded.split(0.5, seed=1)
    bad = loaded.values.copy()
    bad[21] = np.nan
    with pytest.raises(DataError, match="of series 2 has .* at step 5"):
        replace(loaded, values=bad)
    monkeypatch.undo()
    plain = distinct_series(lengths).take([6, 0, 4, 4, 1, 2, 3, 5])
    assert not mapped.is_mapped(plain.values)
    plain.save(tmp_path / "plain")
    for name in ("values.npy", "lengths.npy", "meta.json"):
        one, other = (tmp_path / folder / name for folder in ("plain", "mapped"))
        assert one.read_bytes() == other.read_bytes()
    assert loaded.sha256() == mapped_set.sha256() == plain.sha256()
    digests = [[half.sha256() for half in halves], [h.sha256() for h in plain.split(0.5, seed=1)]]
    assert digests[0] == digests[1]


def test_an_excerpt_has_the_ranges_of_the_set():
    """A small set is its own; of a large one series are drawn, extremes among them, whole."""
    rng = np.random.default_rng(0)
    series = distinct_series(rng.integers(1, 9, 200))
    series = replace(series, values=rng.normal(size=series.values.shape))
    assert series.excerpt(series.values.size) is series
    part = series.excerpt(100)
    assert 60 <= part.values.size <= 100 + 4 * 16
    assert part.sha256() == series.excerpt(100).sha256()
    np.testing.assert_array_equal(part.values.min(0), series.values.min(0))
    np.testing.assert_array_equal(part.values.max(0), series.values.max(0))
    whole = {array.tobytes() for array in (series[i] for i in range(len(series)))}
    assert all(part[i].tobytes() in whole for i in range(len(part)))


def test_an_excerpt_of_few_long_series_has_pieces_of_them():
    """Bounded however long they are: contiguous pieces of many places, extremes among them."""
    rng = np.random.default_rng(0)
    series = distinct_series([9000, 7, 4001])
    series = replace(series, values=rng.normal(size=series.values.shape))
    part = series.excerpt(1000)
    assert 750 <= part.values.size <= 2000
    assert part.sha256() == series.excerpt(1000).sha256()
    np.testing.assert_array_equal(part.values.min(0), series.values.min(0))
    np.testing.assert_array_equal(part.values.max(0), series.values.max(0))
    row_of = {row.tobytes(): i for i, row in enumerate(series.values)}
    ids = []
    for i, piece in enumerate(part[i] for i in range(len(part))):
        rows = [row_of[row.tobytes()] for row in piece]
        assert rows == list(range(rows[0], rows[0] + len(rows)))
        of_series = np.searchsorted(series.offsets, [rows[0], rows[-1]], side="right") - 1
        assert (of_series == part.attributes["id"].iloc[i]).all()
        ids += of_series[:1].tolist()
    assert ids == sorted(ids) and ids.count(0) > 1


def test_pieces_are_parts_of_series():
    """In any order, with repeats, with the attributes of their series."""
    series = distinct_series([5, 2, 6])
    index, starts, lengths = np.array([2, 0, 2, 1]), np.array([1, 0, 3, 1]), np.array([4, 5, 3, 1])
    made = series.pieces(index, starts, lengths)
    assert made.attributes["id"].tolist() == [2, 0, 2, 1]
    for i in range(len(made)):
        whole = series[index[i]]
        np.testing.assert_array_equal(made[i], whole[starts[i] : starts[i] + lengths[i]])
