"""Benchmarks that notebooks 11 and 12 run, and the literal recipes that they compare with."""
