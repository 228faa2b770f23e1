"""Sizes and settings of DoppelGANger (Lin et al., IMC 2020, arXiv 1909.13403) and the naive GAN.

The paper's S is our `sample_len`, its metadata A our attributes, its measurements our features.
"""

from dataclasses import dataclass

from tst.errors import DataError
from tst.models.base import check_size
from tst.models.scaling import ACTIVATIONS, Activation
from tst.series import ceil_div

LARGEST = 1_000_000  # of every size; a damaged file must not ask for any number


@dataclass(frozen=True, kw_only=True)
class DGConfig:
    """Sizes of DoppelGANger; the defaults are the paper's.

    On WWT the paper also sets `per_series` and `auxiliary`.
    """

    n_features: int
    attributes: tuple[int, ...]  # number of categories of each attribute
    max_steps: int
    sample_len: int  # S, steps a roll of the LSTM; the paper advises about max_steps / 50
    # Scale each series by its own minimum and maximum, and generate the two (section 4.1.3).
    per_series: bool = False
    auxiliary: bool = False  # a second critic, on attributes and ranges alone (section 4.2)
    activation: Activation = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]
    log: bool = False  # scale log(1 + value)
    n_units: int = 100
    mlp_width: int = 100
    critic_width: int = 200
    n_noise: int = 5
    penalty: float = 10.0  # weight of the gradient penalty

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", tuple(self.attributes))
        if self.activation not in ACTIVATIONS:
            raise DataError(
                f"activation is '{self.activation}'; use one of {', '.join(ACTIVATIONS)}."
            )
        for size in self.attributes:
            check_size("number of categories", size, LARGEST)
        sizes = ("n_features", "max_steps", "n_units", "mlp_width", "critic_width", "n_noise")
        for name in sizes:
            check_size(name, getattr(self, name), LARGEST)
        if not 1 <= self.sample_len <= self.max_steps:
            raise DataError(
                f"sample_len is {self.sample_len}; it must lie between 1 and max_steps, "
                f"{self.max_steps}."
            )
        if self.auxiliary and not self.n_conditions:
            raise DataError(
                "the auxiliary critic judges attributes and min/max; there are none: "
                "set auxiliary to False."
            )

    @property
    def n_rolls(self) -> int:
        """Rolls of the LSTM in the longest series."""
        return ceil_div(self.max_steps, self.sample_len)

    @property
    def n_ranges(self) -> int:
        """Number of mid-ranges and half-ranges of a series: two a feature, or none."""
        if not self.per_series:
            return 0
        return 2 * self.n_features

    @property
    def n_conditions(self) -> int:
        """Width of what is made before the features: one-hot attributes and ranges."""
        return sum(self.attributes) + self.n_ranges
