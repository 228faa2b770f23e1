"""The paper's recipe in its literal form, which tests and benchmarks compare with.

torch.nn.TransformerEncoder on batches padded to the window with boolean masks; one series generated
at a time, everything recomputed at each step. Loads the weights of
`tst.models.transformer.model.TST`, so that both can be compared number by number.
"""

from collections.abc import Sequence
from typing import Self

import torch
from torch import nn

from tst.models.scaling import ACTIVATIONS
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.model import TST
from tst.models.transformer.positions import sinusoids

# Part of a parameter's name: that of torch's encoder.
NAMES = {
    "attention.qkv.weight": "self_attn.in_proj_weight",
    "attention.qkv.bias": "self_attn.in_proj_bias",
    "attention.out": "self_attn.out_proj",
    "ff_in": "linear1",
    "ff_out": "linear2",
    "ln_1": "norm1",
    "ln_2": "norm2",
    "backbone.blocks.": "encoder.layers.",
}


class ReferenceTST(nn.Module):
    """The paper's model as most people would write it."""

    positions: torch.Tensor

    def __init__(self, config: TSTConfig) -> None:
        super().__init__()
        self.config = config
        self.input = nn.Linear(config.n_features, config.d_model)
        layer = nn.TransformerEncoderLayer(
            config.d_model,
            config.n_head,
            config.d_ff,
            config.dropout,
            activation="relu",
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config.n_layer, enable_nested_tensor=False)
        self.output = nn.Linear(config.d_model, config.n_features)
        self.drop = nn.Dropout(config.dropout)
        encoding = sinusoids(config.context_length, config.d_model)
        self.register_buffer("positions", encoding, persistent=False)

    def forward(self, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """Map x (B, T, C) with padding (B, T), True = padded, to predictions (B, T, C)."""
        T = x.shape[1]
        every_pair = torch.ones(T, T, dtype=torch.bool, device=x.device)
        is_future = every_pair.triu(1)  # True = may not attend
        x = self.drop(self.input(x) + self.positions[:T])
        x = self.encoder(x, mask=is_future, src_key_padding_mask=padding)
        return ACTIVATIONS[self.config.head](self.output(x))

    @classmethod
    def like(cls, model: TST) -> Self:
        """Return the reference model with the weights of a `TST`."""
        reference = cls(model.config).to(next(model.parameters()).dtype)
        state = {}
        for key, value in model.state_dict().items():
            for ours, torchs in NAMES.items():
                key = key.replace(ours, torchs)
            state[key] = value
        reference.load_state_dict(state)
        return reference.train(model.training)


def pad(
    series: Sequence[torch.Tensor], window: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return inputs, targets (B, window - 1, C) and padding (B, window - 1), True = padded.

    Parameters
    ----------
    series
        float, each (length, C), length <= window.
    """
    B = len(series)
    C = series[0].shape[1]
    inputs = series[0].new_zeros(B, window - 1, C)
    targets = inputs.clone()
    padding = torch.ones(B, window - 1, dtype=torch.bool)
    for i, x in enumerate(series):
        n = len(x) - 1
        inputs[i, :n] = x[:-1]
        targets[i, :n] = x[1:]
        padding[i, :n] = False
    return inputs, targets, padding


def loss(prediction: torch.Tensor, targets: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    """Return the mean over features, then over each series' steps, then over the batch."""
    per_step = (prediction - targets).square().mean(2).masked_fill(padding, 0.0)
    return (per_step.sum(1) / (~padding).sum(1)).mean()


@torch.no_grad()
def generate(reference: ReferenceTST, seed: torch.Tensor, max_steps: int) -> torch.Tensor:
    """Continue first steps (T, C) until flag2 >= flag1 or the cap, recomputing all each time."""
    x = seed
    while len(x) < max_steps:
        step = reference(x[None], torch.zeros(1, len(x), dtype=torch.bool))[0, -1:]
        x = torch.cat([x, step])
        if step[0, -1] >= step[0, -2]:
            break
    return x
