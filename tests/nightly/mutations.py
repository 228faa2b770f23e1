"""Do the tests watch? `python tests/nightly/mutations.py [TEXT]` breaks the package in about thirty
ways, one law each, in copies of the tree, and expects the named tests to turn red each time.

results/nightly/mutations.csv has a row each; exit code 1 where a mutation stays green, where its
text is no longer in the file, or where the tests are red without it. With TEXT only the mutations
of files whose path contains it are made, and no table is written; `--list` only checks that every
mutation can be made. A quarter of an hour on 2 cores.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "results" / "nightly" / "mutations.csv"
MAX_SECONDS = 900  # for one test file


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One change of one file that breaks a law, and the tests that must notice."""

    law: str
    file: str  # below tst/
    old: str  # stands in the file exactly once
    new: str
    tests: str  # below tests/


MUTATIONS = (
    # ---- io
    Mutation(
        law="a file appears whole or not at all",
        file="io/files.py",
        old="            yield part\n            _sync(part)\n            os.replace(part, path)",
        new="            yield path\n            _sync(path)",
        tests="io/test_files.py",
    ),
    Mutation(
        law="a file that inflates beyond the free memory is refused",
        file="io/untrusted.py",
        old="    if n_bytes > room():\n        raise",
        new="    if n_bytes > 10**6 * room():\n        raise",
        tests="io/test_untrusted.py",
    ),
    Mutation(
        law="settings and weights of two models do not pass for one",
        file="io/weights.py",
        old='if facts.pop("sum", None) != checksum(facts, data):',
        new='if facts.pop("sum", None) is None:',
        tests="io/test_weights.py",
    ),
    Mutation(
        law="imports for type hints decide no result",
        file="io/closure.py",
        old="ast.unparse(node.test) in TYPE_CHECKING",
        new="ast.unparse(node.test) in ()",
        tests="io/test_closure.py",
    ),
    # ---- series
    Mutation(
        law="no group stands in both parts of a split",
        file="series.py",
        old="            return next(splitter.split(everything, groups=groups))",
        new="            return next(splitter.split(everything, groups=everything))",
        tests="test_series.py",
    ),
    # ---- data
    Mutation(
        law="each page is what its name says",
        file="data/wwt.py",
        old="        if differs.any():",
        new="        if differs.all():",
        tests="data/test_wwt.py",
    ),
    Mutation(
        law="the competition's file is that of its checksum",
        file="data/wwt.py",
        old="    if sha256:\n        _check_checksum(path, sha256)",
        new="    if not sha256:\n        _check_checksum(path, CSV_SHA256)",
        tests="data/test_wwt.py",
    ),
    # ---- table
    Mutation(
        law="synthetic months are months, not thirty days",
        file="table/steps.py",
        old='first = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)',
        new="first = month * 30",
        tests="table",
    ),
    Mutation(
        law="numbers come back with as many digits as the column has",
        file="table/columns.py",
        old="            return np.round(x + self.shift, self.decimals)",
        new="            return x + self.shift",
        tests="table",
    ),
    Mutation(
        law="of rows that share id and time one is kept",
        file="table/rows.py",
        old="    is_kept[rows[is_first_by_value]] = True",
        new="    is_kept[rows] = True",
        tests="table",
    ),
    # ---- training
    Mutation(
        law="gradients are clipped",
        file="training/loop.py",
        old="        if self.config.grad_clip:",
        new="        if not self.config.grad_clip:",
        tests="training/test_loop.py",
    ),
    Mutation(
        law="a damaged checkpoint is not used",
        file="training/checkpoints.py",
        old="json.loads((path / SUMS).read_text()) == checksums(path)",
        new="bool(json.loads((path / SUMS).read_text()))",
        tests="training/test_loop.py",
    ),
    Mutation(
        law="a batch in pieces is the batch",
        file="training/loop.py",
        old="objective.loss(self.model, batch) / self.batches.n_pieces",
        new="objective.loss(self.model, batch)",
        tests="training/test_loop.py",
    ),
    # ---- models
    Mutation(
        law="no step sees the future",
        file="models/transformer/attention.py",
        old="return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)",
        new="return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)",
        tests="models/test_transformer.py",
    ),
    Mutation(
        law="a sliding window is as wide as it says",
        file="models/transformer/attention.py",
        old="is_seen = (distance >= 0) & (distance < W)",
        new="is_seen = (distance >= 0) & (distance <= W)",
        tests="models/test_attention.py",
    ),
    Mutation(
        law="the cache holds every step of a long series",
        file="models/transformer/backbone.py",
        old="        cache.length += 1\n",
        new="        cache.length += cache.length != 30\n",
        tests="models/test_transformer.py",
    ),
    Mutation(
        law="a series ends where its second flag reaches the first",
        file="models/transformer/generation.py",
        old="ends = (x[:, -1] >= x[:, -2]) &",
        new="ends = (x[:, -1] >= x[:, -2] + 0.5) &",
        tests="models/test_generation.py",
    ),
    Mutation(
        law="probabilities of a mixture are those of its formula",
        file="models/transformer/distributions.py",
        old="log_probs = -at_value - 2 * F.softplus(-at_value) - log_scale",
        new="log_probs = -at_value - 2 * F.softplus(-at_value)",
        tests="models/test_distributions.py",
    ),
    Mutation(
        law="each attribute stops by itself",
        file="models/transformer/attribute_fit.py",
        old="(is_mine & (n_steps[i] == step)).nonzero()",
        new="is_mine.nonzero()",
        tests="models/test_attribute_fit.py",
    ),
    Mutation(
        law="series of a group do not judge the fit of each other's attributes",
        file="models/transformer/attribute_fit.py",
        old="_folds(rows.units, generator)",
        new="_folds(torch.arange(len(rows)), generator)",
        tests="models/test_attribute_fit.py",
    ),
    Mutation(
        law="the fit of attributes begins at the frequencies",
        file="models/transformer/attribute_fit.py",
        old="        head.out[d, :, categories] = 0.0\n",
        new="",
        tests="models/test_attribute_fit.py",
    ),
    Mutation(
        law="of a near twin the difference is learned",
        file="models/transformer/twins.py",
        old="NEARLY = 0.2\n",
        new="NEARLY = 0.0\n",
        tests="models/test_twins.py",
    ),
    Mutation(
        law="series without evidence are drawn again",
        file="models/transformer/sampling.py",
        old="np.flatnonzero(~encoder_of(model).is_evident(series))",
        new="np.flatnonzero(~encoder_of(model).is_evident(series))[:0]",
        tests="models/test_sampling.py",
    ),
    Mutation(
        law="a run that goes on does not fit attributes again",
        file="training/loop.py",
        old="    if begin is not None and not run.history:\n",
        new="    if begin is not None:\n",
        tests="training/test_loop.py",
    ),
    Mutation(
        law="attributes are those of the whole series, not of a piece",
        file="models/transformer/batches.py",
        old="            is_end,\n            self.series.lengths[series],\n",
        new="            is_end,\n",
        tests="models/test_token_batches.py",
    ),
    Mutation(
        law="the clock tells what is left of the series, not of the window",
        file="models/transformer/batches.py",
        old="first_steps = (self.first_tokens[windows][window_of_row] + token)",
        new="first_steps = token",
        tests="models/test_token_batches.py",
    ),
    Mutation(
        law="compiled blocks are modulated as torch's are",
        file="models/transformer/newest.cpp",
        old="modulation + row * of_series + layer * 2 * width",
        new="modulation + row * of_series",
        tests="models/test_newest.py",
    ),
    Mutation(
        law="donors do not give their lengths",
        file="models/transformer/sampling.py",
        old="        fixed.pop(len(model.spec.attributes) - 1, None)\n",
        new="",
        tests="models/test_sampling.py",
    ),
    Mutation(
        law="DoppelGANger's penalty holds the critic's slope at one",
        file="models/doppelganger/critic.py",
        old="penalty * (slope - 1).square().mean()\n",
        new="penalty * slope.square().mean()\n",
        tests="models/test_doppelganger.py",
    ),
    Mutation(
        law="critic and generator move their own weights",
        file="models/doppelganger/model.py",
        old='"generator": (_generator_parameters, generator_loss)',
        new='"generator": (_critic_parameters, generator_loss)',
        tests="models/test_doppelganger.py",
    ),
    # ---- evaluation
    Mutation(
        law="autocorrelation is about a series' own mean",
        file="evaluation/autocorrelation.py",
        old="_products(series, mean, n_lags)",
        new="_products(series, 0 * mean, n_lags)",
        tests="evaluation",
    ),
    Mutation(
        law="a lag counts where enough real series reach it",
        file="evaluation/autocorrelation.py",
        old="REACHED = 0.01",
        new="REACHED = 0.5",
        tests="evaluation",
    ),
    Mutation(
        law="a jump between two series is no change",
        file="evaluation/fidelity.py",
        old="    change = change[series.step_index[1:] > 0]",
        new="    change = change[series.step_index[1:] >= 0]",
        tests="evaluation",
    ),
    Mutation(
        law="Jensen-Shannon is a divergence, not its root",
        file="evaluation/fidelity.py",
        old="jensenshannon(*shares, base=2) ** 2",
        new="jensenshannon(*shares, base=2)",
        tests="evaluation",
    ),
    Mutation(
        law="p-values are adjusted by Holm's method",
        file="evaluation/bootstrap.py",
        old='method="holm"',
        new='method="fdr_bh"',
        tests="evaluation/test_bootstrap.py",
    ),
    Mutation(
        law="a smaller share of real series is part of a larger one",
        file="evaluation/downstream.py",
        old="real.take(order[:n])",
        new="real.take(order[-n:] if share < 0.5 else order[:n])",
        tests="evaluation/test_downstream.py",
    ),
    Mutation(
        law="forecasts and classifiers are scaled by the real training set",
        file="evaluation/downstream.py",
        old="    low = reference.values.min(0)\n",
        new="    low = train.values.min(0)\n",
        tests="evaluation/test_downstream.py",
    ),
    Mutation(
        law="an attacker's score is minus the distance",
        file="evaluation/privacy.py",
        old="rankdata(-np.concatenate(distance))",
        new="rankdata(np.concatenate(distance))",
        tests="evaluation/test_privacy.py",
    ),
    # ---- plots
    Mutation(
        law="no figure without alt text",
        file="plots/base.py",
        old="    if not alt or not alt.strip():",
        new="    if alt is None:",
        tests="plots",
    ),
    # ---- study
    Mutation(
        law="simulated data test no claim",
        file="study/claims.py",
        old='    is_simulated = origin == "simulated" and',
        new='    is_simulated = origin == "made up" and',
        tests="study/test_claims.py",
    ),
    Mutation(
        law="the wider of two intervals counts",
        file="study/decisions.py",
        old="        low = min(low, resampled.low)",
        new="        low = max(low, resampled.low)",
        tests="study/test_decisions.py",
    ),
    Mutation(
        law="rows of one owner are drawn together",
        file="evaluation/bootstrap.py",
        old="        rows = times[:, owner]",
        new="        rows = rng.permuted(times[:, owner], axis=1)",
        tests="evaluation/test_bootstrap.py",
    ),
    Mutation(
        law="two origins of a data set do not stand in one table",
        file="study/tables.py",
        old="    if (n_origins > 1).any():",
        new="    if (n_origins > 2).any():",
        tests="study/test_tables.py",
    ),
    Mutation(
        law="a failed notebook is no result",
        file="study/run_notebook.py",
        old="            os.replace(part, failed)\n            raise DataError(f",
        new="            os.replace(part, out)\n            raise DataError(f",
        tests="study/test_run_notebook.py",
    ),
    Mutation(
        law="a changed plot trains nothing",
        file="study/dependencies.py",
        old="    if not notebook.plots:",
        new="    if notebook.plots:",
        tests="house/test_make.py",
    ),
)


