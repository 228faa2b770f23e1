"""Laws of atoms: common values come back exactly and as often; a count, a scale has none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import listed, toy_series

from tst.models.transformer.atoms import (
    Atoms,
    code_columns,
    common_values,
    find_atoms,
    find_lists,
    joined,
    listed_values,
    split,
)
from tst.models.transformer.batches import EncodedSet
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.tokens import token_spec
from tst.series import Feature

N_STEPS = 12  # too few for a level of their own


def packets(n=60, seed=0):
    """Return series whose second number is 60 or 342 in half of the steps, the first is noise."""
    rng = np.random.default_rng(seed)
    sizes = np.round(rng.normal(200, 40, (n, N_STEPS)))
    kind = rng.integers(0, 4, (n, N_STEPS))
    sizes[kind == 0] = 60
    sizes[kind == 1] = 342
    noise = rng.normal(size=(n, N_STEPS))
    return toy_series(list(np.stack([noise, sizes], axis=2)))


def one(columns):
    """Return series of one number, from a list of rows."""
    return toy_series([np.asarray(column, float)[:, None] for column in columns])


def found(series):
    """Return the common values of a set's first number."""
    return common_values(series.values[:, 0], series).tolist()


def test_common_values_are_found():
    """Two packet sizes; noise beside them has none."""
    assert find_atoms(packets(), [0, 1]) == (Atoms(column=1, values=(60.0, 342.0)),)
    assert find_atoms(packets(), [0]) == ()


@pytest.mark.parametrize("scale", [1, 10, 0.1])
def test_values_of_a_few_series_are_found(scale):
    """Each of 30 kinds of device has two sizes of its own, none of them frequent among all."""
    rng = np.random.default_rng(0)
    own = np.sort(rng.choice(np.arange(300, 1500, 2), (30, 2), replace=False), axis=1)
    columns = []
    for kind in np.repeat(own, 6, axis=0):
        noise = np.round(rng.normal(150, 20, N_STEPS))
        columns.append(np.where(rng.random(N_STEPS) < 0.5, rng.choice(kind, N_STEPS), noise))
    values = found(one([scale * column for column in columns]))
    np.testing.assert_allclose(values, scale * np.sort(own.ravel()), rtol=1e-6)


def test_a_number_of_few_values_has_all_of_them():
    """Limits that are set, far from each other, as memory that is assigned."""
    rng = np.random.default_rng(0)
    limits = np.array([0.0066, 0.0067, 0.0075, 0.0254], np.float32)
    series = one([np.full(5, limit) for limit in rng.choice(limits, 80)])
    assert found(series) == limits.tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [4.0, 40.0, 400.0])
def test_a_count_has_no_atoms(spread, seed):
    """Each of its values is common, and so are those beside it, but for chance."""
    rng = np.random.default_rng(seed)
    assert found(one(rng.poisson(spread, (50, 40)))) == []
    assert found(one(np.round(rng.exponential(spread, (50, 40))))) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, size: 10 * rng.poisson(400, size),
        lambda rng, size: 3 * rng.poisson(400, size),
        lambda rng, size: np.round(rng.normal(20, 3, size), 1),
        lambda rng, size: rng.normal(1e8, 1e3, size),  # by eights, in float32
        lambda rng, size: np.floor(rng.exponential(8, size)),  # the least is the commonest
        lambda rng, size: rng.normal(size=size),
        lambda rng, size: np.append(rng.poisson(50, size).ravel()[1:], 50.5).reshape(size),
    ],
)
def test_what_is_smooth_on_any_grid_has_no_atoms(draw, seed):
    """Tens, threes, tenths, what float32 leaves of large numbers; one value beside the grid."""
    assert found(one(draw(np.random.default_rng(seed), (750, 12)))) == []


def test_what_one_series_holds_is_no_atom():
    """It is what that series has, which nobody else may learn of."""
    rng = np.random.default_rng(0)
    columns = list(rng.normal(size=(30, 20)))
    columns[0] = np.full(400, 7.5)
    assert found(one(columns)) == []


def test_a_constant_has_no_atoms():
    """There is nothing to tell."""
    assert found(one([np.full(5, 2.5)] * 20)) == []


def test_what_is_split_is_joined():
    """For values of any shape; the number stands behind its code."""
    series = packets()
    atoms = find_atoms(series, [0, 1])
    values = split(series.values, atoms)
    assert code_columns(atoms) == [1]
    assert set(values[:, 1]) == {0.0, 1.0, 2.0}
    assert np.array_equal(values[:, 1] == 2, series.values[:, 1] == 342)
    assert np.array_equal(joined(values, atoms), series.values)
    assert split(series.values[None], atoms).shape == (1, len(values), 3)
    assert split(series.values, ()) is series.values
    assert joined(series.values, ()) is series.values


def test_an_encoder_takes_a_set_with_atoms_either_way():
    """As it is, or as it is learned; names, places and kinds of the set's own come back."""
    series = packets()
    encoder = SeriesEncoder.fit(series)
    learned = encoder.learned(series)
    assert learned.feature_names == ["f0", "f1 is", "f1"]
    assert encoder.learned(learned) is learned
    assert encoder.n_features == 3
    assert encoder.n_categories == [0, 0]
    assert np.array_equal(encoder.learned_values(series.values), learned.values)
    assert np.array_equal(encoder.restored_values(learned.values), series.values)


