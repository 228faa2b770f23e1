"""Synthetic time series with transformers: a study of TST (arXiv 2506.07312), and a tool."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tst.errors import DataError
    from tst.series import SeriesSet
    from tst.synthesiser import Synthesiser
    from tst.table.roles import Roles
    from tst.table.table import Table

__all__ = ["DataError", "Roles", "SeriesSet", "Synthesiser", "Table"]
__version__ = "1.0.0"
# Public name: where it is defined. Loaded when asked for, so that `import tst` stays light.
LAZY = {
    "DataError": "tst.errors",
    "Roles": "tst.table.roles",
    "SeriesSet": "tst.series",
    "Synthesiser": "tst.synthesiser",
    "Table": "tst.table.table",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name in LAZY:
        return getattr(import_module(LAZY[name]), name)
    raise AttributeError(f"module 'tst' has no attribute '{name}'")
