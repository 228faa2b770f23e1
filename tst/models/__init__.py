"""Generators of series, all with one contract, and the jobs that train them."""
