"""All scores of a set of windows as tidy rows, each kept so that a later run goes on.

The four that the field reports and those to trust stand in one table (`METRICS`). A row is known by
the windows on both sides, the settings and the code of the scores: what has not changed is read.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from tst.data import windows
from tst.evaluation import (
    learned_scores,
    peer_context_fid,
    peer_controls,
    peer_copies,
    peer_correlation,
    peer_discriminative,
    peer_predictive,
    peer_second_judge,
    peer_ts2vec,
    peer_windows,
)
from tst.evaluation.peer_ts2vec import Sizes
from tst.io import closure, files
from tst.plots.base import mean_and_half_width
from tst.series import SeriesSet

DE_FACTO = ("discriminative_score", "context_fid", "correlational_score", "predictive_score")
JUDGES = ("held_out_score", "second_judge_auc")  # on times that they have not seen
COPIES = ("nn_distance_ratio", "copied_share", "memorised_share")
TRUSTED = (*JUDGES, "own_past_error", *COPIES)
METRICS = (*DE_FACTO, *TRUSTED)
# Not generators: what a score must put high or low.
CONTROLS = (
    "real",
    "constant",
    "random_halves",
    "real_floor",
    "bootstrap_copy",
    "noise",
    "shuffled_steps",
)
PUBLISHED = Path(__file__).with_name("published.csv")
MARKS = Path(__file__).with_name("marks.csv")
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Settings of the scores; the defaults are the field's."""

    n_repeats: int = 5  # judges, predictors, encoders and draws
    judge_steps: int = peer_discriminative.N_STEPS
    predictor_steps: int = peer_predictive.N_STEPS
    encoder: Sizes = field(default_factory=Sizes)
    max_windows: int = peer_second_judge.MAX_WINDOWS  # of the second judge


