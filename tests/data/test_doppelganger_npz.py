"""Laws of DG's format: what is saved comes back; no pickle is opened.

Every damage is one sentence.
"""

import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest

from tst.data import doppelganger_npz
from tst.errors import DataError
from tst.io import untrusted
from tst.series import Feature, from_list


def make():
    """Return a small labelled set."""
    rng = np.random.default_rng(0)
    attributes = pd.DataFrame({"end": pd.Categorical(["b", "a", "b"], categories=["a", "b", "c"])})
    fields = {
        "name": "toy",
        "origin": "simulated",
        "interval": "5min",
        "label": "end",
        "attributes": attributes,
    }
    return from_list(
        [rng.uniform(size=(n, 2)) for n in (4, 1, 3)],
        features=[Feature("x"), Feature("y", unit="s")],
        **fields,
    )


def test_round_trip(tmp_path):
    """Values, lengths, categories, names, units, label, origin."""
    doppelganger_npz.save(make(), tmp_path)
    loaded = doppelganger_npz.load(tmp_path)
    assert loaded.sha256() == make().sha256() and loaded.features == make().features
    pd.testing.assert_frame_equal(loaded.attributes, make().attributes)
    assert (loaded.label, loaded.origin, loaded.interval) == ("end", "simulated", "5min")


def test_a_pickle_is_refused_unopened(tmp_path):
    """A hostile pickle beside the arrays runs no code; the sentence says why and what to write."""

    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    doppelganger_npz.save(make(), tmp_path)
    (tmp_path / "columns.json").unlink()
    (tmp_path / "data_feature_output.pkl").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(
        DataError, match="data_feature_output.pkl is a pickle, which may run any code"
    ):
        doppelganger_npz.load(tmp_path)
    assert not (tmp_path / "owned").exists()


def damage(folder, **arrays):
    """Rewrite the archive with some arrays replaced, or left out where None."""
    with np.load(folder / "data_train.npz") as archive:
        merged = dict(archive) | arrays
    np.savez(folder / "data_train.npz", **{k: v for k, v in merged.items() if v is not None})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data_gen_flag": None}, "data_gen_flag"),
        ({"data_gen_flag": np.array([[1, 0, 1, 0]] * 3)}, "series 0 is not ones followed by zeros"),
        ({"data_gen_flag": np.zeros((3, 4))}, "not ones followed by zeros"),
        ({"data_gen_flag": np.ones((3, 5))}, "do not fit"),
        ({"data_feature": np.ones((3, 4, 3))}, "3 columns, the description names 2"),
        ({"data_attribute": np.ones((3, 4))}, "4 columns, the description asks for 3"),
        (
            {"data_attribute": np.array([[{}]] * 3, dtype=object)},
            "holds object, neither numbers nor text",
        ),
        ({"data_feature": np.full((3, 4, 2), np.nan)}, "missing or infinite"),
        ({"data_feature": np.full((3, 4, 2), "x")}, "data_feature holds <U1, not numbers"),
        ({"data_gen_flag": np.ones(3)}, "do not fit"),
        ({"data_attribute": np.array([[0, 1, 0], [0, 1, 1], [1, 0, 0]])}, "'end' is not one-hot"),
        ({"data_attribute": np.zeros((3, 3))}, "'end' is not one-hot"),
    ],
)
def test_damaged_arrays(tmp_path, arrays, message):
    """Missing, misshapen, object and NaN arrays are each named."""
    doppelganger_npz.save(make(), tmp_path)
    damage(tmp_path, **arrays)
    with pytest.raises(DataError, match=message):
        doppelganger_npz.load(tmp_path)


