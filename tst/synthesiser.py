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
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from tst import launch, seedless, weights
from tst.data.table import Table
from tst.errors import sound
from tst.model import TST, TSTConfig
from tst.reading import check_room, read_json
from tst.records import Schema
from tst.series import DataError
from tst.train import TrainConfig

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
        What the columns are, as a mapping or a YAML file, where the guess is wrong (`tst.data.roles.Roles`).
    folder
        Where the training keeps its checkpoints, so that it goes on after a stop; None: a temporary one.
    d_model, n_layer, patch, batch_size, learning_rate
        Sizes; patch (steps a token) None: by the longest series.
    """

    def __init__(
        self,
        max_steps=None,
        minutes=5.0,
        seed=0,
        roles=None,
        folder=None,
        d_model=64,
        n_layer=3,
        patch=None,
        batch_size=16,
        learning_rate=2e-3,
    ):
        self.max_steps, self.minutes, self.seed, self.roles, self.folder = max_steps, minutes, seed, roles, folder
        self.d_model, self.n_layer, self.patch = d_model, n_layer, patch
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.model = self.schema = self.table = None

    def fit(self, data):
        """Learn a table (DataFrame, or path of a CSV, CSV.gz or Parquet) and return self; raises DataError for mistakes."""
        return self.fit_series(*Table.fit(data, self.roles)[::-1])

    def fit_series(self, series, table):
        """Learn the `SeriesSet` of a `Table`, or a part of it, and return self; `history` holds the loss of each step."""
        folder = Path(self.folder or tempfile.mkdtemp(prefix="tst-"))
        try:
            series.save(folder / "series")
            job = self._job(series, folder)
            self.history = launch.run(job)
            self.model, self.schema = TST.load(folder / "model"), Schema.load(folder / "model")
        finally:
            if not self.folder:
                shutil.rmtree(folder)
        self.table = table
        return self

    def sample(self, n_series, seed=None, given=None):
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
        frame = self.table.to_frame(series, seed)
        for name, value in (given or {}).items():
            frame[name] = pd.Series([value] * len(frame)).astype(frame[name].dtype)
        return frame

    def sample_series(self, n_series, seed=None, given=None):
        """Return `n_series` synthetic series as a `SeriesSet`; arguments as in `sample`."""
        self._check_fitted()
        if n_series < 1:
            raise DataError(f"n_series is {n_series}; give the number of series, at least 1.")
        seed = self.seed if seed is None else seed
        wanted = {name: self.table.given(name, value) for name, value in (given or {}).items()}
        attributes = self._matching(n_series, seed, wanted) if wanted else None
        return seedless.sample(self.model, self.schema, n_series, seed, attributes=attributes)

    def save(self, folder):
        """Write model.safetensors and model.json to a folder and return its path."""
        self._check_fitted()
        facts = {"format": FORMAT, "seed": self.seed, "model": self.model.settings(), "schema": asdict(self.schema)}
        weights.save(folder, facts | {"table": self.table.to_dict()}, self.model.state_dict())
        return Path(folder)

    @classmethod
    def load(cls, folder):
        """Return what `save` wrote; raises DataError where it is missing or no such model."""
        path = Path(folder) / "model.json"
        if not path.is_file() or not (Path(folder) / "model.safetensors").is_file():
            raise DataError(f"no model in {folder}: model.json and model.safetensors of Synthesiser.save belong there.")
        with sound(f"the model in {folder} is damaged", "save it again"):
            facts = read_json(path)
            if facts.get("format") != FORMAT:
                raise DataError(f"{path} has format '{facts.get('format')}', this version reads '{FORMAT}'.")
            if type(facts["seed"]) is not int or facts["seed"] < 0:
                raise DataError(f"{path} has the seed {repr(facts['seed'])[:40]}; give a whole number of at least 0.")
            made = cls(seed=facts["seed"])
            made.table, made.schema = Table.from_dict(facts["table"]), Schema.from_dict(facts["schema"])
            made.model = weights.load(folder, lambda whole, held: TST.plan(whole["model"], held))
            made._check_parts(folder)
        return made

    def config(self, series):
        """Return the `TSTConfig` for a set: patches where series are long, a sliding window where they are longer still."""
        longest, n_numbers = int(series.lengths.max()), series.n_features + 1
        most = max(1, N_NUMBERS // n_numbers)
        patch = self.patch or min(most, -(-longest // N_TOKENS))
        context = min(longest, 2 * N_TOKENS * patch)
        long = {"attention": f"sliding:{N_TOKENS}", "positions": "rope"} if longest > context else {}
        sizes = {"d_model": self.d_model, "n_head": 4, "n_layer": self.n_layer, "d_ff": 2 * self.d_model}
        return TSTConfig(series.n_features, **sizes, dropout=0.0, attention_dropout=0.0, context_length=context,
                         head="mixture", patch=patch, **long)  # fmt: skip

    def _job(self, series, folder):
        n_steps = self.max_steps or self._affordable(series, folder)
        settings = {"warmup_steps": min(50, n_steps // 4), "grad_clip": 1.0, "decay": True, "checkpoint_every": 200}
        settings = TrainConfig(n_steps, self.batch_size, self.learning_rate, seed=self.seed, **settings)
        return launch.job(folder / "series", folder / "model", self.config(series), settings, kind="seedless")

    def _affordable(self, series, folder):
        """Return the steps that fit into `minutes`; measured once a set of data, so that a stopped run goes on alike."""
        path, what = (
            folder / "steps.json",
            [series.sha256(), self.minutes, asdict(self.config(series)), self.batch_size],
        )
        known = json.loads(path.read_text()) if path.is_file() else {}
        if known.get("of") == what:
            return known["steps"]
        trial = TrainConfig(1, self.batch_size, seed=self.seed)
        model, loss, batches = launch.PREPARE["seedless"](asdict(self.config(series)), series, {}, trial)
        seconds = _seconds_a_step(model, loss, batches)
        passes = max(MIN_STEPS, N_EPOCHS * batches.steps_per_epoch)
        n_steps = int(np.clip(60 * self.minutes / seconds, 1, min(passes, MAX_STEPS)))
        print(
            f"{seconds:.2f} s a step: {n_steps:,} steps, about {n_steps * seconds / 60:.1f} minutes undisturbed",
            flush=True,
        )
        path.write_text(json.dumps({"of": what, "steps": n_steps}))
        return n_steps

    def _matching(self, n_series, seed, wanted):
        """Return attributes of `n_series` series that are as wanted: drawn until they match, set where that takes too long."""
        names = list(self.schema.categories)
        first = [name for i, name in enumerate(names) if set(names[: i + 1]) <= set(wanted)]
        generator, kept, found = torch.Generator().manual_seed(seed), [], 0
        for name, value in wanted.items():
            if value not in self.schema.categories[name]:
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
    def _attributes(self, n, generator, given):
        set_ = pd.DataFrame({k: [v] * n for k, v in given.items()})
        codes = seedless.draw_attributes(self.model, self.schema, n, generator, set_).long().numpy()
        return pd.DataFrame(
            {k: np.array(v, dtype=object)[codes[:, i]] for i, (k, v) in enumerate(self.schema.categories.items())}
        )

    def _check_parts(self, folder):
        """Raise DataError unless model, schema and table speak of the same measurements and attributes."""
        config, layout, schema = self.model.config, self.model.layout, self.schema
        levels = [column.levels for column in schema.parts]
        sizes = [len(v) for v in schema.categories.values()] + [0] * 2 * len(levels) * schema.per_series
        if (
            layout is None
            or [d.levels for d in layout.step] != levels + [0] * (not schema.fixed_length)
            or [d.levels for d in layout.attributes] != sizes
            or config.n_features != len(levels)
            or not self.table.fits(levels, schema.categories)
        ):
            raise DataError(f"the parts of the model in {folder} do not fit each other; save it again.")
        check_room(16 * config.n_layer * config.d_model * max(schema.longest, schema.fixed_length), folder)

    def _check_fitted(self):
        if self.model is None:
            raise DataError("this Synthesiser has learned nothing yet: call fit first, or Synthesiser.load.")


def _seconds_a_step(model, loss, batches):
    """Return the seconds that a training step takes on this machine undisturbed, by processor time."""
    loss(model, batches(0)).backward()
    start = time.process_time()
    for step in range(TIMED):
        loss(model, batches(step)).backward()
    return 1.1 * (time.process_time() - start) / TIMED / torch.get_num_threads()
