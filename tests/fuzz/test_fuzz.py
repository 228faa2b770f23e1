"""Laws of every door that a file comes in by: a right answer or one sentence, in bounded memory.

`--hypothesis-profile=nightly` tries thousands of cases, `--fuzz-report PATH` says how they ended.
"""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from fuzzing import attempt, sign, spoiled, spoiled_tree
from helpers import (
    build_gan,
    distinct_series,
    ragged_series,
    tiny_recurrent,
    two_classes,
    user_table,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import frames

from tst import Synthesiser
from tst.data import doppelganger_npz, gcut, long
from tst.models.autoregressive import AR, RNN
from tst.models.doppelganger import naive_gan
from tst.models.doppelganger.model import DoppelGANger
from tst.models.hmm import HMM
from tst.models.scaling import Normaliser
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.generative import GenerativeTST
from tst.models.transformer.model import TST
from tst.series import SeriesSet
from tst.study import run_notebook
from tst.study.benchmarks import reference_trace
from tst.table.table import Table

pytestmark = [pytest.mark.timeout(3600), pytest.mark.filterwarnings("ignore")]


def written(folder):
    """Return {name: bytes} of a folder's files."""
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder to write cases to."""
    return tmp_path_factory.mktemp("fuzz")


def put(folder, contents):
    """Write files to a folder that holds no others, and return it."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


# ---- tables

TABLE = user_table(n_series=5)
ROLES = {
    "id": "host",
    "time": "when",
    "features": ["cpu", "threads"],
    "attributes": ["status"],
    "label": "status",
}
ROLES |= {"categorical": ["threads"], "gaps": "cut", "window": 4}


def fit_and_write(source, roles=None):
    """Fit a table, write its series as if synthetic, and check what is true of any table."""
    table, series = Table.fit(source, roles)
    made = table.to_frame(series)
    if table.shape is None:
        assert [str(name) for name in made] == list(table.order)
        assert len(made) == len(series.values)
    else:
        assert list(made) == list(table.shape.columns)
    if table.shape is None and len(table.keys.id) == 1:
        position = table.order.index(table.keys.id[0])
        assert made.iloc[:, position].nunique() == len(series)
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    return table, series, made


@given(content=spoiled(TABLE.to_csv(index=False).encode(), 6))
def test_csv(place, content):
    """Spoiled bytes of a good table."""
    put(place / "csv", {"t.csv": content})
    attempt("CSV", lambda: fit_and_write(place / "csv" / "t.csv"))


@given(content=spoiled(gzip.compress(TABLE.to_csv(index=False).encode(), mtime=0)))
def test_csv_gz(place, content):
    """Spoiled bytes of a zipped table: its sum decides, so what is read is the table."""
    put(place / "gz", {"t.csv.gz": content})
    found = attempt("CSV.gz", lambda: fit_and_write(place / "gz" / "t.csv.gz"))
    assert found is None or found[1].sha256() == Table.fit(TABLE)[1].sha256()


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """Bytes of a good Parquet table."""
    path = tmp_path_factory.mktemp("good") / "t.parquet"
    TABLE.to_parquet(path)
    return {"t.parquet": path.read_bytes()}


@given(data=st.data())
def test_parquet(place, parquet, data):
    """Spoiled bytes of a good table."""
    put(place / "parquet", {"t.parquet": data.draw(spoiled(parquet["t.parquet"]))})
    attempt("Parquet", lambda: fit_and_write(place / "parquet" / "t.parquet"))


@given(frame=frames())
def test_tables_of_any_kind(frame):
    """Columns of all dtypes, names and gaps, ids and times good and bad: fitted, read back."""
    attempt("DataFrame", lambda: fit_and_write(frame))


@given(frame=frames(), kind=st.sampled_from(["csv", "csv.gz", "parquet"]))
def test_files_of_any_kind(place, frame, kind):
    """The same as files, where the format can hold them; an empty roles file changes nothing."""
    path = place / f"any.{kind}"
    try:
        frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)
    except Exception:
        return
    attempt(f"{kind} of any columns", lambda: fit_and_write(path, {}))


