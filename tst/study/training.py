"""Where the models of a profile and a data set lie, and how a notebook trains them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from tst.models import jobs
from tst.models.base import Generator, ModelSpec
from tst.models.jobs import Engine, Job
from tst.series import SeriesSet
from tst.study.workspace import Workspace
from tst.training.config import TrainConfig


@dataclass(frozen=True)
class TrainingWorkspace(Workspace):
    """A workspace with trained models, <artifacts>/<dataset>/<model>-seed<seed> each."""

    def _run(self, spec: ModelSpec, seed: int) -> Path:
        return self.folder / f"{spec.key}-seed{seed}"

    def _data(self, spec: ModelSpec) -> Path:
        """Return the folder of the training half as a model of this kind reads it."""
        return self.folder / "train" if spec.reads_categories else self.folder_of_numbers()

    def read_by(self, spec: ModelSpec) -> SeriesSet:
        """Return the training half as a model of this kind reads it."""
        return SeriesSet.load(self._data(spec))

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
            todo.append(Job.of(spec, self._data(spec), self._run(spec, seed), config, seeded))
        return jobs.train_all(todo, engine, n_processes)

    def finished(self, spec: ModelSpec, seeds: Iterable[int]) -> list[Job]:
        """Return the jobs of `train` whose model is there."""
        folders = [self._run(spec, seed) for seed in seeds]
        return [
            Job.finished(folder, self._data(spec))
            for folder in folders
            if (folder / "model.safetensors").exists()
        ]

    def trained(self, spec: ModelSpec, seeds: Iterable[int]) -> dict[int, Generator]:
        """Return the trained models that exist, by random seed."""
        return {job.seed: spec.load(Path(job.folder)) for job in self.finished(spec, seeds)}

    def trial(self, spec: ModelSpec, config: Any, settings: TrainConfig, name: str) -> Job:
        """Return a job on the training half; equal trials have the same folder.

        Their progress says what is trained, for the folder's name is hexadecimal.
        """
        job = Job.of(spec, self._data(spec), self.folder, config, settings)
        label = f"{name} {spec.key}, seed {settings.seed}"
        return replace(job, folder=str(self.folder / name / job.digest()), label=label)
