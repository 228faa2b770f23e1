"""Fit another project's generator on windows and sample it: a program of the peers' environment.

It imports nothing of this package, because that environment does not hold it (`make peers`):
`python run_peer.py MODEL WINDOWS.npy OUT.npy --seconds 300 --seed 0 --n 4000`. Beside OUT.npy it
writes OUT.json: processor seconds of training and sampling, and what was done.

TabularARGN is mostlyai-engine's (arXiv 2501.12012, Apache-2.0): each window a sequence of rows
under a key, without an index of steps, its protection of rare values off, for it would cut extremes
off. PAR is DeepEcho's, which SDV's PARSynthesizer wraps: full batches, one optimiser step a pass.
"""

import argparse
import functools
import json
import resource
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

KEY = "window"
MAX_EPOCHS = 10**9  # passes: time is over before
OWN_EPOCHS = 128  # DeepEcho's own number of passes
MAX_NUMBERS = 30_000_000  # of the windows learned: more do not fit into the memory of a laptop
ROOM = 1.1  # windows sampled for each one that is needed, for some have another length


def core_seconds() -> float:
    """Return the processor seconds of this process and its children."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


class Clock:
    """Passes over the data, until so many core-seconds have been spent; one at least."""

    def __init__(self, passes: Iterable[int], end: float, **options: object) -> None:
        self.passes = passes
        self.end = end

    def __iter__(self) -> Iterator[int]:
        for number in self.passes:
            yield number
            if core_seconds() >= self.end:
                return


class CoreTime:
    """Stands for the module `time` where a training is to be limited by core-seconds."""

    time = staticmethod(core_seconds)


class Peer(ABC):
    """A generator of another project, fitted to windows within core-seconds (0: its own rule)."""

    package: str

    def __init__(self, seconds: float, seed: int) -> None:
        self.seconds = seconds
        self.seed = seed

    @abstractmethod
    def fit(self, windows: np.ndarray) -> dict[str, float]:
        """Learn windows (N, length, n_features); return what is worth telling of it."""

    @abstractmethod
    def sample(self, n: int) -> tuple[np.ndarray, float]:
        """Return n windows, and the share of those made that have the length learned."""


class TabularARGN(Peer):
    """mostlyai-engine's autoregressive model of rows under a key."""

    package = "mostlyai-engine"

    def fit(self, windows: np.ndarray) -> dict[str, float]:
        """Learn windows (N, length, n_features); it stops by itself or when its time is over."""
        from mostlyai.engine import TabularARGN as Model
        from mostlyai.engine._tabular import training

        n_windows, self.length, n_features = windows.shape
        self.columns = [f"f{i}" for i in range(n_features)]
        frame = pd.DataFrame(windows.reshape(-1, n_features), columns=self.columns)
        frame.insert(0, KEY, np.repeat(np.arange(n_windows), self.length))
        limits = {}
        if self.seconds:
            limits = {"max_training_time": self.seconds / 60, "max_epochs": MAX_EPOCHS}
            # Its clock on the wall would give it less where others work on the machine, too.
            training.time = CoreTime
        self.model = Model(
            tgt_context_key=KEY,
            ctx_data=pd.DataFrame({KEY: np.arange(n_windows)}),
            ctx_primary_key=KEY,
            max_sequence_window=self.length,
            value_protection=False,
            device="cpu",
            random_state=self.seed,
            **limits,
        )
        self.model.fit(frame)
        return {}

    def sample(self, n: int) -> tuple[np.ndarray, float]:
        """Return n windows, and the share of those made that have the length learned."""
        n_made = int(ROOM * n) + 1
        keys = pd.DataFrame({KEY: np.arange(n_made)})
        frame = self.model.sample(ctx_data=keys)
        groups = dict(list(frame.groupby(KEY, sort=False)[self.columns]))
        made = [group.to_numpy(np.float32) for group in groups.values()]
        right = [window for window in made if len(window) == self.length]
        others = [_fitted(window, self.length) for window in made if len(window) != self.length]
        return np.stack((right + others)[:n]), len(right) / n_made


def _fitted(window: np.ndarray, length: int) -> np.ndarray:
    """Return a window cut after `length` steps, or its last step repeated."""
    padding = max(0, length - len(window))
    return np.concatenate([window[:length], np.repeat(window[-1:], padding, axis=0)])


class PAR(Peer):
    """DeepEcho's probabilistic autoregressive model."""

    package = "deepecho"

    def fit(self, windows: np.ndarray) -> dict[str, float]:
        """Learn windows (N, length, n_features); returns how many passes were made."""
        import torch
        from deepecho.models import par

        torch.manual_seed(self.seed)
        n_epochs = OWN_EPOCHS
        if self.seconds:
            n_epochs = MAX_EPOCHS
            # It knows passes, no time: what would show its progress ends the training instead.
            par.tqdm = functools.partial(Clock, end=core_seconds() + self.seconds)
        sequences = []
        for window in windows:
            sequences.append({"context": [], "data": window.T.astype(float).tolist()})
        self.length = windows.shape[1]
        self.model = par.PARModel(epochs=n_epochs, cuda=False, verbose=False)
        self.model.fit_sequences(sequences, [], ["continuous"] * windows.shape[2])
        return {"epochs": len(self.model.loss_values)}

    def sample(self, n: int) -> tuple[np.ndarray, float]:
        """Return n windows; their length is given."""
        made = []
        for _ in range(n):
            columns = self.model.sample_sequence([], sequence_length=self.length)
            made.append(np.array(columns, dtype=np.float32).T)
        return np.stack(made), 1.0


MODELS: dict[str, type[Peer]] = {"tabular_argn": TabularARGN, "par": PAR}


def thinned(windows: np.ndarray) -> np.ndarray:
    """Return every k-th window, of at most MAX_NUMBERS numbers: neighbours share their steps."""
    k = -(-windows.size // MAX_NUMBERS)
    return windows[::k]


def main() -> None:
    """Fit and sample as the command line says."""
    parser = argparse.ArgumentParser(description="Fit a peer on windows and sample it.")
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("windows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=0.0, help="0: as its own defaults have it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, required=True)
    arguments = parser.parse_args()
    windows = thinned(np.load(arguments.windows, allow_pickle=False))
    peer = MODELS[arguments.model](arguments.seconds, arguments.seed)
    began = time.perf_counter()
    before = core_seconds()
    facts = peer.fit(windows)
    trained = core_seconds()
    wall = time.perf_counter() - began
    made, kept = peer.sample(arguments.n)
    facts |= {
        "core_seconds": trained - before,
        "wall_seconds": wall,
        "sampling_core_seconds": core_seconds() - trained,
        "length_kept": kept,
        "windows_learned": len(windows),
    }
    package = {"package": f"{peer.package} {version(peer.package)}"}
    arguments.out.with_suffix(".json").write_text(json.dumps(facts | package))
    # Last and by rename: a file that is there is complete.
    part = arguments.out.with_suffix(".part.npy")
    np.save(part, made, allow_pickle=False)
    part.replace(arguments.out)


if __name__ == "__main__":
    main()
