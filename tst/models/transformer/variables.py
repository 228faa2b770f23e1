"""What a token and the attributes of a series consist of, and how numbers enter the network.

A step of a series is a chain of variables: its measurements one after another, then whether the
series ends there. A token is a patch of steps, one after another.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, Self

import torch
from torch.nn import functional as F

from tst.cycles import Cycles
from tst.io.untrusted import from_mapping
from tst.models.transformer.config import MAX_NEAR

# stop: a hazard; flags: the paper's two generation flags, by squared error, without randomness.
VariableKind = Literal["continuous", "categorical", "stop", "flags"]

Limits = tuple[tuple[tuple[float, float], ...], ...]  # of each category and number

MAX_SEASON = 512  # tokens
SCATTER = 77  # odd: codes of so many digits change places, none is lost
SHORT_SEASON = 8
BIG = 1e6  # stands for infinity in scaled units: sums with it stay finite in float32


@dataclass(frozen=True)
class Variable:
    """One number of a step.

    Parameters
    ----------
    n_categories
        Of a categorical one, else 0.
    repeats
        Whether an exact repeat of the step before has a probability of its own.
    in_digits
        Whether later numbers see a category by its binary digits: one place for each of many
        would be most of the model's weights, which few series train.
    """

    kind: VariableKind = "continuous"
    n_categories: int = 0
    repeats: bool = False
    in_digits: bool = False

    def __post_init__(self) -> None:
        if self.n_categories < 0:
            raise ValueError(f"n_categories is {self.n_categories}; give at least 0.")
        if self.in_digits and (self.kind != "categorical" or self.n_categories < 2):
            raise ValueError(f"a {self.kind} of {self.n_categories} categories has no digits")

    @property
    def width(self) -> int:
        """Numbers that encode it for later variables and for the model's input."""
        if self.kind == "continuous":
            return 2  # value, and whether it repeats the one before
        if self.in_digits:
            return 2 * self.n_digits
        return self.n_categories if self.kind == "categorical" else 0

    @property
    def n_digits(self) -> int:
        """Binary digits of the categories' codes."""
        return (self.n_categories - 1).bit_length()


@dataclass(frozen=True)
class TokenSpec:
    """What a step and a series' attributes consist of, and the ranges that points and bins need.

    Parameters
    ----------
    step, attributes
        Variables of one step (the end last, where lengths vary), and of the attributes, which may
        be none.
    bin_edges
        Edges of the bins of each variable of a step, increasing; a point head needs the first and
        the last only.
    attribute_bin_edges
        The same of the attributes.
    attribute_limits
        Of each category of each categorical attribute, between what the numbers among the
        attributes lie, (n_categories, n_numbers, 2); empty where nothing is known of that.
    draws_length
        Whether the last of the attributes is how long the series is.
    cycles
        Of the calendar, that are known of each step before its numbers; None: no calendar.
    season
        Tokens after which series are like themselves again, or are read again; 0: no such.
    near
        Tokens right before each that it sees as they are.
    """

    step: tuple[Variable, ...]
    attributes: tuple[Variable, ...] = ()
    bin_edges: tuple[tuple[float, ...], ...] = ()
    attribute_bin_edges: tuple[tuple[float, ...], ...] = ()
    attribute_limits: tuple[Limits, ...] = ()
    draws_length: bool = False
    cycles: Cycles | None = None
    season: int = 0
    near: int = 1

    def __post_init__(self) -> None:
        if self.season < 0 or self.season == 1 or self.season > MAX_SEASON:
            raise ValueError(f"season is {self.season}; give 0, or 2 to {MAX_SEASON}.")
        if not 1 <= self.near <= MAX_NEAR:
            raise ValueError(f"near is {self.near}; give 1 to {MAX_NEAR}.")
        _check_edges(self.step, self.bin_edges)
        _check_edges(self.attributes, self.attribute_bin_edges)
        if self.attribute_limits:
            _check_limits(self.attributes, self.attribute_limits)

    @property
    def lags(self) -> tuple[int, ...]:
        """How far back the tokens are that each sees as they are; the last of them is 1.

        Those near it, and that a season ago; where one only is near, all of a short season.
        """
        is_short = self.season <= SHORT_SEASON and self.near == 1
        n_near = max(self.near, self.season if is_short else 1)
        near = tuple(range(n_near, 0, -1))
        return near if self.season <= n_near else (self.season, *near)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the spec of a mapping that JSON held; `to_dict` is the inverse."""
        return from_mapping(cls, mapping)

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold."""
        return asdict(self)


