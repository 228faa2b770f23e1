"""TODO"""

from dataclasses import dataclass, fields

from tst.models.transformer.attention import parse_kind
from tst.models.transformer.heads import HEADS

POSITIONS = ("sinusoidal", "rope", "alibi")


@dataclass(frozen=True)
class TSTConfig:
    """Sizes of TST; the defaults are the paper's model for GCUT (12,635,659 parameters)."""

    n_features: int = 11  # 9 measurements and 2 generation flags
    d_model: int = 512
    n_head: int = 8
    n_layer: int = 8
    d_ff: int = 512
    dropout: float = 0.1
    attention_dropout: float = 0.1
    context_length: int = 400  # steps
    head: str = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]; mixture, quantised with a layout
    patch: int = 1  # steps a token
    attention: str = (
        "full"  # full, sliding:WINDOW or probsparse:FACTOR (tst.models.transformer.attention)
    )
    positions: str = "sinusoidal"  # sinusoidal, rope or alibi

    def __post_init__(self):
        parse_kind(self.attention)
        for name, known in (("head", HEADS), ("positions", POSITIONS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is '{getattr(self, name)}'; use one of {', '.join(known)}."
                )
        for name in (
            "n_features",
            "d_model",
            "n_head",
            "n_layer",
            "d_ff",
            "context_length",
            "patch",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least 1.")
        if self.d_model % self.n_head:
            raise ValueError(f"d_model {self.d_model} is not a multiple of n_head {self.n_head}.")

    @classmethod
    def from_dict(cls, settings):
        """Return the configuration of a mapping; an unknown key raises ValueError."""
        unknown = set(settings) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(
                f"unknown setting {sorted(unknown)} of TST; known are {[f.name for f in fields(cls)]}."
            )
        return cls(**settings)


PAPER = TSTConfig()

# The author's notebook on WWT, which the paper's list of settings does not describe (PAPER.md); d_ff is not known.
AUTHOR_WWT = TSTConfig(
    n_features=3, d_model=256, n_layer=6, dropout=0.2, attention_dropout=0.2, context_length=550
)


def training_flops(config, lengths):
    """Return the FLOPs of forward and backward over series of these lengths, nothing counted that is done in vain.

    Six a weight and row; twelve d_model a layer and pair of the causal triangle; norms, softmax and masks are left out.
    """
    d, ff, C = config.d_model, config.d_ff, config.n_features
    weights = config.n_layer * (4 * d * d + 2 * d * ff) + 2 * C * d
    rows, pairs = float(sum(lengths)), sum(n * (n + 1) / 2 for n in map(float, lengths))
    return 6 * weights * rows + 12 * config.n_layer * d * pairs
