"""Check that a study may be killed at any moment: `python tests/nightly/kills.py FOLDER`.

It kills the miniature study, run by make with two jobs, again and again, and compares what it ends
in with an uninterrupted run (made by reruns.py in FOLDER); results/nightly/kills.csv.
About 30 minutes on 2 cores; called again, it goes on from its last whole study.
"""

import contextlib
import random
import shutil
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import study

N_KILLS = 60
WAIT = (2, 25)  # seconds before a kill: from the start of make to the middle of a notebook
VICTIMS = ("everything", "make and the runners", "a runner", "a kernel")


def victims(make, kind, rng):
    """Return the processes of one kind below make."""
    all_ = [make, *make.children(recursive=True)]
    kernels = [p for p in all_ if "ipykernel_launcher" in _command(p)]
    runners = [p for p in all_ if "tst.study.start_notebook" in _command(p)]
    chosen = {"everything": all_, "make and the runners": [p for p in all_ if p not in kernels]}
    chosen |= {
        "a runner": runners and [rng.choice(runners)],
        "a kernel": kernels and [rng.choice(kernels)],
    }
    return chosen[kind]


def _command(process):
    """Return a process's arguments, none where it has just ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def attempt(here, kind, rng):
    """Run make on a copy for a random time, then kill.

    Return True where it came to its end, None where none was hit.
    """
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
    expected, rng, state = study.left(folder / "j1"), random.Random(), folder / "kills.csv"
    before = (
        pd.read_csv(state)
        if state.is_file()
        else pd.DataFrame(columns=["victim", "kills", "studies", "differing"])
    )
    kills = dict.fromkeys(VICTIMS, 0) | dict(zip(before["victim"], before["kills"], strict=True))
    n_rounds, n_wrong = (
        int(before[column].max()) if len(before) else 0 for column in ("studies", "differing")
    )
    while sum(kills.values()) < N_KILLS:
        here = folder / f"round-{n_rounds}"
        shutil.rmtree(here, ignore_errors=True)
        study.copy(here)
        ended = False
        while not ended:
            kind = VICTIMS[sum(kills.values()) % len(VICTIMS)]
            ended = attempt(here, kind, rng)
            kills[kind] += ended is False
            print(sum(kills.values()), kind, ended, flush=True)
        study.judge(here)
        n_rounds += 1
        wrong = study.differing(study.left(here), expected)
        n_wrong += len(wrong)
        print(f"study {n_rounds} ended; differing files: {wrong}", flush=True)
        rows = [
            {"victim": k, "kills": n, "survived": 0 if n_wrong else n, "studies": n_rounds}
            for k, n in kills.items()
        ]
        rows = [row | {"files": len(expected), "differing": n_wrong} for row in rows]
        study.write(rows, "kills")
        pd.DataFrame(rows).to_csv(state, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
