"""When to stop: a model is as good as held-out data say, and so are its averaged weights.

The weights that are judged, and kept, are the average of about the last tenth of the steps: nearly
what a rate that falls to nothing would reach, at every step (as in Izmailov et al., 2018). Where no
look is the best for `patience` looks, a run ends; its model is the best one seen.

A set of few series and many numbers is learned by heart from the first steps on, unless these are
small: where the best look is one of the first, the run begins again, once, at a lower rate.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tst.training.config import TrainConfig

Score = Callable[[torch.nn.Module], float]  # of held-out data, the higher the better

AVERAGED = 10  # the average is over about one in so many of the steps
LOOKS_FILE = "looks.json"
WEIGHTS_FILE = "looks.safetensors"
SOON = 2  # looks: a best one among these says that the steps are too large
SLOWER = 0.1  # the rate of a run that begins again, over the one before


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
        self.first = [p.detach().clone() for p in self.parameters]
        self.average = [p.detach().clone() for p in self.parameters]
        self.best = [p.detach().clone() for p in self.parameters]
        self.scores: list[float] = []
        self.n_before = 0  # looks of a run that began again, before it did

    @property
    def is_over(self) -> bool:
        """Whether the best look, since the run began again if it did, is `patience` looks ago."""
        scores = self.scores[self.n_before :]
        return bool(scores) and len(scores) - 1 - _best(scores) >= self.config.patience

    def is_too_fast(self, step: int) -> bool:
        """Tell whether a run that is over was best at once, and has steps left to begin again."""
        needed = self.config.patience * self.config.look_every
        has_steps = self.config.max_steps - step > needed
        is_first = not self.n_before
        return self.is_over and is_first and has_steps and _best(self.scores) < SOON

    def begin_again(self) -> None:
        """Put the weights where they were before the first step."""
        self._put(self.first)
        self.average = [x.clone() for x in self.first]
        self.n_before = len(self.scores)

    @torch.no_grad()
    def after_step(self, step: int) -> float | None:
        """Average the weights after a step; return the score where it was time to look."""
        n_steps = step - self.n_before * self.config.look_every
        share = AVERAGED / (AVERAGED + n_steps)
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
        tensors |= {f"first.{i}": x for i, x in enumerate(self.first)}
        save_file(tensors, folder / WEIGHTS_FILE)
        looks = {"scores": self.scores, "n_before": self.n_before}
        (folder / LOOKS_FILE).write_text(json.dumps(looks))

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        tensors = load_file(folder / WEIGHTS_FILE)
        for i, parameter in enumerate(self.parameters):
            self.average[i] = tensors[f"average.{i}"].to(parameter.device)
            self.best[i] = tensors[f"best.{i}"].to(parameter.device)
            self.first[i] = tensors[f"first.{i}"].to(parameter.device)
        looks = json.loads((folder / LOOKS_FILE).read_text())
        self.scores = [float(score) for score in looks["scores"]]
        self.n_before = int(looks["n_before"])


def _best(scores: Sequence[float]) -> int:
    """Return which of the scores is the first of the highest."""
    return scores.index(max(scores))
