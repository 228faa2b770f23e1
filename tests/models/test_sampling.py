"""Laws of sampling: no real value, the model's own likelihood, the same seed the same series."""

import functools
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import (
    TINY_SIZES,
    encoded_batches,
    listed,
    mixed_series,
    modulate,
    tiny_generative,
    toy_series,
    with_twins,
)

from tst.errors import DataError
from tst.io import native
from tst.models.transformer import newest, sampling
from tst.models.transformer.backbone import KVCache, Modulation
from tst.models.transformer.batches import TokenBatches, clock
from tst.models.transformer.config import GenerativeConfig, attention_fields
from tst.models.transformer.decoder import Decoder
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.generative import prepare, token_nll
from tst.models.transformer.packing import Packing
from tst.models.transformer.tokens import attribute_target
from tst.models.transformer.variables import encode
from tst.series import Feature, from_list
from tst.table.table import Table
from tst.training.config import TrainConfig

LONG = 83  # tokens: longer than any constant of a cache or of an attention (CHUNK is 64)
WINDOW = 6
HOUR = 3_600_000_000_000  # nanoseconds
CACHED = [
    (attention, positions, 1)
    for attention, positions in product(
        ("full", "sliding:20", "probsparse:2"), ("sinusoidal", "rope", "alibi")
    )
    if (attention, positions) != ("probsparse:2", "alibi")
]


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("attention", "positions", "patch"), [*CACHED, ("full", "sinusoidal", 3)])
@torch.no_grad()
def test_cached_steps_equal_the_whole(attention, positions, patch, compiled):
    """Token by token through the cache is the packed forward pass, far beyond the window too.

    With attributes that modulate, a clock and a calendar; by blocks of torch, and by compiled ones.
    """
    has_stack = compiled and attention != "probsparse:2" and positions != "rope"
    if has_stack and native.library(newest.SOURCE) is None:
        pytest.skip("no compiler")
    settings = attention_fields(attention) | {"positions": positions, "patch": patch}
    series = mixed_series(lengths=(patch * LONG, 8, 5))
    series = replace(series, dates=np.arange(len(series.values)) * HOUR)
    _, spec, batches = encoded_batches(series, patch, context_length=patch * LONG)
    assert spec.draws_length
    assert spec.cycles is not None
    if compiled:  # heads of 16 numbers, which compiled code takes
        settings |= {"d_model": 32}
    model = modulate(tiny_generative(spec, context_length=WINDOW, **settings)).double().eval()
    batch = batches.collate(np.array([0]), 1.0)
    assert batch.lengths == (LONG,)
    batch = batch.map(lambda x: x.double() if x.is_floating_point() else x)
    whole = model(batch, Packing(batch.lengths))
    target = batch.target
    encoded = encode(spec.attributes, batch.attributes.value, batch.attributes.repeat)
    conditions = model.begin(encoded)
    n_steps = torch.tensor([patch * LONG])
    cache = KVCache(model.config, 1, LONG, torch.float64)
    for t in range(LONG):
        row = slice(t, t + 1)
        left = clock(torch.tensor([t * patch]), n_steps).double()
        codes = model.codes(batch.places[row])
        embedded = model.embed(batch.recent[row], batch.is_start[row], left, conditions, codes)
        h = model.backbone.decode(embedded, cache, Modulation(conditions.modulation))
        log_p = model.head.log_prob(
            model.context(h, conditions, codes),
            model.seen(batch.recent[row], batch.is_start[row]),
            target.map(lambda x, r=row: x[r]),
        )
        torch.testing.assert_close(log_p[0], whole[t], rtol=1e-9, atol=1e-9)
    assert (cache.stack is not None) == has_stack


