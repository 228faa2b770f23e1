"""Makers that several tests share: series, tables, tiny models, jobs, and a dry run of make."""

import io
import os
import subprocess
import time
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch

from tst.data import iot
from tst.errors import DataError
from tst.evaluation.ragged_rows import Ragged
from tst.io import paths
from tst.models.attributes import attribute_categories, attribute_sizes
from tst.models.autoregressive import AR
from tst.models.batches import PackedBatches
from tst.models.doppelganger.batches import DGBatches
from tst.models.doppelganger.config import DGConfig
from tst.models.doppelganger.model import DoppelGANger
from tst.models.jobs import Job
from tst.models.scaling import Normaliser
from tst.models.transformer.batches import TokenBatches
from tst.models.transformer.config import GenerativeConfig, TSTConfig
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.generative import GenerativeTST
from tst.models.transformer.heads import ChainHead
from tst.models.transformer.model import SPEC, TST
from tst.models.transformer.packing import Packing
from tst.models.transformer.tokens import token_spec
from tst.models.transformer.variables import Variable
from tst.series import Feature, from_list
from tst.table.table import Table
from tst.training import loop
from tst.training.loop import TrainConfig
from tst.training.losses import masked_mse

# A chain of two steps of four numbers, of which one is a category, one may repeat, one is the end.
CHAIN_STEP = (Variable(), Variable("categorical", 3), Variable(repeats=True), Variable("stop"))
CHAIN_WIDTH = sum(variable.width for variable in CHAIN_STEP)
CHAIN_EDGES = tuple(tuple(np.linspace(-3, 3, 12)) for _ in CHAIN_STEP)
CHAIN_STEPS = 2
CHAIN_CONTEXT = 5


def random_chain(head="mixture", seed=0, step=CHAIN_STEP):
    """Return the head of such a chain with random weights, in float64."""
    torch.manual_seed(seed)
    width = sum(variable.width for variable in step)
    sizes = {"n_context": CHAIN_CONTEXT, "n_recent": width * CHAIN_STEPS}
    edges = CHAIN_EDGES * CHAIN_STEPS
    model = ChainHead(
        step * CHAIN_STEPS, **sizes, head=head, bin_edges=edges, period=len(step)
    ).double()
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def attributed_series(arrays, shares=(5, 3, 1), group=None, **attributes):
    """Return a set with two categorical attributes of joint `shares`, and an identifying one."""
    kind = np.resize(np.repeat(np.arange(3), shares), len(arrays))
    frame = pd.DataFrame({"page": np.arange(len(arrays)).astype(str)})
    frame["domain"] = pd.Categorical(
        np.array(["en", "de", "fr"])[kind], categories=["fr", "de", "en", "never"]
    )
    frame["agent"] = pd.Categorical(np.array(["spider", "all", "all"])[kind])
    features = [Feature(f"f{i}") for i in range(arrays[0].shape[1])]
    fields = {"label": "domain", "group": group} | attributes
    return from_list(
        arrays,
        name="toy",
        features=features,
        attributes=frame,
        origin="simulated",
        interval="1D",
        **fields,
    )


def ragged_series(seed=0, n_series=31, n_features=3, longest=13):
    """Return random series of 1..longest steps, the last feature constant."""
    rng = np.random.default_rng(seed)
    arrays = [
        rng.uniform(2, 7, (n, n_features)) for n in rng.integers(2, longest + 1, n_series - 2)
    ]
    arrays = [rng.uniform(2, 7, (1, n_features)), *arrays, rng.uniform(2, 7, (longest, n_features))]
    for a in arrays:
        a[:, -1] = 11.0
    return attributed_series(arrays)


def tiny_recurrent(kind, real, **sizes):
    """Return a configuration of distinct primes."""
    sizes = ({"d_hidden": 17, "n_layer": 2} if kind is AR else {"d_hidden": 17}) | sizes
    return kind.Config(
        n_features=real.n_features + 2, attributes=attribute_categories(real), **sizes
    )


SMALL_GAN = {"n_units": 24, "mlp_width": 24, "critic_width": 48}


