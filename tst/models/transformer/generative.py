"""GenerativeTST: series without a real step, from the same backbone as TST.

Attributes are drawn first, then steps from a learned start token; each number of a step has an
exact likelihood given all before it (`tst.models.transformer.heads`), a hazard ends the series, and
a token may hold several steps (patch).
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from torch import nn

from tst.errors import translate_errors
from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.base import ModelSpec, Training
from tst.models.transformer import attribute_fit, sampling
from tst.models.transformer.backbone import Backbone
from tst.models.transformer.batches import TokenBatch, TokenBatches
from tst.models.transformer.config import POINT_HEADS, GenerativeConfig, Head
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.heads import ChainHead
from tst.models.transformer.packing import Packing
from tst.models.transformer.tokens import attribute_target, token_spec
from tst.models.transformer.variables import TokenSpec, encode
from tst.series import SeriesSet
from tst.training.config import TrainConfig

START_SCALE = 0.02  # standard deviation of the start token before training, as GPT-2's embeddings
# Variables of a token; far above what heads can learn, it bounds what a damaged model.json asks.
MAX_VARIABLES = 8_192


class GenerativeTST(nn.Module):
    """Our generator: exact conditional distributions over attributes, then over a token's numbers.

    Parameters
    ----------
    config
        Its sizes.
    spec
        What a step and the attributes consist of.
    encoder
        How the training set was encoded; needed to sample, not to train.
    """

    key: ClassVar[str] = "tst"

    def __init__(
        self, config: GenerativeConfig, spec: TokenSpec, encoder: SeriesEncoder | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.spec = spec
        self.encoder = encoder
        n_variables = max(config.patch * len(spec.step), len(spec.attributes))
        if n_variables > MAX_VARIABLES:
            raise ValueError(
                f"a token has {n_variables:,} numbers; give at most {MAX_VARIABLES:,}."
            )
        self.input = nn.Linear(self.n_recent, config.d_model)
        self.backbone = Backbone(config)
        self.start = nn.Parameter(torch.randn(config.d_model) * START_SCALE)
        self.head = ChainHead(
            variables=spec.step * config.patch,
            n_context=config.d_model,
            n_recent=self.n_recent,
            head=config.head,
            bin_edges=spec.bin_edges * config.patch,
            period=len(spec.step),
        )
        n_conditions = sum(variable.width for variable in spec.attributes)
        if n_conditions:
            self.conditions = nn.Linear(n_conditions, config.d_model, bias=False)
            # A point cannot be drawn: attributes have a distribution under every head.
            attribute_head: Head = "mixture" if config.head in POINT_HEADS else config.head
            self.attribute_head = ChainHead(
                variables=spec.attributes,
                n_context=1,
                n_recent=0,
                head=attribute_head,
                bin_edges=spec.attribute_bin_edges,
                period=len(spec.attributes),
            ).requires_grad_(False)  # fitted before the steps: `attribute_fit`

    @property
    def n_recent(self) -> int:
        """Width of the encoding of a token, which the model reads before it draws the next."""
        return self.config.patch * sum(variable.width for variable in self.spec.step)

    def embed(
        self, recent: torch.Tensor, is_start: torch.Tensor, conditions: torch.Tensor
    ) -> torch.Tensor:
        """Return token embeddings.

        Parameters
        ----------
        recent
            float, (rows, n_recent): encoding of the token before.
        is_start
            bool, (rows,): where no token stands before, but the start of the series.
        conditions
            float, (rows, n_conditions): encoded attributes.

        Returns
        -------
        float, (rows, d_model).
        """
        start = self.start.to(recent.dtype)
        x = torch.where(is_start[:, None], start, self.input(recent).to(recent.dtype))
        if not self.spec.attributes:
            return x
        return x + self.conditions(conditions)

    def forward(self, batch: TokenBatch, packing: Packing) -> torch.Tensor:
        """Return log p of every number of the tokens given the attributes, (rows, patch * D)."""
        attributes = batch.attributes
        # (B, n_conditions), then of each row's series: (rows, n_conditions).
        conditions = encode(self.spec.attributes, attributes.value, attributes.repeat)
        embedded = self.embed(batch.recent, batch.is_start, conditions[batch.series])
        # Back to float32, where autocast left bfloat16: likelihoods are not rounded.
        h = self.backbone(embedded, packing).to(batch.recent.dtype)  # (rows, d_model)
        return self.head.log_prob(h, batch.recent, batch.target)

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
        """Return `n_series` synthetic series as `sampling.sample` does; `real` is ignored."""
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
        """Return what `load` builds the model from, as JSON holds it."""
        encoder = None if self.encoder is None else asdict(self.encoder)
        return {"config": asdict(self.config), "spec": self.spec.to_dict(), "encoder": encoder}

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Return what `save` wrote, in evaluation mode.

        Raises
        ------
        DataError
            Where a file is missing or damaged, or is another model's.
        """
        facts, state = weights.read(folder)
        with translate_errors(f"no sound model at {folder}", weights.AGAIN):
            config = from_mapping(GenerativeConfig, facts["config"])
            spec = TokenSpec.from_dict(facts["spec"])
            encoder = None
            if facts["encoder"] is not None:
                encoder = SeriesEncoder.from_dict(facts["encoder"])
        return weights.load_into(lambda: cls(config, spec, encoder), state, folder)


def token_nll(model: GenerativeTST, batch: TokenBatch) -> torch.Tensor:
    """Return the loss of a batch: minus log p, summed over a step's numbers, averaged over steps."""
    packing = Packing(batch.lengths, device=batch.recent.device)
    return -(model(batch, packing) * batch.weight).sum()


def prepare(config: GenerativeConfig, real: SeriesSet, settings: TrainConfig) -> Training:
    """Return an untrained model, its loss, and random windows of the encoded training set."""
    encoder = SeriesEncoder.fit(real, config.attributes)
    spec = token_spec(encoder, real, config.stop)
    batches = TokenBatches(real, encoder, spec, config, settings.batch_size, settings.seed)
    model = GenerativeTST(config, spec, encoder)

    def fit_attributes() -> None:
        if spec.attributes:
            attribute_fit.fit(model.attribute_head, attribute_target(encoder, real), settings.seed)

    return Training(model=model, loss=token_nll, batches=batches, begin=fit_attributes)


SPEC = ModelSpec(
    key=GenerativeTST.key, config=GenerativeConfig, prepare=prepare, load=GenerativeTST.load
)
