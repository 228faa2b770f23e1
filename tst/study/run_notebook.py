"""Run one notebook of a profile with papermill: `python -m tst.study.run_notebook 02-train-tst --profile smoke --dataset gcut`.

The parameters are the profile's (notebooks/profiles/NAME.yml). The executed copy appears in the results folder only when
the run succeeded; a failed one is kept as *.failed.ipynb and never taken for a result. What the cells print goes to the
terminal and, with the time, to artifacts/logs/NAME.log. Nobody else can run the same notebook into the same place meanwhile.
"""

import argparse
import contextlib
import fcntl
import logging
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from tst.errors import DataError
from tst.io import files, paths, untrusted

PROFILES = paths.ROOT / "notebooks" / "profiles"
ABLATIONS = paths.ROOT / "notebooks" / "ablations"


def parameters(name, profile, dataset, ablation=""):
    """Return the parameters of a notebook: the profile's for all datasets, those for this one, those of the ablation."""
    settings = _part(_settings(PROFILES, "profile", profile), name, profile)
    changes = _settings(ABLATIONS, "ablation", ablation) if ablation else {}
    dataset = changes.get("dataset", dataset)
    if not re.fullmatch(r"[\w-]*", str(dataset)):
        sys.exit(
            f"the data set '{str(dataset)[:40]}' is no name: use letters, digits, - and _ only."
        )
    chosen = (
        {"profile": profile} | _part(settings, "all", profile) | _part(settings, dataset, profile)
    )
    chosen |= {"ablation": ablation} | changes if ablation else {}
    return chosen | ({"dataset": dataset} if dataset else {})


def _settings(folder, kind, name):
    """Return what a YAML of a folder says; exit with a sentence where there is none of that name, or it is no mapping."""
    known = sorted(p.stem for p in folder.glob("*.yml"))
    if name not in known:
        sys.exit(f"unknown {kind} '{name}'; known are {', '.join(known)}.")
    try:
        found = untrusted.read_yaml(folder / f"{name}.yml") or {}
    except DataError as error:
        sys.exit(str(error))
    if not isinstance(found, dict):
        sys.exit(f"{kind} {name} holds no `key: value` lines: correct {folder / name}.yml.")
    return found


def _part(settings, name, profile):
    """Return the settings under a name, {} where there are none; exit with a sentence where they are no mapping."""
    part = settings.get(name) or {}
    if not isinstance(part, dict):
        sys.exit(f"profile {profile} gives no `key: value` lines under '{name}': correct it.")
    return part


def known_parameters(notebook):
    """Return the names that the cell tagged `parameters` assigns."""
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    return {m.group(1) for c in cells for m in re.finditer(r"^(\w+)\s*=", c.source, re.M)}


def check_parameters(name, notebook, settings):
    """Exit with a sentence where the profile sets what the notebook does not know."""
    unknown = set(settings) - known_parameters(notebook)
    if unknown:
        known = ", ".join(sorted(known_parameters(notebook)))
        sys.exit(f"notebook {name} has no parameter {sorted(unknown)}; it knows {known}.")


