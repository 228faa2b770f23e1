"""Output heads with a distribution: each number of a step given the past and the numbers of that step before it.

The paper's head is a point, the mean of what may come next (MSE); its output cannot be random. Here a step is a chain of
dimensions (its measurements one after another, then whether the series ends there), and each gets an exact conditional
likelihood: continuous ones a mixture of logistics or quantised bins, categorical ones a softmax, the end a hazard. Atoms
are masses, not densities: a value at a bound or a whole number carries the probability of an interval (censored
mixtures; Salimans et al., PixelCNN++, 2017), an exact repeat of the step before has a gate of its own. One masked layer
computes all dimensions at once in training (as MADE, Germain et al., 2015); sampling goes through them in order.
"""

import math
from dataclasses import astuple, dataclass

import torch
from torch import nn
from torch.nn import functional as F

from tst.io.untrusted import from_mapping

POINTS = {"sigmoid": (torch.sigmoid, 0.0, 1.0), "tanh": (torch.tanh, -1.0, 1.0)}
HEADS = (*POINTS, "mixture", "quantised")
DIM, PARTS = ("kind", "n_categories", "repeats"), ("step", "attributes")
N_COMPONENTS = 5
N_HIDDEN = 32  # hidden units a dimension
LOG_SCALES = -7.0, 4.0
BIG = 1e6  # stands for infinity in scaled units: sums with it stay finite in float32


@dataclass(frozen=True)
class Variable:
    """One number of a step: its kind, the levels of a categorical one, whether exact repeats have a gate."""

    kind: str = "continuous"  # or categorical, stop (a hazard), flags (the paper's two, by MSE, no randomness)
    n_categories: int = 0
    repeats: bool = False

    @property
    def width(self):
        """Numbers that encode it for later dimensions and for the model's input."""
        return {"continuous": 2, "categorical": self.n_categories}.get(self.kind, 0)


@dataclass(frozen=True)
class TokenSpec:
    """What a step and a series' attributes consist of, and the ranges that points and bins need.

    Parameters
    ----------
    step, attributes
        `Dim`s of one step (a `stop` last, where lengths vary) and of the attributes, which may be none.
    edges
        Edges of the bins of each step dimension, increasing; only their first and last matter to points.
    attribute_edges
        The same of the attributes.
    """

    step: tuple
    attributes: tuple = ()
    edges: tuple = ()
    attribute_edges: tuple = ()

    @classmethod
    def from_dict(cls, mapping):
        """Return the layout of a mapping that JSON held; `to_dict` is the inverse."""
        step, attributes = (
            tuple(from_mapping(Variable, dict(zip(DIM, d, strict=True))) for d in mapping[k])
            for k in PARTS
        )
        return cls(
            step, attributes, *(tuple(map(tuple, mapping[k])) for k in ("edges", "attribute_edges"))
        )

    def n_weights(self, patch):
        """Return the least number of weights that heads of this layout have: more than what they loop over."""
        most = 0
        for dims, edges, S in (
            (self.step, self.edges, patch),
            (self.attributes, self.attribute_edges, 1),
        ):
            width, n_edges = sum(abs(d.width) for d in dims), max(map(len, edges), default=0)
            most = max(most, S * len(dims) * N_HIDDEN * max(S * width, 1), S * len(dims) * n_edges)
        return most

    def to_dict(self):
        """Return a mapping that JSON can hold."""
        dims = {k: [astuple(d) for d in getattr(self, k)] for k in PARTS}
        return dims | {k: [list(e) for e in getattr(self, k)] for k in ("edges", "attribute_edges")}


@dataclass
class Target:
    """Numbers whose likelihood is asked: each float (rows, D) but `repeat`, bool (rows, D).

    `value` is a scaled number, a category's code, or 1 where a series ends. A continuous value has probability mass on
    [lower, upper] where these differ, and a density where they are equal.
    """

    value: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    repeat: torch.Tensor

    def map(self, function):
        """Return the target with a function applied to each tensor."""
        return Target(*(function(t) for t in (self.value, self.lower, self.upper, self.repeat)))


