"""Own data in five lines: fit a table, sample one like it, save and load.

The model is the GenerativeTST of notebook 10: attributes first, then steps from a learned start, as
many as the length that was drawn with them; no real value enters a sample. Sizes follow the data,
optimiser steps the time given. A saved model is model.safetensors and model.json, without pickle.
"""

import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self, TextIO, cast, get_args

import numpy as np
import pandas as pd
import torch

from tst import __version__
from tst.errors import DataError, translate_errors
from tst.io import files, part_files, progress, scratch, weights
from tst.io.untrusted import check_room, read_json
from tst.models import jobs
from tst.models.base import Training
from tst.models.jobs import Engine, Job
from tst.models.transformer import continuation, private, sampling, sizes
from tst.models.transformer.batches import TokenBatches
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.domain import Domain, FeatureDomain
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.generative import MIN_HELD_OUT, SPEC, GenerativeTST
from tst.models.transformer.moves import Moves
from tst.models.transformer.private import Account, PrivateConfig
from tst.models.transformer.tokens import has_end
from tst.series import SeriesSet, ceil_div
from tst.table.given import Given
from tst.table.overlap import SEGMENT
from tst.table.public import Public
from tst.table.recent import Recent
from tst.table.stretches import Stretches
from tst.table.table import Roles, Table
from tst.table.timeline import Timeline
from tst.table.writer import csv_writer, table_writer
from tst.training.account import Budget
from tst.training.batches import Loss
from tst.training.ending import Ending, Limit
from tst.training.loop import TrainConfig
from tst.training.timing import step_seconds

FORMAT = "synthesiser-5"
STEPS_FILE = "steps.json"  # how many fit into the minutes, and what that was measured by
N_TOKENS = 512  # of a series, above which steps are joined to patches
N_NUMBERS = 96  # of a patch, at most
MIN_STEPS, MAX_STEPS = 400, 20_000  # within which the time given decides
N_EPOCHS = 400  # passes over a set, at most; a model that is judged by held-out series ends before
N_BLIND_EPOCHS = 60  # passes over a set that is too small to hold series out
HELD_OUT = 0.1  # of the series
FEW_SEGMENTS = 12  # of one series, of which none is held out
DRAWS = 50  # rounds of attributes that are drawn for rare given ones, before they are set
TIMED = 5  # steps
PRIVATE_BATCH = 512  # series of a private step, at most
PART_BYTES = 2**28  # of keys and values, that the series of one part of a sample take


