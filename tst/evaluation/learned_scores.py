"""Learned scores: can real and synthetic series be told apart, does a predictor trained on one
serve the other, and how far apart are their embeddings?

TimeGAN's discriminative and predictive scores (Yoon et al. 2019, section 5) and PSA-GAN's
Context-FID (Jeha et al. 2022), with other models than theirs, none of which needs padding. Gradient
boosting is the classifier, because it takes missing steps as missing, is indifferent to units and
tails, and repeats with its seed in seconds on one core; ridge on ranks is the predictor; the pinned
embedder of `tst.evaluation.embedding` takes the place of one trained for each data set, so that
numbers of different runs compare.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from tst.errors import DataError
from tst.evaluation.ragged import check_features, extremes, means, subsample
from tst.evaluation.reference import Reference
from tst.series import SeriesSet

MAX_SERIES = 2000  # of each set: what the learned scores see; boosting then takes seconds
MAX_WINDOWS = 20_000  # of each set: what the predictor sees; ridge has 4 weights a feature
MIN_SERIES = 10  # below, a half has too few series to learn from and to be scored on
N_FIRST = 8  # first steps that the classifier sees as they are
N_PAST = 4  # steps that the predictor sees
# Of the median spread of the coordinates of an embedding: the least that one is scaled by.
MIN_SPREAD = 0.1
ABSENT = -9.0  # stands for a missing step where rows are compared; ranks are far from it


def discriminative_score(real: SeriesSet | Reference, synthetic: SeriesSet, seed: int) -> float:
    """Return |0.5 - accuracy| of a classifier of real against synthetic series; 0 is best.

    Each half is scored by a classifier trained on the other, equal numbers of both sets. Equal
    series lie in the same half, so that a copy of the real set scores exactly 0 and not below
    chance.

    Parameters
    ----------
    real
        Set, or its `Reference` where several sets are scored against it.
    synthetic
        Set of the same features; of both, at most MAX_SERIES series enter.
    seed
        Of the series drawn, of the halves and of the classifier.

    Raises
    ------
    DataError
        Where features differ or a set has fewer than MIN_SERIES series.
    """
    reference = Reference.of(real)
    _check(reference, synthetic)
    n = min(len(reference.real), len(synthetic), MAX_SERIES)
    sides = [summary(reference, series, n, seed) for series in (reference.real, synthetic)]
    X = np.concatenate(sides)  # (2 n, columns)
    y = np.repeat([0, 1], n)
    rounded = np.nan_to_num(X, nan=ABSENT).round(4)
    group = np.unique(rounded, axis=0, return_inverse=True)[1].ravel()
    if len(np.unique(group)) < 2:
        return 0.0  # all series are one and the same
    right = np.empty(2 * n, dtype=bool)
    for train, test in GroupKFold(2, shuffle=True, random_state=seed).split(X, y, group):
        right[test] = boosting(X[train], y[train], X[test], seed) == y[test]
    return float(abs(0.5 - right.mean()))


def boosting(X: np.ndarray, y: np.ndarray, X_test: np.ndarray, seed: int) -> np.ndarray:
    """Return the classes of `X_test` by gradient boosting, as `y` has them, (n_test,)."""
    observed = ~np.isnan(X).all(0)  # scikit-learn cannot bin a column without any value
    model = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        min_samples_leaf=int(np.clip(len(y) // 20, 2, 20)),  # small sets need small leaves
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(X[:, observed], y).predict(X_test[:, observed])


def summary(reference: Reference, series: SeriesSet, n: int, seed: int) -> np.ndarray:
    """Return what the classifier sees of n series: length, first steps, moments, embedding.

    Returns
    -------
    np.ndarray
        float32, shape (n, columns); NaN where a series has no such step.
    """
    ranks = reference.rank_transform(subsample(series, n, seed))
    starts = ranks.offsets[:-1]
    first, _ = ranks.padded(N_FIRST, fill=np.nan)  # (n, N_FIRST, n_features)
    mean = means(ranks.values, ranks)
    deviation = ranks.values - mean[ranks.series_index]
    change = np.abs(np.diff(ranks.values, axis=0, prepend=ranks.values[:1]))
    change[starts] = 0  # from the series before
    low, high = extremes(ranks)
    parts = [
        ranks.lengths[:, None],
        first.reshape(len(ranks), -1),
        mean,
        np.sqrt(means(deviation**2, ranks)),
        low,
        high,
        ranks.values[ranks.offsets[1:] - 1],
        means(change, ranks),
        reference.embedding(series, n, seed),
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def predictive_score(real: SeriesSet | Reference, synthetic: SeriesSet, seed: int) -> float:
    """Return the mean absolute error, on real series, of a predictor trained on synthetic ones.

    In ranks of the real set (0 to 1), mean over features and steps from the second on; the
    predictor sees the last N_PAST steps, before the start the first one again. A synthetic set
    whose series have one step each teaches its mean only. Lower is better, but it is no distance:
    the value to reach is that of a second real set.

    Parameters
    ----------
    real
        Set, or its `Reference` where several sets are scored against it.
    synthetic
        Set of the same features; of both, at most MAX_WINDOWS steps enter.
    seed
        Of the steps drawn.

    Returns
    -------
    float
        NaN where no real series has two steps.

    Raises
    ------
    DataError
        Where features differ or a set has fewer than MIN_SERIES series.
    """
    reference = Reference.of(real)
    _check(reference, synthetic)
    ranks = reference.rank_transform(synthetic)
    X, y = _windows(ranks, seed)
    X_test, y_test = _windows(reference.rank_transform(reference.real), seed)
    if len(y_test) == 0:
        return np.nan
    if len(y) == 0:
        return float(np.abs(y_test - ranks.values.mean(0)).mean())
    predicted = Ridge(alpha=1.0).fit(X, y).predict(X_test)
    return float(np.abs(y_test - predicted.reshape(y_test.shape)).mean())


def _windows(series: SeriesSet, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (the last N_PAST steps, the step that follows) of a sample of n steps.

    Returns
    -------
    past
        float64, shape (n, N_PAST * n_features), the latest step first.
    target
        float64, shape (n, n_features).
    """
    step = series.step_index
    targets = np.flatnonzero(step > 0)
    if len(targets) > MAX_WINDOWS:
        targets = np.sort(np.random.default_rng(seed).choice(targets, MAX_WINDOWS, replace=False))
    # (n, N_PAST) rows; before its start a series repeats its first step
    past = targets[:, None] - np.minimum(np.arange(1, N_PAST + 1), step[targets, None])
    values = series.values.astype(np.float64)
    return values[past].reshape(len(targets), N_PAST * series.n_features), values[targets]


