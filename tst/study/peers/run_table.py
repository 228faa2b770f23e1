"""Fit another project's generator on a long table and sample it, in the peers' environment.

It imports nothing of this package (`make peers` makes that environment):
`python run_table.py par TABLE.parquet OUT.parquet --id task --time when --attributes a,b`. Beside
OUT it writes OUT.json: processor seconds, and the package. Attributes of synthetic series are drawn
from the real ones together, as DeepEcho does it. Times are dates or numbers.

PAR has, as in SDV's PARSynthesizer, the first time of a series among its attributes and the steps
between times among its measurements. TabularARGN reads the time as it is.
"""

import argparse
import functools
import importlib
import json
from abc import ABC, abstractmethod
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

# A program of an environment without this package: its neighbour is found by its own name.
run_peer = importlib.import_module(f"{__package__}.run_peer" if __package__ else "run_peer")

START = "__start"  # the first time of a series, in seconds or in the column's numbers
NANOSECONDS = 1e9


class TablePeer(ABC):
    """A generator of another project, fitted to a table within core-seconds."""

    package: str

    def __init__(self, key: str, time: str, attributes: list[str]) -> None:
        self.key = key
        self.time = time
        self.attributes = attributes

    @abstractmethod
    def fit(self, frame: pd.DataFrame, seconds: float, seed: int) -> None:
        """Learn a table within so many core-seconds."""

    @abstractmethod
    def sample(self, n: int, seed: int) -> pd.DataFrame:
        """Return a table of n series."""


class TableArgn(TablePeer):
    """mostlyai-engine's autoregressive model of rows under a key."""

    package = "mostlyai-engine"

    def fit(self, frame: pd.DataFrame, seconds: float, seed: int) -> None:
        """Learn a table within so many core-seconds."""
        from mostlyai.engine import TabularARGN
        from mostlyai.engine._tabular import training

        training.time = run_peer.CoreTime
        self.context = frame.groupby(self.key, sort=False)[self.attributes].first().reset_index()
        self.model = TabularARGN(
            tgt_context_key=self.key,
            ctx_data=self.context,
            ctx_primary_key=self.key,
            max_sequence_window=int(frame.groupby(self.key).size().max()),
            value_protection=False,
            device="cpu",
            random_state=seed,
            max_training_time=seconds / 60,
            max_epochs=run_peer.MAX_EPOCHS,
        )
        self.model.fit(frame.drop(columns=self.attributes))

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        """Return a table of n series."""
        context = self.context.sample(n, replace=True, random_state=seed).reset_index(drop=True)
        context[self.key] = np.arange(n)
        rows = self.model.sample(ctx_data=context)
        return rows.merge(context, on=self.key)


class TablePar(TablePeer):
    """DeepEcho's probabilistic autoregressive model."""

    package = "deepecho"

    def fit(self, frame: pd.DataFrame, seconds: float, seed: int) -> None:
        """Learn a table within so many core-seconds."""
        import torch
        from deepecho.models import par

        torch.manual_seed(seed)
        np.random.seed(seed)
        self.is_date = frame[self.time].dtype.kind == "M"
        number = frame[self.time]
        if self.is_date:
            number = number.astype("datetime64[ns]").astype("int64") / NANOSECONDS
        number = number.astype(float)
        by_series = number.groupby(frame[self.key], sort=False)
        plain = frame.assign(
            **{START: by_series.transform("first"), self.time: by_series.diff().fillna(0.0)}
        )
        for name in plain:
            if name not in (START, self.time) and plain[name].dtype.kind not in "fiu":
                plain[name] = plain[name].astype(object).where(plain[name].notna(), None)
        # It knows passes, no time: what would show its progress ends the training instead.
        par.tqdm = functools.partial(run_peer.Clock, end=run_peer.core_seconds() + seconds)
        self.model = par.PARModel(epochs=run_peer.MAX_EPOCHS, cuda=False, verbose=False)
        self.model.fit(plain, entity_columns=[self.key], context_columns=[*self.attributes, START])

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        """Return a table of n series."""
        np.random.seed(seed)
        frame = self.model.sample(num_entities=n)
        steps = frame[self.time].astype(float)
        passed = steps.groupby(frame[self.key]).cumsum()
        passed -= steps.groupby(frame[self.key]).transform("first")
        number = frame[START].astype(float) + passed
        if self.is_date:
            number = pd.to_datetime((number * NANOSECONDS).round().astype("int64"))
        return frame.assign(**{self.time: number}).drop(columns=START)


MODELS: dict[str, type[TablePeer]] = {"tabular_argn": TableArgn, "par": TablePar}


def main() -> None:
    """Fit and sample as the command line says."""
    parser = argparse.ArgumentParser(description="Fit a peer on a table and sample it.")
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--id", required=True)
    parser.add_argument("--time", required=True)
    parser.add_argument("--attributes", default="", help="several as a,b")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, required=True)
    options = parser.parse_args()
    frame = pd.read_parquet(options.table)
    peer = MODELS[options.model](
        options.id, options.time, list(filter(None, options.attributes.split(",")))
    )
    before = run_peer.core_seconds()
    peer.fit(frame, options.seconds, options.seed)
    trained = run_peer.core_seconds()
    made = peer.sample(options.n, options.seed)
    facts = {
        "core_seconds": trained - before,
        "sampling_core_seconds": run_peer.core_seconds() - trained,
        "package": f"{peer.package} {version(peer.package)}",
    }
    options.out.with_suffix(".json").write_text(json.dumps(facts))
    # Last and by rename: a file that is there is complete.
    part = options.out.with_suffix(".part.parquet")
    made[list(frame)].to_parquet(part, index=False)
    part.replace(options.out)


if __name__ == "__main__":
    main()
