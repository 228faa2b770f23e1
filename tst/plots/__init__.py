"""Figures: one function a figure, each returns a matplotlib Figure; `save` writes and shows it.

Keys and labels of models, metrics and verdicts come from `tst.vocabulary`, colours and markers
from `tst.plots.base`; a module a family of figures.
"""

from tst.plots.base import save, set_style

__all__ = ["save", "set_style"]
