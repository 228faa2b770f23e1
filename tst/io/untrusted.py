"""Reads files that may be damaged or hostile: JSON, YAML, .npy, .npz, gzip, CSV and Parquet.

No code in a file is run. A header may lie: the size that it claims is compared with what the file
can hold before memory is allocated, and what would inflate beyond `room()` is refused before it is
inflated, or while it is, in bounded memory.
"""

import gzip
import json
import math
import os
import shutil
import types
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tst.errors import DataError, translate_errors
from tst.io import mapped

if TYPE_CHECKING:
    import pandas as pd  # half of a second that whoever reads a YAML does without

GIB = 2**30
# Bytes that a file may inflate to; the paper's GCUT (50,000 x 2,500 x 9 in float64) takes 9 GiB.
MAX_INFLATED = 16 * GIB
MAX_JSON = 64 * 2**20  # bytes
MAX_YAML = 2**18  # bytes
MAX_DEPTH = 50  # lists within lists in a YAML
MAX_DEFLATE = 1032  # times that deflate can shrink a file at most (zlib's documentation)
NUMBER_KINDS = "fiub"  # kinds of numpy's dtypes: float, signed, unsigned, bool
TEXT_KINDS = "US"
CHUNK = 2**20  # bytes read at once
CELL = 8  # bytes that a value takes in a DataFrame


class DataclassInstance(Protocol):
    """Any object of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


D = TypeVar("D", bound=DataclassInstance)


def room() -> int:
    """Return how many bytes a file may inflate to: half the free memory, at most MAX_INFLATED."""
    return min(MAX_INFLATED, psutil.virtual_memory().available // 2)


def check_room(n_bytes: float, path: Path | str) -> None:
    """Raise DataError where a file would take more than `room()`."""
    if n_bytes > room():
        raise DataError(
            f"{path} would inflate to {n_bytes / GIB:.3g} GiB, above the limit of "
            f"{room() / GIB:.3g} (half of the free memory, at most 16): give a smaller file."
        )


def check_disk(n_bytes: float, folder: Path | str, name: Path | str) -> None:
    """Raise DataError where parts of a file would take more than the free disk of a folder."""
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise DataError(
            f"{name} takes {n_bytes / GIB:.3g} GiB of disk to sort, and {folder} has "
            f"{free / GIB:.3g}: free some, or name another folder in TMPDIR."
        )


def read_text(path: Path | str, max_bytes: int) -> str:
    """Return the text of a small UTF-8 file; raises DataError where it is a large one."""
    if os.stat(path).st_size > max_bytes:
        raise DataError(
            f"{path} has more than {max_bytes // 1024:,} KiB, too much for a description: "
            "give the right file."
        )
    return Path(path).read_text(encoding="utf-8")


def read_json(path: Path | str) -> dict[str, Any]:
    """Return the mapping that a JSON file holds."""
    content = json.loads(read_text(path, MAX_JSON))
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no JSON object: give the file that was written with it.")
    return content


def read_yaml(path: Path | str, remedy: str = "correct it") -> Any:
    """Return what a YAML file holds.

    Raises
    ------
    DataError
        Where it is invalid YAML, nests too deep, or has aliases, by which a small file holds much.
    """
    try:
        content = read_text(path, MAX_YAML)
        _check_events(yaml.parse(content, yaml.SafeLoader), path)
        return yaml.safe_load(content)
    except DataError:
        raise
    # Beside YAMLError: ValueError of a date, KeyError of a truth value, RecursionError.
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise DataError(f"{path} is not valid YAML ({lines[0][:100]}): {remedy}.") from None


def _check_events(events: Iterable[yaml.Event], path: Path | str) -> None:
    """Raise DataError where a YAML has an alias or deep lists, which take time without end."""
    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            problem = f"lists within lists, more than {MAX_DEPTH}"
        elif isinstance(event, yaml.AliasEvent):
            problem = "an alias (*name)"
        else:
            continue
        raise DataError(f"{path} has {problem}: write the values out instead.")


def check_keys(keys: Iterable[object], known: Iterable[str], what: str) -> None:
    """Raise ValueError, one sentence that names the known keys, where a key is unknown."""
    known = list(known)
    unknown = sorted(map(str, set(keys) - set(known)))
    if unknown:
        raise ValueError(f"{what} has an unknown '{unknown[0]}'; known are {', '.join(known)}.")


def from_mapping(cls: type[D], mapping: Mapping[str, Any], what: str | None = None) -> D:
    """Return the dataclass that a mapping from JSON or YAML describes.

    Lists become tuples and mappings become dataclasses where a field's annotation asks for them.

    Parameters
    ----------
    cls
        A dataclass whose fields are annotated with plain types, unions, `Literal`, `tuple`, `list`,
        `dict`, dataclasses or `Any`.
    what
        The thing's name in a sentence; the default is the class's name.

    Raises
    ------
    ValueError
        Where a key is unknown or missing or a value has another type: one sentence, which
        `translate_errors` makes part of a DataError about the file.
    """
    what = what or cls.__name__
    known = {field.name: field for field in fields(cls) if field.init}
    check_keys(mapping, known, what)
    for name, field in known.items():
        is_optional = field.default is not MISSING or field.default_factory is not MISSING
        if name not in mapping and not is_optional:
            raise ValueError(f"{what} has no '{name}'; known are {', '.join(known)}.")
    annotations = get_type_hints(cls)
    values = {}
    for name, value in mapping.items():
        try:
            values[name] = _converted(value, annotations[name])
        except TypeError:
            shown = repr(value)[:40]
            raise ValueError(f"{what} has {name} = {shown}, of the wrong type.") from None
    return cls(**values)


def _converted(value: Any, annotation: Any) -> Any:
    """Return a JSON value as an annotation asks for it; raises TypeError where it cannot be.

    A whole number is a float (and stays an int); a truth value is no number.
    """
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if annotation is Any:
        return value
    if origin in (Union, types.UnionType):
        return _converted_to_one_of(value, arguments)
    if origin is Literal:
        # Compared with its type, for True == 1.
        if (type(value), value) not in [(type(choice), choice) for choice in arguments]:
            raise TypeError
        return value
    if isinstance(annotation, type) and is_dataclass(annotation) and isinstance(value, dict):
        return from_mapping(annotation, value)
    kind = origin or annotation
    if kind is tuple and isinstance(value, list):
        value = tuple(value)
    if isinstance(value, bool) and kind is not bool:
        raise TypeError
    if not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError
    return _converted_items(value, arguments)


def _converted_to_one_of(value: Any, annotations: tuple[Any, ...]) -> Any:
    """Return a value as the first annotation of a union that it fits.

    A mapping with a `kind` is the dataclass whose `kind` is that literal.
    """
    for annotation in annotations:
        if isinstance(value, dict) and not _is_kind(annotation, value.get("kind")):
            continue
        try:
            return _converted(value, annotation)
        except TypeError:
            continue
    raise TypeError


def _is_kind(annotation: Any, kind: Any) -> bool:
    """Tell whether a dataclass is of a kind, where it has one."""
    if not (isinstance(annotation, type) and is_dataclass(annotation)):
        return True
    literal = get_type_hints(annotation).get("kind")
    return literal is None or kind in get_args(literal)


def _converted_items(value: Any, arguments: tuple[Any, ...]) -> Any:
    """Return a tuple, list or mapping with its items as its annotation's arguments ask for them."""
    if not arguments:
        return value
    if isinstance(value, tuple):
        if arguments[-1] is not Ellipsis:
            if len(value) != len(arguments):
                raise TypeError
            return tuple(map(_converted, value, arguments))
        return tuple(_converted(item, arguments[0]) for item in value)
    if isinstance(value, list):
        return [_converted(item, arguments[0]) for item in value]
    of_key, of_item = arguments
    return {_converted(key, of_key): _converted(item, of_item) for key, item in value.items()}


