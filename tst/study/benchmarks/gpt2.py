"""Generation against a GPT-2 of the same depth and width with its own cache (transformers, for this benchmark only)."""

import sys

import torch

from tst.io.paths import ROOT
from tst.models.transformer.generation import generate
from tst.study.benchmarks.common import CONFIG, emit, full, model_for, seconds
from tst.training.precision import cast

N_SERIES, N_STEPS = 64, full(550, 40)


def gpt2(transformers):
    """Return a GPT-2 with our depth, width, heads and feed-forward width, fed with embeddings."""
    config = transformers.GPT2Config(
        vocab_size=16,
        bos_token_id=0,
        eos_token_id=0,
        n_positions=N_STEPS,
        n_embd=CONFIG.d_model,
        n_layer=CONFIG.n_layer,
        n_head=CONFIG.n_head,
        n_inner=CONFIG.d_ff,
    )
    return transformers.GPT2Model(config).eval()


@torch.no_grad()
def run(model, head, tail, seeds, precision, n_steps):
    """Feed its own output back, with the library's cache, as ours does."""
    with cast(precision):
        x, cache = seeds, None
        for _ in range(n_steps - seeds.shape[1]):
            out = model(inputs_embeds=head(x).float(), past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            x = torch.sigmoid(tail(out.last_hidden_state[:, -1:]).float())


def main():
    """Measure both in the same precision, one after the other; bfloat16, slow in their attention, over fewer steps."""
    sys.path.append(str(ROOT / ".bench"))  # where `make bench` puts transformers
    try:
        import transformers
    except ImportError:
        sys.exit("transformers is not there; `make bench` installs it for this benchmark alone.")
    torch.manual_seed(0)
    theirs, ours = gpt2(transformers), model_for(N_STEPS).eval()
    head, tail = ours.input, ours.output
    with torch.no_grad():
        tail.bias[-2:] = torch.tensor([9.0, -9.0])
    seeds = torch.rand(N_SERIES, 2, CONFIG.n_features)
    for metric, precision, n_steps in (("", "fp32", N_STEPS), ("_bf16", "bf16", N_STEPS // 10)):
        gpt2_seconds = seconds(
            lambda p=precision, n=n_steps: run(theirs, head, tail, seeds, p, n), 1, warm=False
        )
        ours_seconds = seconds(
            lambda p=precision, n=n_steps: generate(ours, seeds, n, p), 1, warm=False
        )
        detail = {"seconds": ours_seconds, "gpt2_seconds": gpt2_seconds, "n_steps": n_steps}
        emit(
            f"generate_over_gpt2{metric}",
            gpt2_seconds / ours_seconds,
            **detail,
            transformers=transformers.__version__,
        )


if __name__ == "__main__":
    main()
