"""Sizes and choices of the transformers: the backbone's, the paper's model TST, and our generative model."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tst.models.transformer.attention import parse_kind

Positions = Literal["sinusoidal", "rope", "alibi"]
PointHead = Literal["sigmoid", "tanh"]
Head = Literal["sigmoid", "tanh", "mixture", "quantised"]
POSITIONS = ("sinusoidal", "rope", "alibi")
POINT_HEADS = ("sigmoid", "tanh")
HEADS = ("sigmoid", "tanh", "mixture", "quantised")


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} is '{value}'; use one of {', '.join(known)}.")


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}; give at least 1.")


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Sizes of the causal transformer; the defaults are the paper's for GCUT."""

    d_model: int = 512
    n_head: int = 8
    n_layer: int = 8
    d_ff: int = 512
    dropout: float = 0.1
    attention_dropout: float = 0.1
    context_length: int = 400  # steps that the model sees in training
    patch: int = 1  # steps a token
    attention: str = "full"  # full, sliding:WINDOW or probsparse:FACTOR
    positions: Positions = "sinusoidal"

    def __post_init__(self) -> None:
        parse_kind(self.attention)
        _check_choice("positions", self.positions, POSITIONS)
        for name in ("d_model", "n_head", "n_layer", "d_ff", "context_length", "patch"):
            _check_count(name, getattr(self, name))
        if self.d_model % self.n_head:
            raise ValueError(f"d_model {self.d_model} is not a multiple of n_head {self.n_head}.")


@dataclass(frozen=True, kw_only=True)
class TSTConfig(BackboneConfig):
    """The paper's model; the defaults are its model for GCUT (12,635,659 parameters)."""

    n_features: int = 11  # 9 measurements and 2 generation flags
    head: PointHead = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]
    log: bool = False  # scale log(1 + value)
    per_series: bool = False  # scale each series by its own minimum and maximum

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("head", self.head, POINT_HEADS)
        _check_count("n_features", self.n_features)


@dataclass(frozen=True, kw_only=True)
class GenerativeConfig(BackboneConfig):
    """Our model, which needs no real step: sizes, output head, and what an ablation may change."""

    n_features: int  # measurements
    head: Head = "mixture"
    stop: Literal["stop", "flags"] = "stop"  # a hazard, or the paper's two flags
    # Of the end's log p in the loss: one number in ten a step, yet all of the lengths hangs on it.
    stop_weight: float = 8.0
    attributes: bool = True  # generate attributes and levels, and condition on them
    # Standard deviation, in scaled units, added to what the model sees of the past in training.
    noise: float = 0.0
    padded: bool = False  # fill every window to context_length, as the paper does
    mask_loss: bool = True  # False, with padded: the filling counts in the loss, as if it were data

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("head", self.head, HEADS)
        _check_choice("stop", self.stop, ("stop", "flags"))
        _check_count("n_features", self.n_features)


PAPER = TSTConfig()

# The author's notebook on WWT, which the paper's list of settings does not describe; d_ff is not known.
AUTHOR_WWT = TSTConfig(
    n_features=3,
    d_model=256,
    n_layer=6,
    dropout=0.2,
    attention_dropout=0.2,
    context_length=550,
)


def training_flops(config: TSTConfig, lengths: Iterable[int]) -> float:
    """Return the FLOPs of forward and backward over series of these lengths, none counted that is done in vain.

    Six a weight and row; twelve d_model a layer and pair of the causal triangle; norms, softmax and masks are left out.
    """
    d_model = config.d_model
    block = 4 * d_model * d_model + 2 * d_model * config.d_ff
    n_weights = config.n_layer * block + 2 * config.n_features * d_model
    sizes = [float(n) for n in lengths]
    n_pairs = sum(n * (n + 1) / 2 for n in sizes)
    return 6 * n_weights * sum(sizes) + 12 * config.n_layer * d_model * n_pairs