def _check_edges(variables: Sequence[Variable], bin_edges: Sequence[Sequence[float]]) -> None:
    """Raise ValueError unless each variable has as many finite edges, none below the one before."""
    fits = len(bin_edges) == len(variables)
    for edges in bin_edges:
        is_sorted = all(low <= high for low, high in pairwise(edges))
        is_finite = all(math.isfinite(edge) for edge in edges)
        fits &= len(edges) == len(bin_edges[0]) >= 2 and is_sorted and is_finite
    if not fits:
        raise ValueError("the bin edges of a token do not fit its variables")


def _check_limits(attributes: Sequence[Variable], limits: Sequence[Limits]) -> None:
    """Raise ValueError unless each category has finite limits of each number."""
    sizes = [v.n_categories for v in attributes if v.kind == "categorical"]
    n_numbers = len(attributes) - len(sizes)
    fits = [len(part) for part in limits] == sizes
    for part in limits:
        for pairs in part:
            fits &= len(pairs) == n_numbers
            fits &= all(math.isfinite(end) for pair in pairs for end in pair)
    if not fits:
        raise ValueError("the limits of the attributes do not fit them")


@dataclass
class Target:
    """Numbers whose likelihood is asked: float (rows, D) each, but `repeat`, bool (rows, D).

    Parameters
    ----------
    value
        A scaled number, a category's code, or 1 where a series ends.
    lower, upper
        A continuous value has the probability mass on [lower, upper] where these differ, and a
        density where they are equal.
    repeat
        True where a value repeats the one of the step before exactly.
    """

    value: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    repeat: torch.Tensor

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> "Target":
        """Return the target with a function applied to each tensor."""
        return Target(
            value=function(self.value),
            lower=function(self.lower),
            upper=function(self.upper),
            repeat=function(self.repeat),
        )


def encode(
    variables: Sequence[Variable], value: torch.Tensor, repeat: torch.Tensor
) -> torch.Tensor:
    """Return how the network reads the numbers of a row.

    Parameters
    ----------
    variables
        The D numbers of a row.
    value, repeat
        As in `Target`, (rows, D).

    Returns
    -------
    float, (rows, sum of widths): value and repeat of a continuous one, one-hot or digits of a
    categorical one, nothing for an end.
    """
    parts = [value.new_zeros(len(value), 0)]
    for d, variable in enumerate(variables):
        if variable.kind == "continuous":
            parts.append(torch.stack([value[:, d], repeat[:, d].to(value.dtype)], dim=1))
        elif variable.in_digits:
            parts.append(digits(value[:, d].long(), variable.n_digits).to(value.dtype))
        elif variable.kind == "categorical":
            one_hot = F.one_hot(value[:, d].long(), variable.n_categories)
            parts.append(one_hot.to(value.dtype))
    return torch.cat(parts, dim=1)


def digits(code: torch.Tensor, n_digits: int) -> torch.Tensor:
    """Return the binary digits of codes, and of the codes in another order, (rows, 2 n_digits).

    A linear layer tells more groups of codes apart by both than by one.
    """
    place = 2 ** torch.arange(n_digits, device=code.device)
    scattered = code * SCATTER % 2**n_digits  # 0 stays 0
    return torch.stack([code, scattered], dim=1)[..., None].floor_divide(place).flatten(1) % 2