@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=6),
    st.integers(0, 999),
    st.sampled_from(["csv", "csv.gz", "parquet"]),
)
def test_a_good_table_is_read_right(place, lengths, seed, kind):
    """Known series: lengths, values and categories come back, in any order of rows and format."""
    rng, n = np.random.default_rng(seed), sum(lengths)
    at = np.repeat(np.arange(len(lengths)), lengths)
    frame = pd.DataFrame(
        {
            "unit": np.char.add("u", at.astype(str)),
            "t": np.concatenate([np.arange(k) for k in lengths]),
        }
    )
    frame["x"], frame["n"], frame["c"] = (
        rng.normal(size=n),
        rng.integers(-5, 5, n),
        np.array(list("pq"))[np.arange(n) % 2],
    )
    path = place / f"good.{kind}"
    shuffled = frame.sample(frac=1, random_state=seed)
    shuffled.to_parquet(path) if kind == "parquet" else shuffled.to_csv(path, index=False)
    roles = {"id": "unit", "time": "t", "features": ["x", "n", "c"]}
    found = attempt(f"{kind} with a known answer", lambda: fit_and_write(path, roles))
    if found is None:
        assert (
            frame[["x", "n", "c"]].nunique().min() == 1
            or frame["n"].nunique() < 3
            or max(lengths) == 1
        )
        return
    table, series, made = found
    assert series.lengths.tolist() == lengths
    for column in table.features:
        values = made[column.name].to_numpy()
        if column.name == "c":
            assert (values == frame["c"]).all()
        else:
            np.testing.assert_allclose(values, frame[column.name], rtol=1e-6)


@given(content=spoiled(yaml.safe_dump(ROLES).encode()))
def test_roles_yml(place, content):
    """Spoiled bytes of a roles file."""
    put(place / "roles", {"roles.yml": content})
    attempt("roles.yml", lambda: fit_and_write(TABLE, place / "roles" / "roles.yml"))


@given(tree=spoiled_tree(ROLES))
def test_roles_of_any_kind(place, tree):
    """A roles file in which values of another kind stand."""
    put(place / "roles", {"roles.yml": yaml.safe_dump(tree).encode()})
    attempt("roles.yml of any values", lambda: fit_and_write(TABLE, place / "roles" / "roles.yml"))


# ---- settings of a run

PROFILE = {"01-a": {"all": {"number": 3, "text": "x"}, "wwt": {"number": 4}}}
ABLATION = {
    "question": "Does it?",
    "dataset": "wwt",
    "base": {"patch": 2},
    "settings": {"one": {}, "two": {"d_model": 8}},
}


@given(data=st.data())
def test_profiles_and_ablations(place, data):
    """One of both spoiled, bytes or values: parameters by their names, or one sentence."""
    trees = {"profile": PROFILE, "ablation": ABLATION}
    name = data.draw(st.sampled_from(sorted(trees)))
    contents = {f"{k}.yml": yaml.safe_dump(v).encode() for k, v in trees.items()}
    spoilt = yaml.safe_dump(data.draw(spoiled_tree(trees[name]))).encode()
    contents[f"{name}.yml"] = data.draw(spoiled(spoilt, 2))
    folder = put(place / "settings", contents)

    def parameters():
        return run_notebook.parameters("01-a", "profile", "wwt", "ablation")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_notebook, "PROFILES", folder)
        patch.setattr(run_notebook, "ABLATIONS", folder)
        found = attempt("profile or ablation", parameters)
    assert found is None or all(isinstance(key, str) for key in found)


# ---- arrays, series sets, the trace


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """Files of a good DG folder."""
    folder = tmp_path_factory.mktemp("npz")
    series = distinct_series(
        attributes=pd.DataFrame({"kind": pd.Categorical(list("abab"))}), label="kind"
    )
    doppelganger_npz.save(series, folder)
    return written(folder), series