@pytest.mark.parametrize(("lag", "near"), [(0, 1), (0, 2), (3, 1), (9, 1), (9, 3)])
@torch.no_grad()
def test_tokens_see_in_sampling_what_they_see_in_training(lag, near):
    """The last ones, and that of a season ago: of the series that was drawn, encoded anew."""
    series = mixed_series()
    encoder, spec, _ = encoded_batches(series, lag=lag, near=near)
    model = tiny_generative(spec, encoder).eval()
    drawn = []
    seen = model.seen
    model.seen = lambda recent, is_start: drawn.append(recent.clone()) or seen(recent, is_start)
    made = model.sample(4, 0, lengths=np.full(4, 12))
    windows = sampling.whole_series(model.config, spec, encoder, made)
    batch = windows.collate(np.arange(4), 1.0)
    whole = torch.stack(drawn, dim=1).flatten(0, 1)  # (4 series of 12 tokens, n_recent)
    torch.testing.assert_close(whole, batch.recent, rtol=1e-3, atol=1e-3)
    assert batch.recent.any()


def trained(series, n_steps=150, patch=1, **settings):
    """Return a model whose attributes are fitted, after a few steps."""
    config = GenerativeConfig(
        **TINY_SIZES | {"n_features": series.n_features, "patch": patch} | settings
    )
    torch.manual_seed(0)
    training = prepare(config, series, TrainConfig(max_steps=n_steps, batch_size=64))
    training.begin()
    model = training.model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(n_steps):
        optimizer.zero_grad()
        token_nll(model, training.batches(step)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


@functools.cache
def barely_trained():
    """Return a model of 40 varied series after five steps, which no test changes."""
    return trained(varied(40), 5)


def varied(n=240, seed=3):
    """Return series whose lengths, values and kinds belong together: a short, low; b long, high."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["a", "b"], n, p=[0.7, 0.3])
    arrays = []
    for kind in kinds:
        length = 2 if kind == "a" else rng.integers(6, 9)
        mean = 0.0 if kind == "a" else 5.0
        arrays.append(mean + rng.normal(0, 1, (length, 2)))
    return from_list(
        arrays,
        name="toy",
        features=[Feature("x"), Feature("y")],
        attributes=pd.DataFrame({"kind": pd.Categorical(kinds)}),
        origin="simulated",
        interval="5min",
        label="kind",
    )


@pytest.mark.slow
def test_it_learns_lengths_classes_and_means():
    """Shares, lengths in each class and means come back; no real measurement is in the sample."""
    real = varied()
    synthetic = sampling.sample(trained(real), 600, seed=1)
    assert (synthetic.model, synthetic.origin) == ("tst", "simulated")
    assert synthetic.feature_names == ["x", "y"]
    assert abs(np.mean(synthetic.labels == "b") - np.mean(real.labels == "b")) < 0.1
    for kind, shortest, longest, mean in (("a", 1.7, 2.4, 0), ("b", 6.0, 8.5, 5)):
        part = synthetic.take(np.flatnonzero(synthetic.labels == kind))
        assert shortest < part.lengths.mean() < longest
        assert abs(part.values.mean() - mean) < 0.7
    assert not set(map(tuple, synthetic.values)) & set(map(tuple, real.values))


@pytest.mark.slow
def test_means_of_noise_scatter_as_far_as_those_of_noise():
    """Not as levels that are drawn, and steps that scatter about each."""
    rng = np.random.default_rng(0)
    real = toy_series(list(rng.normal(10, 3, (300, 24, 3))))
    made = sampling.sample(trained(real, 60), 400, seed=0).padded(24)[0]  # (400, 24, 3)
    assert made.mean(1).std(0) / made.std((0, 1)) == pytest.approx(24**-0.5, rel=0.15)
    assert made.std(1).std(0) / made.std((0, 1)) == pytest.approx(48**-0.5, rel=0.2)


@pytest.mark.long
def test_twins_stay_twins():
    """An exact copy is exact, a near twin as near as the real one; a prefix is kept."""
    real = with_twins(n=240)
    model = trained(real, 60)
    made = sampling.sample(model, 200, seed=0)
    assert made.feature_names == real.feature_names
    assert np.array_equal(made.values[:, 3], made.values[:, 0])
    for column, of in ((1, 0), (2, 1)):
        apart = [(series.values[:, column] - series.values[:, of]).std() for series in (made, real)]
        assert 0.75 < apart[0] / apart[1] < 1.33
    first = np.stack([real[i][:2] for i in range(80)])
    going_on = sampling.sample(model, 80, seed=0, prefix=first)
    kept = np.stack([going_on[i][:2] for i in range(80)])
    np.testing.assert_allclose(kept, first, atol=1e-5)


@pytest.mark.slow
def test_common_values_come_back_exactly_and_as_often():
    """A quarter of the sizes is 60, a quarter 342, none lies nearly there; a prefix is kept."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, (120, 12))
    others = np.round(rng.normal(200, 20, kind.shape))
    sizes = np.select([kind == 0, kind == 1], [60.0, 342.0], others)
    real = toy_series(list(sizes[:, :, None]))
    model = trained(real, 60)
    made = sampling.sample(model, 200, seed=0)
    for size in (60.0, 342.0):
        share = (made.values == size).mean()
        assert abs(share - 0.25) < 0.05
        assert (np.abs(made.values - size) < 5).mean() - share < 0.01
    first = np.stack([real[i][:2] for i in range(80)])
    going_on = sampling.sample(model, 80, seed=0, prefix=first)
    kept = np.stack([going_on[i][:2] for i in range(80)])
    np.testing.assert_allclose(kept, first, atol=1e-3)


@pytest.mark.slow
def test_only_the_seed_decides():
    """The same seed gives the same bytes, another one others; the number of series is as asked."""
    model = barely_trained()
    one, again, other = (sampling.sample(model, 17, seed) for seed in (0, 0, 1))
    assert len(one) == 17
    assert one.sha256() == again.sha256() != other.sha256()


@pytest.mark.slow
def test_given_attributes_and_lengths_are_kept():
    """They stand in the result; what is unknown is named."""
    model = barely_trained()
    given = pd.DataFrame({"kind": ["b", "a", "b"]})
    synthetic = sampling.sample(model, 3, attributes=given, lengths=np.array([4, 1, 7]))
    assert list(synthetic.labels) == ["b", "a", "b"]
    assert list(synthetic.lengths) == [4, 1, 7]
    with pytest.raises(DataError, match="attribute 'kind' is 'z'; the model knows a, b"):
        sampling.sample(model, 1, attributes=pd.DataFrame({"kind": ["z"]}))


def test_donors_and_a_prefix_are_kept():
    """A donor's attributes, and a prefix of real steps, stand in the result (ablations)."""
    real = varied(40)
    donors = real.head(2)
    prefix = donors.values.reshape(len(donors), 2, 2)
    synthetic = sampling.sample(
        barely_trained(), len(donors), donors=real, prefix=prefix, max_steps=9
    )
    assert list(synthetic.labels) == list(donors.labels)
    for i in np.flatnonzero(synthetic.lengths >= 2):
        np.testing.assert_allclose(synthetic[i][:2], prefix[i], rtol=1e-5)


def own_series(n=40, seed=5):
    """Return series long enough for a level of their own, of several lengths and two kinds."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(3 * rng.normal(), 1, (int(t), 2)) for t in rng.integers(17, 23, n)]
    kinds = pd.Categorical(rng.choice(["a", "b"], n))
    return toy_series(arrays, attributes=pd.DataFrame({"kind": kinds}))


@torch.no_grad()
def test_donors_give_all_but_the_length():
    """Kind, levels and scales are the donors'; lengths are drawn, or, where given, taken."""
    real = own_series()
    model = tiny_generative(*untrained(real)).eval()
    assert model.encoder.per_series
    expected = attribute_target(model.encoder, real).value
    draw = functools.partial(sampling.draw_attributes, model, len(real), donors=real)
    free = draw(torch.Generator().manual_seed(3))
    assert torch.equal(free[:, :-1], expected[:, :-1])
    assert not torch.equal(free[:, -1], expected[:, -1])
    assert torch.equal(free, draw(torch.Generator().manual_seed(3)))
    assert not torch.equal(free, draw(torch.Generator().manual_seed(4)))
    given = np.arange(len(real)) % 22 + 1
    taken = draw(torch.Generator().manual_seed(3), lengths=given)
    assert torch.equal(taken[:, :-1], expected[:, :-1])
    np.testing.assert_array_equal(model.encoder.lengths_of(taken[:, -1].numpy()), given)
    own = draw(torch.Generator().manual_seed(3), lengths=real.lengths)
    assert torch.equal(own, expected)
    synthetic = sampling.sample(model, len(real), seed=3, donors=real)
    lengths = model.encoder.lengths_of(free[:, -1].numpy())
    np.testing.assert_array_equal(synthetic.lengths, lengths)


def untrained(real):
    """Return the spec and the encoder of a set."""
    encoder, spec, _ = encoded_batches(real)
    return spec, encoder


@torch.no_grad()
def test_given_lengths_leave_the_other_attributes_as_drawn():
    """The length is the last of the chain: what was drawn before it does not depend on it."""
    model = barely_trained()
    free = sampling.draw_attributes(model, 50, torch.Generator().manual_seed(3))
    lengths = np.arange(50) % 8 + 1
    taken = sampling.draw_attributes(model, 50, torch.Generator().manual_seed(3), lengths=lengths)
    assert torch.equal(free[:, :-1], taken[:, :-1])
    np.testing.assert_array_equal(model.encoder.lengths_of(taken[:, -1].numpy()), lengths)


def test_steps_follow_the_attributes_and_the_clock():
    """What a step is given beside the past: its kind, how much is left, and nothing else's."""
    model = modulate(trained(varied(40), 1))
    attributes = pd.DataFrame({"kind": ["a", "b", "a"]})
    lengths = np.array([3, 3, 8])
    first = sampling.sample(model, 3, seed=2, attributes=attributes, lengths=lengths)
    swapped = sampling.sample(
        model, 3, seed=2, attributes=pd.DataFrame({"kind": ["a", "a", "a"]}), lengths=lengths
    )
    longer = sampling.sample(model, 3, seed=2, attributes=attributes, lengths=lengths + [0, 0, -1])
    assert (first[0] == swapped[0]).all()
    assert (first[1] != swapped[1]).any()
    assert (first[1] == longer[1]).all()
    assert (first[2][:7] != longer[2]).any()


def skewed(n=60, seed=1):
    """Return series of 20 steps whose levels span orders of magnitude, of two kinds."""
    rng = np.random.default_rng(seed)
    arrays = [np.exp(rng.normal(0, 2) + rng.normal(0, 0.4, (20, 1))) for _ in range(n)]
    kinds = pd.DataFrame({"kind": pd.Categorical(rng.choice(["a", "b"], n))})
    return toy_series(arrays, attributes=kinds)


@pytest.mark.slow
def test_series_without_evidence_are_drawn_again(monkeypatch):
    """As often as allowed; the others stay as they were, and given attributes stay given."""
    real = skewed()
    model = trained(real, 5)
    typical = float(np.median([series.mean() for series in (real[i] for i in range(60))]))
    model.encoder = replace(model.encoder, highest_mean=(4 * typical,))
    given = pd.DataFrame({"kind": ["a", "b"] * 30})
    monkeypatch.setattr(sampling, "N_ROUNDS", 0)
    first = sampling.sample(model, 60, seed=0, attributes=given)
    is_evident = model.encoder.is_evident(first)
    assert 0 < (~is_evident).sum() < 40
    monkeypatch.setattr(sampling, "N_ROUNDS", 30)
    again = sampling.sample(model, 60, seed=0, attributes=given)
    assert model.encoder.is_evident(again).all()
    kept = np.flatnonzero(is_evident)
    assert np.array_equal(again.take(kept).values, first.take(kept).values)
    assert again.attributes["kind"].tolist() == given["kind"].tolist()


def test_in_parts_every_series_is_whole(monkeypatch):
    """Where the cache holds one series at a time: as many, attributes and lengths as given."""
    model = barely_trained()
    monkeypatch.setattr(sampling, "CACHE_BYTES", 1)
    lengths = np.array([3, 1, 8, 2])
    given = pd.DataFrame({"kind": ["a", "b", "b", "a"]})
    synthetic = sampling.sample(model, 4, attributes=given, lengths=lengths)
    np.testing.assert_array_equal(synthetic.lengths, lengths)
    assert list(synthetic.labels) == ["a", "b", "b", "a"]


@pytest.mark.slow
@pytest.mark.parametrize("patch", [1, 7])
def test_series_of_one_length_keep_it(patch):
    """Where all training series have one length, so have all samples, whatever the patch."""
    synthetic = sampling.sample(trained(mixed_series(fixed=True), 3, patch), 5)
    assert list(synthetic.lengths) == [20] * 5
    assert synthetic.attributes["kind"].isin(list("abc")).all()
    count, state = synthetic.values[:, 1], synthetic.values[:, 2]
    assert set(state) <= {0, 1, 2}
    np.testing.assert_array_equal(count, count.round())


@pytest.mark.slow
@pytest.mark.parametrize("patch", [1, 3])
def test_log_likelihood_is_that_of_each_series(patch):
    """In batches of any size, and one by one."""
    real = mixed_series(lengths=(3, 1, 8, 5, 2, 13))
    model = trained(real, 5, patch)
    together = sampling.log_likelihood(model, real, batch_size=4)
    alone = [sampling.log_likelihood(model, real.take([i]), 1)[0] for i in range(len(real))]
    np.testing.assert_allclose(together, alone, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["length", "stop"])
@pytest.mark.parametrize("patch", [1, 3])
def test_the_loss_is_the_mean_of_the_likelihood(patch, stop):
    """Of all steps, where the end weighs no more than other numbers."""
    real = mixed_series(lengths=(3, 1, 8, 5, 2, 13))
    model = trained(real, 5, patch, stop=stop)
    config = replace(model.config, stop_weight=1.0)
    batch = TokenBatches(real, model.encoder, model.spec, config, 6, seed=0)(0)
    with torch.no_grad():
        loss = token_nll(model, batch)
    total = (sampling.log_likelihood(model, real) * real.lengths).sum()
    assert loss.item() == pytest.approx(-total / real.lengths.sum(), rel=1e-4)


def test_without_attributes_there_are_none():
    """As an ablation, with the paper's flags: the set has no attribute and no label."""
    real = varied(60)
    model = trained(real, 5, stop="flags", attributes=False)
    synthetic = sampling.sample(model, 4, max_steps=6)
    assert synthetic.attributes.shape == (4, 0)
    assert synthetic.label is None
    assert synthetic.lengths.max() <= 6
    assert SeriesEncoder.fit(real).facts.label == "kind"
    assert SeriesEncoder.fit(real, attributes=False).categories == {}


def test_a_model_without_an_encoder_says_so():
    """What was built for training alone cannot sample."""
    _, spec, _ = encoded_batches(varied(40))
    with pytest.raises(DataError, match="does not know how its data were encoded"):
        sampling.sample(tiny_generative(spec), 1)


def test_our_model_samples_and_scores_where_the_gpu_is(monkeypatch):
    """Both ask for the best device and move the model there; nothing stays where it was loaded."""
    series = mixed_series()
    encoder, spec, _ = encoded_batches(series)
    model = tiny_generative(spec, encoder).eval()
    best = torch.device("cpu", 0)
    moved_to = []
    monkeypatch.setattr(sampling, "best_device", lambda: best)
    monkeypatch.setattr(type(model), "to", lambda self, device: moved_to.append(device) or self)
    model.sample(2, seed=0)
    sampling.log_likelihood(model, series)
    assert moved_to == [best, best]


def hourly_table(n=30, n_steps=(30, 50), uneven=False, seed=0):
    """Return a table of series by the hour, from starts of many hours and weekdays."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(n):
        T = int(rng.integers(*n_steps))
        hours = rng.integers(1, 4, T) if uneven else np.ones(T, dtype=int)
        start = pd.Timestamp("2024-01-01") + pd.Timedelta(hours=int(rng.integers(0, 24 * 40)))
        time = start + pd.to_timedelta(np.cumsum(hours) - hours[0], "h")
        frames.append(pd.DataFrame({"site": f"s{i}", "time": time, "load": rng.normal(size=T)}))
    return pd.concat(frames, ignore_index=True)


@pytest.mark.long
@pytest.mark.parametrize("patch", [1, 3])
@pytest.mark.parametrize("uneven", [False, True])
def test_the_calendar_that_a_sample_sees_is_that_of_the_table_it_becomes(
    monkeypatch, patch, uneven
):
    """At each token: of even steps its own date, of uneven ones that of the row before.

    And starts are among those of the calendar, none outlasts the real series.
    """
    frame = hourly_table(uneven=uneven)
    table, series = Table.fit(frame, {"id": "site", "time": "time"})
    model = trained(series, 1, patch=patch)
    seen = {}
    places_of = Decoder._places

    def spied(self, unfinished, timeline):
        dates = timeline.dates(unfinished.index.numpy(), unfinished.n_behind)
        for i, date in zip(unfinished.index.tolist(), dates, strict=True):
            seen.setdefault(i, []).append(date)
        return places_of(self, unfinished, timeline)

    monkeypatch.setattr(Decoder, "_places", spied)
    timeline = table.timeline(20, 0)
    made = model.sample(20, 0, timeline=timeline)
    written = table.to_frame(made)
    for i, (_, one) in enumerate(written.groupby("site", sort=False)):
        own = one["time"].to_numpy("datetime64[ns]").astype(np.int64)
        known = np.append(own[:1], own[:-1]) if uneven else own
        n_tokens = -(-len(own) // patch)
        assert seen[i][:n_tokens] == known[::patch].tolist()
        assert made.dates[made.offsets[i] : made.offsets[i + 1]].tolist() == known.tolist()
    assert uneven or written["time"].max() <= frame["time"].max()


@pytest.mark.slow
def test_a_calendar_is_asked_for():
    """A model that sees the calendar says so where nobody tells when its series begin."""
    _, series = Table.fit(hourly_table(), {"id": "site", "time": "time"})
    with pytest.raises(DataError, match="say when its series begin"):
        trained(series, 1).sample(2)


def test_the_calendar_changes_what_is_drawn():
    """The same seed at another hour gives another series; at the same hour the same."""
    table, series = Table.fit(hourly_table(), {"id": "site", "time": "time"})
    model = trained(series, 20)
    timeline = table.timeline(4, 0)
    attributes = {"lengths": np.full(4, 40)}
    fixed = replace(timeline, is_fixed=True)
    moved = replace(fixed, starts=fixed.starts + 5 * HOUR)
    samples = [
        model.sample(4, 0, timeline=one, **attributes).values for one in (fixed, fixed, moved)
    ]
    np.testing.assert_array_equal(samples[0], samples[1])
    assert not np.allclose(samples[0], samples[2])


@pytest.mark.long
@pytest.mark.parametrize("stay", [0.0, 0.9])
def test_a_list_comes_back_as_often_and_is_held_as_long(stay):
    """No number beside it; as many changes from step to step."""
    real = listed([200, 301, 404, 500], n_series=150, stay=stay)
    made = sampling.sample(trained(real, 100), 150, seed=0)
    values, n_rows = np.unique(made.values[:, 1], return_counts=True)
    assert values.tolist() == [200, 301, 404, 500]
    # Held long, they are few draws, and a short training wobbles.
    np.testing.assert_allclose(n_rows / n_rows.sum(), 0.25, atol=0.12 if stay else 0.06)
    changes = [np.mean(np.diff(x.padded(30)[0][:, :, 1], axis=1) != 0) for x in (made, real)]
    assert changes[0] == pytest.approx(changes[1], abs=0.05)
