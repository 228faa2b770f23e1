"""The study: what notebooks run, what they compare and judge, and what readers are shown."""
