"""Synthetic time series with transformers: a study of TST (arXiv 2506.07312) and the tool that grows out of it."""
