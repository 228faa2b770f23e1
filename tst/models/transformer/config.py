"""Sizes and choices of the transformers: backbone, TST (arXiv 2506.07312), our generative model."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

Attention = Literal["full", "sliding", "probsparse"]
Positions = Literal["sinusoidal", "rope", "alibi"]
PointHead = Literal["sigmoid", "tanh"]
Head = Literal["sigmoid", "tanh", "mixture", "quantised"]
# How a series ends: by a length drawn with its attributes (without these, as `stop`), by
# a hazard, or by the paper's two flags.
Stop = Literal["length", "stop", "flags"]

POINT_HEADS: tuple[str, ...] = get_args(PointHead)

# Far above any model that one machine trains; a damaged or hostile model.json cannot ask for more.
MAX_LAYERS = 1_000
MAX_WIDTH = 65_536
MAX_STEPS = 2**24
MAX_NEAR = 8


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} is '{value}'; use one of {', '.join(known)}.")


def _check_count(name: str, value: int, most: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}; give at least 1.")
    if value > most:
        raise ValueError(f"{name} is {value}; give at most {most:,}.")


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Sizes of the causal transformer; the defaults are the paper's for GCUT.

    Parameters
    ----------
    context_length
        Steps that the model sees in training.
    patch
        Steps a token.
    attention
        To all steps before; in a sliding window of `window` steps, the attending one included; or
        ProbSparse with Informer's constant C = `factor`. `window` and `factor` are 0 elsewhere.
    """

    d_model: int = 512
    n_head: int = 8
    n_layer: int = 8
    d_ff: int = 512
    dropout: float = 0.1
    attention_dropout: float = 0.1
    context_length: int = 400
    patch: int = 1
    attention: Attention = "full"
    window: int = 0
    factor: int = 0
    positions: Positions = "sinusoidal"

    def __post_init__(self) -> None:
        _check_choice("attention", self.attention, get_args(Attention))
        _check_choice("positions", self.positions, get_args(Positions))
        _check_count("n_layer", self.n_layer, MAX_LAYERS)
        for name in ("d_model", "n_head", "d_ff"):
            _check_count(name, getattr(self, name), MAX_WIDTH)
        for name in ("context_length", "patch"):
            _check_count(name, getattr(self, name), MAX_STEPS)
        for name in ("dropout", "attention_dropout"):
            share = getattr(self, name)
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}; it must be at least 0 and below 1.")
        if self.attention == "sliding":
            _check_count("window", self.window, MAX_STEPS)
        elif self.window:
            raise ValueError(f"attention '{self.attention}' has no window; leave it out.")
        if self.attention == "probsparse":
            _check_count("factor", self.factor, MAX_WIDTH)
        elif self.factor:
            raise ValueError(f"attention '{self.attention}' has no factor; leave it out.")
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
        _check_count("n_features", self.n_features, MAX_WIDTH)


@dataclass(frozen=True, kw_only=True)
class GenerativeConfig(BackboneConfig):
    """Our model, which needs no real step: sizes, output head, and what an ablation may change."""

    n_features: int  # measurements
    head: Head = "mixture"
    stop: Stop = "length"
    # Attributes scale and shift what each block makes of a step, and reach the head by themselves;
    # False: they are added to a step's embedding alone.
    modulated: bool = True
    # Of the end's log p in the loss: one number in ten a step, yet all of the lengths hangs on it.
    stop_weight: float = 8.0
    # Let each token see those of the season before it as they are, where series repeat themselves,
    # or are read every so many steps.
    season: bool = True
    # Tokens right before each that it sees as they are; 0: as many as the data ask for (`sizes`).
    near: int = 0
    # Begin training of the head (a mixture) where frequencies and a linear regression put it.
    informed: bool = True
    # Generate attributes, and each series' location and scale, and condition on them.
    attributes: bool = True
    # Standard deviation, in scaled units, added to what the model sees of the past in training.
    noise: float = 0.0
    padded: bool = False  # fill every window to context_length, as the paper does
    mask_loss: bool = True  # False, with padded: the filling counts in the loss, as if it were data

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("head", self.head, get_args(Head))
        _check_choice("stop", self.stop, get_args(Stop))
        _check_count("n_features", self.n_features, MAX_WIDTH)
        if self.near:
            _check_count("near", self.near, MAX_NEAR)


PAPER = TSTConfig()

# The author's notebook on WWT, which the paper's list of settings does not describe; its d_ff is
# not known.
AUTHOR_WWT = TSTConfig(
    n_features=3,
    d_model=256,
    n_layer=6,
    dropout=0.2,
    attention_dropout=0.2,
    context_length=550,
)


def attention_fields(text: str) -> dict[str, Any]:
    """Return the configuration fields of an attention as tables and YAML files spell it.

    "full" is `attention` alone, "sliding:64" also `window=64`, "probsparse:5" also `factor=5`.
    """
    number_names = {"sliding": "window", "probsparse": "factor"}
    if text == "full":
        return {"attention": "full"}
    match = re.fullmatch(r"(sliding|probsparse):([1-9]\d*)", str(text))
    if match is None:
        raise ValueError(
            f"attention is '{text}'; use full, sliding:W or probsparse:C with a whole number "
            "above 0."
        )
    kind, number = match.groups()
    return {"attention": kind, number_names[kind]: int(number)}


def training_flops(config: TSTConfig, lengths: Iterable[int]) -> float:
    """Return the FLOPs of forward and backward over series of these lengths.

    Six a weight and row; twelve d_model a layer and pair of the causal triangle. Norms, softmax and
    masks are left out, and so is what an implementation computes and throws away.
    """
    d_model = config.d_model
    block = 4 * d_model * d_model + 2 * d_model * config.d_ff
    n_weights = config.n_layer * block + 2 * config.n_features * d_model
    sizes = [float(n) for n in lengths]
    n_pairs = sum(n * (n + 1) / 2 for n in sizes)
    return 6 * n_weights * sum(sizes) + 12 * config.n_layer * d_model * n_pairs
