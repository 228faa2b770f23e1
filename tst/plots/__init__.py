"""Figures: one function a figure, each returns a matplotlib Figure; `save` writes and shows it."""

from tst.plots.base import save, set_style

__all__ = ["save", "set_style"]
