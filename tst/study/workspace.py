"""Where a notebook's things lie: series sets, figures and tables of a profile and a data set.

Notebooks that train take `tst.study.training.TrainingWorkspace`, which adds the models: so a
notebook that judges does not depend on the code of any model.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from tst.io import paths
from tst.models.one_hot import codes, one_hot
from tst.plots.base import save
from tst.series import SeriesSet
from tst.study import tables
from tst.vocabulary import NOT_SHOWN


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

    def deal(self, series: SeriesSet, half: str) -> None:
        """Keep real series as a half: train or test; and as models read it that know no categories.

        Nothing is kept twice where no measurement is categorical.
        """
        series.save(self.folder / half)
        numbers = one_hot(series)
        if numbers is not series:
            numbers.save(self.folder / f"{half}-numbers")

    def numbers(self, half: str = "train") -> SeriesSet:
        """Return a half as models read it that know no categories (`tst.models.one_hot`)."""
        return SeriesSet.load(self.folder_of_numbers(half))

    def folder_of_numbers(self, half: str = "train") -> Path:
        """Return where `numbers` lies: beside the half, or the half itself."""
        beside = self.folder / f"{half}-numbers"
        return beside if (beside / "meta.json").exists() else self.folder / half

    def keep(self, series: SeriesSet, seed: int) -> None:
        """Keep a synthetic set, its categories as codes, for the notebooks that judge it."""
        codes(series).save(self._synthetic(series.model, seed))

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

    def figure(
        self,
        fig: Figure,
        name: str,
        alt: str,
        by_dataset: bool = True,
        *,
        shows_series: bool = False,
    ) -> None:
        """Write a figure to figures/<name>-<dataset>.png, or <name>.png, and show it.

        Parameters
        ----------
        alt
            The text that stands for the figure where it cannot be seen.
        shows_series
            Single series can be read off it: of a data set whose terms are not settled it is
            neither written nor shown.
        """
        if shows_series and self.dataset in NOT_SHOWN:
            plt.close(fig)
            print(f"No figure: single series of {self.dataset} are not shown, for its terms.")
            return
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
