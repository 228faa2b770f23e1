"""Reads files that may be damaged or hostile: JSON, YAML, .npy, .npz, gzip, CSV, Parquet. Nothing here runs code.

A header may lie. What it claims is compared with what the file can hold before memory is asked for, and what would
inflate beyond `room()` is refused before it is inflated, or while it is, in bounded memory.
"""

import gzip
import json
import math
import os
import zipfile
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tst.errors import DataError, translate_errors

GIB = 2**30
MOST = (
    16 * GIB
)  # bytes that a file may inflate to; the paper's GCUT (50,000 x 2,500 x 9 in float64) has 9 GiB
MAX_JSON, MAX_YAML, DEPTH = 64 * 2**20, 2**18, 50  # bytes, bytes, lists within lists
DEFLATE = 1032  # times that deflate can shrink a file at most
NUMBERS = "fiub"  # kinds of dtype
CHUNK = 2**20


def room():
    """Return how many bytes a file may inflate to here: half of the free memory, at most `MOST`."""
    return min(MOST, psutil.virtual_memory().available // 2)


def check_room(n_bytes, path):
    """Raise DataError where a file would take more than `room()`."""
    if n_bytes > room():
        raise DataError(
            f"{path} would inflate to {n_bytes / GIB:.3g} GiB, above the limit of {room() / GIB:.3g} "
            "(half of the free memory, at most 16): give a smaller file."
        )


def text(path, most):
    """Return a small file's text."""
    if os.stat(path).st_size > most:
        raise DataError(
            f"{path} has more than {most // 1024:,} KiB, too much for a description: give the right file."
        )
    return Path(path).read_text(encoding="utf-8")


def read_json(path):
    """Return the mapping that a JSON file holds."""
    found = json.loads(text(path, MAX_JSON))
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no JSON object: give the file that was written with it.")
    return found


def read_yaml(path, remedy="correct it"):
    """Return what a YAML file holds; raises DataError where it is none, or has aliases, which a small file can nest."""
    try:
        content = text(path, MAX_YAML)
        _check_events(yaml.parse(content, yaml.SafeLoader), path)
        return yaml.safe_load(content)
    except DataError:
        raise
    except (
        Exception
    ) as error:  # beside YAMLError, ValueError of a date, KeyError of a truth value, RecursionError
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is no YAML ({first[:100]}): {remedy}.") from None


def _check_events(events, path):
    """Raise DataError where a YAML has an alias, or lists within lists without an end, which take time without one."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
            event, yaml.CollectionEndEvent
        )
        if isinstance(event, yaml.AliasEvent) or depth > DEPTH:
            what = f"lists within lists, more than {DEPTH}" if depth > DEPTH else "an alias (*name)"
            raise DataError(f"{path} has {what}: write the values out instead.")


def from_mapping(cls, mapping):
    """Return the dataclass of a mapping that JSON held; raises ValueError for unknown or missing keys and wrong types."""
    known = {f.name: f for f in fields(cls)}
    unknown = sorted(map(str, set(mapping) - set(known)))
    missing = [
        n
        for n, f in known.items()
        if n not in mapping and f.default is f.default_factory is MISSING
    ]
    if unknown or missing:
        word = f"an unknown '{unknown[0]}'" if unknown else f"no '{missing[0]}'"
        raise ValueError(f"{cls.__name__} has {word}; known are {', '.join(known)}")
    values = {
        k: tuple(v) if known[k].type is tuple and isinstance(v, list) else v
        for k, v in mapping.items()
    }
    for name, value in values.items():
        if not _is(value, known[name].type):
            raise ValueError(f"{cls.__name__} has {name} = {repr(value)[:40]}, of the wrong type")
    return cls(**values)


def _is(value, wanted):
    """Tell whether a value is of an annotated type; a whole number is a float, a truth value no number."""
    kinds = get_args(wanted) or (wanted,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


def read_array(path):
    """Return the array of a .npy file, which must have as many bytes as its header claims."""
    with open(path, "rb") as file:
        _check_header(file, os.stat(path).st_size, path)
        file.seek(0)
        return np.load(file, allow_pickle=False)


def read_arrays(path, names):
    """Return {name: array} of a .npz file; raises KeyError for a missing one and DataError for one that lies."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.getinfo(f"{name}.npy") for name in names}
        for member in members.values():
            _check_member(member, path)
        check_room(sum(member.file_size for member in members.values()), path)
        return {name: _member(archive, member, path) for name, member in members.items()}


def _member(archive, member, path):
    with archive.open(member) as file:
        _check_header(file, member.file_size, f"{member.filename} in {path}")
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        file.read(1)  # to the end, where the checksum is compared
        return array


def _check_member(member, path):
    """Raise DataError where a zip member is of an unusual kind, or claims more bytes than it can hold."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{path}: {member.filename} is compressed in an unknown manner; write it with numpy.savez."
        )
    check_room(member.file_size, path)
    most = member.compress_size * (DEFLATE if member.compress_type == zipfile.ZIP_DEFLATED else 1)
    if member.file_size > most + CHUNK:
        raise DataError(
            f"{path}: {member.filename} claims {member.file_size:,} bytes, more than it can hold; place the file again."
        )


def _check_header(file, n_bytes, where):
    """Raise DataError where the header of an array claims another size than there is, or Python objects."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise DataError(
            f"{where} has the unknown array version {version}; write it with numpy.save."
        )
    shape, _, dtype = readers[version](file)
    if dtype.kind not in NUMBERS + "US" or not dtype.itemsize:
        raise DataError(
            f"{where} holds {dtype}, neither numbers nor text; objects are pickles and are not read."
        )
    held, claimed = n_bytes - file.tell(), math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or claimed != held:
        raise DataError(
            f"{where} claims {claimed:,} bytes of numbers and has {held:,}; place the file again."
        )


