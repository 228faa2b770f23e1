"""Writes a table to one CSV or Parquet file, part after part, in the memory of one part."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tst.io.files import PARQUET
from tst.table.dialect import PLAIN, Dialect

Write = Callable[[pd.DataFrame], None]


@contextlib.contextmanager
def table_writer(
    path: Path, suffix: str, empty: Collection[str] = (), dialect: Dialect = PLAIN
) -> Iterator[Write]:
    """Give a function that writes the next rows of a table to a file, Parquet by its suffix.

    Parameters
    ----------
    empty
        Columns that have no value in any row to come: a Parquet file then gives them no type.
    dialect
        How a CSV is written.
    """
    if suffix.lower() in PARQUET:
        with _parquet_writer(path, empty) as write:
            yield write
    else:
        with open(path, "w", encoding="utf-8", newline="") as file:
            yield csv_writer(file, dialect)


def csv_writer(file: TextIO, dialect: Dialect = PLAIN) -> Write:
    """Return a function that writes the next rows of a table, the heading before the first."""
    is_begun = False

    def write(frame: pd.DataFrame) -> None:
        nonlocal is_begun
        header = False if is_begun else dialect.heading(frame)
        frame.to_csv(file, index=False, header=header, lineterminator="\n", **dialect.writing())
        is_begun = True

    return write


@contextlib.contextmanager
def _parquet_writer(path: Path, empty: Collection[str]) -> Iterator[Write]:
    """Give a function that adds a table's rows to a Parquet file; the first decide its types."""
    writer: pq.ParquetWriter | None = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        if writer is None:
            schema = _schema(frame, empty)
            writer = pq.ParquetWriter(path, schema)
        rows = pa.Table.from_pandas(frame, schema=writer.schema, preserve_index=False)
        writer.write_table(rows)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _schema(frame: pd.DataFrame, empty: Collection[str]) -> pa.Schema:
    """Return the types of a table by its first rows; a column without a value yet is text."""
    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(schema):
        if pa.types.is_dictionary(field.type) and pa.types.is_null(field.type.value_type):
            # read back as a category, which it would not be without a type of its values
            of_text = pa.dictionary(field.type.index_type, pa.large_string(), field.type.ordered)
            schema = schema.set(i, field.with_type(of_text))
        if pa.types.is_null(field.type) and field.name not in empty:
            schema = schema.set(i, field.with_type(pa.large_string()))
    return schema