def tidy(notebook):
    """Drop what differs between two equal runs: progress as a terminal would show it, timings, paths of this machine."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.pop("papermill", None)
        if "outputs" in cell:
            cell.outputs = [
                o for o in _joined(cell.outputs) if o.output_type != "stream" or o.text.strip()
            ]
    notebook.metadata["papermill"] = {
        "parameters": notebook.metadata.get("papermill", {}).get("parameters", {})
    }
    return notebook


def _joined(outputs):
    """Return outputs with the pieces of a stream in one, as a terminal would show it, and without a warning about widgets."""
    joined = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    for output in (o for o in joined if o.output_type == "stream"):
        text = re.sub(r"[^\n]*\r(?=[^\n])", "", output.text).replace(f"{paths.ROOT}/", "")
        text = re.sub(r"\S*/ipykernel_\d+/\d+\.py", "cell", text)
        output.text = re.sub(
            r"[^\n]*TqdmWarning: IProgress not found[^\n]*\n[^\n]*tqdm\n", "", text
        )
    return joined


def kernel_over_ipc():
    """Return settings that let the kernel talk over files in a private folder: no port race between parallel runs."""
    if sys.platform == "win32":
        return Config()
    return Config(
        {"KernelManager": {"transport": "ipc", "ip": f"{tempfile.mkdtemp(prefix='tst-')}/k"}}
    )


def run_named(name, profile, dataset, out, ablation=""):
    """Execute a notebook to `out`, by way of a temporary name."""
    source = paths.ROOT / "notebooks" / f"{name}.ipynb"
    known = sorted(p.stem for p in (paths.ROOT / "notebooks").glob("*.ipynb"))
    if name not in known:
        sys.exit(f"unknown notebook '{name}'; known are {', '.join(known)}.")
    execute(source, parameters(name, profile, dataset, ablation), out)


def execute(source, settings, out):
    """Execute the notebook at `source` with some parameters; exit with a sentence where it fails."""
    name = source.stem
    check_parameters(name, nbformat.read(source, 4), settings)
    try:
        with files.translate_write_errors(out):
            out.parent.mkdir(parents=True, exist_ok=True)
        with _alone(out), _log(out):
            _execute(source, settings, out)
    except files.WriteError as error:
        sys.exit(f"{name}: {error}")


def _execute(source, settings, out):
    part, failed = out.with_name(f".{out.stem}.part.ipynb"), out.with_suffix(".failed.ipynb")
    up_to = f"(the notebook up to there: {failed.relative_to(paths.ROOT)})"
    with files.translate_write_errors(out):
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
                config=kernel_over_ipc(),
            )
        except PapermillExecutionError as error:
            os.replace(part, failed)
            sys.exit(f"{source.stem}: {error.ename}: {error.evalue} {up_to}")
        except DeadKernelError:
            os.replace(part, failed)
            why = "its kernel was killed, as the system does where memory runs out; free some, then run the same command again"
            sys.exit(f"{source.stem}: {why}: training goes on from its last checkpoint {up_to}.")
    files.write_text(nbformat.writes(tidy(nbformat.read(part, 4))) + "\n", out)
    part.unlink()
    failed.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(out):
    """Hold a lock while a notebook runs; exit with a sentence where another process runs it into the same place."""
    path = _beside(out, "locks", f"{out.stem}.lock")
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(
                f"{out.stem}: another process is running this notebook into {out.parent}; wait for it, or stop it."
            )
        yield


@contextlib.contextmanager
def _log(out):
    """Keep what the cells print, with the time, in a file of its own, renewed at each run."""
    handler = logging.FileHandler(
        _beside(out, "logs", f"{out.stem}.log"), mode="w", encoding="utf-8"
    )
    handler.setFormatter(Lines("%(asctime)s %(message)s"))
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


class Lines(logging.Formatter):
    """Each line of a message on a line of its own; of progress that overwrites itself, the last state."""

    def format(self, record):
        """Return the lines of a record, each with the time."""
        time = self.formatTime(record)
        lines = (
            line.rstrip("\r").rpartition("\r")[2].strip()
            for line in record.getMessage().split("\n")
        )
        return "\n".join(f"{time} {line}" for line in lines if line)


def _beside(out, kind, name):
    """Return the path of a file about a run that no result needs: results/PROFILE/artifacts/KIND/NAME."""
    path = out.parent / "artifacts" / kind / name
    with files.translate_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m tst.study.run_notebook", description=__doc__.splitlines()[0]
    )
    parser.add_argument("notebook")
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--dataset", default="")
    parser.add_argument(
        "--ablation", default="", help="a file of notebooks/ablations, for 08-ablation"
    )
    options = parser.parse_args()
    stem = "-".join(filter(None, (options.notebook, options.dataset, options.ablation)))
    out = Path(paths.results_dir(options.profile)) / f"{stem}.ipynb"
    run_named(options.notebook, options.profile, options.dataset, out, options.ablation)
    print(f"wrote {out.relative_to(paths.ROOT)}")


if __name__ == "__main__":
    main()
