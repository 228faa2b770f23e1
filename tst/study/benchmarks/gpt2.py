"""Generation against a GPT-2 of the same depth and width with its own cache.

The GPT-2 is that of transformers, which `make bench` installs for this benchmark alone.
"""

import sys
from functools import partial
from typing import Any

import torch
from torch import nn

from tst.errors import DataError
from tst.io.paths import ROOT
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.generation import generate
from tst.study.benchmarks.common import Size, emit, model_for, never_end, read_size, seconds
from tst.training.precision import cast

N_SERIES = 64


def import_transformers() -> Any:
    """Return the package transformers, from where `make bench` puts it."""
    sys.path.append(str(ROOT / ".bench"))
    try:
        import transformers
    except ImportError:
        raise DataError(
            "transformers is not there; `make bench` installs it for this benchmark alone."
        ) from None
    return transformers


def gpt2(transformers: Any, config: TSTConfig, n_steps: int) -> nn.Module:
    """Return a GPT-2 with our depth, width, heads and feed-forward width, fed with embeddings."""
    settings = transformers.GPT2Config(
        vocab_size=16,
        bos_token_id=0,
        eos_token_id=0,
        n_positions=n_steps,
        n_embd=config.d_model,
        n_layer=config.n_layer,
        n_head=config.n_head,
        n_inner=config.d_ff,
    )
    model: nn.Module = transformers.GPT2Model(settings).eval()
    return model


@torch.no_grad()
def generate_by_gpt2(
    model: nn.Module,
    head: nn.Module,
    tail: nn.Module,
    seeds: torch.Tensor,
    precision: str,
    n_steps: int,
) -> None:
    """Feed its own output back, with the library's cache, as ours does.

    Parameters
    ----------
    model
        GPT-2, fed with embeddings.
    head, tail
        Our linear input and output, so that both models read and write the same features.
    seeds
        float32, shape (B, T, n_features): first steps.
    """
    with cast(precision):
        x = seeds
        cache = None
        for _ in range(n_steps - seeds.shape[1]):
            out = model(inputs_embeds=head(x).float(), past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            x = torch.sigmoid(tail(out.last_hidden_state[:, -1:]).float())  # (B, 1, n_features)


def main(size: Size) -> None:
    """Measure both in the same precision, one after the other; in bf16 over fewer steps."""
    transformers = import_transformers()
    n_steps = size.pick(200, 40)
    torch.manual_seed(0)
    other = gpt2(transformers, size.config, n_steps)
    ours = model_for(size, n_steps).eval()
    head = ours.input
    tail = ours.output
    never_end(ours)
    seeds = torch.rand(N_SERIES, 2, size.config.n_features)
    # GPT-2's attention is slow in bf16 on a CPU: a tenth of the steps.
    for metric, precision, n in (("", "fp32", n_steps), ("_bf16", "bf16", n_steps // 10)):
        by_gpt2 = partial(generate_by_gpt2, other, head, tail, seeds, precision, n)
        by_ours = partial(generate, ours, seeds, n, precision)
        gpt2_seconds = seconds(by_gpt2, 1, warm=False)
        ours_seconds = seconds(by_ours, 1, warm=False)
        emit(
            f"generate_over_gpt2{metric}",
            gpt2_seconds / ours_seconds,
            seconds=ours_seconds,
            gpt2_seconds=gpt2_seconds,
            n_steps=n,
            transformers=transformers.__version__,
        )


if __name__ == "__main__":
    main(read_size(sys.argv[1:]))
