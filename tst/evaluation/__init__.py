"""Scores of a synthetic set: fidelity, learned scores, privacy, downstream tasks, intervals."""
