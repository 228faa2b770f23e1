"""Laws of reading hostile files: headers that lie, bombs and nests are refused soon and cheaply."""

import gzip
import io
import json
import shutil
import struct
import zipfile
from dataclasses import asdict, dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzzing import attempt, sentence
from helpers import distinct_series

from tst.data import doppelganger_npz, gcut
from tst.errors import DataError
from tst.io import untrusted
from tst.series import SeriesSet
from tst.table import source
from tst.table.roles import Roles
from tst.table.table import Table

ROOM = 2**22


@pytest.fixture
def small(monkeypatch):
    """A machine with 4 MiB to spare."""
    monkeypatch.setattr(untrusted, "room", lambda: ROOM)


def refused(action, words):
    """Check that an action is refused in a sentence with these words, soon and in little memory."""
    with pytest.raises(DataError, match=words) as caught:
        action()
    sentence(caught.value)
    assert attempt("bomb", action) is None


def header(shape, dtype="<f4"):
    """Return the header of a .npy file."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        out, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (header((10**15, 2)), "claims 8,000,000,000,000,000 bytes of numbers and has 8"),
        (header((-1, 2)), "claims -8 bytes"),
        (header((2, 1), "|O"), "objects are pickles and are not read"),
        (header((2, 1), "<U0"), "neither numbers nor text"),
        (b"\x93NUMPY\x09\x00", "unknown array version"),
        (b"", "write it again with SeriesSet.save"),
    ],
)
def test_an_array_whose_header_lies(tmp_path, head, words):
    """In a series set."""
    distinct_series().save(tmp_path / "s")
    (tmp_path / "s" / "values.npy").write_bytes(head + bytes(8))
    refused(lambda: SeriesSet.load(tmp_path / "s"), words)


def npz(folder, method=zipfile.ZIP_DEFLATED, **contents):
    """Write an archive of raw contents to a DG folder."""
    described = {"features": [{"name": "x"}], "attributes": []}
    (folder / "columns.json").write_text(json.dumps(described))
    with zipfile.ZipFile(folder / "data_train.npz", "w", method) as archive:
        for name in doppelganger_npz.ARRAYS:
            archive.writestr(f"{name}.npy", contents.get(name, header((1, 1)) + bytes(4)))
    return folder / "data_train.npz"


def test_an_archive_whose_header_lies(tmp_path):
    """The array claims 10^15 numbers; the zip entry claims 3 GB, or another kind of compression."""
    path = npz(tmp_path, data_feature=header((10**15, 1, 1)))
    refused(
        lambda: doppelganger_npz.load(tmp_path),
        "claims 4,000,000,000,000,000 bytes of numbers and has 0",
    )
    path = npz(tmp_path)
    whole = path.read_bytes()
    size = struct.pack("<I", len(header((1, 1))) + 4)
    path.write_bytes(whole.replace(size, struct.pack("<I", 3 * 10**9)))
    refused(
        lambda: doppelganger_npz.load(tmp_path), "claims 3,000,000,000 bytes, more than it can hold"
    )
    npz(tmp_path, zipfile.ZIP_LZMA)
    refused(lambda: doppelganger_npz.load(tmp_path), "is compressed in an unknown manner")


def test_an_archive_that_inflates(tmp_path, small):
    """5 MB of zeros in 5 KB."""
    npz(tmp_path, data_feature=header((1, 5 * 2**18, 1)) + bytes(5 * 2**20))
    refused(
        lambda: doppelganger_npz.load(tmp_path),
        "would inflate to 0.00488 GiB, above the limit of 0.00391",
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.csv", "bomb.parquet"])
def test_a_table_that_inflates(tmp_path, small, name):
    """A zipped one; short lines under a long heading; one long text that a million rows name."""
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(b"id,t,x\n" + b"a,1,2\n" * 10**6))
    elif name.endswith(".csv"):
        path.write_bytes(b"," * 10_000 + b"\n" + b"1\n" * 1000)
    else:
        table = pa.table(
            {"x": pa.array(np.zeros(10**5, np.int8)), "t": pa.array(["y" * 1000] * 10**5)}
        )
        pq.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 2**16
    refused(lambda: Table.fit(path), "bomb.* would inflate to .* above the limit")


def test_rows_that_a_parquet_file_claims(tmp_path, small):
    """A million rows of ten columns in some KB are counted before any is read."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({f"c{i}": np.zeros(10**6, bool) for i in range(10)}), path)
    refused(lambda: untrusted.read_parquet(path), "would inflate to 0.0745 GiB")