def two_classes(n=60, seed=0, share=0.3):
    """Return two classes with distinct levels and lengths, and a second attribute.

    'low' stays at 2 for 3 steps, 'high' at 8 for 7.
    """
    rng = np.random.default_rng(seed)
    low = rng.random(n) < share
    arrays = [np.full((3, 1), 2.0) if is_low else np.full((7, 1), 8.0) for is_low in low]
    arrays = [a + rng.normal(0, 0.2, a.shape) for a in arrays]
    columns = {"kind": np.where(low, "low", "high"), "place": rng.choice(["x", "y", "z"], n)}
    attributes = pd.DataFrame(columns, dtype="category").assign(id=range(n))
    facts = {"name": "toy", "origin": "simulated", "interval": "1D", "label": "kind"}
    return from_list(arrays, features=[Feature("level", unit="m")], attributes=attributes, **facts)


def build_gan(real, batch_size=20, seed=0, max_steps=8, sample_len=2, **settings):
    """Return (untrained model, its batches)."""
    config = DGConfig(
        n_features=real.n_features,
        attributes=attribute_sizes(real),
        max_steps=max_steps,
        sample_len=sample_len,
        **SMALL_GAN | settings,
    )
    normaliser = Normaliser.fit(real, config.activation, per_series=config.per_series)
    batches = DGBatches(real, normaliser, config, batch_size, seed)
    torch.manual_seed(seed)
    return DoppelGANger(config, batches.encoder), batches


def labelled_series(n=120, seed=0, n_features=2, signal=1.0, model="real"):
    """Return series of three classes whose level tells the class."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    arrays = [rng.uniform(size=(rng.integers(1, 8), n_features)) + signal * k for k in kind]
    attributes = pd.DataFrame({"kind": pd.Categorical.from_codes(kind, ["a", "b", "c"])})
    fields = {
        "name": "toy",
        "origin": "simulated",
        "interval": "5min",
        "label": "kind",
        "model": model,
    }
    return from_list(
        arrays,
        attributes=attributes,
        features=[Feature(f"f{j}") for j in range(n_features)],
        **fields,
    )


N_STEPS = 11  # of the window of padded rows


def padded_rows(n=90, seed=0, n_classes=3, signal=0.3):
    """Return (ragged rows, the plain padded array, codes of classes) of noisy series."""
    series = labelled_series(n, seed, signal=signal)
    codes = np.unique(series.labels, return_inverse=True)[1] % n_classes
    low = series.values.min(0)
    high = series.values.max(0)
    values, mask = series.padded(N_STEPS)
    unit = np.where(mask[:, :, None], (values - low) / (high - low), 0)
    plain = unit.reshape(n, -1).astype(np.float32)
    return Ragged(series, low, high, N_STEPS), plain, codes


def recorded(monkeypatch, owner, name):
    """Return the arguments of each call of a function from now on, which does as before."""
    calls = []
    function = getattr(owner, name)

    def recording(*arguments):
        calls.append(arguments)
        return function(*arguments)

    monkeypatch.setattr(owner, name, recording)
    return calls


def toy_series(arrays, **fields):
    """Return a set of (length, n_features) arrays with features f0, f1, ... and these `fields`."""
    features = [Feature(f"f{j}") for j in range(np.shape(arrays[0])[1])]
    base = {
        "name": "toy",
        "origin": "simulated",
        "interval": "5min",
        "features": features,
        "attributes": pd.DataFrame(index=range(len(arrays))),
    }
    return from_list(arrays, **base | fields)


def listed(values, n_series=40, n_steps=30, stay=0.0, seed=0):
    """Return series of values drawn from a few, each of which stays with that probability."""
    rng = np.random.default_rng(seed)
    x = rng.choice(values, (n_series, n_steps))
    for t in range(1, n_steps):
        stays = rng.random(n_series) < stay
        x[stays, t] = x[stays, t - 1]
    noise = rng.normal(size=x.shape) + rng.normal(0, 3, (n_series, 1))
    return toy_series(list(np.stack([noise, x], axis=2)))


def with_twins(n=80, seed=0, gap=0.03):
    """Return series of a level, a near twin of it, a twin of that, an exact copy, and noise."""
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(n):
        level = rng.normal() + rng.normal(0, 0.3, 20).cumsum()
        near = level + 0.5 + gap * rng.normal(size=20)
        arrays.append(np.stack([level, near, near + level / 50, level, rng.normal(size=20)], 1))
    return toy_series(arrays)


def ar1_series(n=101, seed=0, phi=0.8, n_features=3, low=5, high=23, level=1.0, model="real"):
    """Return ragged AR(1) series with levels of their own, a shock in all features and a class."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    arrays = []
    for k in kind:
        shocks = rng.standard_normal((int(rng.integers(low, high)) + 3 * k, n_features))
        shocks = 0.6 * shocks + 0.8 * shocks[:, :1]
        x = np.zeros_like(shocks)
        x[0] = shocks[0] / np.sqrt(1 - phi**2)
        for t in range(1, len(x)):
            x[t] = phi * x[t - 1] + shocks[t]
        arrays.append(x + level * rng.standard_normal(n_features))
    attributes = pd.DataFrame({"kind": pd.Categorical.from_codes(kind, ["a", "b"])})
    return toy_series(arrays, attributes=attributes, label="kind", model=model)


