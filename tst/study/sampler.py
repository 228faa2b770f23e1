"""What a notebook's processor seconds go into: its stack is looked at every 20 ms of them.

A sampler, not a stopwatch in the rooms: no room knows of it, and what is lazily imported or left to
a function that another room returned is counted where it happens. The seconds since the last look
go to the innermost frame that PLACES knows; so does a long call of a library, for the look comes
when it returns. Only the standard library is imported, for every kernel pays for this module.
"""

import atexit
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

KINDS = ("training", "generation", "scoring", "plots", "start_up", "other")
INTERVAL = 0.02  # processor seconds between two looks: a thousandth of a short notebook

PACKAGE = str(Path(__file__).resolve().parent.parent) + "/"
# (beginnings of a module's path in the package and of a function's name): kind of work
PLACES = {
    ("training/", ""): "training",
    ("models/jobs.py", "train"): "training",
    ("models/hmm.py", "fit"): "training",
    ("models/", "sample"): "generation",
    ("evaluation/", ""): "scoring",
    ("plots/", ""): "plots",
}


def kind_of(frame: FrameType | None) -> str:
    """Return the kind of work that a stack is at, given its innermost frame."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file == "<frozen importlib._bootstrap>":
            return "start_up"
        if file.startswith(PACKAGE):
            module = file.removeprefix(PACKAGE)
            for (place, function), kind in PLACES.items():
                if module.startswith(place) and frame.f_code.co_name.startswith(function):
                    return kind
        frame = frame.f_back
    return "other"


class Sampler:
    """Processor seconds of this process by kind of work; all before the first look is start-up.

    Parameters
    ----------
    clock
        Returns the processor seconds of this process so far.
    """

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self.clock = clock
        self.last = clock()
        self.seconds = dict.fromkeys(KINDS, 0.0)
        self.seconds["start_up"] = self.last

    def look(self, signum: int, frame: FrameType | None) -> None:
        """Add the seconds since the last look to the kind that a stack is at; a signal handler."""
        now = self.clock()
        self.seconds[kind_of(frame)] += now - self.last
        self.last = now

    def write(self, path: Path) -> None:
        """Write the seconds by kind as JSON."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.look(signal.SIGPROF, sys._getframe())
        path.write_text(json.dumps(self.seconds))


def start(path: str) -> None:
    """Look at this process from now on, and write its seconds to a file when it ends."""
    sampler = Sampler()
    signal.signal(signal.SIGPROF, sampler.look)
    signal.siginterrupt(signal.SIGPROF, False)  # a system call that a look meets goes on
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    atexit.register(sampler.write, Path(path))
