"""Files on disk: written whole or not at all, read without trust, and the closure of the code that decides a result."""
