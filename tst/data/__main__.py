"""Make the study's data sets from what was published: `python -m tst.data --parts 0-9`.

- `--parts 0-9` downloads these parts of GCUT's two tables and builds gcut, `--build` builds it from
  those that lie in the data folder;
- `--events 0-13` downloads parts of the table of events and builds gcut_attempts;
- `--set NAME` builds iot, mba or gcut_attempts from what lies in the data folder.

Reads and writes under the data folder (TST_DATA). raw/task_usage and raw/task_events hold the
original parts, raw/iot the captures, fcc_mba the arrays of DoppelGANger's authors; gcut-work holds
converted parts, gcut the finished SeriesSet, NAME-counts.csv how many tasks, packets or attempts
each filter stopped.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pandas as pd

from tst.data import download, gcut, gcut_attempts, iot, mba
from tst.data.trace_parts import N_PARTS, Table
from tst.errors import DataError
from tst.io import files
from tst.io.paths import data_dir
from tst.series import SeriesSet
from tst.vocabulary import TERMS

# A quarter of iot's captures, kept aside for a last confirmation, in the form of the data folder.
CONFIRM_FOLDER = "confirm"
PART_PATTERN = "part-?????-of-00500.csv.gz"
EXIT_MISTAKE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def parse_parts(text: str) -> range:
    """Return the part numbers that "0-9" or "7" names."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if match:
        first = int(match[1])
        last = int(match[2] or match[1])
        if first <= last < N_PARTS:
            return range(first, last + 1)
    raise DataError(
        f"'{text}' names no parts; give a range from 0-{N_PARTS - 1}, e.g. --parts 0-9."
    )


def present_parts(raw: Path) -> dict[Table, list[Path]]:
    """Return the paths of the parts under `raw`; each usage part needs the event part beside it."""
    usage = sorted((raw / "task_usage").glob(PART_PATTERN))
    events = sorted((raw / "task_events").glob(PART_PATTERN))
    if not usage:
        raise DataError(
            f"{raw / 'task_usage'} holds no {PART_PATTERN}; download some with make data PARTS=0-9."
        )
    event_names = {path.name for path in events}
    for path in usage:
        if path.name not in event_names:
            raise DataError(
                f"{raw / 'task_events' / path.name} is missing beside {path}; download both."
            )
    return {"task_usage": usage, "task_events": events}


def build(folder: Path, parts: dict[Table, list[Path]]) -> None:
    """Build GCUT from parts, save it and the counts in `folder`, and print the counts."""
    series, counts = gcut.build(parts["task_usage"], parts["task_events"], folder / "gcut-work")
    series.save(folder / gcut.FOLDER)
    files.write_text(counts.to_csv(index=False), folder / gcut.COUNTS_FILE)
    print(counts.to_string(index=False))
    print(f"{series} in {folder / gcut.FOLDER}")


def build_iot(folder: Path) -> None:
    """Build iot from the captures in raw/iot; every fourth of a device goes to CONFIRM_FOLDER."""
    from tst.data import iot_captures  # here, for dpkt, which nothing else needs

    table, counts = iot_captures.build(folder / iot_captures.FOLDER)
    is_held_out = iot_captures.held_out(table)
    _write_table(table[~is_held_out], folder / iot.FILE)
    if is_held_out.any():
        _write_table(table[is_held_out], folder / CONFIRM_FOLDER / iot.FILE)
    _tell(counts, iot.load(folder)[0], folder)


def build_gcut_attempts(folder: Path, parts: Sequence[Path] = ()) -> None:
    """Build gcut_attempts from parts of events, by default those in raw/task_events."""
    parts = parts or sorted((folder / "raw" / "task_events").glob(PART_PATTERN))
    table, counts = gcut_attempts.build(parts)
    _write_table(table, folder / gcut_attempts.FILE)
    _tell(counts, gcut_attempts.load(folder)[0], folder)


def build_mba(folder: Path) -> None:
    """Describe DG's arrays in the folder fcc_mba, where nobody has yet, and check them."""
    mba.describe(folder)
    series, counts = mba.load(folder)
    _tell(counts, series, folder)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "iot": build_iot,
    "mba": build_mba,
    "gcut_attempts": build_gcut_attempts,
}


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a Parquet file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as part:
        table.reset_index(drop=True).to_parquet(part)


def _tell(counts: pd.DataFrame, series: SeriesSet, folder: Path) -> None:
    """Save and print what a builder counted, and print the set with its terms."""
    files.write_text(counts.to_csv(index=False), folder / f"{series.name}-counts.csv")
    print(counts.to_string(index=False))
    print(f"{series} in {folder}")
    print(f"Terms: {TERMS[series.name]}.")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are DataErrors: one sentence, no usage lines."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong."""
        raise DataError(f"{message}; give --parts 0-9 or --build, --events 0-13 or --set NAME.")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = Parser(
        prog="python -m tst.data", description="Make the data sets from what was published."
    )
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument(
        "--parts", metavar="A-B", help="download these parts of both tables (of 0-499), build gcut"
    )
    choice.add_argument(
        "--build", action="store_true", help="build gcut from the parts in the data folder"
    )
    choice.add_argument(
        "--events", metavar="A-B", help="download these parts of events, build gcut_attempts"
    )
    choice.add_argument(
        "--set", choices=list(BUILDERS), help="build this set from what lies in the data folder"
    )
    return parser.parse_args(arguments)


def run(arguments: Sequence[str] | None) -> None:
    """Do what the command line asks."""
    options = _options(arguments)
    folder = data_dir()
    if options.set:
        BUILDERS[options.set](folder)
    elif options.events:
        numbers = parse_parts(options.events)
        build_gcut_attempts(folder, download.fetch(folder / "raw", "task_events", numbers))
    elif options.build:
        build(folder, present_parts(folder / "raw"))
    else:
        numbers = parse_parts(options.parts)
        parts = {table: download.fetch(folder / "raw", table, numbers) for table in download.TABLES}
        build(folder, parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code: 2 with one sentence for a user's mistake or a full disk."""
    try:
        run(arguments)
    except (DataError, OSError) as error:
        print(f"python -m tst.data: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    except KeyboardInterrupt:
        print("Interrupted; the same command continues where it stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