@pytest.mark.slow
def test_a_large_table_needs_disk(tmp_path, monkeypatch):
    """What its parts take is counted before they are written; of a zipped one while it is read.

    A row takes its place, its time and marks beside its values.
    """
    monkeypatch.setattr(source, "MAX_CELLS", 1000)
    disk = SimpleNamespace(free=90_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({f"c{i}": np.zeros(10**6, bool) for i in range(10)}), path)
    refused(lambda: Table.fit(path), "t.parquet takes 0.104 GiB of disk to sort, and .* TMPDIR")
    disk.free = ROOM
    zipped = tmp_path / "t.csv.gz"
    rows = [b"%d,%d,2\n" % (i // 300, i % 300) for i in range(300_000)]
    zipped.write_bytes(gzip.compress(b"id,t,x\n" + b"".join(rows)))
    refused(lambda: Table.fit(zipped), "t.csv.gz takes .* GiB of disk to sort")


def test_a_part_of_the_trace_that_inflates(tmp_path, small):
    """Six MB of rows in some KB."""
    row = b",".join([b"1"] * 20) + b"\n"
    for name in ("usage", "events"):
        (tmp_path / name).write_bytes(gzip.compress(row * 150_000))
    usage, events, work = (tmp_path / name for name in ("usage", "events", "work"))
    refused(lambda: gcut.build([usage], [events], work), "would inflate to .* above the limit")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nfeatures: [*b, *b]", "has an alias"),
        ("[" * 200_000, "has lists within lists, more than 50"),
        ("time: 2024-13-45", "is not valid YAML .month must be in 1..12."),
        ("time: !!bool 3", "is not valid YAML"),
        ("time: !!python/object/apply:os.system [ls]", "is not valid YAML"),
        ("features: cpu", "features is 'cpu'; give a list of columns"),
        ("features: [1.5]", "give a list of columns, in quotes if need be"),
        ("window: yes", "window is True; give a number of rows"),
        ("window: 9223372036854775808", "give a number of rows"),
        ("label: [a]", "give one name"),
        ("#" * 2**18 + "#", "more than 256 KiB"),
        ("a: \udc80", "is not valid YAML"),
    ],
)
def test_a_roles_file_of_the_wrong_kind(tmp_path, text, words):
    """Aliases that would multiply, nests, dates that are none, tags, values of another kind."""
    (tmp_path / "r.yml").write_text(text, errors="surrogateescape")
    refused(lambda: Roles.read(tmp_path / "r.yml"), words)


def test_text_that_is_none(tmp_path):
    """A Parquet file whose text is no UTF-8, or whose column holds lists."""
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"id": pa.array([b"\x80"] * 4).view(pa.string()), "t": [1, 2, 3, 4]}), path
    )
    refused(lambda: Table.fit(path), "cannot read t.parquet")
    pd.DataFrame({"id": [[1]] * 4}).to_parquet(path)
    refused(lambda: Table.fit(path), "column 'id' holds lists or records")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of `Whole`."""

    name: str
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A field of each kind that from_mapping reads."""

    kind: Literal["full", "sliding"]
    rate: float = 0.5
    bounds: tuple[float, float] = (0.0, 1.0)
    sizes: tuple[int, ...] = ()
    label: str | None = None
    parts: tuple[Part, ...] = ()
    table: dict[str, list[int]] = field(default_factory=dict)
    plain: tuple = ()
    anything: Any = None


def test_from_mapping_reads_what_json_holds():
    """Through JSON and back: lists become tuples, mappings dataclasses; equal to what was there."""
    whole = Whole(
        kind="sliding",
        rate=2,
        bounds=(0.5, 1),
        sizes=(3, 5),
        label="x",
        parts=(Part(name="a"), Part(name="b", size=7)),
        table={"a": [1, 2]},
        plain=("a", 1),
        anything=[None, {}],
    )
    assert untrusted.from_mapping(Whole, json.loads(json.dumps(asdict(whole)))) == whole
    assert untrusted.from_mapping(Whole, {"kind": "full"}) == Whole(kind="full")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"color": 1},
            "Whole has an unknown 'color'; known are kind, rate, bounds, sizes, label, "
            "parts, table, plain, anything.",
        ),
        ({"kind": "other"}, "Whole has kind = 'other', of the wrong type."),
        ({"kind": ["full"]}, "Whole has kind = ['full'], of the wrong type."),
        ({"rate": True}, "Whole has rate = True, of the wrong type."),
        ({"rate": None}, "Whole has rate = None, of the wrong type."),
        ({"bounds": [1.0]}, "Whole has bounds = [1.0], of the wrong type."),
        ({"sizes": [1, 0.5]}, "Whole has sizes = [1, 0.5], of the wrong type."),
        ({"sizes": [True]}, "Whole has sizes = [True], of the wrong type."),
        ({"label": 3}, "Whole has label = 3, of the wrong type."),
        ({"parts": [{}]}, "Part has no 'name'; known are name, size."),
        ({"parts": [{"name": "a", "x": 1}]}, "Part has an unknown 'x'; known are name, size."),
        ({"parts": [{"name": 1}]}, "Part has name = 1, of the wrong type."),
        ({"table": {"a": ["x"]}}, "Whole has table = {'a': ['x']}, of the wrong type."),
        ({"table": []}, "Whole has table = [], of the wrong type."),
        ({"plain": 1}, "Whole has plain = 1, of the wrong type."),
    ],
)
def test_from_mapping_names_what_does_not_fit(change, sentence):
    """One sentence; an unknown key with the known ones, which the caller may give a name."""
    mapping = {"kind": "full"} | change
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole sentence is compared
        untrusted.from_mapping(Whole, mapping)
    assert str(caught.value) == sentence
    with pytest.raises(ValueError, match=r"the whole has|Part has"):
        untrusted.from_mapping(Whole, mapping, "the whole")


def test_from_mapping_asks_for_what_has_no_default():
    """By name."""
    with pytest.raises(ValueError, match="Whole has no 'kind'; known are kind, rate"):
        untrusted.from_mapping(Whole, {})
