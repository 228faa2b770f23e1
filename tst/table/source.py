"""Reads a user's table: CSV, CSV.gz, Parquet or a DataFrame, whose heading names each column once.

Columns hold numbers, truth values, text, dates or durations when they leave here.
"""

import datetime
import decimal
import gzip
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pandas.api import types

from tst.errors import DataError, short_message, translate_errors
from tst.io import untrusted
from tst.io.files import PARQUET
from tst.table.dialect import PLAIN, Compression, Dialect
from tst.table.time_evidence import TimeEvidence
from tst.table.values import PLACEHOLDERS, row_name
from tst.table.written import Written

MAX_CELLS = 2**22  # values of a table, above which it is read in chunks of so many
CSV_CELL = 6  # bytes of a value in a CSV, about
GZIP_RATIO = 4  # times that gzip shrinks a CSV, about
MAX_COLUMNS = 20_000  # also of a wide table, with a column a step
LONGEST_LINE = 2**24  # bytes of a heading
N_SEEN = 2**16  # bytes at the beginning of a file, which tell what it is
OTHER_KINDS = {  # what files begin with that are no CSV
    b"PK\x03\x04": "a spreadsheet or another zipped file",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "zipped (name it .csv.gz)",
    b"PAR1": "Parquet (name it .parquet)",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"SQLite format": "a database",
}
TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")  # of pandas
N_COMPARED = 50  # values that a name is compared with
SHORT_HEADING = "name each column, or delete the lines above the heading."
PLAIN_TYPES = (str, int, float, bool, np.number, np.bool_)  # of values in a column of objects


def read(source: "pd.DataFrame | ChunkedFile | Path | str") -> pd.DataFrame:
    """Return the table of a file or of a DataFrame, its rows numbered and its columns plain.

    Raises
    ------
    DataError
        Where there is no table, it is empty, a name stands twice, or a column is not plain.
    """
    if isinstance(source, pd.DataFrame):
        return _cleaned(source, "the table")
    file = source if isinstance(source, ChunkedFile) else ChunkedFile(source)
    check_there(file.path)
    frame = _cleaned(_read_file(file), file.path.name)
    _check_heading(frame, file.path.name)
    return frame


def labels_of(source: pd.DataFrame | Path | str) -> tuple[tuple[str, int | float], ...]:
    """Return the names of a DataFrame's columns that are numbers, each as text and as it is."""
    if not isinstance(source, pd.DataFrame):
        return ()
    numbers = (int, float, np.integer, np.floating)
    labels = []
    for label in (*source.index.names, *source.columns):
        if isinstance(label, numbers) and not isinstance(label, bool):
            plain = label.item() if isinstance(label, np.generic) else label
            labels.append((str(label), plain))
    return tuple(labels)


def check_there(path: Path) -> None:
    """Raise DataError where there is no file, or one of another kind than a table that is read."""
    if path.is_dir():
        raise DataError(f"{path} is a folder: give one CSV, CSV.gz or Parquet file of it.")
    if not path.is_file():
        raise DataError(f"no table at {path}: give a CSV, CSV.gz or Parquet file.")
    with translate_errors(f"cannot read {path}", "give a file that you may read"):
        with open(path, "rb") as file:
            beginning = file.read(N_SEEN)
    if path.suffix.lower() in (*PARQUET, ".gz"):
        return
    for start, kind in OTHER_KINDS.items():
        if beginning.startswith(start):
            raise DataError(f"{path.name} is {kind}, no CSV: save its table as CSV or Parquet.")
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        raise DataError(f"{path.name} is JSON, no CSV: save its table as CSV or Parquet.")
    if b"\x00" in beginning:
        raise DataError(f"{path.name} is not text: give CSV, CSV.gz or Parquet.")


def _cleaned(frame: pd.DataFrame, name: str, first_row: int = 0) -> pd.DataFrame:
    """Return a table with numbered rows and plain columns; raises DataError as `read` does."""
    # an index with a name is a column, as Parquet keeps it
    index_names = [n for n in frame.index.names if n is not None and n not in frame.columns]
    frame = frame.reset_index(index_names or None, drop=not index_names)
    frame.columns = pd.Index(list(map(str, frame.columns)))
    if not len(frame):
        raise DataError(f"{name} is empty: give a table with a heading and rows.")
    if not frame.columns.is_unique:
        duplicate = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{name} has two columns named '{duplicate}': rename one.")
    frame.index = pd.RangeIndex(first_row, first_row + len(frame))
    return pd.DataFrame({column: _plain(frame[column]) for column in frame})


