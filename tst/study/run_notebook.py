"""Run one notebook of a profile: `python -m tst.study.run_notebook 02-train-tst --profile smoke`.

The parameters are the profile's (notebooks/profiles/NAME.yml). The executed copy appears in the
results folder only when the run succeeded; a failed one is kept as *.failed.ipynb and never taken
for a result. What the cells print goes to the terminal and, with the time, to
artifacts/logs/NAME.log; what the run cost goes to NAME.json beside it (`tst.study.meter`). A
lock per executed copy keeps two processes from writing the same one.
"""

import argparse
import contextlib
import fcntl
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from tst.errors import DataError
from tst.io import files, paths, untrusted
from tst.study.meter import Meter

PROFILES = paths.ROOT / "notebooks" / "profiles"
ABLATIONS = paths.ROOT / "notebooks" / "ablations"

OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\n])")  # what a terminal shows no more
UNFINISHED = re.compile(r"^.*?\s\d{1,2}%\|.*\] *(\n|$)", re.MULTILINE)  # a bar below 100 %
WIDGET_WARNING = re.compile(r"^.*TqdmWarning.*\n(  .*\n)?", re.MULTILINE)
LINK = re.compile(
    r"(?<=\]\()(?![a-z]+:|[#/])([^)#\s]+)"
)  # of Markdown, to a file beside the notebook
CELL_FILE = re.compile(r"\S*/ipykernel_\d+/\d+\.py")  # where a warning of a cell says it arose


def parameters(name: str, profile: str, dataset: str, ablation: str = "") -> dict[str, Any]:
    """Return the parameters of a notebook.

    They are the profile's for all data sets, those for this one, then those of the ablation.

    Raises
    ------
    DataError
        Where profile, data set or ablation is unknown, or its file is no mapping.
    """
    settings = _part(_settings(PROFILES, "profile", profile), name, profile)
    changes = _settings(ABLATIONS, "ablation", ablation) if ablation else {}
    dataset = changes.get("dataset", dataset)
    if not re.fullmatch(r"[\w-]*", str(dataset)):
        raise DataError(
            f"the data set '{str(dataset)[:40]}' is not a name: use letters, digits, - and _ only."
        )
    chosen = {"profile": profile}
    chosen |= _part(settings, "all", profile)
    chosen |= _part(settings, dataset, profile)
    if ablation:
        chosen |= {"ablation": ablation}
        chosen |= changes
    if dataset:
        chosen |= {"dataset": dataset}
    return chosen


def _settings(folder: Path, kind: str, name: str) -> dict[str, Any]:
    """Return the mapping that a YAML of a folder holds; raise DataError where there is none."""
    known = sorted(p.stem for p in folder.glob("*.yml"))
    if name not in known:
        raise DataError(f"unknown {kind} '{name}'; known are {', '.join(known)}.")
    settings = untrusted.read_yaml(folder / f"{name}.yml") or {}
    if not isinstance(settings, dict):
        raise DataError(f"{kind} {name} holds no `key: value` lines: correct {folder / name}.yml.")
    return settings


def _part(settings: Mapping[str, Any], name: str, profile: str) -> dict[str, Any]:
    """Return the settings under a name, {} where there are none."""
    part = settings.get(name) or {}
    if not isinstance(part, dict):
        raise DataError(
            f"profile {profile} gives no `key: value` lines under '{name}': correct it."
        )
    return part


def known_parameters(notebook: nbformat.NotebookNode) -> set[str]:
    """Return the names that the cell tagged `parameters` assigns."""
    names: set[str] = set()
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            names.update(re.findall(r"^(\w+)\s*=", cell.source, re.MULTILINE))
    return names


def check_parameters(name: str, notebook: nbformat.NotebookNode, settings: Mapping) -> None:
    """Raise DataError where a setting is no parameter of the notebook; papermill only warns."""
    known = known_parameters(notebook)
    unknown = sorted(set(settings) - known)
    if unknown:
        raise DataError(
            f"notebook {name} has no parameter {unknown}; it knows {', '.join(sorted(known))}."
        )


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what differs between two equal runs: progress, timings, paths of this machine."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.pop("papermill", None)
        if "outputs" in cell:
            cell.outputs = _tidy_outputs(cell.outputs)
    settings = notebook.metadata.get("papermill", {}).get("parameters", {})
    notebook.metadata["papermill"] = {"parameters": settings}
    return notebook