@given(data=st.data())
def test_npz(place, npz, data):
    """Spoiled bytes of the archive: its sums decide, so what is read is the series."""
    files, series = npz
    files = files | {"data_train.npz": data.draw(spoiled(files["data_train.npz"]))}
    found = attempt("npz", lambda: doppelganger_npz.load(put(place / "npz", files)))
    assert found is None or found.sha256() == series.sha256()


@given(data=st.data())
def test_columns_yml(place, npz, data):
    """Spoiled values and spoiled bytes of the description."""
    files, _ = npz
    tree = yaml.safe_dump(data.draw(spoiled_tree(json.loads(files["columns.json"])))).encode()
    content = data.draw(spoiled(tree, 2))
    attempt(
        "columns.yml",
        lambda: doppelganger_npz.load(put(place / "npz", files | {"columns.yml": content})),
    )


@pytest.fixture(scope="module")
def folder_of_series(tmp_path_factory):
    """Files of a good SeriesSet."""
    series = distinct_series(label="kind", group="id")
    series.save(tmp_path_factory.mktemp("set") / "s")
    return written(tmp_path_factory.getbasetemp() / "set0" / "s"), series


@given(data=st.data())
def test_series_set(place, folder_of_series, data):
    """One of its four files spoiled: the checksum decides, so what is read is the series."""
    files, series = folder_of_series
    name = data.draw(st.sampled_from(sorted(files)))
    if name == "meta.json" and data.draw(st.booleans()):
        content = json.dumps(data.draw(spoiled_tree(json.loads(files[name])))).encode()
    else:
        content = data.draw(spoiled(files[name]))
    found = attempt(
        "SeriesSet", lambda: SeriesSet.load(put(place / "set", files | {name: content}))
    )
    assert found is None or (found.sha256() == series.sha256() and len(repr(found)) < 300)


