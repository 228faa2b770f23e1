"""Make's rules of the study: `python -m tst.study.dependencies` prints them.

They come from notebooks/pipeline.yml and from what the modules import.

A notebook depends on itself, on the modules that it and its programs import (tst.io.closure), on
the small data files beside them, on the profile, on raw data, and on the notebooks that it reads.
Only the standard library is used, so that any python3 can write the rules before the environment
exists; hence the reader of a small part of YAML.
"""

import functools
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from tst.io.closure import ROOT, closure, data_files, fingerprint, notebook_source

NOTEBOOKS = ROOT / "notebooks"


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """What pipeline.yml says of a notebook; its comments say what each key means."""

    name: str
    datasets: list[str] | Literal["all"] = field(default_factory=list)
    ablations: bool = False
    reads: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    raw: bool = False
    programs: list[str] = field(default_factory=list)
    plots: bool = True
    cores: Literal["one", "all"] = "one"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of a notebook: a target of make."""

    notebook: Notebook
    options: str = ""  # of tst.study.run_notebook
    variant: str = ""  # data set or ablation
    dataset: str = ""  # that it reads; empty where it reads all of the study
    needs_files: bool = False  # waited for only where the files of its data set are there

    @property
    def name(self) -> str:
        """Name of the target, and of the executed copy."""
        return "-".join(filter(None, (self.notebook.name, self.variant)))


def read_pipeline(text: str) -> dict[str, dict[str, Any]]:
    """Return {section: {key: value}} of YAML that has nothing but nested keys, words and lists.

    Lists stand in brackets; yes and no are truth values; # begins a comment.
    """
    text = re.sub(r"\[[^\]]*\]", lambda match: " ".join(match.group().split()), text)
    root: dict[str, Any] = {}
    open_levels: list[tuple[int, dict[str, Any]]] = [(-1, root)]  # indentation, mapping
    for line in text.splitlines():
        content = line.partition("#")[0].rstrip()
        if not content:
            continue
        key, _, value = content.strip().partition(":")
        indentation = len(content) - len(content.lstrip())
        while open_levels[-1][0] >= indentation:
            open_levels.pop()
        mapping = open_levels[-1][1]
        if value.strip():
            mapping[key] = _value(value.strip())
        else:
            mapping[key] = {}
            open_levels.append((indentation, mapping[key]))
    return root


def _value(text: str) -> str | bool | list[str]:
    """Return a list in brackets, a truth value, or a word."""
    if text.startswith("["):
        return [item.strip() for item in text.strip("[]").split(",")]
    return {"yes": True, "no": False}.get(text, text)


def pipeline_of_study() -> dict[str, dict[str, Any]]:
    """Return what notebooks/pipeline.yml says, see `read_pipeline`."""
    return read_pipeline((NOTEBOOKS / "pipeline.yml").read_text(encoding="utf-8"))


def notebooks_of(pipeline: dict[str, dict[str, Any]]) -> list[Notebook]:
    """Return the notebooks of pipeline.yml, in its order."""
    known = {f.name for f in fields(Notebook)} - {"name"}
    for name, settings in pipeline["notebooks"].items():
        unknown = sorted(settings.keys() - known)
        if unknown:
            raise ValueError(f"pipeline.yml gives {name} the keys {unknown}; use {sorted(known)}.")
    return [Notebook(name=name, **settings) for name, settings in pipeline["notebooks"].items()]


def all_runs(pipeline: dict[str, Any]) -> list[Run]:
    """Return the runs of all notebooks of pipeline.yml, those that need files included."""
    real_only = pipeline.get("real_only", [])
    unknown = sorted(set(real_only) - set(pipeline["raw"]))
    if unknown:
        raise ValueError(
            f"pipeline.yml: {unknown[0]} of `real_only` has no files under `raw`; add them."
        )
    runs: list[Run] = []
    for notebook in notebooks_of(pipeline):
        for run in runs_of(notebook, list(pipeline["raw"])):
            runs.append(replace(run, needs_files=run.dataset in real_only))
    return runs


def runs_of(notebook: Notebook, datasets: list[str]) -> list[Run]:
    """Return the runs of a notebook: one a data set, one an ablation, or one."""
    if notebook.ablations:
        paths = sorted((NOTEBOOKS / "ablations").glob("*.yml"))
        return [_ablation_run(notebook, path) for path in paths]
    chosen = datasets if notebook.datasets == "all" else notebook.datasets
    if not chosen:
        return [Run(notebook=notebook)]
    return [_dataset_run(notebook, name) for name in chosen]


def _dataset_run(notebook: Notebook, name: str) -> Run:
    """Return the run of a notebook on a data set."""
    return Run(notebook=notebook, options=f"--dataset {name}", variant=name, dataset=name)


def _ablation_run(notebook: Notebook, path: Path) -> Run:
    """Return the run of a file of notebooks/ablations, on the data set that it names."""
    match = re.search(r"^dataset: *(\w+)", path.read_text(), re.M)
    if match is None:
        raise ValueError(f"{path} names no data set: add a line `dataset: NAME`.")
    option = f"--ablation {path.stem}"
    return Run(notebook=notebook, options=option, variant=path.stem, dataset=match.group(1))


def upstream(run: Run, names: list[str], runs: list[Run]) -> list[Run]:
    """Return the runs that names stand for: one run, or a notebook's on the same data set."""
    found: list[Run] = []
    for name in names:
        exact = [other for other in runs if other.name == name]
        family = [other for other in runs if other.notebook.name == name]
        same = [other for other in family if not run.dataset or other.dataset == run.dataset]
        if not exact and not same:
            raise ValueError(f"pipeline.yml: {run.name} waits for {name}, which does not run.")
        found += exact or same
    return found


