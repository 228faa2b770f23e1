"""Synthetic time series with transformers: a study of TST (arXiv 2506.07312) and the tool that grows out of it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tst.synthesiser import Synthesiser

__all__ = ["Synthesiser"]


def __getattr__(name: str) -> object:
    """Load `Synthesiser` when it is asked for, so that `import tst` stays light."""
    if name == "Synthesiser":
        from tst.synthesiser import Synthesiser

        return Synthesiser
    raise AttributeError(f"module 'tst' has no attribute '{name}'")
