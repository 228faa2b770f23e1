"""Training: the loop, its settings, checkpoints, precision, objectives, batches, device, timing."""
