"""What moves in a training step: a whole model by one loss, or parts of it in turn.

A GAN has an objective each for its critic and its generator: each step they move one after another,
on the same batch, each by its own loss and its own Adam.
"""

from collections.abc import Callable, Iterable, Mapping

import torch

from tst.training.batches import Loss
from tst.training.config import TrainConfig

SelectParameters = Callable[[torch.nn.Module], Iterable[torch.nn.Parameter]]
# {name: (parameters that move, their loss)}, in the order in which they move.
Objectives = Mapping[str, tuple[SelectParameters, Loss]]


class Objective:
    """One optimiser step's objective: which parameters, which loss, their Adam and its rate.

    Parameters
    ----------
    name
        Empty for the only objective of a model: its gradients may then go to all parameters.
    model
        The model in whole.
    select
        Returns the parameters that move.
    loss
        Returns the scalar that they minimise.
    config
        Rate and betas of Adam.
    """

    def __init__(
        self,
        name: str,
        model: torch.nn.Module,
        select: SelectParameters,
        loss: Loss,
        config: TrainConfig,
    ) -> None:
        self.name = name
        self.loss = loss
        self.parameters = list(select(model))
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            self.parameters, lr=config.learning_rate, betas=config.betas, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, config.rate)

    def begin_again(self, factor: float) -> None:
        """Let Adam forget its moments, and its rate begin anew as this share of what it was."""
        self.optimizer.state.clear()
        self.schedule.base_lrs = [rate * factor for rate in self.schedule.base_lrs]
        self.schedule.last_epoch = -1
        self.schedule.step()

    @property
    def inputs(self) -> list[torch.nn.Parameter] | None:
        """Parameters that `backward` gives gradients to; None is all that the loss depends on."""
        return self.parameters if self.name else None


def objectives_of(
    model: torch.nn.Module, loss: Loss | Objectives, config: TrainConfig
) -> list[Objective]:
    """Return the objectives of a model; a single loss is one without a name that moves it all."""
    if isinstance(loss, Mapping):
        return [Objective(name, model, *parts, config) for name, parts in loss.items()]
    return [Objective("", model, torch.nn.Module.parameters, loss, config)]
