"""Own data in five lines: fit a table, sample one like it, save and load.

The model is the GenerativeTST of notebook 10: attributes first, then steps from a learned start, as
many as the length that was drawn with them; no real value enters a sample. Sizes follow the data,
optimiser steps the time given. A saved model is model.safetensors and model.json, without pickle.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self, cast

import numpy as np
import pandas as pd
import torch

from tst import __version__
from tst.errors import DataError, translate_errors
from tst.io import files, part_files, scratch, weights
from tst.io.untrusted import check_room, read_json
from tst.models import jobs
from tst.models.base import Training
from tst.models.jobs import Engine, Job
from tst.models.transformer import sampling
from tst.models.transformer.batches import TokenBatches
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.generative import SPEC, GenerativeTST
from tst.models.transformer.tokens import has_end
from tst.series import SeriesSet, ceil_div
from tst.table.table import Roles, Table
from tst.table.timeline import Timeline
from tst.training.batches import Loss
from tst.training.loop import TrainConfig
from tst.training.timing import step_seconds

FORMAT = "synthesiser-3"
N_TOKENS = 512  # of a series, above which steps are joined to patches
N_NUMBERS = 96  # of a patch, at most
MIN_STEPS, MAX_STEPS = 400, 20_000  # within which the time given decides
N_EPOCHS = 400  # passes over a set, at most; a model that is judged by held-out series ends before
N_BLIND_EPOCHS = 60  # passes over a set that is too small to hold series out
HELD_OUT = 0.1  # of the series
SMALL = 2**20  # values of a set, up to which a share of the units is dropped in training
DROPOUT = 0.1
DRAWS = 50  # rounds of attributes that are drawn for rare given ones, before they are set
TIMED = 5  # steps
PART_BYTES = 2**28  # of keys and values, that the series of one part of a sample take


class Synthesiser:
    """A model of a long table of series.

    Parameters
    ----------
    max_steps
        Optimiser steps, at most: training ends where the likelihood of held-out series no longer
        rises. None: as many as fit into `minutes`.
    minutes
        Processor time for the training, by the measure of its first steps; only with `max_steps`
        is a seed exactly repeatable.
    seed
        Of weights, batches and, unless another is given, samples.
    roles
        What the columns are, as a mapping or a YAML file, where the guess is wrong
        (`tst.table.roles.Roles`).
    folder
        Where the training keeps its checkpoints, so that it goes on after a stop; None: a
        temporary one.
    d_model, n_layer, patch, batch_size, learning_rate
        Sizes; patch (steps a token) None: by the longest series.
    engine, n_processes
        Where the training runs, and on how many processes, as `tst.models.jobs.train_all` has it;
        an engine needs a `folder` that its machines share.
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
        engine: Engine = "here",
        n_processes: int = 1,
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
        self.engine: Engine = engine
        self.n_processes = n_processes
        self.model: GenerativeTST | None = None
        self.table: Table | None = None

    def fit(self, data: pd.DataFrame | Path | str) -> Self:
        """Learn a table, a DataFrame or the path of a CSV, CSV.gz or Parquet, and return self.

        Raises DataError where the table cannot be read or has nothing to learn.
        """
        table, series = Table.fit(data, self.roles)
        return self.fit_series(series, table)

    def fit_series(self, series: SeriesSet, table: Table) -> Self:
        """Learn the `SeriesSet` of a `Table`, or a part of it, and return self.

        `history` then holds the loss of each step.
        """
        if self.folder:
            self._train(series, Path(self.folder))
        else:
            with scratch.Folder() as folder:
                self._train(series, folder)
        self.table = table
        return self

    def _train(self, series: SeriesSet, folder: Path) -> None:
        """Train a model of a set in a folder, or go on there."""
        series.save(folder / "series")
        job = self._job(series, folder)
        self.history: pd.DataFrame = jobs.train_all([job], self.engine, self.n_processes)
        self.model = GenerativeTST.load(folder / "model")

    def sample(
        self, n_series: int, seed: int | None = None, given: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """Return a table of `n_series` synthetic series, columns and dtypes as learned.

        Parameters
        ----------
        seed
            The same seed gives the same table; None: the model's.
        given
            {attribute: value}: only series of these.
        """
        return self._sample_table(n_series, self.seed if seed is None else seed, given)

    def sample_parts(
        self,
        n_series: int,
        folder: Path | str,
        seed: int | None = None,
        given: Mapping[str, object] | None = None,
    ) -> list[Path]:
        """Write a table of `n_series` synthetic series as Parquet files, in the memory of one part.

        The files part-00000.parquet ... of the folder are one table; each is there when it is
        complete. A run that was stopped goes on behind the last of them; another model, seed or
        number begins afresh.

        Parameters
        ----------
        folder
            Of the files.
        n_series, seed, given
            As in `sample`.

        Returns
        -------
        Paths of the files, in order.
        """
        model, _ = self._fitted()
        if n_series < 1:
            raise DataError(f"n_series is {n_series}; give the number of series, at least 1.")
        seed = self.seed if seed is None else seed
        n_a_part = sampling.series_within(model, PART_BYTES)
        facts = {
            "n_series": n_series,
            "n_a_part": n_a_part,
            "seed": seed,
            "given": str(given or {}),
            "model": self._digest(),
            "version": __version__,
        }
        n_parts = ceil_div(n_series, n_a_part)
        with part_files.prepared(Path(folder), n_parts, facts) as paths:
            for i, path in enumerate(paths):
                if path.exists():
                    continue
                first = i * n_a_part
                n = min(n_a_part, n_series - first)
                part_seed = int(np.random.SeedSequence([seed, i]).generate_state(1)[0])
                frame = self._sample_table(n, part_seed, given, first, n_series)
                with files.replacing(path) as part:
                    frame.to_parquet(part, index=False)
        return paths

    def _sample_table(
        self,
        n_series: int,
        seed: int,
        given: Mapping[str, object] | None,
        first: int = 0,
        n_all: int | None = None,
    ) -> pd.DataFrame:
        """Return a table of synthetic series: those from `first` on of `n_all`."""
        series = self.sample_series(n_series, seed, given, first)
        frame = self._fitted()[1].to_frame(series, seed, first, n_all)
        for name, value in (given or {}).items():
            label = dict(self._fitted()[1].labels).get(str(name), name)
            frame[label] = pd.Series([value] * len(frame)).astype(frame[label].dtype)
        return frame

    def _digest(self) -> str:
        """Return hex digits that name the model and its table by all that decides a sample."""
        model, table = self._fitted()
        facts = json.dumps(table.to_dict() | model.facts(), sort_keys=True, default=str)
        digest = hashlib.sha256(facts.encode())
        for name, tensor in sorted(model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def sample_series(
        self,
        n_series: int,
        seed: int | None = None,
        given: Mapping[str, object] | None = None,
        first: int = 0,
    ) -> SeriesSet:
        """Return `n_series` synthetic series as a `SeriesSet`; arguments as in `sample`.

        Parameters
        ----------
        first
            How many series come before, where these are a part of a synthetic table.
        """
        model, table = self._fitted()
        if n_series < 1:
            raise DataError(f"n_series is {n_series}; give the number of series, at least 1.")
        seed = self.seed if seed is None else seed
        wanted = {str(name): table.given(str(name), value) for name, value in (given or {}).items()}
        timeline = self._timeline(n_series, seed, first)
        if not wanted:
            return model.sample(n_series, seed, timeline=timeline)
        attributes, timeline = self._matching(n_series, seed, wanted, timeline)
        return model.sample(n_series, seed, attributes=attributes, timeline=timeline)

    def _timeline(self, n_series: int, seed: int, first: int = 0) -> Timeline | None:
        """Return when series begin, where the model sees a calendar."""
        model, table = self._fitted()
        if model.spec.cycles is None:
            return None
        return table.timeline(n_series, seed, first, self._encoder().longest)

    def save(self, folder: Path | str) -> Path:
        """Write model.safetensors and model.json to a folder and return its path."""
        model, table = self._fitted()
        facts = {"format": FORMAT, "seed": self.seed, "table": table.to_dict()}
        weights.save(folder, facts | model.facts(), model.state_dict())
        return Path(folder)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Return what `save` wrote; raises DataError where it is missing or no such model."""
        path = Path(folder) / "model.json"
        if not path.is_file() or not (Path(folder) / "model.safetensors").is_file():
            raise DataError(
                f"no model in {folder}: model.json and model.safetensors of Synthesiser.save "
                "belong there."
            )
        with translate_errors(f"the model in {folder} is damaged", "save it again"):
            facts = read_json(path)
            if facts.get("format") != FORMAT:
                raise DataError(
                    f"{path} has format '{facts.get('format')}', this version reads '{FORMAT}'."
                )
            seed = facts["seed"]
            if type(seed) is not int or seed < 0:
                raise DataError(
                    f"{path} has the seed {repr(seed)[:40]}; give a whole number of at least 0."
                )
            loaded = cls(seed=seed)
            loaded.table = Table.from_dict(facts["table"])
            loaded.model = GenerativeTST.load(folder)
            loaded._check_parts(folder)
        return loaded

    def config(self, series: SeriesSet) -> GenerativeConfig:
        """Return the sizes for a set.

        Patches where series are long, a sliding window where they are longer still.
        """
        longest = int(series.lengths.max())
        n_numbers = series.n_features + 1  # a step's, its end counted
        largest_patch = max(1, N_NUMBERS // n_numbers)
        patch = self.patch or min(largest_patch, ceil_div(longest, N_TOKENS))
        context = min(longest, 2 * N_TOKENS * patch)
        whole = GenerativeConfig(
            n_features=series.n_features,
            d_model=self.d_model,
            n_head=4,
            n_layer=self.n_layer,
            d_ff=2 * self.d_model,
            dropout=DROPOUT if series.values.size <= SMALL else 0.0,
            attention_dropout=0.0,
            context_length=context,
            patch=patch,
        )
        if longest <= context:
            return whole
        return replace(whole, attention="sliding", window=N_TOKENS, positions="rope")

    def _job(self, series: SeriesSet, folder: Path) -> Job:
        config = self.config(series)
        n_steps = self.max_steps or self._affordable_steps(series, config, folder)
        settings = TrainConfig(
            max_steps=n_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_steps=min(50, n_steps // 4),
            grad_clip=1.0,
            seed=self.seed,
            checkpoint_every=200,
            decay=True,
            held_out=HELD_OUT,
        )
        return Job.of(SPEC, folder / "series", folder / "model", config, settings)

    def _affordable_steps(self, series: SeriesSet, config: GenerativeConfig, folder: Path) -> int:
        """Return the optimiser steps that fit into `minutes`.

        Measured once a set of data, so that a run which was stopped goes on alike.
        """
        path = folder / "steps.json"
        decided_by = [series.sha256(), self.minutes, asdict(config), self.batch_size]
        known = json.loads(path.read_text()) if path.is_file() else {}
        if known.get("of") == decided_by:
            return int(known["steps"])
        settings = TrainConfig(
            max_steps=1, batch_size=self.batch_size, seed=self.seed, held_out=HELD_OUT
        )
        training = SPEC.prepare(config, series, settings)
        seconds = _seconds_a_step(training)
        steps_per_epoch = cast(TokenBatches, training.batches).steps_per_epoch
        n_epochs = N_BLIND_EPOCHS if training.score is None else N_EPOCHS
        passes = max(MIN_STEPS, n_epochs * steps_per_epoch)
        n_steps = int(np.clip(60 * self.minutes / seconds, 1, min(passes, MAX_STEPS)))
        minutes = n_steps * seconds / 60
        print(
            f"{seconds:.2f} s a step: {n_steps:,} steps, about {minutes:.1f} minutes undisturbed",
            flush=True,
        )
        files.write_text(json.dumps({"of": decided_by, "steps": n_steps}), path)
        return n_steps

    def _matching(
        self, n_series: int, seed: int, wanted: Mapping[str, str], timeline: Timeline | None
    ) -> tuple[pd.DataFrame, Timeline | None]:
        """Return attributes of `n_series` series that are as wanted, and when the series begin.

        Drawn until they match; set, with a warning, where that takes too long.
        """
        categories = self._encoder().categories
        for name, value in wanted.items():
            if value not in categories[name]:
                raise DataError(f"attribute '{name}' is '{value}' in no series that was learned.")
        # Attributes are drawn in order: those at the front that are wanted can be set at once,
        # but not where they tell when a series begins, which is drawn before them.
        front: dict[str, str] = {}
        for name in categories:
            if name not in wanted or timeline is not None:
                break
            front[name] = wanted[name]
        generator = torch.Generator().manual_seed(seed)
        n_drawn = max(1000, n_series)
        kept = []
        starts = [np.empty(0, dtype=np.int64)]
        n_kept = 0
        for i in range(DRAWS):
            tried = self._timeline(n_drawn, seed + i)
            drawn = self._attributes(n_drawn, generator, front, tried)
            matches = np.all([drawn[name] == value for name, value in wanted.items()], axis=0)
            kept.append(drawn[matches])
            if tried is not None:
                starts.append(tried.starts[matches])
            n_kept += int(matches.sum())
            if n_kept >= n_series:
                if timeline is not None:
                    timeline = replace(timeline, starts=np.concatenate(starts)[:n_series])
                return pd.concat(kept).head(n_series).reset_index(drop=True), timeline
        warnings.warn(
            f"only {n_kept} of {DRAWS * n_drawn:,} draws are {wanted}: these "
            "attributes are set instead, and the others drawn as if nothing were known of those "
            "behind them.",
            stacklevel=3,
        )
        return self._attributes(n_series, generator, wanted, timeline), timeline

    @torch.no_grad()
    def _attributes(
        self,
        n_series: int,
        generator: torch.Generator,
        given: Mapping[str, str],
        timeline: Timeline | None = None,
    ) -> pd.DataFrame:
        model, _ = self._fitted()
        frame = pd.DataFrame({name: [value] * n_series for name, value in given.items()})
        starts = None if timeline is None else timeline.starts
        drawn = sampling.draw_attributes(model, n_series, generator, frame, starts=starts)
        codes = drawn.long().cpu().numpy()
        columns = {}
        for i, (name, known) in enumerate(self._encoder().categories.items()):
            columns[name] = np.array(known, dtype=object)[codes[:, i]]
        return pd.DataFrame(columns)

    def _check_parts(self, folder: Path | str) -> None:
        """Raise DataError unless model, encoder and table agree on measurements and attributes."""
        model, table = self._fitted()
        encoder = self._encoder()
        n_categories = [feature.n_categories for feature in encoder.feature_encoders]
        step = list(n_categories)
        if has_end(encoder):
            step.append(0)
        attributes = [len(known) for known in encoder.categories.values()]
        if encoder.per_series:
            attributes += [0] * (2 * len(n_categories))  # loc and scale of each measurement
        if encoder.log_length is not None:
            attributes.append(0)
        fits = (
            [v.n_categories for v in model.spec.step] == step
            and [v.n_categories for v in model.spec.attributes] == attributes
            and model.config.n_features == len(n_categories)
            and table.fits(n_categories, encoder.categories)
        )
        if not fits:
            raise DataError(
                f"the parts of the model in {folder} do not fit each other; save it again."
            )
        longest = max(encoder.longest, encoder.fixed_length)
        check_room(16 * model.config.n_layer * model.config.d_model * longest, folder)

    def _encoder(self) -> SeriesEncoder:
        encoder = self._fitted()[0].encoder
        if encoder is None:
            raise DataError("this model does not say how its data were encoded; save it again.")
        return encoder

    def _fitted(self) -> tuple[GenerativeTST, Table]:
        if self.model is None or self.table is None:
            raise DataError(
                "this Synthesiser has learned nothing yet: call fit first, or Synthesiser.load."
            )
        return self.model, self.table


def _seconds_a_step(training: Training) -> float:
    """Return the seconds that a training step takes on this machine undisturbed."""
    model, batches = training.model, training.batches
    loss = cast(Loss, training.loss)  # one, not a GAN's objectives
    step_seconds(model, loss, batches, n_steps=1)  # not counted: it allocates memory
    seconds = step_seconds(model, loss, batches, n_steps=TIMED, count_batches=True)
    mean = sum(seconds) / TIMED / torch.get_num_threads()
    return 1.1 * mean  # the optimiser's share
