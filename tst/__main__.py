"""The command `tst`: synthetic tables like your own, and the pages of the study.

A mistake ends in one sentence and exit code 1. Arguments and files are checked before torch or
Jupyter is loaded, which takes seconds; therefore modules are imported where they are needed.
"""

import argparse
import contextlib
import math
import os
import re
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from tst import __version__
from tst.errors import DataError
from tst.io import files, part_files, paths

if TYPE_CHECKING:
    from tst.series import SeriesSet
    from tst.synthesiser import Synthesiser
    from tst.table.roles import Roles
    from tst.table.table import Table

NOTEBOOK = paths.ROOT / "notebooks" / "20-own-data.ipynb"  # the report of `tst own`
SYNTHETIC = "synthetic"  # the name of a synthetic table, but for a suffix
MAX_PROCESSES = 1024  # of a training step, on a cluster
MIN_PROCESSES_HERE = 8  # that may share the cores of this machine, however few these are


class Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Raise DataError."""
        raise DataError(f"{self.prog}: {message}; see {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return 0, or 1 after one sentence on stderr."""
    paths.let_waiting_threads_sleep()
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
    except (DataError, files.WriteError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> Parser:
    parser = Parser(prog="tst", description="Synthetic time series with transformers.")
    parser.add_argument("--version", action="version", version=f"tst {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    own = commands.add_parser("own", help="make a synthetic copy of your table, with a report")
    own.set_defaults(run=own_data)
    own.add_argument("data", type=Path, help="a long table: CSV, CSV.gz or Parquet")
    own.add_argument("--config", default="", help="a YAML with roles of columns")
    roles = own.add_argument_group("roles of columns", "else guessed; they come before the YAML's")
    roles.add_argument("--id", type=_names, help="one, or several as store,item; none: one series")
    roles.add_argument(
        "--time", type=_names, help="of a row, or several as date,hour; none: the order of the rows"
    )
    roles.add_argument(
        "--measurements", "--features", dest="features", type=_names, help="that change in time"
    )
    roles.add_argument("--attributes", type=_names, help="that do not")
    roles.add_argument("--leave-out", type=_names, help="that are not read")
    roles.add_argument("--categorical", type=_names, help="measurements that are codes")
    roles.add_argument("--label", help="an attribute whose classes the report tells apart")
    roles.add_argument("--gaps", choices=("keep", "cut"), help="whether a gap begins a new series")
    roles.add_argument("--window", type=_whole, help="rows that longer series are cut into")
    roles.add_argument(
        "--holidays",
        type=_names,
        help="days unlike others, as 2024-12-25 or each year's 12-25; none: none are looked for",
    )
    roles.add_argument(
        "--shape",
        choices=("long", "wide", "long_measure"),
        help="wide: a row a series; long_measure: a row a measurement (long)",
    )
    roles.add_argument("--measure", help="of long_measure: names the measurement")
    roles.add_argument("--value", help="of long_measure: holds its value")
    own.add_argument("--name", default="own", help="of the folder that is written (own)")
    own.add_argument(
        "--number", type=_whole, default=0, help="series to make (0: as many as the table has)"
    )
    own.add_argument(
        "--minutes", type=_minutes, default=5.0, help="for the training, undisturbed (5)"
    )
    own.add_argument(
        "--max-steps", type=_whole, default=0, help="optimiser steps instead of minutes"
    )
    own.add_argument(
        "--processes", type=_at_least_one, default=1, help="that share a training step (1)"
    )
    own.add_argument(
        "--engine",
        choices=("here", "local", "slurm"),
        default="here",
        help="where the training runs: in this process, as a task of its own, on a cluster (here)",
    )
    private = own.add_argument_group(
        "differential privacy of each series", "instead of roles and a report on quality"
    )
    private.add_argument("--epsilon", type=_number, help="above 0, as 3; needs --public")
    private.add_argument("--delta", type=_number, help="below 1 / series (a tenth of it)")
    private.add_argument("--public", type=Path, help="a YAML of what is publicly known")

    sample = commands.add_parser("sample", help="sample a table from a model that was saved")
    sample.set_defaults(run=sample_model)
    sample.add_argument("model", type=Path, help="a folder with model.json and model.safetensors")
    sample.add_argument("-n", "--number", type=_at_least_one, help="series to make")
    sample.add_argument("--seed", type=_whole, help="the same seed gives the same table")
    sample.add_argument(
        "--given",
        type=_given,
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only series of this attribute, or that start at this time; may be repeated",
    )
    sample.add_argument(
        "--continue-from",
        type=Path,
        help="a table of the rows so far, whose series are prolonged, instead of new ones",
    )
    sample.add_argument("--steps", type=_at_least_one, help="rows to add to each of these")
    sample.add_argument(
        "--out",
        type=Path,
        help="a .csv or .parquet file, or a folder for many Parquet files (CSV on the terminal)",
    )

    report = commands.add_parser("report", help="write the cards and the site of a run")
    report.set_defaults(run=write_report)
    report.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=paths.ROOT / "results" / "laptop",
        help="of the run (results/laptop)",
    )
    return parser


def own_data(options: argparse.Namespace) -> None:
    """Make a synthetic copy of a table.

    With the study at hand notebook 20 makes it, with a report, in results/own/NAME; without it
    the table and the model go to a folder NAME beside the input. The copy of a table that is read
    in chunks is a folder of Parquet files.
    """
    if not re.fullmatch(r"[\w-]+", options.name):
        raise DataError(
            f"the name '{options.name}' becomes a folder: use letters, digits, - and _ only."
        )
    data = options.data.expanduser()
    config = Path(options.config).expanduser() if options.config else None
    _check_engine(options.engine, options.processes)
    missing = report_lacks()
    target = data.resolve().parent if missing else paths.ROOT / "results" / "own"
    _check_writable(target / options.name / "model")

    if options.epsilon is not None or options.delta is not None or options.public is not None:
        private_data(data, config, options)
        return

    from tst.table.keys import Keys
    from tst.table.source import check_there
    from tst.table.summary import describe, describe_keys
    from tst.table.table import Table

    check_there(data)
    roles = _roles(config, options)

    if missing:
        table, series = Table.fit(data, roles, options.name)
        print(describe(table, series), flush=True)
        folder = _synthesise(data, table, series, options)
        note = f"; a report on its quality needs {missing}"
    else:
        decided = Table.check(data, roles)
        shown = describe_keys(decided) if isinstance(decided, Keys) else describe(*decided)
        print(shown, flush=True)
        from tst.study import own_data as study_own_data

        folder = study_own_data.report(
            data=data,
            roles=roles,
            name=options.name,
            n_series=options.number,
            minutes=options.minutes,
            max_steps=options.max_steps,
            n_processes=options.processes,
            engine=options.engine,
        )
        note = " and report.html"
    _delete_other_forms(folder / _synthetic_name(data), data)
    names = [path.name for path in sorted(folder.glob("synthetic*"))]
    print(f"wrote {_shown(folder)}: {', '.join(names)}, model{note}")


def _check_engine(engine: str, n_processes: int) -> None:
    """Raise DataError where a training cannot run as it is asked for."""
    if engine == "slurm" and shutil.which("sbatch") is None:
        raise DataError(
            "this machine has no Slurm (no command sbatch): leave out --engine, or start on a "
            "machine of the cluster."
        )
    most = MAX_PROCESSES
    if engine != "slurm":
        most = max(MIN_PROCESSES_HERE, os.cpu_count() or 1)
    if n_processes > most:
        raise DataError(
            f"{n_processes:,} processes cannot share a training step here: give at most {most:,}."
        )


def _check_writable(path: Path) -> None:
    """Raise DataError where a file cannot be made at a path, before hours go by in vain."""
    if path.is_dir() and path.suffix:
        raise DataError(f"{path} is a folder: name a file, or a folder without such an ending.")
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_file() and there != path.absolute():
        raise DataError(f"cannot write {path}: {there} is a file, not a folder; name another.")
    folder = there.parent if there.is_file() else there
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"cannot write {path}: you may not write to {folder}; name another folder.")


