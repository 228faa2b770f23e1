"""DoppelGANger (arXiv 1909.13403) and the naive GAN of its paper."""
