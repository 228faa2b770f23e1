"""When to stop: a model is as good as held-out data say, and so are its averaged weights.

The weights that are judged, and kept, are the average of about the last tenth of the steps: nearly
what a rate that falls to nothing would reach, at every step (as in Izmailov et al., 2018). Where no
look is the best for `patience` looks, a run ends; its model is the best one seen.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tst.training.config import TrainConfig

Score = Callable[[torch.nn.Module], float]  # of held-out data, the higher the better

AVERAGED = 10  # the average is over about one in so many of the steps
LOOKS_FILE = "looks.json"
WEIGHTS_FILE = "looks.safetensors"


class HeldOut:
    """Average of a model's weights, and the best average by the score of held-out data.

    Parameters
    ----------
    model
        Whose weights move.
    score
        Of held-out data under a model in evaluation mode.
    config
        How often to look (`look_every`), and when to give up (`patience`).
    """

    def __init__(self, model: torch.nn.Module, score: Score, config: TrainConfig) -> None:
        self.model = model
        self.score = score
        self.config = config
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.parameters]
        self.best = [p.detach().clone() for p in self.parameters]
        self.scores: list[float] = []

    @property
    def is_over(self) -> bool:
        """Whether the best look is `patience` looks ago."""
        if not self.scores:
            return False
        since_best = len(self.scores) - 1 - self.scores.index(max(self.scores))
        return since_best >= self.config.patience

    @torch.no_grad()
    def after_step(self, step: int) -> float | None:
        """Average the weights after a step; return the score where it was time to look."""
        share = AVERAGED / (AVERAGED + step)
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], share)
        is_last = step + 1 == self.config.max_steps
        if not is_last and (step + 1) % self.config.look_every:
            return None
        return self._look()

    def _look(self) -> float:
        """Score the average; it becomes the best where it is."""
        moving = [p.detach().clone() for p in self.parameters]
        self._put(self.average)
        self.model.eval()
        value = self.score(self.model)
        self.model.train()
        self._put(moving)
        if not math.isfinite(value):
            value = -math.inf
        if not self.scores or value > max(self.scores):
            self.best = [x.clone() for x in self.average]
        self.scores.append(value)
        return value

    def finish(self) -> None:
        """Give the model the best weights seen."""
        if self.scores:
            self._put(self.best)

    @torch.no_grad()
    def _put(self, weights: list[torch.Tensor]) -> None:
        for parameter, weight in zip(self.parameters, weights, strict=True):
            parameter.copy_(weight)

    def save(self, folder: Path) -> None:
        """Write all that a resumed run needs to a folder."""
        tensors = {f"average.{i}": x for i, x in enumerate(self.average)}
        tensors |= {f"best.{i}": x for i, x in enumerate(self.best)}
        save_file(tensors, folder / WEIGHTS_FILE)
        (folder / LOOKS_FILE).write_text(json.dumps(self.scores))

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        tensors = load_file(folder / WEIGHTS_FILE)
        for i, parameter in enumerate(self.parameters):
            self.average[i] = tensors[f"average.{i}"].to(parameter.device)
            self.best[i] = tensors[f"best.{i}"].to(parameter.device)
        self.scores = [float(score) for score in json.loads((folder / LOOKS_FILE).read_text())]