class ChunkedFile:
    """A CSV, CSV.gz or Parquet file that is read in chunks.

    Parameters
    ----------
    path
        Of the file.
    text_columns
        Columns of a CSV that are text, whatever some chunks look like.
    said
        How a CSV is written, where that is not to be told by its rows: then all of it is text.
    """

    def __init__(
        self, path: Path | str, text_columns: Sequence[str] = (), said: Dialect | None = None
    ) -> None:
        self.path = Path(path)
        self.text_columns = text_columns
        self.said = said

    @cached_property
    def written(self) -> Written:
        """What pandas would not keep of a CSV."""
        if self.is_parquet:
            return Written()
        if self.said:
            return Written(text=tuple(self.columns))
        return Written.of(self.path, self.compression, self.dialect)

    @cached_property
    def dialect(self) -> Dialect:
        """How its values are set apart, where it is a CSV."""
        if self.said:
            return self.said
        return PLAIN if self.is_parquet else Dialect.of(self.path, self.compression)

    @property
    def compression(self) -> Compression:
        """How the file is compressed."""
        return "gzip" if self.path.suffix.lower() == ".gz" else None

    @property
    def is_parquet(self) -> bool:
        """Whether it is Parquet by its name."""
        return self.path.suffix.lower() in PARQUET

    @property
    def columns(self) -> list[str]:
        """Names of its columns, without reading a row."""
        check_there(self.path)
        with _translated_errors(self.path):
            if self.is_parquet:
                return list(pq.ParquetFile(self.path).schema_arrow.names)
            return _heading(self)

    def check_columns(self) -> None:
        """Raise DataError where there are more columns than a table has, before a row is read."""
        check_there(self.path)
        with _translated_errors(self.path):
            if self.is_parquet:
                n_columns = len(pq.ParquetFile(self.path).schema_arrow.names)
            else:  # pandas takes seconds for a heading so long
                n_columns = _first_line(self).count(self.dialect.separator.encode()) + 1
        if n_columns > MAX_COLUMNS:
            raise DataError(
                f"{self.path.name} has {n_columns:,} columns, more than the {MAX_COLUMNS:,} that a "
                "table may have: give a row a step, not a column a step."
            )

    @property
    def n_cells(self) -> int:
        """How many values it holds, of a CSV about."""
        check_there(self.path)
        if self.is_parquet:
            with _translated_errors(self.path):
                facts = pq.ParquetFile(self.path).metadata
                return int(facts.num_rows * facts.num_columns)
        n_bytes = self.path.stat().st_size
        if self.path.suffix.lower() == ".gz":
            n_bytes *= GZIP_RATIO
        return n_bytes // CSV_CELL

    @property
    def is_large(self) -> bool:
        """Whether it is read in chunks."""
        return self.n_cells > MAX_CELLS

    def chunks(self) -> Iterator[pd.DataFrame]:
        """Yield the rows, some at a time, numbered through, as `read` returns them.

        A column may have another dtype in another chunk: see `Dtypes`.

        Raises
        ------
        DataError
            Where there is no table, or it has no rows.
        """
        first_row = 0
        with _translated_errors(self.path):
            frames = self._parquet_chunks() if self.is_parquet else self._csv_chunks()
            for frame in frames:
                chunk = _cleaned(frame, self.path.name, first_row)
                _check_heading(chunk, self.path.name)
                yield chunk
                first_row += len(frame)
        if not first_row:
            raise DataError(f"{self.path.name} is empty: give a table with a heading and rows.")

    def _parquet_chunks(self) -> Iterator[pd.DataFrame]:
        n_columns = pq.ParquetFile(self.path).metadata.num_columns
        n_rows = max(1, MAX_CELLS // n_columns)
        return untrusted.parquet_chunks(self.path, n_rows, "give CSV, CSV.gz or Parquet")

    def _csv_chunks(self) -> Iterator[pd.DataFrame]:
        columns = _heading(self)
        reader = pd.read_csv(
            self.path,
            low_memory=False,
            compression=self.compression,
            chunksize=max(1, MAX_CELLS // len(columns)),
            **self.dialect.reading(),
            **self.written.options(columns, tuple(self.text_columns)),
        )
        with reader:
            for frame in reader:
                _check_width(frame, self.path)
                yield frame


class Dtypes:
    """The dtype that each column of a table has as a whole, from those that its chunks have."""

    def __init__(self) -> None:
        self.of_chunks: dict[str, list[Any]] = {}  # but of chunks without a value
        self.of_empty: dict[str, Any] = {}
        self.has_missing: dict[str, bool] = {}

    def add(self, chunk: pd.DataFrame) -> None:
        """Add the dtypes of a chunk."""
        for name in chunk:
            column = chunk[name]
            is_missing = column.isna()
            self.has_missing[name] = self.has_missing.get(name, False) or bool(is_missing.any())
            known = self.of_chunks.setdefault(name, [])
            if is_missing.all():
                self.of_empty[name] = column.dtype
            elif column.dtype not in known:
                known.append(column.dtype)

    def joined(self) -> tuple[dict[str, Any], list[str]]:
        """Return each column's dtype, and the columns that are numbers in some chunks only."""
        dtypes = {}
        text_columns = []
        for name, known in self.of_chunks.items():
            dtype = _joined_dtype(known, self.has_missing[name]) if known else self.of_empty[name]
            if dtype is None:
                dtype = pd.Series(["text"]).dtype
                text_columns.append(name)
            dtypes[name] = dtype
        return dtypes, text_columns


def _joined_dtype(known: list[Any], has_missing: bool) -> Any:
    """Return the dtype that pandas gives a column with chunks of these; None: text."""
    if all(isinstance(dtype, pd.CategoricalDtype) for dtype in known):
        categories = pd.unique(np.concatenate([np.asarray(d.categories) for d in known]))
        return pd.CategoricalDtype(categories, known[0].ordered)
    kinds = {dtype.kind if isinstance(dtype, np.dtype) else "" for dtype in known}
    if kinds <= set("iuf"):
        dtype = np.result_type(*known)
        # pandas has no whole numbers beside missing ones, but as a dtype of their own
        return np.dtype(np.float64) if has_missing and dtype.kind in "iu" else dtype
    if kinds <= set("bO"):
        return np.dtype(object) if has_missing or len(kinds) > 1 else known[0]
    return known[0] if len(known) == 1 else None


def _read_file(file: ChunkedFile) -> pd.DataFrame:
    """Return the table of a CSV, CSV.gz or Parquet file; raises DataError where it is none."""
    path = file.path
    with _translated_errors(path):
        if file.is_parquet:
            return untrusted.read_parquet(path, "give CSV, CSV.gz or Parquet", path.name)
        compression = file.compression
        untrusted.check_csv(path, compression == "gzip")
        columns = _heading(file)
        frame = pd.read_csv(
            path,
            low_memory=False,
            compression=compression,
            **file.dialect.reading(),
            **file.written.options(columns),
        )
        _check_width(frame, path)
        return frame


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    """Raise a DataError for whatever a damaged file makes pandas or pyarrow raise."""
    try:
        yield
    except pd.errors.EmptyDataError:
        raise DataError(f"{path.name} is empty: give a table with a heading and rows.") from None
    except DataError:
        raise
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not written in UTF-8: save it as UTF-8.") from None
    except pd.errors.ParserError as error:
        found = TOO_LONG.search(str(error))
        if found is None:
            raise _unreadable(path, error) from None
        raise DataError(
            f"{path.name} has {found[3]} values in line {found[2]}, where {found[1]} are expected: "
            f"{SHORT_HEADING}"
        ) from None
    except Exception as error:  # a damaged file decides which
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    """Return the error of a damaged file."""
    return DataError(
        f"cannot read {path.name} ({short_message(error)}): give CSV, CSV.gz or Parquet."
    )


def _first_line(file: ChunkedFile) -> bytes:
    """Return the first line of a CSV."""
    with gzip.open(file.path) if file.compression else open(file.path, "rb") as opened:
        return opened.readline(LONGEST_LINE)


def _heading(file: ChunkedFile) -> list[str]:
    """Return the names of a CSV's columns; raises DataError where one stands twice.

    The heading is read by itself first: pandas would rename a name that stands twice, and take the
    first columns for an index where rows are longer than the heading.
    """
    path = file.path
    heading = pd.read_csv(
        path,
        header=None,
        nrows=1,
        dtype=str,
        compression=file.compression,
        **file.dialect.reading(),
    )
    names = heading.iloc[0].dropna()
    if names.duplicated().any():
        duplicate = names[names.duplicated()].iloc[0]
        if pd.to_numeric(names, errors="coerce").notna().all():
            raise _no_heading(path.name, names)
        raise DataError(f"{path.name} has two columns named '{duplicate}': rename one.")
    return names.tolist()


def _check_width(frame: pd.DataFrame, path: Path) -> None:
    """Raise DataError where rows of a CSV are longer than its heading."""
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(
            f"{path.name} has rows with more values than the heading has names: {SHORT_HEADING}"
        )


def _check_heading(frame: pd.DataFrame, name: str) -> None:
    """Raise DataError where the heading of a file is a row, or a row is the heading again."""
    names = list(frame)
    is_again = (frame[names[0]].astype(str) == names[0]).to_numpy(bool)
    for row in np.flatnonzero(is_again)[:N_COMPARED]:
        if frame.iloc[row].astype(str).tolist() == names:
            raise DataError(
                f"{name}: the heading stands again in {row_name(frame[names[0]], row)}, as where "
                "files were joined: delete it there and wherever else it stands."
            )
    if frame.index[0] == 0:
        _check_units(frame, name)
    is_like_values = [_is_like_values(frame[column]) for column in names]
    if all(is_like_values) and not _are_steps(names):
        raise _no_heading(name, names)


def _check_units(frame: pd.DataFrame, name: str) -> None:
    """Raise DataError where the first row holds units, or words, above numbers."""
    first, rest = frame.iloc[0], frame.iloc[1 : N_COMPARED + 1]
    units = []
    for column in frame:
        value = first[column]
        if pd.isna(value) or value in PLACEHOLDERS:
            continue
        if types.is_number(value) or (rest[column] == value).any():
            return
        is_text = pd.isna(pd.to_numeric(value, errors="coerce"))
        known = rest[column].dropna()
        if is_text and len(known) and pd.to_numeric(known, errors="coerce").notna().all():
            units.append(value)
    if units:
        raise DataError(
            f"{row_name(frame.iloc[:, 0], 0)} of {name} holds no numbers but words, such as units "
            f"('{units[0]}'): delete it."
        )


def _no_heading(name: str, names: Sequence[str]) -> DataError:
    """Return the error of a file whose first line is no heading."""
    first, *_, last = names
    return DataError(
        f"the first line of {name} looks like a row ('{first}', '{last}'): write a heading above "
        "it that names the columns."
    )


def _are_steps(names: list[str]) -> bool:
    """Tell whether names are numbers in equal steps: as pandas counts columns, or years."""
    numbers = pd.to_numeric(pd.Series(names), errors="coerce")
    return bool(numbers.notna().all()) and np.diff(numbers).std(ddof=0) == 0


def _is_like_values(column: pd.Series) -> bool:
    """Tell whether the name of a column is like its values: a number, a date, one of its texts."""
    name = str(column.name)
    if types.is_bool_dtype(column.dtype):
        return name.lower() in ("true", "false")
    if types.is_numeric_dtype(column.dtype):
        return pd.notna(pd.to_numeric(name, errors="coerce"))
    text = column.dropna().astype(str)
    if (text == name).any():
        return True
    is_dated = TimeEvidence.of(pd.Series([name, *text.head(N_COMPARED)], dtype=object)).is_time
    return is_dated and any(map(str.isdigit, name))


def _plain(column: pd.Series) -> pd.Series:
    """Return a column of numbers, truth values, text, dates or durations.

    Days become dates, decimals floats; other values raise a DataError.
    """
    dtype = column.dtype
    values = column.dropna()
    if isinstance(dtype, pd.CategoricalDtype):
        values = pd.Series(dtype.categories)
        is_plain = types.is_numeric_dtype(values.dtype) or _are_plain(values)
    elif isinstance(dtype, pd.StringDtype):
        return _without_blanks(column)
    elif types.is_object_dtype(dtype):
        value_types = set(values.map(type))
        if value_types == {datetime.date}:
            return pd.to_datetime(column)
        if value_types == {decimal.Decimal}:
            return column.astype(float)
        is_plain = _are_plain(values)
    else:
        is_plain = _is_plain_dtype(dtype)
    if not is_plain or types.is_complex_dtype(values.dtype):
        kind = type(values.iloc[0]).__name__ if len(values) else dtype
        raise DataError(
            f"column '{column.name}' holds values of type {kind}: leave it out, or give numbers, "
            "text or dates."
        )
    return column


def _without_blanks(column: pd.Series) -> pd.Series:
    """Return text without blanks at its ends, which pad it in some files; blanks alone stay."""
    if not (column.str.endswith(" ") | column.str.startswith(" ")).any():
        return column
    stripped = column.str.strip(" ")
    return stripped.where(stripped != "", column)


def _are_plain(values: pd.Series) -> bool:
    """Tell whether objects are all numbers, truth values or text."""
    return all(issubclass(value_type, PLAIN_TYPES) for value_type in set(values.map(type)))


def _is_plain_dtype(dtype: object) -> bool:
    """Tell whether a dtype, neither object nor categorical, is of a kind that can be learned."""
    if isinstance(dtype, pd.SparseDtype | pd.PeriodDtype | pd.IntervalDtype):
        return False
    return (
        types.is_numeric_dtype(dtype)
        or types.is_string_dtype(dtype)
        or types.is_datetime64_any_dtype(dtype)
        or types.is_timedelta64_dtype(dtype)
    )
