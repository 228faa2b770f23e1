"""Figures: one function a figure, one file a family; `base` has the style and `save`."""
