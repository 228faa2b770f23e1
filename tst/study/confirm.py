"""A last confirmation on data that nobody here has seen: `python -m tst.study.confirm FOLDER`.

The folder has held-out pages, instances, captures, homes or attempts in the form of the data
folder. Frozen models (`tst.study.frozen`), trained before it was opened, make series; the training
half is dealt from the data folder as notebook 01 does; and notebooks 05 to 07 judge against the
held-out series in the place of the test half. Every check of `tst.study.checks` that can be made on
them is told.

One trained model each is frozen: what differs between seeds are samples and classifiers.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tst import data
from tst.data import halves
from tst.errors import DataError
from tst.evaluation import fidelity
from tst.io import paths
from tst.io.files import WriteError
from tst.models import controls
from tst.models.transformer.model import TST
from tst.series import SeriesSet
from tst.study import claims, dependencies, run_notebook, tables
from tst.study.frozen import freeze, thaw
from tst.study.training import TrainingWorkspace

PROFILE = "laptop"  # whose models are frozen, and whose parameters the notebooks take
NAME = "confirm"  # folder of the results, beside the profiles'
DATASETS = ("wwt", "borg2019", "iot", "mba", "gcut_attempts")
MODELS = ("tst_paper", "doppelganger", "tst")
TRAINED = 0  # the random seed whose models are frozen
JUDGES = ("05-fidelity", "06-classification", "07-regression")
RULES = ("17-nulls",)  # tables of the study that rules rest on, of real series alone


def frozen_dir() -> Path:
    """Return the folder of the frozen models, which is committed."""
    return paths.ROOT / "results" / PROFILE / "frozen"


def freeze_all(out: Path) -> list[Path]:
    """Freeze the models of seed 0 that the profile trained on real data; return their folders."""
    written = []
    for dataset in DATASETS:
        for model in MODELS:
            trained = paths.ROOT / "results" / PROFILE / "artifacts" / dataset
            folder = trained / f"{model}-seed{TRAINED}"
            if (folder / "model.safetensors").exists():
                freeze(folder, model, out / dataset / model)
                written.append(out / dataset / model)
    if not written:
        raise DataError(f"no trained model to freeze: run make reproduce PROFILE={PROFILE} first.")
    return written


def present(folder: Path) -> list[str]:
    """Return the data sets of which a folder holds a file.

    Raises
    ------
    DataError
        Where there is none.
    """
    found = []
    for dataset in DATASETS:
        if any((folder / name).is_file() for name in data.SOURCES[dataset].files):
            found.append(dataset)
    if not found:
        hints = ", ".join(data.SOURCES[dataset].hint for dataset in DATASETS)
        raise DataError(f"no held-out data in {folder}: put one of these there: {hints}.")
    return found


def deal(dataset: str, folder: Path) -> tuple[SeriesSet, SeriesSet]:
    """Return (the training half as notebook 01 dealt it, the held-out series of a folder)."""
    settings = run_notebook.parameters("01-data", PROFILE, dataset)
    cut = {name: settings.get(name, 0) for name in ("shortest", "longest", "window")}
    cap = {"max_per_owner": settings.get("max_per_owner", 0)}
    size = settings.get("n_series", 0)  # of more than so many series a sample is drawn
    whole, _ = data.load(dataset, "real", size, **cap)
    train, _ = halves.deal(halves.prepare(whole, **cut), settings.get("fraction", 0.5), seed=0)
    held_out, _ = data.load(dataset, "real", size, folder=folder, **cap)
    return train, halves.prepare(held_out, **cut)


def sample(work: TrainingWorkspace, frozen: Path, seeds: Sequence[int]) -> None:
    """Keep what the frozen models and the controls make: as many series as there are donors."""
    donors = controls.donors(work.numbers())
    for model in MODELS:
        generator = thaw(frozen / work.dataset / model)
        made: tuple[SeriesSet, ...]
        for seed in seeds:
            if isinstance(generator, TST):
                made = generator.sample_with_oracle(len(donors), real=donors)
            else:
                made = (generator.sample(len(donors), seed, real=donors),)
            for series in made:
                work.keep(series, seed)
    real = controls.donors(work.real())
    for seed in seeds:
        work.keep(controls.seed_only(real), seed)
        work.keep(controls.seed_repeat(real), seed)
        work.keep(controls.bootstrap_copy(real, seed), seed)


def judge(work: TrainingWorkspace, seeds: Sequence[int]) -> None:
    """Run the notebooks that judge a data set, and write what notebook 10 says of its models."""
    for run in dependencies.all_runs(dependencies.pipeline_of_study()):
        if run.notebook.name in JUDGES and run.dataset == work.dataset:
            settings = run_notebook.parameters(run.notebook.name, PROFILE, work.dataset)
            settings |= {"profile": work.profile, "seeds": list(seeds)}
            source = dependencies.NOTEBOOKS / f"{run.notebook.name}.ipynb"
            out = paths.results_dir(work.profile) / f"{run.name}.ipynb"
            run_notebook.execute(source, settings, out)
    settings = run_notebook.parameters("10-seedless", PROFILE, work.dataset)
    _seedless(work, seeds, settings.get("log", False))


def _seedless(work: TrainingWorkspace, seeds: Sequence[int], log: bool) -> None:
    """Write table 10-seedless: statistics of models against the held-out series."""
    sets = work.synthetic(MODELS, seeds) | {("real_floor", seeds[0]): work.real()}
    test = work.real("test")
    rows: list[dict[str, Any]] = []
    for (model, seed), made in sets.items():
        pair = (test, made)
        if log:
            pair = (fidelity.logarithmic(test), fidelity.logarithmic_from_0(made))
        for name, metric in fidelity.STATISTICS.items():
            rows.append({"model": model, "seed": seed, "metric": name, "value": metric(*pair)})
    work.table(rows, "10-seedless", work.real())


def verdicts(profile: str, datasets: Sequence[str]) -> pd.DataFrame:
    """Return the rows of `claims.judge` on these data sets, from the tables of a confirmation.

    They are written to its table 13-claims, which notebook 13 shows beside its own.
    """
    found = {}
    for name in tables.names(paths.tables_dir(profile)):
        rows = tables.read(profile, name)
        found[name] = rows[rows["dataset"].isin(datasets)]
    for name in set(RULES) & set(tables.names(paths.tables_dir(PROFILE))):
        found[name] = tables.read(PROFILE, name)
    judged = claims.judge(found)
    judged = judged[judged["dataset"].isin(datasets)].reset_index(drop=True)
    tables.write(judged[claims.COLUMNS], profile, "13-claims")
    return judged


def confirm(folder: Path, frozen: Path, seeds: Sequence[int], profile: str) -> pd.DataFrame:
    """Judge frozen models by the held-out data of a folder; return the rows of `verdicts`."""
    datasets = present(folder)
    for dataset in datasets:
        work = TrainingWorkspace(profile, dataset)
        train, held_out = deal(dataset, folder)
        work.deal(train, "train")
        work.deal(held_out, "test")
        print(f"{dataset}: {len(held_out):,} held-out series, models trained on {len(train):,}")
        sample(work, frozen, seeds)
        judge(work, seeds)
    return verdicts(profile, datasets)


def tell(judged: pd.DataFrame) -> None:
    """Print a sentence a check, those of a claim and data set under one line; last what is open."""
    made = judged[judged["reason"].fillna("") == ""]
    for (claim, dataset), rows in made.groupby(["claim", "dataset"], sort=False):
        print(f"\n{claim}, {dataset}")
        for sentence in rows["sentence"]:
            print(f"  {sentence}")
    n_open = len(judged) - len(made)
    print(
        f"\n{n_open} of {len(judged)} rows need what held-out series cannot show, and are not told."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and confirm; return 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m tst.study.confirm",
        description="Judge the frozen models by held-out data, or freeze them.",
    )
    parser.add_argument("folder", nargs="?", help="held-out data in the form of the data folder")
    parser.add_argument("--frozen", default=str(frozen_dir()), help="folder of the frozen models")
    parser.add_argument("--seeds", type=int, default=3, help="samples and classifiers a model")
    parser.add_argument(
        "--freeze", action="store_true", help=f"freeze the models that {PROFILE} trained"
    )
    options = parser.parse_args(arguments)
    try:
        if options.freeze:
            print(f"froze {len(freeze_all(Path(options.frozen)))} models in {options.frozen}")
        elif options.folder is None:
            raise DataError(
                "no folder: name one with held-out data in the form of the data folder."
            )
        else:
            seeds = range(options.seeds)
            tell(confirm(Path(options.folder), Path(options.frozen), seeds, NAME))
    except (DataError, WriteError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