FOUR_CAPTURES = {"Cam-01": 5, "Cam-02": 3, "Plug-01": 5, "Plug-02": 3}


def iot_packets(captures=FOUR_CAPTURES):
    """Return a table of captures, {DEVICE-NUMBER: its packets}, of random packets.

    No gap between two packets, in microseconds, occurs twice.
    """
    rng = np.random.default_rng(0)
    parts = []
    for capture, n in captures.items():
        device = capture.split("-")[0]
        part = pd.DataFrame({"capture": capture, "device": device, "step": np.arange(n)})
        part["device_type"] = f"{device} type"
        part["time_s"] = np.concatenate([[0], np.cumsum(rng.integers(1, 10**9, n - 1) / 1e6)])
        part["size"] = rng.integers(20, 1515, n)
        part["direction"] = rng.integers(0, 2, n)
        part["protocol"] = rng.choice(iot.PROTOCOLS, n)
        part["port_class"] = rng.choice(iot.PORT_CLASSES, n)
        part["n_destinations"] = np.arange(n)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


FOLDERS = (paths.data_dir(), paths.ROOT.parent / "shared" / "data")


TRACE = next((f / "raw" for f in FOLDERS if (f / "raw" / "task_events").is_dir()), None)


needs_originals = pytest.mark.skipif(
    TRACE is None, reason="no original trace files under TST_DATA/raw"
)


TINY_TST = TSTConfig(
    n_features=5,
    d_model=8,
    n_head=2,
    n_layer=1,
    d_ff=8,
    dropout=0.0,
    attention_dropout=0.0,
    context_length=12,
)


def training_jobs(folder, seeds=(0,), model=TINY_TST, **settings):
    """Return jobs on 40 random series of 2 to 30 steps, kept in the folder."""
    rng = np.random.default_rng(0)
    real = series_of([rng.uniform(size=(n, 3)) for n in rng.integers(2, 30, 40)])
    real.save(folder / "train")
    settings = {
        "max_steps": 12,
        "batch_size": 7,
        "learning_rate": 1e-2,
        "checkpoint_every": 5,
    } | settings
    jobs = []
    for seed in seeds:
        train = TrainConfig(seed=seed, **settings)
        jobs.append(Job.of(SPEC, folder / "train", folder / f"seed{seed}", model, train))
    return jobs


def series_of(arrays):
    """Return a set of these (length, n_features) arrays."""
    features = [Feature(f"f{j}") for j in range(arrays[0].shape[1])]
    attributes = pd.DataFrame({"id": range(len(arrays))})
    return from_list(
        arrays,
        name="toy",
        features=features,
        attributes=attributes,
        origin="simulated",
        interval="1D",
    )


