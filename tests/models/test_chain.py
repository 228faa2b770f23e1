"""Laws of the chain's sampler: number by number is all at once; draws have the head's law."""

from typing import get_args

import numpy as np
import pytest
import torch
from helpers import CHAIN_CONTEXT, CHAIN_STEP, CHAIN_STEPS, CHAIN_WIDTH, random_chain
from scipy import stats

from tst.models.transformer.chain import ChainSampler
from tst.models.transformer.config import POINT_HEADS, Head
from tst.models.transformer.distributions import LogisticMixture, QuantileBins
from tst.models.transformer.variables import BIG, Variable, encode

HEADS = get_args(Head)
N_ROWS = 6
N_DRAWS = 20_000
D_NUMBER, D_CATEGORY, D_GATED, D_END = range(4)  # the variables of a step


def past(n=N_ROWS, seed=1, width=CHAIN_WIDTH):
    """Return a random context and encoding of the token before."""
    generator = torch.Generator().manual_seed(seed)
    context = torch.randn(n, CHAIN_CONTEXT, generator=generator, dtype=torch.float64)
    recent = torch.randn(n, width * CHAIN_STEPS, generator=generator, dtype=torch.float64)
    return context, recent


def numbers(n=N_ROWS, n_categories=3):
    """Return random numbers of a token and which of them repeat, (n, 8) each."""
    generator = torch.Generator().manual_seed(2)
    value = torch.randn(n, 8, generator=generator, dtype=torch.float64)
    codes = torch.randint(0, n_categories, (n, CHAIN_STEPS), generator=generator)
    value[:, D_CATEGORY::4] = codes.double()
    repeat = torch.zeros(n, 8, dtype=torch.bool)
    repeat[::3, D_GATED::4] = True
    return value, repeat


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("category", [CHAIN_STEP[1], Variable("categorical", 90, in_digits=True)])
@torch.no_grad()
def test_number_by_number_is_all_at_once(head, category):
    """What sampling computes of each number is what training computes in one go, to 1e-12."""
    step = CHAIN_STEP[0], category, *CHAIN_STEP[2:]
    model = random_chain(head, step=step)
    chain = ChainSampler(model)
    value, repeat = numbers(n_categories=category.n_categories)
    context, recent = past(width=sum(variable.width for variable in step))
    encoded = encode(model.variables, value, repeat)
    out, base = model.outputs(context, recent, encoded)
    begun = chain.begin(context, recent)
    written = chain.new_encoding(N_ROWS)
    for d, variable in enumerate(model.variables):
        step_out, step_base = chain.outputs(d, begun, written)
        torch.testing.assert_close(step_out, out[:, d], rtol=0, atol=1e-12)
        if variable.kind == "continuous" and head not in POINT_HEADS:
            torch.testing.assert_close(step_base, base[:, d], rtol=0, atol=1e-12)
        chain.write(d, written, value[:, d], repeat[:, d] if variable.repeats else None)
    assert torch.equal(written, encoded)


def draws(d, head="mixture", n=N_DRAWS):
    """Return n draws of variable d after the same past and no number before, and its outputs."""
    chain = ChainSampler(random_chain(head))
    ones = torch.ones(1, CHAIN_CONTEXT).double()
    begun = chain.begin(ones, torch.zeros(1, CHAIN_WIDTH * CHAIN_STEPS).double())
    encoded = chain.new_encoding(1)
    uniform = chain.uniform(n, torch.Generator().manual_seed(5))
    drawn = chain.draw(d, begun.expand(n, -1, -1), encoded.expand(n, -1), uniform)
    out, base = chain.outputs(d, begun, encoded)
    return drawn, out, base, chain


@pytest.mark.parametrize("head", ["mixture", "quantised"])
@torch.no_grad()
def test_draws_of_a_number_follow_its_likelihood(head):
    """Against the distribution that its outputs describe (KS); what has no gate repeats never."""
    (drawn, repeat), out, base, chain = draws(D_NUMBER, head)
    assert repeat is None
    grid = np.quantile(drawn.numpy(), np.linspace(0.01, 0.99, 50))
    cut = torch.tensor(grid)[:, None]
    if head == "mixture":
        distribution = LogisticMixture(out[:, None, 1:16].expand(50, 1, -1), base.expand(50, 1))
    else:
        bins = out[:, None, 1:12].expand(50, 1, -1)
        distribution = QuantileBins(bins, chain.head.bin_edges[:1])
    masses = distribution.log_prob(cut, torch.full_like(cut, -BIG), cut).exp()[:, 0]
    np.testing.assert_allclose(masses, stats.ecdf(drawn.numpy()).cdf.evaluate(grid), atol=0.02)


@torch.no_grad()
def test_draws_of_categories_ends_and_repeats_have_their_probabilities():
    """Chi-square of 20,000 draws of each, at a level that one seed in 10,000 would fail."""
    (code, _), out, _, _ = draws(D_CATEGORY)
    (_, repeat), gated, _, _ = draws(D_GATED)
    (end, _), ending, _, _ = draws(D_END)
    two_sided = [torch.sigmoid(torch.stack([-x[0, 0], x[0, 0]])) for x in (gated, ending)]
    for drawn, probabilities in (
        (code, torch.softmax(out[0, 1:4], 0)),
        (repeat, two_sided[0]),
        (end, two_sided[1]),
    ):
        counts = torch.bincount(drawn.long(), minlength=len(probabilities))
        assert stats.chisquare(counts, N_DRAWS * probabilities).pvalue > 1e-4


@torch.no_grad()
def test_the_numbers_of_a_token_are_drawn_apart():
    """Gate, part and place of all numbers are independent and uniform: correlations and means."""
    chain = ChainSampler(random_chain())
    uniform = chain.uniform(N_DRAWS, torch.Generator().manual_seed(0)).flatten(1)
    assert uniform.shape[1] == 3 * 8
    correlation = torch.corrcoef(uniform.T) - torch.eye(24)
    assert correlation.abs().max() < 5 / N_DRAWS**0.5
    torch.testing.assert_close(uniform.mean(0), torch.full((24,), 0.5).double(), rtol=0, atol=0.01)
