"""Where the study's files live. The only module that reads environment variables.

`TST_DATA` names the folder of raw data (default `data/` beside this package); no notebook writes to
it. Results go to `results/<profile>/`, or to `results/<profile>-simulated/` where no real data was
found, so that a run on simulated data never overwrites what was made from real data.
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LARGE_TEMPORARY = Path("/var/tmp")
REAL_FILES = ("train_1.csv", "wwt_pages.parquet", "borg2019_usage.parquet")

WARM = "TST_WARM"  # names the socket of a process that starts notebooks (tst.study.warm_parent)


def data_dir() -> Path:
    """Return the folder of raw data, whether it exists or not."""
    return Path(os.environ.get("TST_DATA") or ROOT / "data").expanduser().resolve()


def cache_dir() -> Path:
    """Return the user's folder for what can be made again, whether it exists or not."""
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "tst"


def warm_socket() -> Path | None:
    """Return the socket of the process that starts notebooks, None where there is none."""
    name = os.environ.get(WARM)
    return Path(name) if name else None


def environment() -> dict[str, str]:
    """Return a copy of this process's environment."""
    return dict(os.environ)


def set_environment(variables: dict[str, str]) -> None:
    """Take an environment in the place of this process's own."""
    os.environ.clear()
    os.environ.update(variables)


def let_waiting_threads_sleep() -> None:
    """Tell OpenMP, before it is loaded, to put threads to sleep that wait for each other.

    By default they spin: beside another busy program two threads on two cores then take 14 times as
    long as one. Who has set the variable keeps it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def shows_colours() -> bool:
    """Tell whether standard output is a terminal that is to have colours (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def has_real_data() -> bool:
    """Tell whether the data folder holds at least one of the real tables of series."""
    return any((data_dir() / name).is_file() for name in REAL_FILES)


def scratch_dir() -> Path:
    """Return the folder of large temporary files: TMPDIR, else /var/tmp, for /tmp may be memory."""
    may_write = os.access(LARGE_TEMPORARY, os.W_OK | os.X_OK)
    if "TMPDIR" not in os.environ and LARGE_TEMPORARY.is_dir() and may_write:
        return LARGE_TEMPORARY
    return Path(tempfile.gettempdir())


def results_dir(profile: str) -> Path:
    """Return the folder that a profile's notebooks, tables, figures and artifacts go to."""
    if profile == "smoke" or has_real_data():
        return ROOT / "results" / profile
    return ROOT / "results" / f"{profile}-simulated"


def tables_dir(profile: str) -> Path:
    """Return the folder of a profile's tidy tables."""
    return results_dir(profile) / "tables"


def figures_dir(profile: str) -> Path:
    """Return the folder of a profile's figures."""
    return results_dir(profile) / "figures"


def artifacts_dir(profile: str) -> Path:
    """Return the folder of a profile's series, models and checkpoints (not committed)."""
    return results_dir(profile) / "artifacts"