def encode(dims, value, repeat):
    """Return what stands for the numbers of a row, (rows, sum of widths): value and repeat, one-hot, nothing for an end."""
    parts = [value.new_zeros(len(value), 0)]
    for d, dim in enumerate(dims):
        if dim.kind == "continuous":
            parts.append(torch.stack([value[:, d], repeat[:, d].to(value.dtype)], dim=1))
        elif dim.kind == "categorical":
            parts.append(F.one_hot(value[:, d].long(), dim.n_categories).to(value.dtype))
    return torch.cat(parts, dim=1)


class ChainHead(nn.Module):
    """Distribution of D numbers given a context, by the chain rule.

    Parameters
    ----------
    dims
        The numbers in order (for patches, those of all steps of a patch).
    n_context
        Width of the model's output.
    n_recent
        Width of the encoding of the row before, which reaches locations by a linear path of its own; it must end with
        the encoding of one step of `period` dimensions, or be 0.
    head
        One of `HEADS`.
    edges
        Increasing bin edges of each number, (D, n_bins + 1).
    period
        Dimensions a step: number d repeats number d - period.
    """

    def __init__(self, dims, n_context, n_recent, head, edges, period):
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"head is '{head}'; use one of {', '.join(HEADS)}.")
        self.dims, self.head, self.period, self.n_recent = tuple(dims), head, period, n_recent
        D, self.ends = len(dims), [sum(d.width for d in dims[: i + 1]) for i in range(len(dims))]
        E = self.ends[-1]
        self.register_buffer(
            "edges",
            torch.tensor(edges, dtype=torch.get_default_dtype()).view(D, -1),
            persistent=False,
        )
        self.n_value = {"mixture": 3 * N_COMPONENTS, "quantised": self.edges.shape[1] - 1}.get(
            head, 1
        )
        self.n_out = 1 + max(
            [self.n_value, *(d.n_categories for d in dims)]
        )  # first a gate: repeat, end
        before = torch.tensor(
            [[self.ends[d] - dims[d].width > e for d in range(D)] for e in range(E)]
        ).view(E, D)
        if head in POINTS:
            before &= False  # the paper's head: every number from the past alone
        numbers = [d for d, dim in enumerate(dims) if dim.kind == "continuous"]
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)
        self.register_buffer("gated", torch.tensor([d.repeats for d in dims]), persistent=False)
        self.register_buffer(
            "before", before.to(torch.get_default_dtype()), persistent=False
        )  # (E, D)
        self.context = nn.Linear(n_context + n_recent, D * N_HIDDEN)
        self.chain = nn.Parameter(torch.randn(E, D, N_HIDDEN) * (0.5 / math.sqrt(max(E, 1))))
        self.out = nn.Parameter(torch.randn(D, N_HIDDEN, self.n_out) * (0.5 / math.sqrt(N_HIDDEN)))
        self.bias = nn.Parameter(self._first_bias())
        self.skip = nn.Parameter(self._first_skip(E))

    def _first_bias(self):
        bias = torch.zeros(len(self.dims), self.n_out)
        bias[:, 0] = -2.0  # repeats, ends
        if self.head == "mixture":
            bias[:, 1 + N_COMPONENTS : 1 + 2 * N_COMPONENTS] = torch.linspace(
                -0.5, 0.5, N_COMPONENTS
            )
            bias[:, 1 + 2 * N_COMPONENTS : 1 + 3 * N_COMPONENTS] = -1.0
        return bias

    def _first_skip(self, E):
        """Return the linear path's start, (n_recent + E, D): each number where the same one of the step before stood."""
        skip = torch.zeros(self.n_recent + E, len(self.dims))
        for d, dim in enumerate(self.dims if self.n_recent else ()):
            if dim.kind == "continuous" and d < self.period:
                skip[self.n_recent - self.ends[self.period - 1] + self.ends[d] - dim.width, d] = 1.0
            elif dim.kind == "continuous":
                skip[self.n_recent + self.ends[d - self.period] - dim.width, d] = 1.0
        return skip

    def _base(self, recent, encoded):
        """Return the linear part of the locations, (rows, D)."""
        return recent @ self.skip[: self.n_recent] + encoded @ (
            self.skip[self.n_recent :] * self.before
        )

    def parameters_of(self, context, recent, encoded):
        """Return (numbers that describe each dimension's distribution (rows, D, n_out), locations (rows, D))."""
        D = len(self.dims)
        hidden = self.context(torch.cat([context, recent], dim=1))
        masked = (self.chain * self.before[:, :, None]).flatten(1)
        hidden = F.relu(hidden + encoded @ masked).view(-1, D, N_HIDDEN)
        out = torch.einsum("rdh,dho->rdo", hidden, self.out) + self.bias
        return out, self._base(recent, encoded)

    def log_prob(self, context, recent, target):
        """Return log p of each number, (rows, D); for a point head minus the squared error, in units of its range."""
        encoded = encode(self.dims, target.value, target.repeat)
        out, base = (_full(x) for x in self.parameters_of(context, recent, encoded))
        columns = [out.new_zeros(len(out))] * len(self.dims)
        for d, dim in enumerate(self.dims):
            if dim.kind == "stop":
                columns[d] = -F.softplus(
                    torch.where(target.value[:, d] > 0, -out[:, d, 0], out[:, d, 0])
                )
            elif dim.kind == "flags":
                flags = torch.stack([1 - target.value[:, d], target.value[:, d]], dim=1)
                columns[d] = -(torch.sigmoid(out[:, d, :2]) - flags).square().mean(1)
            elif dim.kind == "categorical":
                columns[d] = -F.cross_entropy(
                    out[:, d, 1 : 1 + dim.n_categories], target.value[:, d].long(), reduction="none"
                )
        found = torch.stack(columns, dim=1)
        if not len(self.numbers):
            return found
        mine = target.map(lambda t: t[:, self.numbers])
        return found.index_copy(
            1,
            self.numbers,
            self._numbers_log_prob(out[:, self.numbers], base[:, self.numbers], mine),
        )

    def _numbers_log_prob(self, out, base, target):
        """Return log p of all continuous numbers at once, (rows, n)."""
        if self.head in POINTS:
            return -(self._point(out) - self._to_range(target.value)).square()
        edges = self.edges[self.numbers]
        bounds = target.value, target.lower, target.upper
        numbers = out[..., 1 : 1 + self.n_value]
        found = (
            mixture_log_prob(numbers, base, *bounds)
            if self.head == "mixture"
            else bins_log_prob(numbers, edges, *bounds)
        )
        gated = torch.where(
            target.repeat, F.logsigmoid(out[..., 0]), F.logsigmoid(-out[..., 0]) + found
        )
        return torch.where(self.gated[self.numbers], gated, found)

    def _point(self, out):
        return POINTS[self.head][0](out[..., 1])

    def _to_range(self, value):
        _, low, high = POINTS[self.head]
        first, last = self.edges[self.numbers, 0], self.edges[self.numbers, -1]
        return low + (high - low) * (value - first) / (last - first)

    def draw(self, d, out, base, generator):
        """Draw number d of each row from `out` (rows, n_out) and `base` (rows,): return (value, repeat), (rows,) each."""
        dim = self.dims[d]
        chance = torch.rand(len(out), generator=generator, device=out.device, dtype=out.dtype)
        gate = chance < torch.sigmoid(out[:, 0])
        if dim.kind == "stop":
            return gate.to(out.dtype), gate
        if dim.kind == "flags":
            return (out[:, 1] >= out[:, 0]).to(out.dtype), torch.zeros_like(gate)
        if dim.kind == "categorical":
            probabilities = torch.softmax(out[:, 1 : 1 + dim.n_categories], -1)
            return torch.multinomial(probabilities, 1, generator=generator)[:, 0].to(
                out.dtype
            ), torch.zeros_like(gate)
        if self.head in POINTS:
            _, low, high = POINTS[self.head]
            first, last = self.edges[d, 0], self.edges[d, -1]
            return first + (last - first) * (self._point(out) - low) / (
                high - low
            ), torch.zeros_like(gate)
        numbers = out[:, 1 : 1 + self.n_value]
        value = draw_mixture(numbers, base, generator) if self.head == "mixture" else draw_bins(
            numbers, self.edges[d], generator
        )  # fmt: skip
        return value, gate & dim.repeats

    def chain_step(self, d, fixed, encoded):
        """Return (out (rows, n_out), base (rows,)) of number d, given `fixed` of the context and the numbers before it."""
        hidden, base = fixed
        n = self.ends[d] - self.dims[d].width if self.head not in POINTS else 0
        mine = F.relu(hidden[:, d] + encoded[:, :n] @ self.chain[:n, d])
        skip = self.skip[self.n_recent : self.n_recent + n, d]
        return mine @ self.out[d] + self.bias[d], base[:, d] + encoded[:, :n] @ skip

    def begin(self, context, recent):
        """Return the part of all numbers that depends on the context alone, for `chain_step`."""
        hidden = self.context(torch.cat([context, recent], dim=1)).view(
            -1, len(self.dims), N_HIDDEN
        )
        return hidden, recent @ self.skip[: self.n_recent]