class Scores:
    """Scores of windows against the real ones of a data set.

    Parameters
    ----------
    real
        All real windows, in the order of time.
    protocol
        Settings.
    folder
        Where scores are kept.
    """

    def __init__(self, real: SeriesSet, protocol: Protocol, folder: Path) -> None:
        self.series = real
        self.real = windows.arrays(real)
        self.starts = real.attributes["start"].to_numpy()
        self.blocks = peer_windows.time_blocks(self.starts, self.real.shape[1])
        self.protocol = protocol
        self.folder = folder
        self._encoders: dict[int, nn.Module] = {}
        self._encoded: dict[tuple[int, bytes], np.ndarray] = {}

    def of(self, values: np.ndarray, model: str, seed: int) -> list[Row]:
        """Return the rows of a model's windows (M, length, n_features), cut to the real number."""
        made = values[: len(self.real)]
        # As many real ones: a judge's accuracy and Context-FID depend on the numbers.
        real = peer_windows.some(self.real, len(made), np.random.default_rng(0))
        rows = self._de_facto(real, made, model, seed)
        judge = self._held_out(self.blocks, None)
        rows += self._kept("held_out", self.real, made, model, seed, judge)
        rows += self._kept("own_past_error", self.real, made, model, seed, self._own_past_error)
        return rows + self._kept("copies", self.real, made, model, seed, self._copies)

    def controls(self, seed: int = 0) -> list[Row]:
        """Return the rows of what must score well and what must score badly.

        random_halves: two real halves dealt at random, what a perfect generator would show;
        real_floor: two halves of the real time; bootstrap_copy: runs of real windows; noise and
        shuffled_steps (`tst.evaluation.peer_controls`).
        """
        n = len(self.real)
        order = np.random.default_rng(seed).permutation(n)
        first = self.real[np.sort(order[: n // 2])]
        rows = self._de_facto(first, self.real[np.sort(order[n // 2 :])], "random_halves", seed)
        rows += self._floor(seed)
        chosen = peer_controls.block_bootstrap(n, self.real.shape[1], n, seed)
        copied = self.real[chosen]
        rows += self._de_facto(self.real, copied, "bootstrap_copy", seed)
        judge = self._held_out(self.blocks, self.blocks[chosen])
        pair = (self.real, copied, "bootstrap_copy", seed)
        rows += self._kept("held_out", *pair, judge)
        rows += self._kept("own_past_error", *pair, self._own_past_error)
        rows += self._kept("copies", *pair, self._copies)
        rows += self.of(peer_controls.noise(self.real, n, seed), "noise", seed)
        return rows + self.of(
            peer_controls.shuffled_steps(self.real, n, seed), "shuffled_steps", seed
        )

    def reference_lines(self) -> list[Row]:
        """Return the errors of predictors of real windows themselves, and of the best constant."""
        pair = (self.real, self.real, "real", 0)
        rows = self._kept("predictive_score", *pair, self._predictive_score)
        rows += self._kept("own_past_error", *pair, self._own_past_error)
        value = peer_predictive.constant_error(self.real)
        return [*rows, _row("constant", 0, "predictive_score", 0, value)]

    def _floor(self, seed: int) -> list[Row]:
        """Return the rows of two halves of the real time."""
        first, second = peer_controls.time_halves(self.blocks)
        rows = self._de_facto(self.real[first], self.real[second], "real_floor", seed)
        judge = self._held_out(self.blocks[first], self.blocks[second])
        pair = (self.real[first], self.real[second], "real_floor", seed)
        rows += self._kept("own_past_error", *pair, self._own_past_error)
        return rows + self._kept("held_out", *pair, judge)

    def _de_facto(self, real: np.ndarray, made: np.ndarray, model: str, seed: int) -> list[Row]:
        """Return the rows of the field's four scores."""
        rows: list[Row] = []
        for metric in DE_FACTO:
            rows += self._kept(metric, real, made, model, seed, getattr(self, f"_{metric}"))
        return rows

    def _discriminative_score(self, real: np.ndarray, made: np.ndarray) -> dict[str, Any]:
        scores = peer_discriminative.discriminative_score(
            real, made, n_repeats=self.protocol.n_repeats, n_steps=self.protocol.judge_steps
        )
        return {"discriminative_score": scores.tolist()}

    def _predictive_score(self, real: np.ndarray, made: np.ndarray) -> dict[str, Any]:
        scores = peer_predictive.predictive_score(
            real, made, n_repeats=self.protocol.n_repeats, n_steps=self.protocol.predictor_steps
        )
        return {"predictive_score": scores.tolist()}

    def _context_fid(self, real: np.ndarray, made: np.ndarray) -> dict[str, Any]:
        scores = []
        for repeat in range(self.protocol.n_repeats):
            encoder, points = self._encoder(repeat), self._points(real, repeat)
            scores.append(peer_context_fid.context_fid(real, made, repeat, encoder, points))
        return {"context_fid": scores}

    def _correlational_score(self, real: np.ndarray, made: np.ndarray) -> dict[str, Any]:
        repeats = range(self.protocol.n_repeats)
        score = peer_correlation.correlational_score
        return {"correlational_score": [score(real, made, repeat) for repeat in repeats]}

    def _held_out(
        self, real_blocks: np.ndarray, made_blocks: np.ndarray | None
    ) -> Callable[[np.ndarray, np.ndarray], dict[str, Any]]:
        """Return what both judges say of windows by their blocks of time (None: independent)."""
        blocks: dict[str, Any] = {"real_blocks": real_blocks, "synthetic_blocks": made_blocks}

        def judge(real: np.ndarray, made: np.ndarray) -> dict[str, Any]:
            protocol = self.protocol
            auc = peer_second_judge.second_judge(
                real, made, **blocks, max_windows=protocol.max_windows
            )
            scores = peer_discriminative.discriminative_score(
                real, made, **blocks, n_repeats=protocol.n_repeats, n_steps=protocol.judge_steps
            )
            return {"held_out_score": scores.tolist(), "second_judge_auc": [auc]}

        return judge

    def _own_past_error(self, real: np.ndarray, made: np.ndarray) -> dict[str, Any]:
        """Return the error of a ridge that sees the past of all columns and predicts all."""
        real_set = windows.like(self.series, real, "real")
        made_set = windows.like(self.series, made, "made")
        return {"own_past_error": [learned_scores.predictive_score(real_set, made_set, seed=0)]}

    def _copies(self, real: np.ndarray, made: np.ndarray) -> dict[str, Any]:
        found = peer_copies.copies(real, made, self.starts)
        return {metric: [value] for metric, value in found.items()}

    def _encoder(self, repeat: int) -> nn.Module:
        """Return the encoder of a repeat, learned from all real windows when first asked for."""
        if repeat not in self._encoders:
            sizes = self.protocol.encoder
            self._encoders[repeat] = peer_ts2vec.fit(self.real, repeat, sizes)
        return self._encoders[repeat]

    def _points(self, real: np.ndarray, repeat: int) -> np.ndarray:
        """Return the representations of real windows, the same for all models, encoded once."""
        key = (repeat, hashlib.sha256(np.ascontiguousarray(real).tobytes()).digest())
        if key not in self._encoded:
            self._encoded[key] = peer_ts2vec.encode(self._encoder(repeat), real)
        return self._encoded[key]

    def _kept(
        self,
        name: str,
        real: np.ndarray,
        made: np.ndarray,
        model: str,
        seed: int,
        score: Callable[[np.ndarray, np.ndarray], dict[str, Any]],
    ) -> list[Row]:
        """Return the rows of a score, read where they are known."""
        digest = hashlib.sha256(json.dumps([name, self._settings, model]).encode())
        for values in (real, made):
            digest.update(np.ascontiguousarray(values).tobytes())
        path = self.folder / f"{model}-{name}-{digest.hexdigest()[:12]}.json"
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            files.write_text(json.dumps(score(real, made)), path)
        rows = []
        for metric, values in json.loads(path.read_text()).items():
            for repeat, value in enumerate(values):
                rows.append(_row(model, seed, metric, repeat, value))
        return rows

    @cached_property
    def _settings(self) -> str:
        """What decides a score beside the windows: the protocol and the code."""
        code = closure.deciding_files(Path(__file__), ("evaluation",))
        return json.dumps([asdict(self.protocol), closure.fingerprint(code)])


def _row(model: str, seed: int, metric: str, repeat: int, value: float) -> Row:
    return {"model": model, "seed": seed, "metric": metric, "repeat": repeat, "value": value}


def published(dataset: str) -> pd.DataFrame:
    """Return what papers report on a set: columns model, metric, value, half_width, source, mark.

    `mark` tells how the number was read: read (in the paper or its repository) or second hand (in
    another paper's or page's copy). Judges, and the choice of checkpoints, differ from ours.
    """
    frame = pd.read_csv(PUBLISHED)
    return frame[frame["dataset"] == dataset].drop(columns="dataset").reset_index(drop=True)


def marks(dataset: str) -> dict[str, float]:
    """Return the largest value of each metric that counts as reached, fixed before any result."""
    frame = pd.read_csv(MARKS)
    chosen = frame[frame["dataset"] == dataset]
    return dict(zip(chosen["metric"], chosen["limit"], strict=True))


def over_trainings(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each model and metric over trainings, and its 95 % half width.

    The repeats of a score on one set are its judges' spread, not the model's: they are averaged
    first. With one training there is no interval.

    Returns
    -------
    pd.DataFrame
        Columns model, metric, value, half_width, trainings.
    """
    each = rows.groupby(["model", "metric", "seed"], sort=False)["value"].mean()
    found = []
    for (model, metric), values in each.groupby(["model", "metric"], sort=False):
        value, half_width = mean_and_half_width(values)
        facts = {"model": model, "metric": metric, "value": value, "half_width": half_width}
        found.append(facts | {"trainings": len(values)})
    return pd.DataFrame(found)
