"""Other projects' generators beside ours: run on the same windows, judged by the same scores."""