def before(name: str) -> list[str]:
    """Return the names of all runs that come before a run, directly or not, in alphabetic order.

    Those that need files are left out where the run itself does not need them.
    """
    runs = all_runs(pipeline_of_study())
    start = next(run for run in runs if run.name == name)
    found: set[str] = set()
    queue = [start]
    while queue:
        run = queue.pop()
        for other in upstream(run, [*run.notebook.reads, *run.notebook.after], runs):
            if other.name not in found and other.needs_files <= start.needs_files:
                found.add(other.name)
                queue.append(other)
    return sorted(found)


def code_files(notebook: Notebook) -> list[str]:
    """Return the notebook and all files that decide what it gives, from the root."""
    path = NOTEBOOKS / f"{notebook.name}.ipynb"
    files = closure(notebook_source(path))
    for package in notebook.programs:
        for module in sorted(ROOT.joinpath(*package.split(".")).glob("*.py")):
            files |= {module} | closure(module.read_text())
    if not notebook.plots:
        files = {file for file in files if ROOT / "tst/plots" not in file.parents}
    files |= data_files([path, *files])
    return [file.relative_to(ROOT).as_posix() for file in [path, *sorted(files)]]


def rules(pipeline: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the rules.

    RAW, PRESENT, DONE, ENV, PROFILE, MEASURING, BENCH and RUN are variables of the Makefile.
    """
    runs = all_runs(pipeline)
    for dataset, files in pipeline["raw"].items():
        present = f"$(filter {' '.join(files)},$(PRESENT))"
        yield f"RAW_{dataset} := $(addprefix $(RAW)/,{present})"
    for dataset in pipeline.get("real_only", []):
        yield f"ABSENT += $(if $(RAW_{dataset}),,{dataset})"
    for notebook in notebooks_of(pipeline):
        yield f"CODE_{notebook.name} := {' '.join(code_files(notebook))}"
    for run in runs:
        yield from _rule(run, runs)


def _rule(run: Run, runs: list[Run]) -> Iterator[str]:
    """Yield the lines of one run: target, what it depends on, what comes first, its recipe."""
    notebook = run.notebook
    target = f"$(DONE)/{run.name}"
    needed = [f"$(CODE_{notebook.name})", "notebooks/profiles/$(PROFILE).yml"]
    needed += [_waited_for(other, run) for other in upstream(run, notebook.reads, runs)]
    before = ["$(ENV)"] + [_waited_for(other, run) for other in upstream(run, notebook.after, runs)]
    short_names = [run.name]
    if notebook.raw:
        needed.append(f"$(RAW_{run.dataset})")
    if notebook.ablations:
        needed.append(f"notebooks/ablations/{run.variant}.yml")
        short_names.append(f"ablation-{run.variant}")
        yield f"ABLATIONS += ablation-{run.variant}"
    if notebook.cores == "all":
        before.append("$(BENCH)")
        yield f"{target}: private THREADS = $(MEASURING)"
    yield f"NAMES += {_where_present(run, run.name) if run.needs_files else run.name}"
    yield f".PHONY: {' '.join(short_names)}"
    yield f"{' '.join(short_names)}: {target}"
    yield f"{target}: {' '.join(needed)} | {' '.join(before)}"
    yield f"\t$(call RUN,{notebook.name},{run.options})"


def _waited_for(run: Run, by: Run) -> str:
    """Return the target of a run that another waits for.

    What needs files is waited for where they are, or by what needs them, too.
    """
    target = f"$(DONE)/{run.name}"
    return _where_present(run, target) if run.needs_files and not by.needs_files else target


def _where_present(run: Run, text: str) -> str:
    """Return make's expression for a text that stands only where the run's files are there."""
    return f"$(if $(RAW_{run.dataset}),{text})"


@functools.cache
def code_version(name: str) -> str:
    """Return 10 hex digits of the code that writes a table: what its notebook depends on for make.

    The notebook is the one whose number the table's name begins with (`13-weak-points`: notebook
    13). Where there is none, the code is unknown and the version is empty.
    """
    pipeline = ROOT / "notebooks" / "pipeline.yml"
    if not pipeline.is_file():
        return ""
    number = name.split("-")[0]
    settings = read_pipeline(pipeline.read_text(encoding="utf-8"))
    for notebook in notebooks_of(settings):
        if notebook.name.split("-")[0] == number:
            path, *modules = [ROOT / file for file in code_files(notebook)]
            return version_of(path, modules)
    return ""


def version_of(notebook: Path, modules: Iterable[Path], root: Path = ROOT) -> str:
    """Return 10 hex digits of the code cells of a notebook and of the files that they need."""
    digest = hashlib.sha256(notebook_source(notebook).encode())
    digest.update(fingerprint(modules, root).encode())
    return digest.hexdigest()[:10]


def main() -> None:
    """Print the rules."""
    for line in rules(pipeline_of_study()):
        print(line)


if __name__ == "__main__":
    main()