def mixed_series(lengths=(3, 1, 8, 5, 2, 13), seed=0, fixed=False):
    """Return series with a feature of each kind.

    They are a skewed measurement that has zeros and repeats, counts, a category, a constant,
    and a plain measurement.
    """
    rng = np.random.default_rng(seed)
    lengths = np.full(len(lengths), 20) if fixed else lengths
    arrays = []
    for n in lengths:
        skewed = rng.lognormal(0, 3, n) * (rng.random(n) > 0.3)
        if n > 2:
            skewed[2] = skewed[1]
        columns = [
            skewed,
            rng.poisson(4, n),
            rng.integers(0, 3, n),
            np.full(n, 7.5),
            rng.normal(-2, 1, n),
        ]
        arrays.append(np.stack(columns, axis=1))
    features = [
        Feature(k, "categorical" if k == "state" else "continuous")
        for k in ("rate", "count", "state", "same", "x")
    ]
    attributes = pd.DataFrame(
        {
            "kind": pd.Categorical(list("abc") * len(lengths))[: len(lengths)],
            "id": range(len(lengths)),
        }
    )
    facts = {
        "features": features,
        "attributes": attributes,
        "origin": "simulated",
        "interval": "1D",
        "label": "kind",
    }
    return from_list(arrays, name="toy", **facts)


def encoded_batches(series, patch=1, size=4, context_length=40, lag=0, near=1, **settings):
    """Return (encoder, token spec, batches) of a set, for a config of these settings.

    `lag` is the season of the spec, in tokens, `near` how many right before each it sees.
    """
    config = GenerativeConfig(
        n_features=series.n_features, patch=patch, context_length=context_length, **settings
    )
    encoder = SeriesEncoder.fit(series, config.attributes, config.stop == "length")
    spec = replace(token_spec(encoder, series, config.stop), season=lag, near=near)
    return encoder, spec, TokenBatches(series, encoder, spec, config, size, seed=0)


TINY_SIZES = {
    "d_model": 16,
    "n_head": 2,
    "n_layer": 2,
    "d_ff": 16,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "context_length": 40,
}


def tiny_generative(spec, encoder=None, seed=0, **settings):
    """Return a tiny `GenerativeTST` for a token spec."""
    torch.manual_seed(seed)
    n_features = sum(v.kind in ("continuous", "categorical") for v in spec.step)
    config = GenerativeConfig(**(TINY_SIZES | {"n_features": n_features} | settings))
    return GenerativeTST(config, spec, encoder)


def modulate(model, scale=0.3, seed=7):
    """Give a model's modulation, which is nothing before training, random weights; return it."""
    torch.manual_seed(seed)
    for parameter in model.modulation.parameters():
        parameter.data += scale * torch.randn_like(parameter)
    return model


def distinct_series(lengths=(3, 1, 5, 2), n_features=2, seed=0, **fields):
    """Return a small set whose every value is distinct, so that a swapped row cannot pass."""
    rng = np.random.default_rng(seed)
    kinds = pd.Categorical([f"k{i % 2}" for i in range(len(lengths))])
    attributes = pd.DataFrame({"kind": kinds, "id": range(len(lengths))})
    fields = {
        "name": "toy",
        "origin": "simulated",
        "interval": "5min",
        "attributes": attributes,
    } | fields
    arrays = [
        rng.permutation(n * n_features).reshape(n, n_features) + 100 * i
        for i, n in enumerate(lengths)
    ]
    return from_list(arrays, features=[Feature(f"f{j}") for j in range(n_features)], **fields)


def run_make(*arguments):
    """Run make on the smoke profile without running a recipe; return what it would do, as text."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", "PROFILE=smoke", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=paths.ROOT, env=environment
    ).stdout


def user_table(n_series=24, seed=0):
    """Return a table with one column of each kind."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 9, n_series)
    n_rows = lengths.sum()
    series = np.repeat(np.arange(n_series), lengths)  # (n_rows,)
    step = np.arange(n_rows) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # (n_rows,)
    times = pd.Timestamp("2024-02-28 23:00") + pd.to_timedelta(step * 15, "min")
    frame = pd.DataFrame({"cpu": np.round(rng.random(n_rows), 3)})
    frame["host"] = np.char.add("h", (100 + series).astype(str))
    frame["when"] = times.strftime("%Y-%m-%d %H:%M")
    frame["threads"] = rng.integers(0, 9, n_rows)
    frame["up"] = rng.random(n_rows) > 0.5
    frame["state"] = rng.choice(["a", "b", "c"], n_rows)
    frame["exact"] = rng.normal(size=n_rows)
    is_missing = rng.random(n_rows) < 0.2
    frame["memory"] = np.where(is_missing, np.nan, np.round(rng.random(n_rows), 2))
    frame["counter"] = 5_000_000_000 + rng.integers(0, 99, n_rows)
    frame["status"] = rng.choice(["FAIL", "OK"], n_series)[series]
    frame["size"] = rng.random(n_series)[series]
    frame["owner"] = np.char.add("name", series.astype(str))
    frame["version"] = 3
    return frame


