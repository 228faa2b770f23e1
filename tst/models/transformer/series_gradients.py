"""The gradient of each series of a packed batch, by one backward pass.

A layer that works row by row has, of each series, the gradient that its rows give: of a Linear the
product of what came back to its output and of its input (Goodfellow, 2015, arXiv 1510.01799). So
one pass over the packed batch keeps both, norms are of the products, and the clipped sum is one
product more, of rows that are weighed by their series (Bu et al., 2022, arXiv 2210.00038).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tst.models.transformer.batches import TokenBatch
from tst.models.transformer.generative import GenerativeTST
from tst.models.transformer.heads import ChainHead
from tst.models.transformer.packing import Packing
from tst.series import offsets

Shape = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Product:
    """A parameter whose gradient is a sum over rows of outer products of two of their vectors.

    Parameters
    ----------
    parameter
        What it is the gradient of.
    left, right
        float, (n_rows, a) and (n_rows, b), or (n_rows, D, a) and (n_rows, D, b): a product for
        each of D.
    shape
        Function of the sum, (..., a, b) or (..., D, a, b), -> (..., *parameter.shape).
    """

    parameter: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    shape: Shape

    def of_series(self, packed: list[int]) -> torch.Tensor:
        """Return the gradient of each series, float (B, *parameter.shape).

        Parameters
        ----------
        packed
            First row of each series, and behind the last, where rows are steps; else a row is a
            series.
        """
        if len(self.left) == len(packed) - 1:
            return self.shape(torch.einsum("r...a,r...b->r...ab", self.left, self.right))
        sums = []
        for first, end in pairwise(packed):
            sums.append(_summed(self.left[first:end], self.right[first:end]))
        return self.shape(torch.stack(sums))

    def weighted(self, of_rows: torch.Tensor) -> torch.Tensor:
        """Return the sum of all series' gradients, each row weighed, float (n_rows,)."""
        weight = of_rows.view(-1, *[1] * (self.left.ndim - 1))
        return self.shape(_summed(self.left * weight, self.right))