def stale(mutations: Iterable[Mutation]) -> list[str]:
    """Return the laws whose text does not stand in its file exactly once, or whose tests lack."""
    laws = []
    for mutation in mutations:
        path = ROOT / "tst" / mutation.file
        is_there = path.is_file() and path.read_text().count(mutation.old) == 1
        if not is_there or not (ROOT / "tests" / mutation.tests).exists():
            laws.append(mutation.law)
    return laws


def copy_tree(folder: Path) -> Path:
    """Copy what git keeps of the project, results aside, to a folder; the environment is shared."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith("results/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def run_tests(folder: Path, tests: str) -> str:
    """Run tests in a copy; return green, red, or error where they could not run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    settings |= {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    settings["PYTHONDONTWRITEBYTECODE"] = "1"  # of a mutation made within the same second
    try:
        done = subprocess.run(
            [*command, f"tests/{tests}"],
            cwd=folder,
            env=settings,
            capture_output=True,
            timeout=MAX_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return "red"
    return {0: "green", 1: "red"}.get(done.returncode, "error")


def attempt(mutation: Mutation, folder: Path) -> str:
    """Return what becomes of the tests of a mutation in a copy, which is as before afterwards."""
    path = folder / "tst" / mutation.file
    text = path.read_text()
    path.write_text(text.replace(mutation.old, mutation.new))
    try:
        return run_tests(folder, mutation.tests)
    finally:
        path.write_text(text)


def main(arguments: list[str]) -> int:
    """Make every mutation; return 0 where each is noticed."""
    texts = [argument for argument in arguments if argument != "--list"]
    mutations = [m for m in MUTATIONS if all(text in m.file for text in texts)]
    missing = stale(mutations)
    if missing:
        print("these mutations cannot be made any more:", *missing, sep="\n  ")
        return 1
    if "--list" in arguments:
        print(f"{len(mutations)} mutations, all can be made")
        return 0
    n_copies = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as night:
        copies: Queue[Path] = Queue()
        for number in range(n_copies):
            copies.put(copy_tree(Path(night) / f"copy-{number}"))

        def in_a_copy(mutation: Mutation | str) -> str:
            folder = copies.get()
            try:
                if isinstance(mutation, str):
                    return run_tests(folder, mutation)
                return attempt(mutation, folder)
            finally:
                copies.put(folder)

        tests = sorted({mutation.tests for mutation in mutations})
        with ThreadPoolExecutor(n_copies) as pool:
            before = dict(zip(tests, pool.map(in_a_copy, tests), strict=True))
            after = list(pool.map(in_a_copy, mutations))
    rows = []
    for mutation, outcome in zip(mutations, after, strict=True):
        row = {"law": mutation.law, "file": mutation.file, "tests": mutation.tests}
        rows.append(row | {"without": before[mutation.tests], "with": outcome})
    frame = pd.DataFrame(rows)
    if not texts:
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(OUTPUT, index=False)
    unnoticed = frame[(frame["without"] != "green") | (frame["with"] != "red")]
    print(f"{len(frame) - len(unnoticed)} of {len(frame)} mutations were noticed")
    if len(unnoticed):
        print(unnoticed.to_string(index=False))
    return int(len(unnoticed) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
