"""TST, the transformer of arXiv 2506.07312, and the generative model built on the same backbone."""
