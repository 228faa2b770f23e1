"""Laws of the package.

The wheel holds the whole of tst/ and nothing else, and the tool needs no part of the study.
"""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement

import tst
from tst.io.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements):
    """Return the names of some requirements."""
    return {Requirement(text).name for text in requirements}


def test_the_wheel_holds_the_package_with_its_data(tmp_path):
    """Every file that git keeps under tst/ is in the wheel, and nothing of the study around it.

    The wheel has the one version.
    """
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"tst-{tst.__version__}-py3-none-any.whl"
    packed = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "tst"]
    kept = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert packed == {name for name in kept.splitlines() if (ROOT / name).is_file()}
    assert {"tst/py.typed", "tst/data/clusterdata-2011-2.sha256"} <= packed


def test_the_tool_imports_what_it_names():
    """`Synthesiser`, `Table` and a split load each dependency, and no package of the extras."""
    code = (
        "import sys, numpy, pandas, tst; tst.Synthesiser, tst.Table\n"
        "from tst.series import Feature, from_list\n"
        "facts = {'name': 'a', 'origin': 'simulated', 'interval': '1D'}\n"
        "facts |= {'features': [Feature('x')], 'attributes': pandas.DataFrame(index=range(4))}\n"
        "from_list([numpy.zeros((2, 1), 'float32')] * 4, **facts).split(0.5, seed=0)\n"
        "print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    distributions = packages_distributions()
    loaded = {name for module in run.stdout.split() for name in distributions.get(module, [])}
    loaded = {re.sub(r"[-_.]+", "-", name).lower() for name in loaded}
    extras = PROJECT["optional-dependencies"]
    only_extra = names(extras["study"]) | names(extras["dev"])
    only_extra -= {"tst", "scipy", "jinja2"}  # what scikit-learn and torch bring along
    assert loaded & only_extra == set()
    # Opacus is loaded with an epsilon alone.
    assert names(PROJECT["dependencies"]) - {"opacus"} <= loaded


def test_every_pin_is_a_dependency_with_its_reason():
    """environment.yml pins what pyproject.toml asks for, where each line ends in a comment."""
    pinned = set(re.findall(r"^ +- ([a-z0-9-]+)==", (ROOT / "environment.yml").read_text(), re.M))
    extras = PROJECT["optional-dependencies"]
    asked = names(PROJECT["dependencies"]) | names(extras["study"]) | names(extras["dev"])
    asked -= {"tst"}
    assert pinned == asked
    lines = re.findall(r'^  "[a-z].*[<>=].*$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert len(lines) == len(asked) and all(re.search(r"# \w", line) for line in lines)
