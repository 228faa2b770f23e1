"""Where a notebook's things lie: series, models, figures and tables of a profile and data set."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from tst.io import paths
from tst.models import jobs
from tst.models.base import Generator, ModelSpec
from tst.models.jobs import Engine, Job
from tst.plots.base import save
from tst.series import SeriesSet
from tst.study import tables
from tst.training.loop import TrainConfig


@dataclass(frozen=True)
class Workspace:
    """The folders of a profile and a data set, results/<profile>/artifacts/<dataset> and beside it.

    Parameters
    ----------
    profile
        smoke, laptop, full or paper.
    dataset
        Key of the data set; it names the folder of its artifacts, figures and rows of tables.
    """

    profile: str
    dataset: str

    @property
    def folder(self) -> Path:
        """Folder of the series sets and models; not committed."""
        return paths.artifacts_dir(self.profile) / self.dataset

    def real(self, half: str = "train") -> SeriesSet:
        """Return the real series that notebook 01 dealt to a half: train or test."""
        return SeriesSet.load(self.folder / half)

    def keep(self, series: SeriesSet, seed: int) -> None:
        """Keep a synthetic set for the notebooks that judge it."""
        series.save(self._synthetic(series.model, seed))

    def synthetic(
        self, models: Iterable[str], seeds: Iterable[int]
    ) -> dict[tuple[str, int], SeriesSet]:
        """Return the synthetic sets that exist, by model and random seed."""
        sets = {}
        for model in models:
            for seed in seeds:
                path = self._synthetic(model, seed)
                if (path / "meta.json").exists():
                    sets[model, seed] = SeriesSet.load(path)
        return sets

    def _synthetic(self, model: str, seed: int) -> Path:
        return self.folder / "synthetic" / f"{model}-seed{seed}"

    def _run(self, spec: ModelSpec, seed: int) -> Path:
        return self.folder / f"{spec.key}-seed{seed}"

    def train(
        self,
        spec: ModelSpec,
        config: Any,
        settings: TrainConfig,
        seeds: Iterable[int],
        engine: Engine = "here",
        n_processes: int = 1,
    ) -> pd.DataFrame:
        """Train a model on the training half once a random seed, or load what is trained.

        Returns
        -------
        The loss histories, one frame with a column `seed`.

        Raises
        ------
        Diverged
            Where every run diverged; a single one is reported and left out.
        """
        todo = []
        for seed in seeds:
            seeded = replace(settings, seed=seed)
            todo.append(Job.of(spec, self.folder / "train", self._run(spec, seed), config, seeded))
        return jobs.train_all(todo, engine, n_processes)

    def finished(self, spec: ModelSpec, seeds: Iterable[int]) -> list[Job]:
        """Return the jobs of `train` whose model is there."""
        folders = [self._run(spec, seed) for seed in seeds]
        data = self.folder / "train"
        return [
            Job.finished(folder, data)
            for folder in folders
            if (folder / "model.safetensors").exists()
        ]

    def trained(self, spec: ModelSpec, seeds: Iterable[int]) -> dict[int, Generator]:
        """Return the trained models that exist, by random seed."""
        return {job.seed: spec.load(Path(job.folder)) for job in self.finished(spec, seeds)}

    def trial(self, spec: ModelSpec, config: Any, settings: TrainConfig, name: str) -> Job:
        """Return a job on the training half; equal trials have the same folder."""
        job = Job.of(spec, self.folder / "train", self.folder, config, settings)
        return replace(job, folder=str(self.folder / name / job.digest()))

    def figure(self, fig: Figure, name: str, alt: str, by_dataset: bool = True) -> None:
        """Write a figure to figures/<name>-<dataset>.png, or <name>.png, and show it.

        Parameters
        ----------
        alt
            The text that stands for the figure where it cannot be seen.
        """
        stem = f"{name}-{self.dataset}" if by_dataset else name
        save(fig, paths.figures_dir(self.profile) / stem, alt)

    def table(
        self,
        rows: pd.DataFrame | list[dict[str, Any]],
        name: str,
        series: SeriesSet | None = None,
        replace: tuple[str, ...] = ("dataset",),
    ) -> pd.DataFrame:
        """Put tidy rows into tables/<name>.csv in the place of earlier ones and return them.

        Parameters are those of `tables.write`.
        """
        return tables.write(pd.DataFrame(rows), self.profile, name, series, replace)