def test_a_code_has_a_name_of_its_own():
    """Where the set has a measurement of that name, too."""
    series = packets()
    series = replace(series, features=[Feature("f1 is", "continuous"), series.features[1]])
    encoder = SeriesEncoder.fit(series)
    names = encoder.learned(series).feature_names
    assert len(set(names)) == len(names) == 3
    assert np.array_equal(encoder.learned(series).values[:, [0, 2]], series.values)


def test_what_is_held_or_has_a_level_of_its_own_has_no_atoms():
    """A limit that stays, and sizes in series that are long; sizes of short ones have."""
    rng = np.random.default_rng(0)
    held = rng.choice([0.5, 2.25, 7.125], 60)[:, None].repeat(N_STEPS, axis=1)
    assert SeriesEncoder.fit(one(held)).atoms == ()
    short = packets()
    long = toy_series([short.values[:60], short.values[60:120], short.values[120:180]] * 20)
    assert SeriesEncoder.fit(long).atoms == ()
    assert len(SeriesEncoder.fit(short).atoms) == 1


def test_a_difference_has_no_atoms():
    """Columns behind an exact copy are counted as they are learned."""
    short = packets()
    values = np.concatenate([short.values[:, :1], short.values[:, :1], short.values], axis=1)
    values[:, 2] += np.random.default_rng(0).normal(0, 0.01, len(values))
    arrays = [values[i * N_STEPS : (i + 1) * N_STEPS] for i in range(len(short))]
    encoder = SeriesEncoder.fit(toy_series(arrays))
    assert [(twin.column, twin.exact) for twin in encoder.twins] == [(1, True), (2, False)]
    assert [atoms.column for atoms in encoder.atoms] == [2]
    assert encoder.n_categories == [0] * 4


def test_a_number_is_learned_where_it_is_no_atom():
    """Its code is learned everywhere; an atom has no density."""
    series = packets()
    encoder = SeriesEncoder.fit(series)
    observed = EncodedSet.of(series, encoder, token_spec(encoder, series), 1).observed
    is_atom = np.isin(series.values[:, 1], [60, 342])
    assert np.array_equal(observed[:, 2].numpy() == 0, is_atom)
    assert bool(torch.all(observed[:, :2] == 1))


@pytest.mark.parametrize(
    "change",
    [
        {"atoms": (Atoms(column=0, values=(60.0, 342.0)),)},
        {"atoms": (Atoms(column=1, values=(60.0,)),)},
        {"atoms": ()},
        {"atoms": (Atoms(column=2, values=(60.0, 342.0)),)},
    ],
)
def test_an_encoder_whose_atoms_do_not_fit_is_refused(change):
    """As one of a damaged file."""
    with pytest.raises(ValueError, match="do not fit each other"):
        replace(SeriesEncoder.fit(packets()), **change)


@pytest.mark.parametrize("values", [(), (2.0, 1.0), (1.0, 1.0), (1.0, float("nan"))])
def test_atoms_are_increasing_numbers(values):
    """Anything else is refused."""
    with pytest.raises(ValueError, match="common values of measurement 1"):
        Atoms(column=1, values=values)


@pytest.mark.parametrize("values", [[200, 301, 404, 500], [0.25, 0.5, 1, 2], [1, 2, 5], [101, 205]])
@pytest.mark.parametrize("stay", [0.0, 0.9])
def test_what_takes_a_few_values_and_none_between_has_a_list(values, stay):
    """Also in long series, which have levels of their own; it has none itself."""
    encoder = SeriesEncoder.fit(listed(values, stay=stay))
    assert [(one.column, one.values) for one in encoder.atoms] == [(1, tuple(map(float, values)))]
    assert encoder.per_series
    assert encoder.shared == (1, 2)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, size: rng.integers(1, 6, size),
        lambda rng, size: rng.integers(2, 11, size) / 2,
        lambda rng, size: rng.poisson(4, size),
        lambda rng, size: np.minimum(rng.geometric(0.3, size), 40),
        lambda rng, size: rng.normal(0, 1, size).round(1),
        lambda rng, size: rng.normal(0, 1, size),
        lambda rng, size: np.full(size, 7.0),
    ],
    ids=["stars", "half stars", "counts", "skewed counts", "tenths", "noise", "constant"],
)
def test_counts_and_scales_have_no_list(draw):
    """Each place between their values is one, too, as far as can be told."""
    series = toy_series(list(draw(np.random.default_rng(1), (40, 30, 1)).astype(float)))
    assert listed_values(series.values[:, 0], series).size == 0
    assert find_lists(series, [0]) == ()


def test_a_value_of_two_series_is_on_no_list():
    """It may tell of one; where it is frequent nothing else is told either."""
    series = listed([200, 404, 500])
    x = series.values[:, 1].copy()
    x[[5, 37]] = 777
    assert listed_values(x, series).tolist() == [200, 404, 500]
    x[series.series_index < 2] = 777
    assert listed_values(x, series).size == 0