@given(data=st.data())
def test_series_set_of_any_fields(data):
    """Whatever the fields are, a set that is built is one that can be used."""
    good = distinct_series(label="kind", group="id")
    fields = {
        k: getattr(good, k)
        for k in ("name", "features", "origin", "interval", "model", "label", "group")
    }
    wild = st.sampled_from([None, 3, "kind", "x", [], (1, 2), np.nan, ["a"], {"a": 1}])
    arrays = [
        np.full((11, 2), np.inf),
        np.ones((11, 2), complex),
        np.full((11, 2), 1e300),
        [["a", "b"]] * 11,
        np.ones(22),
    ]
    arrays += [
        [3, 1, 5, 2.5],
        [3, 1, 2**62, 2**62],
        [[3, 1, 5, 2]],
        [-3, 1, 5, 8],
        np.array([3, 1, 5, 2], "O"),
        None,
    ]
    choices = {k: st.one_of(st.just(v), wild) for k, v in fields.items()}
    choices |= {
        k: st.one_of(st.just(getattr(good, k)), st.sampled_from(arrays))
        for k in ("values", "lengths")
    }
    changed = data.draw(st.sampled_from(sorted(choices)))
    fields |= {k: getattr(good, k) for k in ("values", "lengths", "attributes")}
    found = attempt(
        "SeriesSet's fields", lambda: SeriesSet(**fields | {changed: data.draw(choices[changed])})
    )
    if found is not None:
        assert len(found.sha256()) == 64
        assert found.head(1).padded()[1].all()


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Bytes of a good part of each table of the trace, unzipped, and the sum of their set."""
    folder = tmp_path_factory.mktemp("parts")
    usage, events, _ = reference_trace.write_parts(folder, 12, 1, seed=1, fault_share=0.0)
    series, _ = gcut.build(usage, events, folder / "work")
    return {
        t: gzip.decompress(p[0].read_bytes()) for t, p in (("usage", usage), ("events", events))
    }, series.sha256()


@given(data=st.data())
def test_trace_parts(place, parts, data):
    """Spoiled text, or spoiled bytes of the gzip, of a part; the sum decides about the latter."""
    texts, digest = parts
    name, zipped = data.draw(st.sampled_from(sorted(texts))), data.draw(st.booleans())
    contents = {k: gzip.compress(v, 1, mtime=0) for k, v in texts.items()}
    contents[name] = (
        data.draw(spoiled(contents[name]))
        if zipped
        else gzip.compress(data.draw(spoiled(texts[name], 2)), 1)
    )
    folder = put(place / "parts", {f"{k}.csv.gz": v for k, v in contents.items()})
    work = put(place / "work", {})

    def build():
        return gcut.build([folder / "usage.csv.gz"], [folder / "events.csv.gz"], work)

    found = attempt("trace part", build)
    assert found is None or not zipped or found[0].sha256() == digest


@given(frame=frames(), data=st.data())
def test_usage_tables(place, frame, data):
    """Cluster usage as Parquet, with columns of any kind under the right names."""
    wanted = ["instance", "start_s", "cpu_mean", "cpu_max"]
    frame = frame.iloc[:, : len(wanted)]
    frame.columns = wanted[: frame.shape[1]]
    try:
        frame.to_parquet(place / "usage.parquet")
    except Exception:
        return
    path = place / "usage.parquet"
    attempt("usage Parquet", lambda: long.read(path, wanted[:1], wanted[1:]))


# ---- checkpoints


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """{kind: (load, files)} of a good checkpoint of every model."""
    folder = tmp_path_factory.mktemp("models")
    real = ragged_series()
    normaliser = Normaliser.fit(real)
    torch.manual_seed(0)
    tst = TSTConfig(n_features=5, d_model=8, n_head=2, n_layer=2, d_ff=6, context_length=9)
    TST(tst).save(folder / "tst")
    for kind in (AR, RNN):
        config = tiny_recurrent(kind, real, d_hidden=5)
        kind.build(config, real, normaliser, 0).save(folder / kind.key)
    model, batches = build_gan(two_classes(), n_units=5, mlp_width=5, critic_width=6)
    model.save(folder / "dg")
    sizes = naive_gan.configure(n_features=1, attributes=(2, 3), max_steps=8, critic_width=6)
    naive_gan.NaiveGAN(sizes, batches.encoder).save(folder / "naive")
    HMM(2, 5, normaliser).save(folder / "hmm")
    own = Synthesiser(max_steps=2, d_model=8, n_layer=1).fit(user_table(12))
    own.save(folder / "own")
    own.model.save(folder / "generative")
    loads = {
        "tst": TST.load,
        "ar": AR.load,
        "rnn": RNN.load,
        "dg": DoppelGANger.load,
        "naive": naive_gan.NaiveGAN.load,
        "hmm": HMM.load,
        "own": Synthesiser.load,
        "generative": GenerativeTST.load,
    }
    return {kind: (load, written(folder / kind)) for kind, load in loads.items()}


KINDS = ["tst", "ar", "rnn", "dg", "naive", "hmm", "own", "generative"]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_checkpoints(place, models, kind, data):
    """One file of a model spoiled: no model, or finite weights; own data can be sampled."""
    load, files = models[kind]
    name = data.draw(st.sampled_from(sorted(files)))
    if name.endswith(".json") and data.draw(st.integers(0, 3)):
        content = json.dumps(data.draw(spoiled_tree(json.loads(files[name])))).encode()
    else:
        content = data.draw(spoiled(files[name]))
    folder = put(place / kind, files | {name: content})
    folder = sign(folder) if data.draw(st.integers(0, 3)) else folder
    model = attempt(f"checkpoint {kind}", lambda: load(folder))
    if model is not None and kind == "own":
        attempt("sample of a loaded model", lambda: model.sample(2))
    if isinstance(model, torch.nn.Module):
        assert all(torch.isfinite(p).all() for p in model.parameters())
