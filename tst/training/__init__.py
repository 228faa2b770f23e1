"""Training: the loop and its settings, batches, objectives, losses, checkpoints, precision, timing."""