class Synthesiser:
    """A model of a long table of series.

    Parameters
    ----------
    max_steps
        Optimiser steps, at most: training ends where the likelihood of held-out series no longer
        rises; where it was best at once, it begins again by smaller ones first. None: as many as
        fit into `minutes`.
    minutes
        Processor time for the training: what the attributes take, and as many steps as then fit
        by the measure of the first ones, for half of it at least. Only with `max_steps` is a seed
        exactly repeatable.
    seed
        Of weights, batches and, unless another is given, samples.
    roles
        What the columns are, as a mapping or a YAML file, where the guess is wrong
        (`tst.table.roles.Roles`).
    folder
        Where the training keeps its checkpoints, so that it goes on after a stop; None: a
        temporary one.
    d_model, n_layer, patch, batch_size, learning_rate
        Sizes; patch (steps a token) None: by the longest series, batch_size None: by the mean one
        (`tst.models.transformer.sizes`).
    engine, n_processes
        Where the training runs, and on how many processes, as `tst.models.jobs.train_all` has it;
        an engine needs a `folder` that its machines share.
    epsilon, delta, public
        Differential privacy of each series (`tst.models.transformer.private`): `fit` then reads a
        table by what `public` says of it alone (`tst.table.public.Public`; a mapping or a YAML
        file), takes `max_steps` steps whatever `minutes` says, and is repeated by no seed. delta
        None: a tenth of 1 / the series that `public` says there are.
    """

    def __init__(
        self,
        max_steps: int | None = None,
        minutes: float = 5.0,
        seed: int = 0,
        roles: Roles | Mapping[str, object] | Path | str | None = None,
        folder: Path | str | None = None,
        d_model: int = sizes.D_MODEL,
        n_layer: int = sizes.N_LAYER,
        patch: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = sizes.LEARNING_RATE,
        engine: Engine = "here",
        n_processes: int = 1,
        epsilon: float | None = None,
        delta: float | None = None,
        public: Public | Mapping[str, object] | Path | str | None = None,
    ) -> None:
        _check_above_zero("minutes", minutes)
        _check_whole("max_steps", 1 if max_steps is None else max_steps, 1)
        _check_whole("seed", seed, 0)
        _check_whole("n_processes", n_processes, 1)
        if engine not in get_args(Engine):
            raise DataError(f"engine is '{engine}'; use {', '.join(get_args(Engine))}.")
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
        self.is_chained = False  # whether windows of one series are learned, to follow each other
        self.model: GenerativeTST | None = None
        self.table: Table | None = None
        self.account: Account | None = None  # of a private model
        self.public: Public | None = None
        self.budget: Budget | None = None
        if epsilon is not None:
            self._promise(epsilon, delta, public)
        elif delta is not None or public is not None:
            raise DataError("delta and public are for a private model: give its epsilon, too.")

    def _promise(
        self,
        epsilon: float,
        delta: float | None,
        public: Public | Mapping[str, object] | Path | str | None,
    ) -> None:
        """Take what a private model needs; raise DataError where it cannot be kept."""
        Budget(epsilon=epsilon, delta=0.5)  # a wrong epsilon is told before a missing file
        self.public = Public.read(public)
        if delta is None:
            delta = 0.1 / self.public.n_series
        self.budget = Budget(epsilon=epsilon, delta=delta)
        if self.roles is not None:
            raise DataError("roles are guessed from rows; of a private table, say all in public.")
        if self.engine != "here" or self.n_processes > 1:
            raise DataError("a private model is trained here, by one process.")

    def fit(self, data: pd.DataFrame | Path | str) -> Self:
        """Learn a table, a DataFrame or the path of a CSV, CSV.gz or Parquet, and return self.

        Raises DataError where the table cannot be read or has nothing to learn.
        """
        if not isinstance(data, pd.DataFrame | Path | str):
            raise DataError(
                f"data is of type {type(data).__name__}: give a DataFrame, or the path of a file."
            )
        if self.public is not None and self.budget is not None:
            return self._fit_private(data, self.public, self.budget)
        table, series = Table.fit(data, self.roles)
        return self.fit_series(series, table)

    def _fit_private(self, data: pd.DataFrame | Path | str, public: Public, budget: Budget) -> Self:
        """Learn a table by what is publicly known of it, and with noise."""
        table, made_up = public.table()
        domain = _domain(public, table)
        series = public.series(data, table, made_up)
        settings = PrivateConfig(
            steps=self.max_steps or PrivateConfig.steps,
            rate=min(PrivateConfig.rate, PRIVATE_BATCH / public.n_series),
        )
        config = private.sizes(self.config(made_up), domain)
        self.model, self.account = private.fit(series, domain, config, budget, settings, self.seed)
        self.table = table
        return self

    def fit_series(self, series: SeriesSet, table: Table) -> Self:
        """Learn the `SeriesSet` of a `Table`, or a part of it, and return self.

        `history` then holds the loss of each step, `ending` what ended the training.
        """
        if self.budget is not None:
            raise DataError("a private model learns a table that it reads itself: call fit.")
        self.is_chained = table is not None and table.is_one_series
        if self.is_chained:
            series = table.overlapping(series)
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
        self.ending = Ending.of(self.history, job.train["max_steps"], self._limit(folder))
        print(f"training: {self.ending.text}", flush=True)
        self.model = GenerativeTST.load(folder / "model")

    def account_text(self) -> str:
        """Return what a private model promises, and how it knows what it knows, as Markdown."""
        if self.account is None:
            raise DataError("this model promises nothing: fit it with an epsilon.")
        return self.account.text()

    def sample(
        self,
        n_series: int | None = None,
        seed: int | None = None,
        given: Mapping[str, object] | pd.DataFrame | None = None,
        *,
        continue_from: pd.DataFrame | Path | str | None = None,
        n_steps: int | None = None,
    ) -> pd.DataFrame:
        """Return a table of `n_series` synthetic series, columns and dtypes as learned.

        A table without an id is one series: then `n_series` says of how many stretches it is made.
        Or, with `continue_from`, the rows behind given ones: ids and attributes stay, times go on
        in the table's calendar, what relations say holds with the rows in front.

        Parameters
        ----------
        seed
            The same seed gives the same table; None: the model's.
        given
            {attribute: value}: only series of these; {time: value}: series that start then. A list
            has a value a series, a DataFrame a row.
        continue_from
            Rows of real series, best all of each, as the table that was learned or a file of such.
        n_steps
            Rows to add to each of these series.
        """
        if continue_from is None:
            if n_steps is not None:
                raise DataError("n_steps says how far rows are continued: give continue_from, too.")
            return self._sample_table(*self._request(n_series, seed, given))
        if n_series is not None or given is not None:
            raise DataError(
                "with continue_from the series are those of its rows: leave out n_series and given."
            )
        return self._prolonged(continue_from, n_steps, self._checked_seed(seed))

    def _prolonged(
        self, continue_from: pd.DataFrame | Path | str, n_steps: int | None, seed: int
    ) -> pd.DataFrame:
        """Return the rows behind given ones; see `sample`."""
        model, table = self._fitted()
        if n_steps is None:
            raise DataError("give n_steps, the rows to add to each series of continue_from.")
        _check_whole("n_steps", n_steps, 1)
        recent = Recent.of(table, continue_from)
        first, slide = recent.window_starts(self._encoder().longest)
        timeline = None
        if model.spec.cycles is not None:
            timeline = table.timeline_from(recent.times[recent.is_first])
        values = continuation.prolong(
            model,
            recent.series,
            n_steps,
            seed,
            first,
            slide,
            timeline,
            recent.times,
            self._moves(),
        )
        return recent.prolonged(values, seed)

    def sample_file(
        self,
        n_series: int,
        path: Path | str,
        seed: int | None = None,
        given: Mapping[str, object] | pd.DataFrame | None = None,
    ) -> int:
        """Write a table of `n_series` synthetic series as CSV or Parquet, in the memory of a part.

        The file is there when it is complete. Arguments as in `sample`; returns its rows.
        """
        request = self._request(n_series, seed, given)
        table = self._fitted()[1]
        written = Path(path).suffix, table.empty_columns, table.dialect
        n_rows = 0
        with files.replacing(path) as part, table_writer(part, *written) as write:
            for frame in self._sampled_parts(*request):
                write(frame)
                n_rows += len(frame)
        return n_rows

    def sample_stream(
        self,
        n_series: int,
        file: TextIO,
        seed: int | None = None,
        given: Mapping[str, object] | pd.DataFrame | None = None,
    ) -> None:
        """Write what `sample_file` does as CSV to an open file."""
        write = csv_writer(file, self._fitted()[1].dialect)
        for frame in self._sampled_parts(*self._request(n_series, seed, given)):
            write(frame)

    def sample_parts(
        self,
        n_series: int,
        folder: Path | str,
        seed: int | None = None,
        given: Mapping[str, object] | pd.DataFrame | None = None,
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
        n_series, seed, wanted = self._request(n_series, seed, given)
        model, table = self._fitted()
        empty = table.empty_columns
        n_a_part = sampling.series_within(model, PART_BYTES)
        facts = {
            "n_series": n_series,
            "n_a_part": n_a_part,
            "seed": seed,
            "given": wanted.facts(),
            "model": self._digest(),
            "version": __version__,
        }
        n_parts = ceil_div(n_series, n_a_part)
        with part_files.prepared(Path(folder), n_parts, facts) as paths:
            is_there = [path.exists() for path in paths]
            parts = self._sampled_parts(n_series, seed, wanted, is_there)
            missing = [path for path, is_done in zip(paths, is_there, strict=True) if not is_done]
            for path, frame in zip(missing, parts, strict=True):
                with files.replacing(path) as part, table_writer(part, path.suffix, empty) as write:
                    write(frame)
        return paths

    def _sampled_parts(
        self,
        n_series: int,
        seed: int,
        given: Given,
        is_left_out: list[bool] | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Yield a table of synthetic series in parts, each of as many as PART_BYTES hold.

        A table of one part is what `sample` returns; one of one series is made whole, and parted.
        """
        model, table = self._fitted()
        n_a_part = sampling.series_within(model, PART_BYTES)
        n_parts = ceil_div(n_series, n_a_part)
        if table.is_one_series:
            yield from self._parts_of_one(n_series, n_a_part, seed, given, is_left_out)
            return
        with progress.bar("sample", "series", n_series, hidden=n_parts == 1) as bar:
            for i in range(n_parts):
                first = i * n_a_part
                n = min(n_a_part, n_series - first)
                if is_left_out is None or not is_left_out[i]:
                    part_seed = seed
                    if n_parts > 1:
                        part_seed = int(np.random.SeedSequence([seed, i]).generate_state(1)[0])
                    part = given.part(first, n)
                    yield self._sample_table(n, part_seed, part, first, n_series)
                bar.update(n)

    def _parts_of_one(
        self,
        n_stretches: int,
        n_a_part: int,
        seed: int,
        given: Given,
        is_left_out: list[bool] | None,
    ) -> Iterator[pd.DataFrame]:
        """Yield one series in parts of so many stretches; see `_sampled_parts`."""
        stretches = cast(Stretches, self._fitted()[1].stretches)
        frame = self._sample_table(n_stretches, seed, given)
        n_rows = n_a_part * stretches.n_steps
        for i, first in enumerate(range(0, len(frame), n_rows)):
            if is_left_out is None or not is_left_out[i]:
                yield frame.iloc[first : first + n_rows].reset_index(drop=True)

    def _sample_table(
        self, n_series: int, seed: int, given: Given, first: int = 0, n_all: int | None = None
    ) -> pd.DataFrame:
        """Return a table of synthetic series: those from `first` on of `n_all`."""
        table = self._fitted()[1]
        series = self._sample_set(n_series, seed, given, first)
        frame = table.to_frame(series, seed, first, n_all, given.starts)
        return given.written(table, frame, series.lengths)

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
        given: Mapping[str, object] | pd.DataFrame | None = None,
    ) -> SeriesSet:
        """Return `n_series` synthetic series as a `SeriesSet`; arguments as in `sample`."""
        return self._sample_set(*self._request(n_series, seed, given))

    def _sample_set(self, n_series: int, seed: int, given: Given, first: int = 0) -> SeriesSet:
        """Return synthetic series of given attributes; a part of them for each kind of these.

        Parameters
        ----------
        first
            How many series come before, where these are a part of a synthetic table.
        """
        model, table = self._fitted()
        if table.is_one_series:
            return self._sample_one(n_series, seed)
        timeline = self._timeline(n_series, seed, first, given.starts)
        if not given.labels.columns.size:
            return model.sample(n_series, seed, timeline=timeline, moves=self._moves())
        labels = given.labels
        attributes = pd.DataFrame(index=labels.index, columns=list(self._encoder().categories))
        for i, (_, rows) in enumerate(labels.groupby(list(labels), sort=False)):
            kind_seed = seed if not i else int(np.random.default_rng([seed, i]).integers(2**31))
            wanted = rows.iloc[0].to_dict()
            if timeline is None or given.starts is None:
                found, starts = self._matching(len(rows), kind_seed, wanted)
            else:
                starts = given.starts[rows.index]
                found = self._matching_at(starts, kind_seed, wanted)
            attributes.loc[rows.index] = found.to_numpy()
            if timeline is not None:
                timeline.starts[rows.index] = starts
        return model.sample(
            n_series, seed, attributes=attributes, timeline=timeline, moves=self._moves()
        )

    def _sample_one(self, n_stretches: int, seed: int) -> SeriesSet:
        """Return one synthetic series as stretches, each going on from the one before."""
        model, table = self._fitted()
        stretches = cast(Stretches, table.stretches)
        timeline = self._timeline(1, seed)
        n_steps = n_stretches * stretches.n_steps
        series = continuation.chain(model, n_steps, seed, stretches.lead, timeline, self._moves())
        return table.stretched(series, has_dates=timeline is not None)

    def _moves(self) -> list[Moves]:
        """Return which categories may follow each other, where the table says so."""
        moves = []
        for name, (starts, follows, ends) in self._fitted()[1].transitions().items():
            moves.append(Moves(feature=name, starts=starts, follows=follows, ends=ends))
        return moves

    def _timeline(
        self, n_series: int, seed: int, first: int = 0, starts: np.ndarray | None = None
    ) -> Timeline | None:
        """Return when series begin, where the model sees a calendar: given, or drawn."""
        model, table = self._fitted()
        if model.spec.cycles is None:
            return None
        if starts is not None:
            return table.timeline_from(starts.copy())
        return table.timeline(n_series, seed, first, self._encoder().longest)

    def _request(
        self,
        n_series: int | None,
        seed: int | None,
        given: Mapping[str, object] | pd.DataFrame | None,
    ) -> tuple[int, int, Given]:
        """Return the number of series, the seed and what is given, of arguments of `sample`.

        Raises
        ------
        DataError
            Where one of them cannot be, or nothing is learned.
        """
        table = self._fitted()[1]
        _check_whole("n_series", n_series, 1)
        n_series = cast(int, n_series)
        return n_series, self._checked_seed(seed), Given.of(table, given, n_series)

    def _checked_seed(self, seed: int | None) -> int:
        """Return a seed, or the model's; raises DataError where it is none."""
        if seed is None:
            return self.seed
        _check_whole("seed", seed, 0)
        return seed

    def save(self, folder: Path | str) -> Path:
        """Write model.safetensors and model.json to a folder and return its path."""
        model, table = self._fitted()
        facts = {"format": FORMAT, "seed": self.seed, "table": table.to_dict()}
        if self.account is not None:
            facts["privacy"] = self.account.to_dict()
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
            if facts.get("privacy") is not None:
                loaded.account = Account.from_dict(facts["privacy"])
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
            dropout=sizes.dropout(series),
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
            batch_size=self._batch_size(series, config),
            learning_rate=self.learning_rate,
            warmup_steps=min(50, n_steps // 4),
            grad_clip=1.0,
            seed=self.seed,
            checkpoint_every=200,
            decay=True,
            held_out=self._held_out(series),
        )
        return Job.of(SPEC, folder / "series", folder / "model", config, settings)

    def _held_out(self, series: SeriesSet) -> float:
        """Return the share of the series that are held out; of few segments of one series more."""
        if series.group != SEGMENT:
            return HELD_OUT
        n_segments = series.attributes[SEGMENT].nunique()
        if n_segments < FEW_SEGMENTS:
            return HELD_OUT
        return max(HELD_OUT, MIN_HELD_OUT / n_segments)

    def _batch_size(self, series: SeriesSet, config: GenerativeConfig) -> int:
        return self.batch_size or sizes.batch_size(series, config.patch)

    def _affordable_steps(self, series: SeriesSet, config: GenerativeConfig, folder: Path) -> int:
        """Return the optimiser steps that fit into `minutes`.

        Measured once a set of data, so that a run which was stopped goes on alike.
        """
        path = folder / STEPS_FILE
        batch_size = self._batch_size(series, config)
        decided_by = [series.sha256(), self.minutes, asdict(config), batch_size]
        known = json.loads(path.read_text()) if path.is_file() else {}
        if known.get("of") == decided_by:
            return int(known["steps"])
        settings = TrainConfig(
            max_steps=1, batch_size=batch_size, seed=self.seed, held_out=self._held_out(series)
        )
        torch.manual_seed(self.seed)  # as the training begins, which then knows the attributes
        training = SPEC.prepare(config, series, settings)
        spent = _seconds_of(training.begin) if training.begin else 0.0
        seconds = _seconds_a_step(training)
        steps_per_epoch = cast(TokenBatches, training.batches).steps_per_epoch
        n_epochs = N_BLIND_EPOCHS if training.score is None else N_EPOCHS
        most = min(max(MIN_STEPS, n_epochs * steps_per_epoch), MAX_STEPS)
        left = 60 * self.minutes - min(spent, 30 * self.minutes)
        n_steps = int(np.clip(left / seconds, 1, most))
        minutes = (spent + n_steps * seconds) / 60
        print(
            f"{seconds:.2f} s a step: {n_steps:,} steps, about {minutes:.1f} minutes undisturbed",
            flush=True,
        )
        given = "passes" if n_steps == most else "minutes"
        facts = {"of": decided_by, "steps": n_steps, "given": given}
        facts["begun_core_seconds"] = spent * torch.get_num_threads()
        files.write_text(json.dumps(facts), path)
        return n_steps

    def _limit(self, folder: Path) -> Limit:
        """Return what limits the training: steps, or what was measured to be less."""
        if self.max_steps:
            return "steps"
        limit: Limit = json.loads((folder / STEPS_FILE).read_text()).get("given", "minutes")
        return limit

    def _matching(
        self, n_series: int, seed: int, wanted: Mapping[str, str]
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Return attributes of `n_series` series that are as wanted, and when the series begin.

        Drawn until they match; set, with a warning, where that takes too long. Without a calendar
        there are no starts.
        """
        # Attributes are drawn in order: those at the front that are wanted can be set at once,
        # but not where they tell when a series begins, which is drawn before them.
        front = self._front(wanted)
        if self._fitted()[0].spec.cycles is not None:
            front = {}
        generator = torch.Generator().manual_seed(seed)
        n_drawn = max(1000, n_series)
        kept = []
        starts = [np.empty(0, dtype=np.int64)]
        n_kept = 0
        for i in range(DRAWS):
            tried = self._timeline(n_drawn, seed + i)
            drawn = self._attributes(n_drawn, generator, front, tried)
            matches = _are(drawn, wanted)
            kept.append(drawn[matches])
            if tried is not None:
                starts.append(tried.starts[matches])
            n_kept += int(matches.sum())
            if n_kept >= n_series:
                found = pd.concat(kept).head(n_series).reset_index(drop=True)
                return found, np.concatenate(starts)[:n_series]
        _warn_set(n_kept, DRAWS * n_drawn, wanted)
        tried = self._timeline(n_series, seed)
        found = self._attributes(n_series, generator, wanted, tried)
        return found, np.empty(0, dtype=np.int64) if tried is None else tried.starts

    def _matching_at(
        self, starts: np.ndarray, seed: int, wanted: Mapping[str, str]
    ) -> pd.DataFrame:
        """Return attributes that are as wanted, of series that begin at given times.

        Each is drawn until it matches; set, with a warning, where that takes too long.
        """
        table = self._fitted()[1]
        front = self._front(wanted)
        generator = torch.Generator().manual_seed(seed)
        found = pd.DataFrame(index=range(len(starts)), columns=list(self._encoder().categories))
        open_ones = np.arange(len(starts))
        for _ in range(DRAWS):
            tried = np.repeat(open_ones, ceil_div(1000, len(open_ones)))
            timeline = table.timeline_from(starts[tried])
            drawn = self._attributes(len(tried), generator, front, timeline)
            matches = np.flatnonzero(_are(drawn, wanted))
            series, first = np.unique(tried[matches], return_index=True)
            found.loc[series] = drawn.iloc[matches[first]].to_numpy()
            open_ones = np.setdiff1d(open_ones, series)
            if not len(open_ones):
                return found
        _warn_set(len(starts) - len(open_ones), len(starts), wanted)
        timeline = table.timeline_from(starts[open_ones])
        drawn = self._attributes(len(open_ones), generator, wanted, timeline)
        found.loc[open_ones] = drawn.to_numpy()
        return found

    def _front(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return what is wanted of the attributes that are drawn first, up to one that is not.

        Raises
        ------
        DataError
            Where a value is that of no series.
        """
        categories = self._encoder().categories
        for name, value in wanted.items():
            if value not in categories[name]:
                raise DataError(f"attribute '{name}' is '{value}' in no series that was learned.")
        front: dict[str, str] = {}
        for name in categories:
            if name not in wanted:
                break
            front[name] = wanted[name]
        return front

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
        step = [feature.n_categories for feature in encoder.feature_encoders]
        attributes = [len(known) for known in encoder.categories.values()]
        if encoder.per_series:
            attributes += [0] * len(encoder.own)  # locs and scales
        if encoder.log_length is not None:
            attributes.append(0)
        if has_end(encoder):
            step.append(0)
        fits = (
            [v.n_categories for v in model.spec.step] == step
            and [v.n_categories for v in model.spec.attributes] == attributes
            and model.config.n_features == len(encoder.n_categories)
            and table.fits(encoder.n_categories, encoder.categories)
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


def _are(drawn: pd.DataFrame, wanted: Mapping[str, str]) -> np.ndarray:
    """Tell which rows are as wanted, bool (rows,)."""
    matches = np.ones(len(drawn), dtype=bool)
    for name, value in wanted.items():
        matches &= (drawn[name] == value).to_numpy()
    return matches


def _warn_set(n_found: int, n_drawn: int, wanted: Mapping[str, str]) -> None:
    """Warn that attributes are set which were drawn too seldom."""
    warnings.warn(
        f"only {n_found:,} of {n_drawn:,} draws are {dict(wanted)}: these attributes are set "
        "instead, and the others drawn as if nothing were known of those behind them.",
        stacklevel=4,
    )


def _check_whole(name: str, value: object, least: int) -> None:
    """Raise DataError unless a setting is a whole number of at least `least`."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or cast(int, value) < least:
        raise DataError(f"{name} is {repr(value)[:40]}; give a whole number of at least {least}.")


def _check_above_zero(name: str, value: object) -> None:
    """Raise DataError unless a setting is a finite number above 0."""
    kinds = int | float | np.integer | np.floating
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    if not is_number or not 0 < cast(float, value) < math.inf:
        raise DataError(f"{name} is {repr(value)[:40]}; give a number above 0.")


def _domain(public: Public, table: Table) -> Domain:
    """Return what is publicly known of the series of a table; the label comes first."""
    features = []
    for codec in table.features:
        said = public.columns[codec.name]
        if said.categories:
            features.append(FeatureDomain(n_categories=codec.n_categories))
            continue
        low, high = public.bounds(codec)
        features.append(FeatureDomain(low=low, high=high, log=said.log, whole=said.whole))
    known = {c.name: tuple(c.labels) for c in table.attributes if c.kind != "name"}
    if public.label is not None:
        known = {public.label: known[public.label]} | known
    return Domain(
        features=tuple(features),
        attributes=known,
        longest=public.max_length,
        fixed_length=public.fixed_length,
        n_units=public.n_series,
    )


def _seconds_of(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes on this machine undisturbed."""
    started = time.process_time()
    action()
    return (time.process_time() - started) / torch.get_num_threads()


def _seconds_a_step(training: Training) -> float:
    """Return the seconds that a training step takes on this machine undisturbed."""
    model, batches = training.model, training.batches
    loss = cast(Loss, training.loss)  # one, not a GAN's objectives
    step_seconds(model, loss, batches, n_steps=1)  # not counted: it allocates memory
    seconds = step_seconds(model, loss, batches, n_steps=TIMED, count_batches=True)
    mean = sum(seconds) / TIMED / torch.get_num_threads()
    return 1.1 * mean  # the optimiser's share