def context_fid(real: SeriesSet | Reference, synthetic: SeriesSet, seed: int) -> float:
    """Return the Frechet distance of the embeddings, scaled by the real set's (`scaled_frechet`).

    It grows as sets shrink: compare with two real halves of the same size.

    Parameters
    ----------
    real
        Set, or its `Reference` where several sets are scored against it.
    synthetic
        Set of the same features; of both, at most MAX_SERIES series enter.
    seed
        Of the series drawn.

    Raises
    ------
    DataError
        Where features differ or a set has fewer than MIN_SERIES series.
    """
    reference = Reference.of(real)
    _check(reference, synthetic)
    real_points = reference.embedding(reference.real, MAX_SERIES, seed)
    synthetic_points = reference.embedding(synthetic, MAX_SERIES, seed)
    return scaled_frechet(real_points, synthetic_points)


def scaled_frechet(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the Frechet distance of points (n, d) and (m, d), scaled by the real ones.

    A coordinate in which one real series of thousands differs has hardly a spread, and its square,
    by which the distance is divided, is a matter of chance: two halves of one real set, of which
    one holds five such series, would be a hundred times as far apart as they are. It is therefore
    scaled by `MIN_SPREAD` of the median spread at least.
    """
    loc = real.mean(0)
    spread = real.std(0)
    scale = np.maximum(spread, MIN_SPREAD * np.median(spread))
    scale = np.where(scale > 1e-6, scale, 1.0)
    return frechet((real - loc) / scale, (synthetic - loc) / scale)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Frechet distance of two Gaussians fitted to points (n, d) and (m, d)."""
    cov_a = np.cov(a, rowvar=False)
    cov_b = np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T  # of cov_a
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    return float(max(apart, 0.0))


def _check(reference: Reference, synthetic: SeriesSet) -> None:
    """Raise DataError where the sets cannot be compared or are too small."""
    check_features(reference.real, synthetic)
    small = min(reference.real, synthetic, key=len)
    if len(small) < MIN_SERIES:
        raise DataError(
            f"'{small.name}' ({small.model}) has {len(small)} series; "
            f"the learned scores need {MIN_SERIES} in each set."
        )