def check_gzip(path):
    """Inflate a gzip file piece by piece and forget it; raises DataError where it has more than `room()`."""
    most, n = room(), 0
    with gzip.open(path) as file:
        while piece := file.read(CHUNK):
            n += len(piece)
            if n > most:
                check_room(n, path)


def check_csv(path, zipped):
    """Raise DataError where a CSV inflates, or its short lines under a long heading fill up, beyond `room()`."""
    most, n_bytes, n_lines, width = room(), 0, 0, 0
    with (gzip.open if zipped else open)(path, "rb") as file:
        while piece := file.read(CHUNK):
            width += piece.split(b"\n", 1)[0].count(b",") if n_lines == 0 else 0
            n_bytes, n_lines = (
                n_bytes + len(piece),
                n_lines + piece.count(b"\n") + piece.count(b"\r"),
            )
            if max(n_bytes, 8 * n_lines * width) > most:
                check_room(max(n_bytes, 8 * n_lines * width), path)


def read_parquet(path, remedy="place the file again", name=None):
    """Return the DataFrame of a Parquet file with flat columns; a DataError names it where it is damaged or too large."""
    name = name or path
    with translate_errors(f"cannot read {name}", remedy):
        file = pq.ParquetFile(path)
        schema, facts = file.schema_arrow, file.metadata
        nested = [f.name for f in schema if pa.types.is_nested(f.type)]
        if nested:
            raise DataError(
                f"{name}: column '{nested[0]}' holds lists or records; give one value a row."
            )
        groups = [facts.row_group(i) for i in range(facts.num_row_groups)]
        rows = sum(g.num_rows for g in groups)
        check_room(max(8 * rows * len(schema), sum(g.total_byte_size for g in groups)), name)
        texts = [f.name for f in schema if _is_text(f.type)]
        table = pq.ParquetFile(path, read_dictionary=texts).read()
        check_room(sum(map(_inflated, table.columns)), name)
        table = table.cast(schema)
        table.validate(full=True)  # text that is no UTF-8, places outside of their dictionary
        return table.to_pandas()


def _is_text(kind):
    return any(f(kind) for f in (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string))


def _inflated(column):
    """Return the bytes of a column when each row holds its own text: few distinct ones take little room in a file."""
    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    n_bytes = 0
    for chunk in column.chunks:
        if _is_text(chunk.dictionary.type) and len(chunk.dictionary):
            lengths = np.array(
                pa.compute.binary_length(chunk.dictionary).fill_null(0), dtype=np.int64
            )
            places = chunk.indices.drop_null().to_numpy()
            n_bytes += int(lengths[places].sum())
        n_bytes += 8 * len(chunk)
    return n_bytes
