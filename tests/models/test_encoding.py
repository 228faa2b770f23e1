"""Laws of records: what goes in comes back, masses where values pile up, tokens that hold every number once."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from helpers import encoded_batches, mixed_series, tiny_generative

from tst.models.transformer import batches as token_batches
from tst.models.transformer import encoding
from tst.models.transformer.batches import token_nll
from tst.models.transformer.encoding import FeatureEncoder, SeriesEncoder
from tst.series import DataError


def test_columns_find_out_what_a_measurement_is():
    """Skewed with an atom at 0; counts; a category; a constant; a plain one that may be negative."""
    rate, count, state, same, x = SeriesEncoder.fit(mixed_series(lengths=(50,) * 20)).parts
    assert rate.offset > 0 and rate.low == 0 and not rate.whole
    assert count.whole and count.low == 0
    assert state.n_categories == 3
    assert same.repeats and same.low == same.high == 7.5
    assert (x.offset, x.whole, x.low, x.repeats) == (None, False, None, False)


def test_a_few_fractions_do_not_make_a_count_a_rate():
    """Half views, six in a million, leave views a count; a rate that piles up at 0 and at 1 is none."""
    rng = np.random.default_rng(0)
    none = np.zeros(5000, bool)
    views = rng.poisson(40.0, 5000).astype(np.float64)
    views[17] += 0.5
    assert FeatureEncoder.fit(views, none, False).whole
    views[:20] = 30.5
    assert not FeatureEncoder.fit(views, none, False).whole
    rate = np.r_[np.zeros(4000), np.ones(997), 0.25, 0.5, 0.75]
    assert not FeatureEncoder.fit(rate, none, False).whole
    assert FeatureEncoder.fit(np.r_[np.zeros(4000), np.ones(1000)], none, False).whole


@pytest.mark.parametrize("fixed", [False, True])
def test_scaled_values_come_back(fixed):
    """`snap` undoes `scaled` in data units, for global and per-series scales, and is idempotent."""
    series = mixed_series(fixed=fixed)
    schema = SeriesEncoder.fit(series)
    assert schema.per_series == fixed
    centre, spread = schema.levels(series)
    z = torch.from_numpy(schema.scaled(series, centre, spread))
    rows = series.series_index
    args = torch.from_numpy(centre[rows]), torch.from_numpy(spread[rows]), range(5)
    values, snapped = schema.snap(z, *args)
    np.testing.assert_allclose(values, series.values, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(snapped, z, rtol=1e-6, atol=1e-6)
    noisy, snapped = schema.snap(
        z + 0.3 * torch.randn(z.shape, generator=torch.Generator().manual_seed(0)), *args
    )
    again, _ = schema.snap(snapped, *args)
    torch.testing.assert_close(again, noisy, rtol=1e-6, atol=1e-6)
    assert (
        (noisy[:, 1] == noisy[:, 1].round()).all()
        and (noisy[:, :2] >= 0).all()
        and (noisy[:, 3] == 7.5).all()
    )


def test_masses_stand_where_values_pile_up():
    """A count carries the interval that rounds to it, zero everything below, a plain value a density."""
    series = mixed_series()
    schema, layout, made = encoded_batches(series)
    target, x = made.target, series.values
    is_mass = (target.upper > target.lower).numpy()
    assert (
        (is_mass[:, 0] == (x[:, 0] == 0)).all() and is_mass[:, 1].all() and not is_mass[:, 4].any()
    )
    scale, loc = schema.scale[1], schema.loc[1]
    width = (target.upper - target.lower)[:, 1].numpy()[x[:, 1] > 0]
    np.testing.assert_allclose(width, 1 / scale, rtol=1e-4)
    np.testing.assert_allclose(target.value[:, 1] * scale + loc, x[:, 1], atol=1e-4)
    assert (target.lower[:, 1].numpy()[x[:, 1] == 0] < -1e5).all()


@pytest.mark.parametrize("patch", [1, 3])
def test_tokens_hold_every_number_once(patch):
    """Observed numbers are the series' numbers; the end stands at the last step of each series and nowhere else."""
    series = mixed_series()
    schema, layout, made = encoded_batches(series, patch)
    observed = made.observed.numpy().astype(bool).reshape(-1, 6)
    value = made.target.value.numpy().reshape(-1, 6)[observed[:, 0]]
    assert (
        observed.sum() == series.values.shape[0] * 6 and (observed.all(1) | ~observed.any(1)).all()
    )
    np.testing.assert_allclose(
        value[:, :5], schema.scaled(series, *schema.levels(series)), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(np.flatnonzero(value[:, 5]), series.offsets[1:] - 1)
    assert list(made.lengths) == [-(-n // patch) for n in series.lengths]


def test_a_window_inside_a_series_follows_a_real_token():
    """Only the first window of a series has the start token; later ones see the token before."""
    series = mixed_series(lengths=(7, 12))
    _, _, made = encoded_batches(series, context_length=5)
    assert list(made.lengths) == [5, 2, 5, 5, 2]
    batch = made.collate(np.array([2, 3]), 1.0, 1.0)
    assert batch.is_start.tolist() == [True] + [False] * 9
    torch.testing.assert_close(batch.recent[5], made.encoded[11])
    assert (batch.recent[0] == 0).all() and batch.series.tolist() == [0] * 5 + [1] * 5


def test_padding_costs_and_changes_nothing_unless_it_enters_the_loss():
    """Padded to the window: the same loss and gradients as packed; with the filling in the loss: another one."""
    series, losses, grads = mixed_series(), [], []
    for settings in ({}, {"padded": True}, {"padded": True, "mask_loss": False}):
        _, layout, made = encoded_batches(series, **settings)
        tiny = tiny_generative(layout).double()
        batch = made(0)
        numbers = [getattr(batch, k) for k in ("recent", "weight", "attribute_weight")]
        as_double = dict(
            zip(
                ("recent", "weight", "attribute_weight"), (x.double() for x in numbers), strict=True
            )
        )
        double = {
            k: getattr(batch, k).map(lambda t: t if t.dtype == torch.bool else t.double())
            for k in ("target", "attributes")
        }
        loss = token_nll(tiny, token_batches.replace(batch, **as_double, **double))
        loss.backward()
        losses.append(loss.item())
        grads.append(tiny.input.weight.grad.clone())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6) and abs(losses[2] - losses[0]) > 1e-3
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-5, atol=1e-6)


def test_a_batch_is_its_processes_shares():
    """The mean over two ranks' losses is one process's loss; noise on the past leaves the targets alone."""
    series = mixed_series(lengths=(3, 1, 8, 5, 2, 13, 9, 4))
    _, layout, made = encoded_batches(series, size=8)
    tiny = tiny_generative(layout)
    whole = token_nll(tiny, made(0)).item()
    shares = [token_nll(tiny, made(0, rank, 2)).item() for rank in (0, 1)]
    assert np.mean(shares) == pytest.approx(whole, rel=1e-5)
    _, _, noisy = encoded_batches(series, size=8, noise=0.5)
    clean, other = made(0), noisy(0)
    assert torch.equal(clean.target.value, other.target.value) and not torch.equal(
        clean.recent, other.recent
    )
    assert torch.equal(other.recent[clean.is_start], clean.recent[clean.is_start])
    assert torch.equal(noisy(0).recent, other.recent)


def test_schema_round_trip_and_unknown_categories():
    """JSON keeps a schema whole; a category that the training set lacks is named."""
    series = mixed_series()
    schema = SeriesEncoder.fit(series)
    text = json.dumps(asdict(schema))
    assert SeriesEncoder.from_dict(json.loads(text)) == schema
    strange = mixed_series(lengths=(3, 3, 3)).take([2])
    with pytest.raises(DataError, match="category that the training set lacks"):
        encoding.attribute_target(
            SeriesEncoder.fit(mixed_series(lengths=(3, 4)).take([0, 1])), strange
        )