def private_data(data: Path, config: Path | None, options: argparse.Namespace) -> None:
    """Make a synthetic copy of a table under differential privacy, with its account.

    It goes to a folder NAME beside the input. A report on quality compares with the real rows,
    which no account covers: none is made.
    """
    from tst.table.public import Public
    from tst.training.account import Budget

    if _roles(config, options).said():
        raise DataError("roles are guessed from rows; of a private table, say all in --public.")
    if options.epsilon is None:
        raise DataError("--delta and --public are for a private copy: give --epsilon, too.")
    Budget(epsilon=options.epsilon, delta=0.5 if options.delta is None else options.delta)
    public = Public.read(options.public.expanduser() if options.public else None)

    from tst.synthesiser import Synthesiser

    model = Synthesiser(
        max_steps=options.max_steps or None,
        epsilon=options.epsilon,
        delta=options.delta,
        public=public,
        engine=options.engine,
        n_processes=options.processes,
    )
    folder = data.resolve().parent / options.name
    target = folder / (SYNTHETIC + _suffix(data))
    if target == data.resolve():
        raise DataError(f"{target} would be replaced by its copy: give another --name.")
    with files.translate_write_errors(folder):
        folder.mkdir(exist_ok=True)
    model.fit(data)
    model.save(folder / "model")
    model.sample_file(options.number or public.n_series, target)
    account = model.account_text()
    files.write_text(account, folder / "privacy.md")
    _delete_other_forms(target, data)
    print(account)
    print(f"wrote {_shown(folder)}: {target.name}, privacy.md, model")