def read_array(path: Path | str) -> np.ndarray:
    """Return the array of a .npy file, which must have as many bytes as its header claims.

    A large one is mapped, not read.
    """
    n_bytes = os.stat(path).st_size
    with open(path, "rb") as file:
        _check_header(file, n_bytes, path)
        if n_bytes >= mapped.MAPPED_BYTES:
            return mapped.open_array(path)
        file.seek(0)
        return np.load(file, allow_pickle=False)


def read_arrays(path: Path | str, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return {name: array} of a .npz file.

    Raises
    ------
    KeyError
        Where an array is missing.
    DataError
        Where the file claims more than it can hold, or is too large.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.getinfo(f"{name}.npy") for name in names}
        for member in members.values():
            _check_member(member, path)
        check_room(sum(member.file_size for member in members.values()), path)
        return {name: _read_member(archive, member, path) for name, member in members.items()}


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path | str) -> np.ndarray:
    """Return the array of one member of a .npz file."""
    with archive.open(member) as file:
        _check_header(file, member.file_size, f"{member.filename} in {path}")
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        file.read(1)  # to the end of the member, where zipfile compares its checksum
        return array


def _check_member(member: zipfile.ZipInfo, path: Path | str) -> None:
    """Raise DataError where a zip member is of an unusual kind, or claims more than it can hold."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{path}: {member.filename} is compressed in an unknown manner; "
            "write it with numpy.savez."
        )
    check_room(member.file_size, path)
    ratio = MAX_DEFLATE if member.compress_type == zipfile.ZIP_DEFLATED else 1
    if member.file_size > member.compress_size * ratio + CHUNK:
        raise DataError(
            f"{path}: {member.filename} claims {member.file_size:,} bytes, more than it can hold; "
            "place the file again."
        )


def _check_header(file: IO[bytes], n_bytes: int, where: Path | str) -> None:
    """Raise DataError where an array's header claims another size than there is, or objects.

    Parameters
    ----------
    file
        At the beginning of the header.
    n_bytes
        Size of header and numbers.
    """
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
    if dtype.kind not in NUMBER_KINDS + TEXT_KINDS or not dtype.itemsize:
        raise DataError(
            f"{where} holds {dtype}, neither numbers nor text; objects are pickles and are not "
            "read."
        )
    present = n_bytes - file.tell()
    claimed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or claimed != present:
        raise DataError(
            f"{where} claims {claimed:,} bytes of numbers and has {present:,}; "
            "place the file again."
        )


def check_gzip(path: Path | str) -> None:
    """Raise DataError where a gzip file inflates beyond `room()`, in memory of one piece."""
    limit = room()
    n_bytes = 0
    with gzip.open(path) as file:
        for piece in iter(lambda: file.read(CHUNK), b""):
            n_bytes += len(piece)
            if n_bytes > limit:
                check_room(n_bytes, path)


def check_csv(path: Path | str, zipped: bool) -> None:
    """Raise DataError where a CSV inflates beyond `room()`.

    Short lines under a long heading count as filled up, for pandas fills them with NaN.
    """
    limit = room()
    n_bytes = 0
    n_lines = 0
    n_commas = 0  # of the heading, which ends with the first line
    with gzip.open(path) if zipped else open(path, "rb") as file:
        for piece in iter(lambda: file.read(CHUNK), b""):
            if n_lines == 0:
                heading = piece.split(b"\n", 1)[0]
                n_commas += max(heading.count(sign) for sign in b",;\t|")
            n_bytes += len(piece)
            n_lines += piece.count(b"\n") + piece.count(b"\r")
            n_inflated = max(n_bytes, CELL * n_lines * n_commas)
            if n_inflated > limit:
                check_room(n_inflated, path)


def read_parquet(
    path: Path | str, remedy: str = "place the file again", name: Path | str | None = None
) -> "pd.DataFrame":
    """Return the DataFrame of a Parquet file with flat columns.

    Parameters
    ----------
    name
        What a DataError calls the file where it is damaged or too large; the default is its path.
    """
    name = name or path
    with translate_errors(f"cannot read {name}", remedy):
        file, schema = _open_parquet(path, name)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        n_rows = sum(group.num_rows for group in groups)
        n_claimed = sum(group.total_byte_size for group in groups)
        check_room(max(CELL * n_rows * len(schema), n_claimed), name)
        return _plain_frame(file.read(), schema, name)


def parquet_chunks(path: Path | str, n_rows: int, remedy: str) -> "Iterator[pd.DataFrame]":
    """Yield the rows of a Parquet file with flat columns, `n_rows` at a time.

    Columns are read page by page, so that a file of one row group takes no more memory either.
    """
    name = Path(path).name
    with translate_errors(f"cannot read {name}", remedy):
        file, schema = _open_parquet(path, name, buffer_size=CHUNK, pre_buffer=False)
        index = _described_index(schema, file.metadata.num_rows)
        first_row = 0
        for batch in file.iter_batches(batch_size=n_rows):
            frame = _plain_frame(pa.Table.from_batches([batch]), schema, name)
            if index is not None:
                frame.index = index[first_row : first_row + len(frame)]
            first_row += len(frame)
            yield frame


def _described_index(schema: pa.Schema, n_rows: int) -> "pd.RangeIndex | None":
    """Return the index of a file that pandas wrote as start, stop and step, not as a column."""
    described = (schema.pandas_metadata or {}).get("index_columns", [])
    if len(described) != 1 or not isinstance(described[0], dict):
        return None
    import pandas as pd

    facts = described[0]
    index = pd.RangeIndex(facts["start"], facts["stop"], facts["step"], name=facts["name"])
    return index if len(index) == n_rows else None


def _open_parquet(
    path: Path | str, name: Path | str, **options: Any
) -> tuple[pq.ParquetFile, pa.Schema]:
    """Return a Parquet file, open, and its schema; raises DataError where columns are not flat.

    Text is read as codes first, so that one long text in many rows is counted, not inflated.
    """
    schema = pq.ParquetFile(path).schema_arrow
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    if nested:
        raise DataError(
            f"{name}: column '{nested[0]}' holds lists or records; give one value a row."
        )
    text_columns = [field.name for field in schema if _is_text(field.type)]
    return pq.ParquetFile(path, read_dictionary=text_columns, **options), schema


def _plain_frame(table: pa.Table, schema: pa.Schema, name: Path | str) -> "pd.DataFrame":
    """Return rows that were read in the file's own schema; raises DataError where they are many."""
    check_room(sum(map(_inflated_size, table.columns)), name)
    table = table.cast(schema)
    table.validate(full=True)  # text that is no UTF-8, codes outside of their dictionary
    return table.to_pandas()


def _is_text(kind: pa.DataType) -> bool:
    """Tell whether a column's type is text or bytes."""
    return pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind)


def _inflated_size(column: pa.ChunkedArray) -> int:
    """Return the bytes of a column when each row holds its own text, not a code for it."""
    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    n_bytes = 0
    for chunk in column.chunks:
        if _is_text(chunk.dictionary.type) and len(chunk.dictionary):
            text_lengths = pa.compute.binary_length(chunk.dictionary).fill_null(0)
            codes = chunk.indices.drop_null().to_numpy()
            n_bytes += int(np.array(text_lengths, dtype=np.int64)[codes].sum())
        n_bytes += CELL * len(chunk)  # the pointers
    return n_bytes
