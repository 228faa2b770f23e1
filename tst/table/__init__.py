"""A user's table: read, understood, and written back in the same form."""
