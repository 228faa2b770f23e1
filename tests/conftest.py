"""What all tests share: the tests' own helper modules, one thread."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