def test_truncated_missing_and_bloated(tmp_path, monkeypatch):
    """A cut archive, none, and one that would inflate beyond the limit."""
    doppelganger_npz.save(make(), tmp_path)
    path = tmp_path / "data_train.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    with pytest.raises(DataError, match="cannot read"):
        doppelganger_npz.load(tmp_path)
    monkeypatch.setattr(untrusted, "room", lambda: 2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in doppelganger_npz.ARRAYS:
            archive.writestr(f"{name}.npy", bytes(2**19))
    with pytest.raises(DataError, match="would inflate"):
        doppelganger_npz.load(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        doppelganger_npz.load(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_flipped_bytes(tmp_path, seed):
    """Whatever 60 random bytes do to the archive, it loads or ends in a DataError of one line."""
    doppelganger_npz.save(make(), tmp_path)
    path = tmp_path / "data_train.npz"
    whole, rng = path.read_bytes(), np.random.default_rng(seed)
    for _ in range(60):
        broken = bytearray(whole)
        broken[rng.integers(len(whole))] = rng.integers(256)
        path.write_bytes(broken)
        try:
            assert len(doppelganger_npz.load(tmp_path)) == 3
        except DataError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "features: 3",
        "features: [{name: x}, {name: y}]",
        "- a",
        "{",
        "",
        "features: [{name: x}, {name: x}]\nattributes: []",
        "features: [{name: x}, {name: y}]\nattributes: [{name: end, values: [a, a, b]}]",
        "features: [{name: x}, {name: y}]\nattributes: [{name: end, values: 3}]",
        "features: [{name: 1}, {name: y}]\nattributes: []",
        "features: [{name: x, unit: [s]}, {name: y}]\nattributes: []",
        "features: [{name: x, minimum: 0}, {name: y}]\nattributes: []",
        "features: [{name: x, minimum: 2, maximum: 2}, {name: y}]\nattributes: []",
        "features: [{name: x, minimum: 0, maximum: .inf}, {name: y}]\nattributes: []",
        "features: [{name: x, minimum: 0, maximum: much}, {name: y}]\nattributes: []",
    ],
)
def test_a_bad_description(tmp_path, text):
    """Invalid YAML, a missing list or name, or a name said twice is refused."""
    doppelganger_npz.save(make(), tmp_path)
    (tmp_path / "columns.yml").write_text(text)
    with pytest.raises(DataError, match="is not a description of columns|is not valid YAML"):
        doppelganger_npz.load(tmp_path)


def test_a_number_beside_a_category(tmp_path):
    """An attribute without values is read as the number that it is."""
    doppelganger_npz.save(make(), tmp_path)
    with np.load(tmp_path / "data_train.npz") as archive:
        damage(tmp_path, data_attribute=np.c_[[7.0, 8.0, 9.0], archive["data_attribute"]])
    described = "features: [{name: x}, {name: y}]\n"
    described += "attributes: [{name: size}, {name: end, values: [a, b, c]}]"
    (tmp_path / "columns.yml").write_text(described)
    attributes = doppelganger_npz.load(tmp_path).attributes
    assert list(attributes["size"]) == [7, 8, 9] and list(attributes["end"]) == ["b", "a", "b"]


def test_a_scaled_feature_comes_back_in_its_unit(tmp_path):
    """minimum + (maximum - minimum) * stored; a feature without them stays as stored."""
    series = make()
    doppelganger_npz.save(series, tmp_path)
    described = "features: [{name: x, unit: B, minimum: -5, maximum: 1000}, {name: y}]\n"
    described += "attributes: [{name: end, values: [a, b, c]}]"
    (tmp_path / "columns.yml").write_text(described)
    loaded = doppelganger_npz.load(tmp_path)
    np.testing.assert_allclose(loaded.values[:, 0], -5 + 1005 * series.values[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(loaded.values[:, 1], series.values[:, 1])
    assert loaded.features == (Feature("x", unit="B"), Feature("y"))


def test_a_missing_category_is_not_saved(tmp_path):
    """A one-hot block cannot say 'missing'."""
    series = make()
    series.attributes.loc[1, "end"] = None
    with pytest.raises(DataError, match="attribute 'end' of 'toy' has missing values"):
        doppelganger_npz.save(series, tmp_path)
