"""Download and build GCUT: `python -m tst.data --parts 0-9`.

`--build` builds from the parts that lie in the data folder.

Reads and writes under the data folder (TST_DATA): raw/task_usage and raw/task_events hold the
original parts, gcut-work the converted ones, gcut the finished SeriesSet, gcut-counts.csv how many
tasks each filter stopped.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tst.data import download, gcut
from tst.data.trace_parts import N_PARTS, Table
from tst.errors import DataError
from tst.io import files
from tst.io.paths import data_dir

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


class Parser(argparse.ArgumentParser):
    """A parser whose errors are DataErrors: one sentence, no usage lines."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong."""
        raise DataError(f"{message}; give --parts 0-9 or --build.")


def run(arguments: Sequence[str] | None) -> None:
    """Do what the command line asks."""
    parser = Parser(
        prog="python -m tst.data", description="Download and build GCUT from the original trace."
    )
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument(
        "--parts", metavar="A-B", help="download these parts of both tables (of 0-499) and build"
    )
    choice.add_argument(
        "--build", action="store_true", help="build from the parts that lie in the data folder"
    )
    options = parser.parse_args(arguments)
    folder = data_dir()
    if options.build:
        parts = present_parts(folder / "raw")
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
        print("Interrupted; the same command goes on where it stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
