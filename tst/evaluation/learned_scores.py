"""Learned scores: can real and synthetic series be told apart, does a predictor trained on one serve the other, and how
far apart are their embeddings?

TimeGAN's discriminative and predictive scores (Yoon et al. 2019) with small models that need no padding. The classifier
is gradient boosting, because it takes missing steps as missing, is indifferent to units and tails, and repeats with its
seed in seconds on one core; the predictor is ridge on levels; Context-FID (Jeha et al. 2022) uses the pinned
embedder of `tst.evaluation.embedding` in place of one trained a data set, so that numbers of different runs compare.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from tst.evaluation.embedding import embed, rank_transform_of
from tst.evaluation.ragged import check_features, extremes, means, subsample
from tst.series import DataError

MAX_SERIES = 2000  # a side: what the learned scores see
MAX_WINDOWS = 20_000  # a side: what the predictor sees
MIN_SERIES = 10
N_FIRST = 8  # first steps that the classifier sees as they are
N_PAST = 4  # steps that the predictor sees


def discriminative_score(real, synthetic, seed):
    """Return |0.5 - accuracy| of a classifier of real against synthetic, on the half it was not trained on; 0 is best.

    Both halves are scored, equal numbers of both sides. Equal series lie in the same half, so that a copy of the
    real set scores exactly 0 and not below chance. At most MAX_SERIES series a side.

    Raises
    ------
    DataError
        Where features differ or a set has fewer than MIN_SERIES series.
    """
    levels = _checked(real, synthetic)
    n = min(len(real), len(synthetic), MAX_SERIES)
    X = np.concatenate([_summary(subsample(s, n, seed), levels) for s in (real, synthetic)])
    y = np.repeat([0, 1], n)
    alike = np.unique(np.nan_to_num(X, nan=-9.0).round(4), axis=0, return_inverse=True)[1].ravel()
    if len(np.unique(alike)) < 2:
        return 0.0  # all series are one and the same
    right = np.empty(2 * n, dtype=bool)
    for train, test in GroupKFold(2, shuffle=True, random_state=seed).split(X, y, alike):
        right[test] = _boosting(X[train], y[train], X[test], seed) == y[test]
    return float(abs(0.5 - right.mean()))


def _boosting(X, y, X_test, seed):
    """Return the predicted sides of `X_test`; scikit-learn cannot bin a column without any value."""
    leaf, seen = int(np.clip(len(y) // 20, 2, 20)), ~np.isnan(X).all(0)
    model = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        min_samples_leaf=leaf,
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(X[:, seen], y).predict(X_test[:, seen])


def _summary(series, levels):
    """Return what the classifier sees, (n_series, n): length, first steps, moments, changes, embedding; NaN = absent."""
    x, starts = levels(series), series.offsets[:-1]
    first = x.padded(N_FIRST, fill=np.nan)[0].reshape(len(x), -1)
    mean, change = means(x.values, x), np.abs(np.diff(x.values, axis=0, prepend=x.values[:1]))
    change[starts] = 0
    low, high = extremes(x)
    parts = [
        series.lengths[:, None],
        first,
        mean,
        np.sqrt(means((x.values - mean[x.series_index]) ** 2, x)),
        low,
        high,
        x.values[series.offsets[1:] - 1],
        means(change, x),
        embed(series, levels),
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def predictive_score(real, synthetic, seed):
    """Return the mean absolute error, on real series, of one-step-ahead ridge trained on synthetic; lower is better.

    In levels of the real set (0 to 1), mean over features and steps from the second on; the predictor sees the last
    N_PAST steps, before the start the first one again. At most MAX_WINDOWS steps a side. A synthetic set whose series
    have one step each teaches its mean only. NaN where no real series has two steps. Not a distance: the value to
    reach is that of a second real set.
    """
    levels = _checked(real, synthetic)
    (X, y), (X_test, y_test) = (_windows(levels(s), seed) for s in (synthetic, real))
    if len(y_test) == 0:
        return np.nan
    if len(y) == 0:
        return float(np.abs(y_test - levels(synthetic).values.mean(0)).mean())
    return float(
        np.abs(y_test - Ridge(alpha=1.0).fit(X, y).predict(X_test).reshape(y_test.shape)).mean()
    )


def _windows(series, seed):
    """Return (last N_PAST steps, next step) of a sample of steps: (n, N_PAST * n_features) and (n, n_features)."""
    step = series.step_index
    targets = np.flatnonzero(step > 0)
    if len(targets) > MAX_WINDOWS:
        targets = np.sort(np.random.default_rng(seed).choice(targets, MAX_WINDOWS, replace=False))
    past = targets[:, None] - np.minimum(np.arange(1, N_PAST + 1), step[targets, None])
    values = series.values.astype(np.float64)
    return values[past].reshape(len(targets), N_PAST * series.n_features), values[targets]


def context_fid(real, synthetic, seed):
    """Return the Frechet distance of the embeddings, scaled by the real set's mean and spread; at most MAX_SERIES a side.

    It grows as sets shrink: compare with two real halves of the same size.
    """
    levels = _checked(real, synthetic)
    a, b = (embed(subsample(s, MAX_SERIES, seed), levels) for s in (real, synthetic))
    loc, scale = a.mean(0), a.std(0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    return frechet((a - loc) / scale, (b - loc) / scale)


def frechet(a, b):
    """Return the Frechet distance of two Gaussians fitted to points (n, d) and (m, d)."""
    cov_a, cov_b = (np.cov(points, rowvar=False) for points in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    return float(max(apart, 0.0))


def _checked(real, synthetic):
    """Return the levels of the real set; raise DataError where the sets cannot be compared or are too small."""
    check_features(real, synthetic)
    small = min(real, synthetic, key=len)
    if len(small) < MIN_SERIES:
        raise DataError(
            f"'{small.name}' ({small.model}) has {len(small)} series; the learned scores need {MIN_SERIES} in each set."
        )
    return rank_transform_of(real)
