"""Check that the tool installs and works alone: `python tests/nightly/install.py`.

It makes an empty environment, installs this package without its extras, runs the README's lines of
Python on the example table, and asks the console command for its help. It stops where one of them
fails; a few minutes and about 1 GB, most of it torch.

What is measured is the installation, so the README's minutes of training become seconds.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tst.io.paths import ROOT

EXTRAS = ("matplotlib", "papermill", "hmmlearn", "polars", "pooch", "submitit", "pytest")


def readme_lines() -> str:
    """Return the README's lines of Python, on a path valid everywhere, training for seconds."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    block = block.replace("notebooks/example.csv", str(ROOT / "notebooks/example.csv"))
    return re.sub(r"minutes=\d+", "minutes=0.2", block) + "print(table)\n"


def torch_pin() -> str:
    """Return the pin of torch in environment.yml."""
    (pin,) = re.findall(r"- (torch==\S+)", (ROOT / "environment.yml").read_text())
    return pin


def main() -> None:
    """Install, run, ask."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        python = environment / "bin" / "python"
        settings = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

        def run(*command: str | Path) -> None:
            subprocess.run(list(map(str, command)), cwd=folder, env=settings, check=True)

        run(sys.executable, "-m", "venv", environment)
        run(python, "-m", "pip", "install", "--quiet", torch_pin(), ROOT)
        run(python, "-m", "pip", "check")
        absent = f"import importlib.util as u; assert not any(map(u.find_spec, {EXTRAS}))"
        run(python, "-c", absent)
        (Path(folder) / "lines.py").write_text(readme_lines())
        run(python, "lines.py")
        run(environment / "bin" / "tst", "--help")
        run(environment / "bin" / "tst", "sample", "model", "-n", "5", "--out", "five.csv")
    print("the tool installs and works alone")


if __name__ == "__main__":
    main()
