"""Killed at any moment? `python tests/nightly/kills.py FOLDER` kills the miniature study, run by make with two jobs, again
and again, and compares what it ends in with an uninterrupted run (made by reruns.py in FOLDER); results/nightly/kills.csv.
About 20 minutes on 2 cores.
"""

import contextlib
import random
import sys
import time
from pathlib import Path

import psutil
import study

N_KILLS = 60
WAIT = (2, 25)  # seconds before a kill: from the start of make to the middle of a notebook
VICTIMS = ("everything", "make and the runners", "a runner", "a kernel")


def victims(make, kind, rng):
    """Return the processes of one kind below make."""
    all_ = [make, *make.children(recursive=True)]
    kernels = [p for p in all_ if "ipykernel_launcher" in " ".join(p.cmdline())]
    runners = [p for p in all_ if "tst.run" in p.cmdline()]
    chosen = {"everything": all_, "make and the runners": [p for p in all_ if p not in kernels]}
    chosen |= {"a runner": runners and [rng.choice(runners)], "a kernel": kernels and [rng.choice(kernels)]}
    return chosen[kind]


def attempt(here, kind, rng):
    """Run make on a copy for a random time, then kill; return True where it came to its end, None where none was hit."""
    process = study.start(here, 2)
    make, deadline = psutil.Process(process.pid), time.time() + rng.uniform(*WAIT)
    while process.poll() is None and time.time() < deadline:
        time.sleep(0.05)
    if process.poll() is not None:
        if process.returncode:
            sys.exit(f"make failed; see {here / 'make.log'}")
        return True
    found = victims(make, kind, rng)
    for victim in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    process.wait()  # where only a runner or a kernel was killed, make ends by itself, with an error
    return False if found else None


def main(folder):
    """Kill, finish, compare, until there were enough kills."""
    expected, rng = study.left(folder / "j1"), random.Random()
    kills, n_rounds, wrong = dict.fromkeys(VICTIMS, 0), 0, []
    while sum(kills.values()) < N_KILLS:
        here = study.copy(folder / f"round-{n_rounds}")
        ended = False
        while not ended:
            kind = VICTIMS[sum(kills.values()) % len(VICTIMS)]
            ended = attempt(here, kind, rng)
            kills[kind] += ended is False
            print(sum(kills.values()), kind, ended, flush=True)
        study.judge(here)
        n_rounds += 1
        wrong.append(study.differing(study.left(here), expected))
        print(f"study {n_rounds} ended; differing files: {wrong[-1]}", flush=True)
        same = not any(wrong)
        rows = [{"victim": k, "kills": n, "survived": n if same else "", "studies": n_rounds} for k, n in kills.items()]
        study.write([row | {"files": len(expected), "differing": sum(map(len, wrong))} for row in rows], "kills")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
