"""How statistics are written: four significant digits, 21 equally spaced quantiles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

PROBABILITIES = np.linspace(0, 1, 21)


def rounded(values: np.ndarray | pd.Series | Sequence[float], digits: int = 4) -> list[Any]:
    """Return `values` as (nested) lists of floats with so many significant digits."""
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return [rounded(row, digits) for row in values]
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=float)]


def rounded_values(measured: Mapping[str, float] | pd.Series) -> dict[str, float]:
    """Return names and numbers as a dict, the numbers rounded to four significant digits."""
    return {name: rounded([value])[0] for name, value in measured.items()}
