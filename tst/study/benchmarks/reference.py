"""The reference recipe in its literal form, kept for tests and benchmarks only.

torch.nn.TransformerEncoder on batches padded to the window with boolean masks; one series generated at a time, everything
recomputed at each step. Loads the weights of `tst.models.transformer.model.TST`, so that both can be compared number by number.
"""

import torch
from torch import nn

from tst.models.scaling import ACTIVATIONS
from tst.models.transformer.positions import sinusoids


class ReferenceTST(nn.Module):
    """The paper's model as most people would write it."""

    def __init__(self, config):
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
        self.register_buffer(
            "positions", sinusoids(config.context_length, config.d_model), persistent=False
        )

    def forward(self, x, padding):
        """Map x (B, T, C) with padding (B, T), True = padded, to predictions (B, T, C)."""
        T = x.shape[1]
        causal = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(
            1
        )  # True = may not attend
        x = self.drop(self.input(x) + self.positions[:T])
        x = self.encoder(x, mask=causal, src_key_padding_mask=padding)
        return ACTIVATIONS[self.config.head](self.output(x))

    @classmethod
    def like(cls, model):
        """Return the reference model with the weights of a `TST`."""
        reference = cls(model.config).to(next(model.parameters()).dtype)
        names = {
            "attention.qkv.weight": "self_attn.in_proj_weight",
            "attention.qkv.bias": "self_attn.in_proj_bias",
            "attention.out": "self_attn.out_proj",
            "ff_in": "linear1",
            "ff_out": "linear2",
            "ln_1": "norm1",
            "ln_2": "norm2",
            "backbone.blocks.": "encoder.layers.",
        }
        state = {}
        for key, value in model.state_dict().items():
            for ours, theirs in names.items():
                key = key.replace(ours, theirs)
            state[key] = value
        reference.load_state_dict(state)
        return reference.train(model.training)


def pad(series, window):
    """Return (inputs, targets, padding) of a list of (length, C) tensors, padded to window - 1 predicted steps."""
    B, C = len(series), series[0].shape[1]
    inputs = series[0].new_zeros(B, window - 1, C)
    targets, padding = inputs.clone(), torch.ones(B, window - 1, dtype=torch.bool)
    for i, x in enumerate(series):
        n = len(x) - 1
        inputs[i, :n], targets[i, :n], padding[i, :n] = x[:-1], x[1:], False
    return inputs, targets, padding


def loss(prediction, targets, padding):
    """Return the mean over features, then over each series' steps, then over the batch."""
    per_step = (prediction - targets).square().mean(2).masked_fill(padding, 0.0)
    return (per_step.sum(1) / (~padding).sum(1)).mean()


@torch.no_grad()
def generate(reference, seed, max_steps):
    """Continue one seed (T, C), recomputing all earlier steps each time, until flag2 >= flag1 or the cap."""
    x = seed
    while len(x) < max_steps:
        step = reference(x[None], torch.zeros(1, len(x), dtype=torch.bool))[0, -1:]
        x = torch.cat([x, step])
        if step[0, -1] >= step[0, -2]:
            break
    return x