def _tidy_outputs(outputs: Sequence[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return outputs with the pieces of a stream in one, and without streams that say nothing."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        is_stream = output.output_type == "stream"
        if is_stream and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    kept = []
    for output in joined:
        if output.output_type == "stream":
            output.text = _tidy_text(output.text)
            if not output.text.strip():
                continue
        kept.append(output)
    return kept


def _tidy_text(text: str) -> str:
    """Return what a terminal shows in the end, without bars that were left unfinished."""
    text = OVERWRITTEN.sub("", text)
    text = UNFINISHED.sub("", text)
    text = WIDGET_WARNING.sub("", text)
    text = text.replace(f"{paths.ROOT}/", "")
    return CELL_FILE.sub("cell", text)


def relink(text: str, source: Path, copy: Path) -> str:
    """Return the Markdown of a notebook in the folder `source` as its copy in `copy` has it.

    A link to a file is relative to where the notebook lies, so a copy elsewhere needs another one.
    """

    def moved(link: re.Match) -> str:
        return Path(os.path.relpath(source / link[1], copy)).as_posix()

    return LINK.sub(moved, text)


def run_named(name: str, profile: str, dataset: str, out: Path, ablation: str = "") -> None:
    """Execute a notebook of the study with the parameters of a profile, as `execute` does."""
    source = paths.ROOT / "notebooks" / f"{name}.ipynb"
    known = sorted(p.stem for p in source.parent.glob("*.ipynb"))
    if name not in known:
        raise DataError(f"unknown notebook '{name}'; known are {', '.join(known)}.")
    execute(source, parameters(name, profile, dataset, ablation), out)


def execute(source: Path, settings: Mapping[str, Any], out: Path) -> None:
    """Execute the notebook at `source`; its executed copy stands at `out` if it ran to the end.

    Raises
    ------
    DataError
        Where a setting is unknown, a cell fails, the kernel dies, or another process runs it.
    WriteError
        Where a file cannot be written.
    """
    check_parameters(source.stem, nbformat.read(source, 4), settings)
    try:
        with files.translate_write_errors(out):
            out.parent.mkdir(parents=True, exist_ok=True)
        with hold_lock(out), _log(out):
            _execute(source, settings, out)
    except files.WriteError as error:
        raise files.WriteError(f"{source.stem}: {error}") from None


def _execute(source: Path, settings: Mapping[str, Any], out: Path) -> None:
    part = out.with_name(f".{out.stem}.part.ipynb")
    failed = out.with_suffix(".failed.ipynb")
    up_to = f"(the notebook up to there: {failed.relative_to(paths.ROOT)})"
    with files.translate_write_errors(out), _private_folder() as folder:
        costs = Meter(folder / "seconds.json")
        try:
            papermill.execute_notebook(
                str(source),
                str(part),
                settings,
                cwd=str(paths.ROOT),
                kernel_name="python3",
                progress_bar=False,
                stdout_file=sys.stdout,
                log_output=True,
                config=_over_ipc(folder),
                extra_arguments=costs.kernel_arguments,
            )
        except PapermillExecutionError as error:
            # papermill writes a failed notebook, too, which make would take for done
            os.replace(part, failed)
            raise DataError(f"{source.stem}: {error.ename}: {error.evalue} {up_to}") from None
        except DeadKernelError:
            os.replace(part, failed)
            raise DataError(
                f"{source.stem}: its kernel was killed, as the system does where memory runs out; "
                "free some, then run the same command again: training continues from its last "
                f"checkpoint {up_to}."
            ) from None
        files.write_text(costs.read(), _beside(out, "logs", f"{out.stem}.json"))
    notebook = tidy(nbformat.read(part, 4))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relink(cell.source, source.parent, out.parent)
    files.write_text(nbformat.writes(notebook) + "\n", out)
    part.unlink()
    failed.unlink(missing_ok=True)


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """Give a folder for what only this process and its kernel share."""
    with tempfile.TemporaryDirectory(prefix="tst-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _over_ipc(folder: Path) -> Config:
    """Return settings that let the kernel talk over files in a folder.

    Over ports, of which each kernel takes free ones, kernels that start side by side race for them.
    """
    return Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/k"}})


@contextlib.contextmanager
def hold_lock(out: Path) -> Iterator[None]:
    """Hold the lock of an executed copy; raise DataError where another process holds it."""
    path = _beside(out, "locks", f"{out.stem}.lock")
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{out.stem}: another process is running this notebook into {out.parent}; "
                "wait for it, or stop it."
            ) from None
        yield


@contextlib.contextmanager
def _log(out: Path) -> Iterator[None]:
    """Keep what the cells print, with the time, in a file of its own, renewed at each run."""
    path = _beside(out, "logs", f"{out.stem}.log")
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(LastStates("%(asctime)s %(message)s"))
    handler.addFilter(lambda record: bool(record.getMessage().strip()))
    logger = logging.getLogger("papermill")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


class LastStates(logging.Formatter):
    """Give each line of a message its time; of progress that overwrites itself, the last state."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record, each with the time."""
        time = self.formatTime(record)
        lines = []
        for line in record.getMessage().split("\n"):
            last_state = line.rstrip("\r").rpartition("\r")[2].strip()
            if last_state:
                lines.append(f"{time} {last_state}")
        return "\n".join(lines)


def _beside(out: Path, kind: str, name: str) -> Path:
    """Return the path of a file that no result needs: results/PROFILE/artifacts/KIND/NAME."""
    path = out.parent / "artifacts" / kind / name
    with files.translate_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m tst.study.run_notebook", description="Run one notebook of a profile."
    )
    parser.add_argument("notebook")
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--dataset", default="")
    parser.add_argument(
        "--ablation", default="", help="a file of notebooks/ablations, for 08-ablation"
    )
    options = parser.parse_args(arguments)
    stem = "-".join(filter(None, (options.notebook, options.dataset, options.ablation)))
    out = paths.results_dir(options.profile) / f"{stem}.ipynb"
    try:
        run_named(options.notebook, options.profile, options.dataset, out, options.ablation)
    except (DataError, files.WriteError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {out.relative_to(paths.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
