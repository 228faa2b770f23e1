"""Download and build GCUT: `python -m tst.data --parts 0-9`, or `--build` from the parts that lie in the data folder.

Reads and writes under the data folder (TST_DATA): raw/task_usage and raw/task_events hold the original parts, gcut-work
the converted ones, gcut the finished SeriesSet, gcut-counts.csv how many tasks each filter stopped.
"""

import argparse
import re
import sys

from tst.data import download, gcut
from tst.io import files
from tst.io.paths import data_dir
from tst.series import DataError

PATTERN = "part-?????-of-00500.csv.gz"


def parse_parts(text):
    """Return the part numbers that "0-9" or "7" names."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not first <= last < gcut.N_PARTS:
        raise DataError(
            f"'{text}' names no parts; give a range from 0-{gcut.N_PARTS - 1}, e.g. --parts 0-9."
        )
    return range(first, last + 1)


def present_parts(raw):
    """Return {table: paths} of the parts under `raw`; each usage part needs the event part of its number."""
    found = {table: sorted((raw / table).glob(PATTERN)) for table in download.TABLES}
    if not found["task_usage"]:
        raise DataError(
            f"{raw / 'task_usage'} holds no {PATTERN}; download some with make data PARTS=0-9."
        )
    names = {path.name for path in found["task_events"]}
    for path in found["task_usage"]:
        if path.name not in names:
            raise DataError(
                f"{raw / 'task_events' / path.name} is missing beside {path}; download both."
            )
    return found


def build(folder, parts):
    """Build from `parts` ({table: paths}) into `folder`/gcut and `folder`/gcut-counts.csv, and print the counts."""
    series, counts = gcut.build(parts["task_usage"], parts["task_events"], folder / "gcut-work")
    series.save(folder / "gcut")
    files.write_text(counts.to_csv(index=False), folder / "gcut-counts.csv")
    print(counts.to_string(index=False))
    print(f"{series} in {folder / 'gcut'}")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are DataErrors: one sentence, no usage lines."""

    def error(self, message):
        """Raise what argparse found wrong."""
        raise DataError(f"{message}; give --parts 0-9 or --build.")


def run(arguments):
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


def main(arguments=None):
    """Run, and return the exit code: 2 with one sentence for a mistake of the user or a full or missing disk."""
    try:
        run(arguments)
    except (DataError, OSError) as error:
        print(f"python -m tst.data: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
