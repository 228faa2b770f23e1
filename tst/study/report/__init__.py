"""The study to read: cards of data and models, a static site of a run, the numbers in README.md."""
