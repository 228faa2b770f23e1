"""The study: what notebooks run, what they compare and judge, and what readers are shown."""

import sys

# Else whoever reads a notebook builds, by way of jsonschema, a grammar of international addresses,
# a second of work: no schema of a notebook has any, and jsonschema does without where it is absent.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