def _roles(config: Path | None, options: argparse.Namespace) -> "Roles":
    """Return the roles of a YAML, with those that are options instead of its own."""
    from tst.table.roles import Roles

    given = {name: getattr(options, name, None) for name in Roles.names()}
    known = {name: value for name, value in given.items() if value is not None}
    for name in ("id", "time"):
        if isinstance(known.get(name), list) and len(known[name]) == 1:
            known[name] = known[name][0]
    return Roles.read(config).but(known)


def report_lacks() -> str:
    """Return what the report of `tst own` lacks here, "" where it can be made."""
    if find_spec("papermill") is None or find_spec("nbconvert") is None:
        return "the study's packages: pip install tst[study]"
    if not NOTEBOOK.is_file():
        return "notebook 20: run the same command in a clone of the study"
    return ""


def _synthesise(
    data: Path, table: "Table", series: "SeriesSet", options: argparse.Namespace
) -> Path:
    """Fit and sample a table, write table and model beside the input; return their folder."""
    from tst.synthesiser import Synthesiser

    folder = data.resolve().parent / options.name
    with files.translate_write_errors(folder):
        folder.mkdir(exist_ok=True)
    model = Synthesiser(
        max_steps=options.max_steps or None,
        minutes=options.minutes,
        folder=folder / "training",
        engine=options.engine,
        n_processes=options.processes,
    )
    model.fit_series(series, table)
    model.save(folder / "model")
    target = folder / _synthetic_name(data)
    n_series = options.number or len(series)
    if target.suffix:
        model.sample_file(n_series, target)
    else:
        model.sample_parts(n_series, target)
    return folder


def _synthetic_name(data: Path) -> str:
    """Return the name of the synthetic table of a file; one in parts has no suffix."""
    from tst.table.source import ChunkedFile

    if ChunkedFile(data).is_large:
        return SYNTHETIC
    return SYNTHETIC + _suffix(data)


def _suffix(data: Path) -> str:
    """Return the suffix of the copy of a file: Parquet of Parquet, else CSV."""
    return ".parquet" if data.suffix.lower() in files.PARQUET else ".csv"


def _delete_other_forms(target: Path, data: Path) -> None:
    """Delete the synthetic table that an earlier run left in another form, but not the input."""
    with files.translate_write_errors(target.parent):
        for suffix in (".csv", ".parquet"):
            old = target.with_suffix(suffix)
            if old not in (target, data.resolve()):
                old.unlink(missing_ok=True)
    if target.suffix:
        part_files.delete(target.with_suffix(""))


def sample_model(options: argparse.Namespace) -> None:
    """Sample a table from a model that `Synthesiser.save` wrote, or prolong given series."""
    folder = options.model.expanduser()
    out = options.out.expanduser() if options.out else None
    _check_sample(options, folder, out)

    from tst.synthesiser import Synthesiser

    terminal = sys.stdout
    # progress must not stand among the rows
    with contextlib.redirect_stdout(sys.stderr):
        model = Synthesiser.load(folder)
        if options.continue_from:
            made = _prolong(model, options, out, terminal)
        else:
            made = _sample(model, options, out, terminal)
    if out:
        print(f"wrote {out}: {made}")


