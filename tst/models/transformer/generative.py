"""GenerativeTST: series without a real step, from the same backbone as TST.

Attributes are drawn first, then steps from a learned start token; each number of a step has an exact likelihood given
all before it (`tst.models.transformer.heads`), a hazard ends the series, and a token may hold several steps (patch).
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import nn

from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.base import ModelSpec, Training
from tst.models.transformer import sampling
from tst.models.transformer.backbone import Backbone
from tst.models.transformer.batches import TokenBatch, TokenBatches, token_nll
from tst.models.transformer.config import POINT_HEADS, GenerativeConfig
from tst.models.transformer.encoding import SeriesEncoder, token_spec
from tst.models.transformer.heads import ChainHead, TokenSpec, encode
from tst.models.transformer.packing import Packing
from tst.series import SeriesSet
from tst.training.loop import TrainConfig


class GenerativeTST(nn.Module):
    """Our generator: a chain of exact conditional distributions over attributes, then over the numbers of each token.

    Parameters
    ----------
    config
        Its sizes.
    spec
        What a step and the attributes consist of.
    encoder
        How the training set was encoded; needed to sample, not to train.
    """

    key = "tst"

    def __init__(
        self, config: GenerativeConfig, spec: TokenSpec, encoder: SeriesEncoder | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.spec = spec
        self.encoder = encoder
        patch = config.patch
        self.input = nn.Linear(self.n_recent, config.d_model)
        self.backbone = Backbone(config)
        self.start = nn.Parameter(torch.randn(config.d_model) * 0.02)
        self.head = ChainHead(
            spec.step * patch,
            config.d_model,
            self.n_recent,
            config.head,
            spec.edges * patch,
            len(spec.step),
        )
        n_conditions = sum(v.width for v in spec.attributes)
        if n_conditions:
            self.conditions = nn.Linear(n_conditions, config.d_model, bias=False)
            kind = "mixture" if config.head in POINT_HEADS else config.head
            n_attributes = len(spec.attributes)
            self.attribute_head = ChainHead(
                spec.attributes, 1, 0, kind, spec.attribute_edges, n_attributes
            )

    @property
    def n_recent(self) -> int:
        """Width of the encoding of a token, which the model reads before it draws the next."""
        return self.config.patch * sum(v.width for v in self.spec.step)

    def embed(
        self, recent: torch.Tensor, is_start: torch.Tensor, conditions: torch.Tensor
    ) -> torch.Tensor:
        """Return token embeddings (rows, d_model) of the encoded token before each (rows, n_recent), or of the start."""
        start = self.start.to(recent.dtype)
        x = torch.where(is_start[:, None], start, self.input(recent).to(recent.dtype))
        return x + self.conditions(conditions) if self.spec.attributes else x

    def forward(self, batch: TokenBatch, packing: Packing) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log p of every number of every token, (rows, patch * D), and of every attribute, (B, n_attributes)."""
        attributes = batch.attributes
        conditions = encode(self.spec.attributes, attributes.value, attributes.repeat)
        embedded = self.embed(batch.recent, batch.is_start, conditions[batch.series])
        h = self.backbone(embedded, packing).to(batch.recent.dtype)
        log_probs = self.head.log_prob(h, batch.recent, batch.target)
        if not self.spec.attributes:
            return log_probs, attributes.value
        ones = attributes.value.new_ones(len(attributes.value), 1)
        return log_probs, self.attribute_head.log_prob(ones, ones[:, :0], attributes)

    def sample(
        self,
        n_series: int,
        seed: int = 0,
        *,
        real: SeriesSet | None = None,
        max_steps: int | None = None,
        attributes: pd.DataFrame | None = None,
        lengths: np.ndarray | None = None,
        donors: SeriesSet | None = None,
        prefix: np.ndarray | None = None,
    ) -> SeriesSet:
        """Return `n_series` synthetic series; `real` is ignored, the rest as in `sampling.sample`."""
        return sampling.sample(
            self,
            n_series,
            seed,
            max_steps=max_steps,
            attributes=attributes,
            lengths=lengths,
            donors=donors,
            prefix=prefix,
        )

    def save(self, folder: Path | str) -> None:
        """Write model.json and model.safetensors to a folder, the weights last and by rename."""
        weights.save(folder, self.facts(), self.state_dict())

    def facts(self) -> dict[str, Any]:
        """Return what `plan` builds the model from, as JSON holds it."""
        encoder = None if self.encoder is None else asdict(self.encoder)
        return {"config": asdict(self.config), "spec": self.spec.to_dict(), "encoder": encoder}

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote, in evaluation mode; raises DataError where it is missing, damaged or another's."""
        return weights.load(folder, cls.plan)

    @classmethod
    def plan(cls, facts: Mapping[str, Any], held: weights.Held) -> Any:
        """Return a function that builds the model of model.json; `held` says what the weights can hold."""
        config = from_mapping(GenerativeConfig, facts["config"])
        spec = TokenSpec.from_dict(facts["spec"])
        encoder = facts["encoder"] and SeriesEncoder.from_dict(facts["encoder"])
        held.check("n_layer", 12 * config.n_layer, len(held.shapes))  # a block has 12 tensors
        held.check("the layout", spec.n_weights(config.patch), held.n_numbers)
        return lambda: cls(config, spec, encoder)


def prepare(config: GenerativeConfig, real: SeriesSet, settings: TrainConfig) -> Training:
    """Return an untrained model, its loss, and random windows of the encoded training set."""
    encoder = SeriesEncoder.fit(real, config.attributes)
    spec = token_spec(encoder, real, config.stop)
    batches = TokenBatches(real, encoder, spec, config, settings.batch_size, settings.seed)
    return Training(model=GenerativeTST(config, spec, encoder), loss=token_nll, batches=batches)


SPEC = ModelSpec(
    key=GenerativeTST.key, config=GenerativeConfig, prepare=prepare, load=GenerativeTST.load
)
