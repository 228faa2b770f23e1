"""Progress of what takes long, with the time that is left.

On a terminal one line that rewrites itself; elsewhere, as in a log file, a state now and then.
"""

import sys
from typing import Any

from tqdm import tqdm

TERMINAL_SECONDS = 0.5  # between two states on a terminal
LOG_SECONDS = 5  # between two states elsewhere


def bar(what: str, unit: str, total: int, n_done: int = 0, hidden: bool = False) -> Any:
    """Return a progress bar on standard output: `update(n)` says that so many more are done.

    Parameters
    ----------
    what
        Is in progress.
    unit, total, n_done
        What is counted, how many there are, and how many were done before.
    hidden
        Whether nothing is shown.
    """
    seconds = TERMINAL_SECONDS if sys.stdout.isatty() else LOG_SECONDS
    return tqdm(
        desc=what,
        initial=n_done,
        total=total,
        unit=unit,
        file=sys.stdout,
        mininterval=seconds,
        ascii=True,
        disable=hidden,
    )