def mixture_log_prob(out, base, value, lower, upper):
    """Return log p under mixtures of logistics: density at `value` where lower = upper, else the mass between.

    `out` (..., 3 K) holds logits, locations (from `base`, (...)) and log scales; the result has the shape of `base`.
    sigmoid(a) - sigmoid(b) is computed as sigmoid(a) sigmoid(-b) (1 - exp(b - a)): exact in tails and narrow intervals.
    """
    logits, location, log_scale = out.chunk(3, dim=-1)
    log_scale = log_scale.clamp(*LOG_SCALES)
    location, rate = location + base[..., None], torch.exp(-log_scale)
    is_mass = upper > lower
    if not is_mass.any():
        middle = (value[..., None] - location) * rate
        found = -middle - 2 * F.softplus(-middle) - log_scale
    else:
        middle, a, b = ((x[..., None] - location) * rate for x in (value, upper, lower))
        density = -middle - 2 * F.softplus(-middle) - log_scale
        gap = torch.where(is_mass[..., None], (upper - lower)[..., None] * rate, 1.0)
        mass = F.logsigmoid(a) + F.logsigmoid(-b) + torch.log(-torch.expm1(-gap.clamp_min(1e-12)))
        found = torch.where(is_mass[..., None], mass, density)
    return torch.logsumexp(F.log_softmax(logits, -1) + found, dim=-1)


