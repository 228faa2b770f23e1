"""The same bits twice? `python tests/nightly/reruns.py FOLDER` repeats the miniature study.

With one job and with four, and as if on other machines: results/nightly/reruns.csv. About 25
minutes on 2 cores; the first run stays in FOLDER.
"""

import sys
from pathlib import Path

import numpy as np
import study

AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
# The first two must agree; the others do what another machine would do to sums: fewer
# instructions, more threads.
RUNS = [
    ("-j1", 1, [], {}),
    ("-j4", 4, [], {}),
    ("Without AVX-512", 2, [], AVX2),
    ("Two threads a notebook", 2, ["THREADS=2"], {}),
]


def main(folder):
    """Run, compare, write."""
    rows, first = [], None
    for name, n_jobs, variables, environment in RUNS:
        here = folder / name.strip("-").replace(" ", "-")
        if not (here / "results/smoke/13-claims.ipynb").is_file():  # made by an earlier call
            here = here if here.is_dir() else study.copy(here)
            if study.start(here, n_jobs, *variables, **environment).wait():
                sys.exit(f"make failed; see {here / 'make.log'}")
            study.judge(here)
        files = study.left(here)
        if first is None:
            first, expected = here, files
            continue
        wrong, off = study.differing(files, expected), study.relative(first, here)
        row = {
            "run": name,
            "against": "-j1",
            "files": len(expected),
            "identical": len(expected) - len(wrong),
        }
        row |= {"values": len(off), "same_values": int((off == 0).sum())}
        rows.append(
            row
            | {
                "relative_difference_p99": np.quantile(off, 0.99),
                "relative_difference_max": off.max(),
            }
        )
        print(name, "differs in:", *wrong[:20], flush=True)
        study.write(rows, "reruns")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