def _check_sample(options: argparse.Namespace, folder: Path, out: Path | None) -> None:
    """Raise DataError where a sample cannot be made as it is asked for."""
    if folder.is_file():
        raise DataError(f"{folder} is a file: give the folder of Synthesiser.save that holds it.")
    if not (folder / "model.json").is_file():
        raise DataError(
            f"no model in {folder}: model.json and model.safetensors of Synthesiser.save "
            "belong there."
        )
    if (options.continue_from is None) == (options.number is None):
        raise DataError("give -n, how many series to make, or --continue-from, a table of rows.")
    if (options.continue_from is None) != (options.steps is None):
        raise DataError("--continue-from and --steps belong together: the rows, and how many more.")
    if options.continue_from is not None:
        _check_prolonging(options, out)
    if out and out.suffix.lower() not in (".csv", *files.PARQUET, ""):
        raise DataError(
            f"cannot tell what kind of file {out} is: name it .csv or .parquet, or give a folder."
        )
    if out:
        _check_writable(out)


def _check_prolonging(options: argparse.Namespace, out: Path | None) -> None:
    """Raise DataError where series cannot be prolonged as it is asked for."""
    if options.given:
        raise DataError("--continue-from keeps what its series have: leave out --given.")
    if out and not out.suffix:
        raise DataError(f"give a file to --out, .csv or .parquet, not the folder {out}.")

    from tst.table.source import check_there

    check_there(options.continue_from.expanduser())


def _sample(
    model: "Synthesiser", options: argparse.Namespace, out: Path | None, terminal: TextIO
) -> str:
    """Write synthetic series, a part at a time; return what was made."""
    wanted = {"n_series": options.number, "seed": options.seed, "given": dict(options.given)}
    if out is None:
        model.sample_stream(file=terminal, **wanted)
        return ""
    if out.suffix:
        n_rows = model.sample_file(path=out, **wanted)
        return f"{options.number:,} series, {n_rows:,} rows"
    n_files = len(model.sample_parts(folder=out, **wanted))
    return f"{options.number:,} series in {n_files:,} Parquet files"


def _prolong(
    model: "Synthesiser", options: argparse.Namespace, out: Path | None, terminal: TextIO
) -> str:
    """Write the rows behind given ones; return what was made."""
    from tst.table.dialect import PLAIN
    from tst.table.writer import csv_writer, table_writer

    recent = options.continue_from.expanduser()
    frame = model.sample(seed=options.seed, continue_from=recent, n_steps=options.steps)
    dialect = model.table.dialect if model.table else PLAIN
    if out is None:
        csv_writer(terminal, dialect)(frame)
    else:
        empty = list(map(str, frame.columns[frame.isna().all()]))
        with files.replacing(out) as part, table_writer(part, out.suffix, empty, dialect) as write:
            write(frame)
    return f"{options.steps:,} rows more of each series, {len(frame):,} in all"


def write_report(options: argparse.Namespace) -> None:
    """Write the cards and the site of a run."""
    folder = options.folder.expanduser()
    if not folder.is_dir():
        raise DataError(f"no folder {folder}: give the results of a run, as results/laptop.")
    if find_spec("nbconvert") is None:
        raise DataError("the site needs the study's packages: pip install tst[study].")

    from tst.study.report import cards, site

    written = cards.write(folder)
    pages = site.build(folder)
    n_pages = len(list(pages.glob("*.html")))
    print(f"wrote {len(written)} cards and {n_pages} pages; open {pages}/index.html")


def _shown(folder: Path) -> Path:
    """Return a path as it is read most easily: from here, where it lies below."""
    here = Path.cwd()
    if folder.is_relative_to(here):
        return folder.relative_to(here)
    return folder


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 0")
    return int(text)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of columns as store,item")
    return names


def _given(text: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not (name and is_there):
        raise argparse.ArgumentTypeError(f"'{text}' is not COLUMN=VALUE, as status=OK")
    return name, value


def _at_least_one(text: str) -> int:
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of minutes above 0")
    return minutes


if __name__ == "__main__":
    sys.exit(main())