def draw_mixture(out, base, generator):
    """Draw from the mixture that `mixture_log_prob` reads, (rows,)."""
    logits, location, log_scale = out.chunk(3, dim=1)
    chosen = torch.multinomial(torch.softmax(logits, 1), 1, generator=generator)
    u = torch.rand(len(out), generator=generator, device=out.device, dtype=out.dtype).clamp(
        1e-6, 1 - 1e-6
    )
    noise = torch.log(u) - torch.log1p(-u)
    scale = torch.exp(log_scale.clamp(*LOG_SCALES).gather(1, chosen)[:, 0])
    return base + location.gather(1, chosen)[:, 0] + scale * noise


def bins_log_prob(out, edges, value, lower, upper):
    """Return log p under bins with these logits (rows, n, n_bins) and edges (n, n_bins + 1), uniform within one, (rows, n)."""
    log_p, width = F.log_softmax(out, -1), edges.diff()
    place = torch.searchsorted(edges, value.T.contiguous(), right=True).T - 1
    place = place.clamp(0, width.shape[1] - 1)
    density = (log_p - torch.log(width)).gather(2, place[..., None])[..., 0]
    inside = torch.minimum(upper[..., None], edges[:, 1:]) - torch.maximum(
        lower[..., None], edges[:, :-1]
    )
    mass = torch.log((log_p.exp() * (inside / width).clamp(0, 1)).sum(-1).clamp_min(1e-9))
    return torch.where(upper > lower, mass, density)


def draw_bins(out, edges, generator):
    """Draw from the bins that `bins_log_prob` reads, (rows,)."""
    chosen = torch.multinomial(torch.softmax(out, 1), 1, generator=generator)[:, 0]
    u = torch.rand(len(out), generator=generator, device=out.device, dtype=out.dtype)
    return edges[chosen] + edges.diff()[chosen] * u


def _full(x):
    return x.float() if x.dtype == torch.bfloat16 else x
