"""Training: the loop, checkpoints, precision, objectives and timing; knows no architecture."""