def shop_visits(n_series=60, seed=0):
    """Return a table of days of shops, from Mondays on: prices in order, a kind that decides their
    level, a region that goes with it, weekends that differ, a total that follows, a state.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(14, 29, n_series)
    series = np.repeat(np.arange(n_series), lengths)  # (n_rows,)
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * rng.integers(0, 9, n_series), "D")
    when = start[series] + pd.to_timedelta(step, "D")
    is_big = rng.random(n_series) < 0.5
    is_north = rng.random(n_series) < np.where(is_big, 0.9, 0.2)
    level = np.where(is_big, 40, 15) + rng.normal(0, 3, n_series)
    noise = rng.normal(0, 2, len(step))
    for i in range(1, len(step)):
        noise[i] = 0.8 * noise[i - 1] + 0.6 * noise[i] if step[i] else noise[i]
    frame = pd.DataFrame({"shop": np.char.add("S", (100 + series).astype(str))})
    frame["day"] = when.strftime("%d/%m/%Y")
    frame["kind"] = np.where(is_big, "big", "small")[series]
    frame["region"] = np.where(is_north, "north", "south")[series]
    frame["low"] = (level[series] + 8 * (when.day_of_week >= 5) + noise).round(2)
    frame["high"] = (frame["low"] + rng.exponential(3, len(step))).round(2)
    frame["sold"] = rng.poisson(5, len(step))
    frame["total"] = (frame["sold"] * 2.5).round(2)
    frame["phase"] = np.array(["new", "used", "old"])[np.minimum(step // 7, 2)]
    return frame


def table_error(source, roles=None):
    """Return the sentence that fitting a user's table ends in."""
    with pytest.raises(DataError) as caught:
        Table.fit(source, roles)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 300
    return sentence


def problem_text(table):
    """Return the problems of a user's table as one text."""
    return " | ".join(f"{column}: {text} ({n_rows})" for column, text, n_rows in table.problems)


def read_back(frame):
    """Return what pandas reads from the CSV of a table."""
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


TINY_LOOP = TSTConfig(
    n_features=3, d_model=8, n_head=2, n_layer=1, d_ff=8, dropout=0.3, context_length=12
)


def tiny_loss(model, batch):
    """Masked MSE of a packed batch."""
    return masked_mse(model(batch.inputs, Packing(batch.lengths)), batch.targets, batch.weight)


def train_tiny(folder, max_steps=12, stop_at=None, fingerprint="a", seed=0, score=None, **settings):
    """Train a tiny model with dropout; `stop_at` breaks off at that step as a kill would."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 12, 20)
    batches = PackedBatches(rng.uniform(size=(lengths.sum(), 3)), lengths, 5, seed)

    def source(step, rank, n_ranks):
        if step == stop_at:
            raise KeyboardInterrupt
        return batches(step, rank, n_ranks)

    torch.manual_seed(seed)
    config = TrainConfig(
        max_steps=max_steps, learning_rate=1e-2, seed=seed, checkpoint_every=4, **settings
    )
    facts = {"id": fingerprint, "model": asdict(TINY_LOOP)}
    return loop.optimise(TST(TINY_LOOP), tiny_loss, source, config, folder, facts, score=score)


def flag_lengths(flags, lengths):
    """Return the length that the flags (n, 2) of each series tell.

    It ends with its first step of flag2 >= flag1; without one, all its rows count.
    """
    lengths = np.asarray(lengths)
    step = np.arange(len(flags)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    ends = np.where(flags[:, 1] >= flags[:, 0], step + 1, np.repeat(lengths, lengths))
    return np.minimum.reduceat(ends, np.cumsum(lengths) - lengths)


class StoppedClock:
    """Both of Python's clocks, which stand still but for what a test lets pass by."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        for name in ("perf_counter", "process_time"):
            monkeypatch.setattr(time, name, lambda: self.now)

    def pass_by(self, seconds):
        """Let some seconds pass."""
        self.now += seconds
