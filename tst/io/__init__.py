"""Files: written whole or not at all, read without trust; and which code decides a result."""
