"""Training: the loop, its settings, batches, objectives, losses, checkpoints, precision, timing."""