def _summed(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the sum over rows of outer products, (a, b) or (D, a, b)."""
    if left.ndim == 2:
        return left.T @ right
    return torch.bmm(left.permute(1, 2, 0), right.transpose(0, 1))


Rule = Callable[[torch.Tensor], list[Product]]


@dataclass
class Tape:
    """What layers saw and gave in a pass: outputs, and of each how gradients follow from theirs."""

    outputs: list[torch.Tensor] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    def add(self, output: torch.Tensor, rule: Rule) -> None:
        """Keep an output and the rule: its gradient -> a `Product` of each parameter."""
        self.outputs.append(output)
        self.rules.append(rule)

    def products(self, total: torch.Tensor) -> list[Product]:
        """Return of each parameter what the gradient of a scalar is made of."""
        gradients = torch.autograd.grad(total, self.outputs, materialize_grads=True)
        found = []
        with torch.no_grad():
            for rule, gradient in zip(self.rules, gradients, strict=True):
                found += rule(gradient)
        return found


def _as_it_is(outer: torch.Tensor) -> torch.Tensor:
    return outer


def _column(outer: torch.Tensor) -> torch.Tensor:
    return outer.squeeze(-1)


def _ones(x: torch.Tensor) -> torch.Tensor:
    return x.new_ones(len(x), 1)


def _linear(tape: Tape, module: nn.Linear, x: torch.Tensor, y: torch.Tensor) -> None:
    x = x.detach()

    def rule(g: torch.Tensor) -> list[Product]:
        found = [Product(module.weight, g, x, _as_it_is)]
        if module.bias is not None:
            found.append(Product(module.bias, g, _ones(g), _column))
        return found

    tape.add(y, rule)


def _layer_norm(tape: Tape, module: nn.LayerNorm, x: torch.Tensor, y: torch.Tensor) -> None:
    centred = x.detach() - x.detach().mean(1, keepdim=True)
    unit = centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + module.eps)

    def rule(g: torch.Tensor) -> list[Product]:
        ones = _ones(g)
        of_weight = Product(module.weight, g * unit, ones, _column)
        return [of_weight, Product(module.bias, g, ones, _column)]

    tape.add(y, rule)


def _head_outputs(
    tape: Tape, head: ChainHead, seen: tuple[torch.Tensor, ...], given: tuple[torch.Tensor, ...]
) -> None:
    """Keep what the head's own parameters need; its Linear has a rule of its own.

    Parameters
    ----------
    seen
        context, recent, encoded: arguments of `ChainHead.outputs`.
    given
        What it returned: out (rows, D, n_out) and base (rows, D).
    """
    context, recent, encoded = (x.detach() for x in seen)
    out, base = given
    D = len(head.variables)
    with torch.no_grad():
        chain = (head.chain * head.before[:, :, None]).flatten(1)
        linear = head.context
        past = F.linear(torch.cat([context, recent], 1), linear.weight, linear.bias)
        before_relu = past + encoded @ chain
        hidden = before_relu.relu().view(len(out), D, -1)
    is_on = (hidden > 0).to(out.dtype)
    n_hidden = hidden.shape[2]

    def of_out(g: torch.Tensor) -> list[Product]:
        back = torch.einsum("rdo,dho->rdh", g, head.out.detach()) * is_on  # (rows, D, N_HIDDEN)

        def of_chain(outer: torch.Tensor) -> torch.Tensor:
            return outer.unflatten(-1, (D, n_hidden)) * head.before[:, :, None]

        return [
            Product(head.bias, g.flatten(1), _ones(g), lambda x: x.reshape(*x.shape[:-2], D, -1)),
            Product(head.out, hidden, g, _as_it_is),
            Product(head.chain, encoded, back.flatten(1), of_chain),
        ]

    def of_base(g: torch.Tensor) -> list[Product]:
        mask = torch.cat([head.before.new_ones(head.n_recent, D), head.before])
        return [Product(head.skip, torch.cat([recent, encoded], 1), g, lambda x: x * mask)]

    tape.add(out, of_out)
    if base.requires_grad:
        tape.add(base, of_base)


def tape_layers(tape: Tape, model: nn.Module, stack: ExitStack) -> None:
    """Keep what each Linear and LayerNorm sees and gives, rows (n, features), until a stack ends.

    The head of attributes has no part in the likelihood of steps.
    """
    rules: dict[type[nn.Module], Callable[..., None]] = {
        nn.Linear: _linear,
        nn.LayerNorm: _layer_norm,
    }
    for name, module in model.named_modules():
        rule = rules.get(type(module))
        if rule is None or name.startswith("attribute_head"):
            continue

        def hook(
            one: nn.Module,
            inputs: tuple[torch.Tensor, ...],
            output: torch.Tensor,
            rule: Callable[..., None] = rule,
        ) -> None:
            rule(tape, one, inputs[0], output)

        stack.callback(module.register_forward_hook(hook).remove)


@contextmanager
def _taping(model: GenerativeTST, is_start: torch.Tensor) -> Iterator[Tape]:
    """Keep, within the block, what each layer of a model with own parameters sees and gives."""
    tape = Tape()
    with ExitStack() as stack:
        tape_layers(tape, model, stack)

        def embedded(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            of_start = is_start[:, None].to(inputs[0].dtype)
            tape.add(inputs[0], lambda g: [Product(model.start, g * of_start, _ones(g), _column)])

        stack.callback(model.backbone.register_forward_pre_hook(embedded).remove)
        outputs = model.head.outputs

        def taped(*seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            given = outputs(*seen)
            _head_outputs(tape, model.head, seen, given)
            return given

        model.head.outputs = taped  # type: ignore[assignment, method-assign]
        stack.callback(delattr, model.head, "outputs")
        yield tape


def series_losses(model: GenerativeTST, batch: TokenBatch) -> torch.Tensor:
    """Return minus the weighed log p of each series of a batch, float (B,)."""
    packing = Packing(batch.lengths, device=batch.recent.device)
    of_rows = (model(batch, packing) * batch.weight).sum(1)
    return -of_rows.new_zeros(len(batch.lengths)).index_add_(0, batch.series, of_rows)


class SeriesGradients:
    """The gradients of `series_losses`, of each series.

    Parameters
    ----------
    model
        In evaluation mode: what drops numbers, or compiled code that takes two layers at once,
        tells no layer's part.
    batch
        On the model's device; each of its windows is a series of its own.

    Raises
    ------
    RuntimeError
        Where a parameter that moves has no rule.
    """

    def __init__(self, model: GenerativeTST, batch: TokenBatch) -> None:
        if model.training:
            raise RuntimeError("gradients of series need a model in evaluation mode")
        with _taping(model, batch.is_start) as tape:
            losses = series_losses(model, batch)
        self.losses = losses.detach()
        self.series = batch.series
        # First row of each series, and behind the last.
        self.packed: list[int] = offsets(np.array(batch.lengths)).tolist()
        names: dict[torch.Tensor, str] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                names[parameter] = name
        self.products: dict[str, list[Product]] = {}
        for product in tape.products(losses.sum()):
            if product.parameter.requires_grad:
                self.products.setdefault(names[product.parameter], []).append(product)
        missing = sorted(set(names.values()) - self.products.keys())
        if missing:
            raise RuntimeError(f"no rule for the gradient of {missing[0]} of each series")

    @torch.no_grad()
    def of_series(self, name: str) -> torch.Tensor:
        """Return the gradient of a parameter, of each series: float (B, *its shape)."""
        first, *others = (product.of_series(self.packed) for product in self.products[name])
        return sum(others, first)

    @torch.no_grad()
    def norms(self) -> torch.Tensor:
        """Return the norm of each series' gradient over all parameters, float (B,)."""
        total = torch.zeros_like(self.losses)
        for name in self.products:
            total += self.of_series(name).flatten(1).square().sum(1)
        return total.sqrt()

    @torch.no_grad()
    def clipped_sum(self, most: float) -> dict[str, torch.Tensor]:
        """Return {parameter: sum of the series' gradients, each scaled to a norm <= `most`}."""
        weight = (most / self.norms().clamp_min(1e-12)).clamp_max(1.0)  # (B,)
        of_steps = weight[self.series]
        sums = {}
        for name, products in self.products.items():
            parts = []
            for product in products:
                if len(product.left) == self.packed[-1]:
                    parts.append(product.weighted(of_steps))
                else:
                    parts.append(product.weighted(weight))
            sums[name] = sum(parts[1:], parts[0])
        return sums
