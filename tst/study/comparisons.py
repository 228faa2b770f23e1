"""Which differences the paired bootstrap of notebooks 06 and 07 tests, and to which claim's family each belongs.

What the rules of `tst.study.claims` look up in 06-differences and 07-differences is made from these lists alone.
"""

from itertools import product

from tst.study import claims


def classification_plan(shares, classifiers, n_classes):
    """Return what the bootstrap of notebook 06 tests: mappings claim, ours, other, metric, share, classifier, limit.

    Each claim is a family of Holm's: C1, C2, C6 and Q2 with all that the grid holds of them, and "ours", TST (ours) - DG.
    """
    mlp, metrics = classifiers[:1], [f"f1_{k}" for k in range(n_classes)]
    grid = [
        *[("C1", "tst_paper", "doppelganger", ["accuracy"], shares, classifiers, 0)],
        *[
            ("C2", "tst_paper", other, metrics, shares, mlp, 0)
            for other in ("doppelganger", "real")
        ],
        *[("C6", "tst_paper", control, ["accuracy"], [0.0], mlp, 0) for control in claims.CONTROLS],
        *[("Q2", "tst", "tst_paper", ["accuracy"], [0.0], mlp, -claims.TOLERANCE)],
        *[("ours", "tst", "doppelganger", ["accuracy"], shares, classifiers, 0)],
    ]
    keys = "claim ours other metric share classifier limit".split()
    return [
        dict(zip(keys, (claim, ours, other, m, s, c, limit), strict=True))
        for claim, ours, other, metrics, shares, classifiers, limit in grid
        for m, s, c in product(metrics, shares, classifiers)
    ]


def regression_plan(regressors):
    """Return what the bootstrap of notebook 07 tests, as `classified`; `train` takes the place of the share."""
    pairs = [
        ("C3", "tst_paper", "real", "synthetic+real", 0),
        ("C3", "tst_paper", "doppelganger", "synthetic+real", 0),
    ]
    pairs += [
        ("Q2", "tst", other, "synthetic", limit) for other, limit in claims.SEEDLESS_LIMITS.items()
    ]
    pairs += [("ours", "tst", other, "synthetic+real", 0) for other in ("real", "doppelganger")]
    keys = "claim ours other train limit".split()
    return [
        dict(zip(keys, pair, strict=True)) | {"metric": "r2", "regressor": r}
        for pair, r in product(pairs, regressors)
    ]
