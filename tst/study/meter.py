"""What one run of a notebook costs: measured while it runs, kept beside its log.

Seconds are those of processors, which other programs spare: of the process that runs a notebook, of
its kernel, and of the programs that the kernel starts. The kernel's are told apart by kind of work
(`tst.study.sampler`); what is not known of a kind is "other".
"""

import json
import logging
import resource
import time
from pathlib import Path

from tst.study import sampler
from tst.study.sampler import KINDS

KB_IN_MB = 1024  # Linux gives the peak memory of a process in KB


class Meter:
    """Measures one run of a notebook, from when it is made until `read`.

    Parameters
    ----------
    path
        File in a private folder that the kernel writes its seconds to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start = time.perf_counter()
        self.children = _seconds(resource.RUSAGE_CHILDREN)

    @property
    def kernel_arguments(self) -> list[str]:
        """Arguments of a kernel that let it `prepare`, without a name in the notebook's own."""
        line = f"__import__('tst.study.meter', fromlist=['prepare']).prepare({str(self.path)!r})"
        return [f"--IPKernelApp.exec_lines={line}"]

    def read(self) -> str:
        """Return the costs of the run as JSON: processor seconds by kind, and what stands beside.

        The kernel has ended. What this process itself took, its imports for the most part, counts
        as start-up: it runs one notebook.
        """
        runner = _seconds(resource.RUSAGE_SELF)
        kernel = _seconds(resource.RUSAGE_CHILDREN) - self.children
        seconds = dict.fromkeys(KINDS, 0.0)
        if self.path.is_file():
            seconds |= json.loads(self.path.read_text())
        seconds["other"] += max(0.0, kernel - sum(seconds.values()))  # programs of the kernel
        seconds["start_up"] += runner
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / KB_IN_MB
        costs = {"wall_seconds": time.perf_counter() - self.start, "peak_memory_mb": peak}
        return json.dumps(seconds | costs, indent=1)


def prepare(path: str) -> None:
    """Let this process, a kernel, sample itself into a file and tell nothing of interrupts."""
    logging.getLogger("IPKernelApp").addFilter(_tells_no_interrupt)
    sampler.start(path)


def _tells_no_interrupt(record: logging.LogRecord) -> bool:
    """Return whether a kernel's message is more than that an interrupt reached it between cells.

    jupyter_client interrupts each kernel before it asks it to end, and one that is still sending
    its last outputs calls that an error.
    """
    return not record.getMessage().startswith("KeyboardInterrupt caught in kernel")


def _seconds(who: int) -> float:
    """Return the processor seconds, user and system, of this process or of its ended children."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime
