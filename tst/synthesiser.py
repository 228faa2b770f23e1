"""Own data in five lines: fit a table, sample one like it, save and load; the habit of scikit-learn and SDV.

The model is the seedless TST of notebook 10: attributes first, then steps from a learned start, until a hazard ends the
series; no real value enters a sample. Sizes follow the data, steps the time given. A saved model is model.safetensors and
model.json, without pickle.
"""

import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from tst.errors import translate_errors
from tst.io import weights
from tst.io.untrusted import check_room, read_json
from tst.models import jobs as launch
from tst.models.transformer import sampling
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.model import TST
from tst.series import DataError, SeriesSet
from tst.table.table import Roles, Table
from tst.training.loop import TrainConfig

FORMAT = "synthesiser-1"
N_TOKENS = 512  # of a series, above which steps are joined to patches
N_NUMBERS = 96  # of a patch, at most
N_EPOCHS, MIN_STEPS, MAX_STEPS = 60, 400, 20_000  # within which the time given decides
DRAWS = 50  # rounds of attributes that are drawn for rare given ones, before they are set
TIMED = 5  # steps


class Synthesiser:
    """A model of a long table of series.

    Parameters
    ----------
    max_steps
        Optimiser steps; None: as many as fit into `minutes`, at most `N_EPOCHS` passes over the data.
    minutes
        Processor time for the training, by the first steps' measure (only with `max_steps` is a seed exactly repeatable).
    seed
        Of weights, batches and, unless another is given, samples.
    roles
        What the columns are, as a mapping or a YAML file, where the guess is wrong (`tst.table.roles.Roles`).
    folder
        Where the training keeps its checkpoints, so that it goes on after a stop; None: a temporary one.
    d_model, n_layer, patch, batch_size, learning_rate
        Sizes; patch (steps a token) None: by the longest series.
    """

    def __init__(
        self,
        max_steps: int | None = None,
        minutes: float = 5.0,
        seed: int = 0,
        roles: Roles | Mapping[str, object] | Path | str | None = None,
        folder: Path | str | None = None,
        d_model: int = 64,
        n_layer: int = 3,
        patch: int | None = None,
        batch_size: int = 16,
        learning_rate: float = 2e-3,
    ) -> None:
        self.max_steps, self.minutes, self.seed, self.roles, self.folder = (
            max_steps,
            minutes,
            seed,
            roles,
            folder,
        )
        self.d_model, self.n_layer, self.patch = d_model, n_layer, patch
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.model: TST | None = None
        self.schema: SeriesEncoder | None = None
        self.table: Table | None = None

    def fit(self, data: pd.DataFrame | Path | str) -> Self:
        """Learn a table (DataFrame, or path of a CSV, CSV.gz or Parquet) and return self; raises DataError for mistakes."""
        return self.fit_series(*Table.fit(data, self.roles)[::-1])

    def fit_series(self, series: SeriesSet, table: Table) -> Self:
        """Learn the `SeriesSet` of a `Table`, or a part of it, and return self; `history` holds the loss of each step."""
        folder = Path(self.folder or tempfile.mkdtemp(prefix="tst-"))
        try:
            series.save(folder / "series")
            job = self._job(series, folder)
            self.history: pd.DataFrame = launch.train(job)
            self.model, self.schema = (
                TST.load(folder / "model"),
                SeriesEncoder.load(folder / "model"),
            )
        finally:
            if not self.folder:
                shutil.rmtree(folder)
        self.table = table
        return self

    def sample(
        self, n_series: int, seed: int | None = None, given: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """Return a table of `n_series` synthetic series: the columns, order and dtypes of the table that was learned.

        Parameters
        ----------
        seed
            The same seed gives the same table; None: the model's.
        given
            {attribute: value}: only series of these.
        """
        seed = self.seed if seed is None else seed
        series = self.sample_series(n_series, seed, given)
        frame = self._fitted()[2].to_frame(series, seed)
        for name, value in (given or {}).items():
            frame[name] = pd.Series([value] * len(frame)).astype(frame[name].dtype)
        return frame

    def sample_series(
        self, n_series: int, seed: int | None = None, given: Mapping[str, object] | None = None
    ) -> SeriesSet:
        """Return `n_series` synthetic series as a `SeriesSet`; arguments as in `sample`."""
        model, schema, table = self._fitted()
        if n_series < 1:
            raise DataError(f"n_series is {n_series}; give the number of series, at least 1.")
        seed = self.seed if seed is None else seed
        wanted = {name: table.given(name, value) for name, value in (given or {}).items()}
        attributes = self._matching(n_series, seed, wanted) if wanted else None
        return sampling.sample(model, schema, n_series, seed, attributes=attributes)

    def save(self, folder: Path | str) -> Path:
        """Write model.safetensors and model.json to a folder and return its path."""
        model, schema, table = self._fitted()
        facts = {
            "format": FORMAT,
            "seed": self.seed,
            "model": model.settings(),
            "schema": asdict(schema),
        }
        weights.save(folder, facts | {"table": table.to_dict()}, model.state_dict())
        return Path(folder)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Return what `save` wrote; raises DataError where it is missing or no such model."""
        path = Path(folder) / "model.json"
        if not path.is_file() or not (Path(folder) / "model.safetensors").is_file():
            raise DataError(
                f"no model in {folder}: model.json and model.safetensors of Synthesiser.save belong there."
            )
        with translate_errors(f"the model in {folder} is damaged", "save it again"):
            facts = read_json(path)
            if facts.get("format") != FORMAT:
                raise DataError(
                    f"{path} has format '{facts.get('format')}', this version reads '{FORMAT}'."
                )
            if type(facts["seed"]) is not int or facts["seed"] < 0:
                raise DataError(
                    f"{path} has the seed {repr(facts['seed'])[:40]}; give a whole number of at least 0."
                )
            made = cls(seed=facts["seed"])
            made.table, made.schema = (
                Table.from_dict(facts["table"]),
                SeriesEncoder.from_dict(facts["schema"]),
            )
            made.model = weights.load(folder, lambda whole, held: TST.plan(whole["model"], held))
            made._check_parts(folder)
        return made

    def config(self, series: SeriesSet) -> TSTConfig:
        """Return the `TSTConfig` for a set: patches where series are long, a sliding window where they are longer still."""
        longest, n_numbers = int(series.lengths.max()), series.n_features + 1
        most = max(1, N_NUMBERS // n_numbers)
        patch = self.patch or min(most, -(-longest // N_TOKENS))
        context = min(longest, 2 * N_TOKENS * patch)
        whole = TSTConfig(series.n_features, d_model=self.d_model, n_head=4, n_layer=self.n_layer, d_ff=2 * self.d_model,
                          dropout=0.0, attention_dropout=0.0, context_length=context, head="mixture",
                          patch=patch)  # fmt: skip
        return (
            replace(whole, attention=f"sliding:{N_TOKENS}", positions="rope")
            if longest > context
            else whole
        )

    def _job(self, series: SeriesSet, folder: Path) -> dict[str, Any]:
        n_steps = self.max_steps or self._affordable(series, folder)
        settings = TrainConfig(n_steps, self.batch_size, self.learning_rate, warmup_steps=min(50, n_steps // 4),
                               grad_clip=1.0, seed=self.seed, checkpoint_every=200, decay=True)  # fmt: skip
        return launch.job(
            folder / "series", folder / "model", self.config(series), settings, kind="seedless"
        )

    def _affordable(self, series: SeriesSet, folder: Path) -> int:
        """Return the steps that fit into `minutes`; measured once a set of data, so that a stopped run goes on alike."""
        path, what = (
            folder / "steps.json",
            [series.sha256(), self.minutes, asdict(self.config(series)), self.batch_size],
        )
        known = json.loads(path.read_text()) if path.is_file() else {}
        if known.get("of") == what:
            return known["steps"]
        trial = TrainConfig(1, self.batch_size, seed=self.seed)
        model, loss, batches = launch.PREPARE["seedless"](
            asdict(self.config(series)), series, {}, trial
        )
        seconds = _seconds_a_step(model, loss, batches)
        passes = max(MIN_STEPS, N_EPOCHS * batches.steps_per_epoch)
        n_steps = int(np.clip(60 * self.minutes / seconds, 1, min(passes, MAX_STEPS)))
        print(
            f"{seconds:.2f} s a step: {n_steps:,} steps, about {n_steps * seconds / 60:.1f} minutes undisturbed",
            flush=True,
        )
        path.write_text(json.dumps({"of": what, "steps": n_steps}))
        return n_steps

    def _matching(self, n_series: int, seed: int, wanted: Mapping[str, str]) -> pd.DataFrame:
        """Return attributes of `n_series` series that are as wanted: drawn until they match, set where that takes too long."""
        schema = self._fitted()[1]
        names = list(schema.categories)
        first = [name for i, name in enumerate(names) if set(names[: i + 1]) <= set(wanted)]
        generator, kept, found = torch.Generator().manual_seed(seed), [], 0
        for name, value in wanted.items():
            if value not in schema.categories[name]:
                raise DataError(f"attribute '{name}' is '{value}' in no series that was learned.")
        for _ in range(DRAWS):
            drawn = self._attributes(max(1000, n_series), generator, {k: wanted[k] for k in first})
            kept.append(drawn[np.all([drawn[k] == v for k, v in wanted.items()], axis=0)])
            found += len(kept[-1])
            if found >= n_series:
                return pd.concat(kept).head(n_series).reset_index(drop=True)
        warnings.warn(
            f"only {found} of {DRAWS * max(1000, n_series):,} draws are {wanted}: these attributes are set instead, and the "
            "others drawn as if nothing were known of those behind them.",
            stacklevel=3,
        )
        return self._attributes(n_series, generator, wanted)

    @torch.no_grad()
    def _attributes(
        self, n: int, generator: torch.Generator, given: Mapping[str, str]
    ) -> pd.DataFrame:
        model, schema, _ = self._fitted()
        set_ = pd.DataFrame({k: [v] * n for k, v in given.items()})
        codes = sampling.draw_attributes(model, schema, n, generator, set_).long().numpy()
        return pd.DataFrame(
            {
                k: np.array(v, dtype=object)[codes[:, i]]
                for i, (k, v) in enumerate(schema.categories.items())
            }
        )

    def _check_parts(self, folder: Path | str) -> None:
        """Raise DataError unless model, schema and table speak of the same measurements and attributes."""
        model, schema, table = self._fitted()
        config, layout = model.config, model.layout
        levels = [column.levels for column in schema.parts]
        sizes = [len(v) for v in schema.categories.values()] + [0] * 2 * len(
            levels
        ) * schema.per_series
        if (
            layout is None
            or [d.levels for d in layout.step] != levels + [0] * (not schema.fixed_length)
            or [d.levels for d in layout.attributes] != sizes
            or config.n_features != len(levels)
            or not table.fits(levels, schema.categories)
        ):
            raise DataError(
                f"the parts of the model in {folder} do not fit each other; save it again."
            )
        check_room(
            16 * config.n_layer * config.d_model * max(schema.longest, schema.fixed_length), folder
        )

    def _fitted(self) -> tuple[TST, SeriesEncoder, Table]:
        if self.model is None or self.schema is None or self.table is None:
            raise DataError(
                "this Synthesiser has learned nothing yet: call fit first, or Synthesiser.load."
            )
        return self.model, self.schema, self.table


def _seconds_a_step(
    model: TST, loss: Callable[[TST, Any], torch.Tensor], batches: Callable[[int], Any]
) -> float:
    """Return the seconds that a training step takes on this machine undisturbed, by processor time."""
    loss(model, batches(0)).backward()
    start = time.process_time()
    for step in range(TIMED):
        loss(model, batches(step)).backward()
    return 1.1 * (time.process_time() - start) / TIMED / torch.get_num_threads()
