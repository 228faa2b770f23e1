"""The paper's MLP and DoppelGANger's four other classifiers, as scikit-learn defines them, on ragged rows.

A row is a series, flattened and padded with zeros to the window. Most of it is padding, save for sets whose series fail to
stop, and no product touches it: rows of like length lie together (`Ragged`). Naive Bayes and the tree are scikit-learn's own.
The MLP takes scikit-learn's steps in float32: the same first weights, order of batches and Adam. Logistic regression
minimises its objective by its L-BFGS, at most 200 iterations; the SVM minimises LinearSVC's, in the primal and to
convergence, where liblinear's dual stops unfinished after 1,000 passes. Weights that no training series
reaches keep their first values, as they do in scikit-learn without weight decay.
"""

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state, gen_batches, shuffle

N_HIDDEN, BATCH_SIZE, LEARNING_RATE, BETAS, EPS = (
    128,
    256,
    1e-3,
    (0.9, 0.999),
    1e-8,
)  # arXiv 2506.07312; Adam's defaults
EDGES = (16, 64)  # steps up to which rows lie together
C = 1.0  # inverse strength of the L2 penalty, scikit-learn's default
N_NEWTON, SVM_TOLERANCE = (
    50,
    1e-3,
)  # steps at most; gradient over the first one, at which the SVM is done


class Ragged:
    """Rows of flattened, zero-padded series, shape (n_series, n_steps * n_features), without most of their padding.

    Parameters
    ----------
    series
        `SeriesSet`; steps beyond n_steps are cut.
    low, high
        float, shape (n_features,): what scales to [0, 1].
    """

    def __init__(self, series, low, high, n_steps):
        series = series.head(n_steps)
        scale = np.where(high > low, high - low, 1.0)
        unit = ((series.values - low) / scale).astype(np.float32)
        group = np.searchsorted(EDGES, series.lengths)
        self.shape = len(series), n_steps * series.n_features
        self.rows = [np.flatnonzero(group == g) for g in np.unique(group)]
        self.blocks = [torch.from_numpy(_padded(series, unit, rows)) for rows in self.rows]
        self.width = max(b.shape[1] for b in self.blocks)
        self.place = np.empty((2, len(series)), dtype=np.int64)  # block, row in it
        for g, rows in enumerate(self.rows):
            self.place[0, rows], self.place[1, rows] = g, np.arange(len(rows))

    def times(self, weights):
        """Return the product (n_series, k), float32, with weights (columns, k)."""
        result = np.empty((weights.shape[1], self.shape[0]), dtype=np.float32)
        turned = torch.as_tensor(
            weights, dtype=torch.float32
        ).T.contiguous()  # this way round three times as fast
        for rows, block in zip(self.rows, self.blocks, strict=True):
            n = min(block.shape[1], turned.shape[1])
            result[:, rows] = (turned[:, :n] @ block[:, :n].T).numpy()
        return result.T

    def transposed_times(self, values):
        """Return the product (width, k), float32, of the transposed rows with values (n_series, k)."""
        result = torch.zeros(values.shape[1], self.width)
        turned = torch.as_tensor(values.T.astype(np.float32))
        for rows, block in zip(self.rows, self.blocks, strict=True):
            result[:, : block.shape[1]] += turned[:, rows] @ block
        return result.numpy().T

    def parts(self, chosen):
        """Return [(places in `chosen`, their rows without padding)] of a batch, for each group that is in it."""
        block, row = self.place[:, chosen]
        found = ((g, np.flatnonzero(block == g)) for g in range(len(self.blocks)))
        return [
            (torch.from_numpy(at), self.blocks[g][torch.from_numpy(row[at])])
            for g, at in found
            if len(at)
        ]

    def dense(self):
        """Return the plain array, float32."""
        result = np.zeros(self.shape, dtype=np.float32)
        for rows, block in zip(self.rows, self.blocks, strict=True):
            result[rows, : block.shape[1]] = block
        return result


def _padded(series, unit, rows):
    """Return the flattened rows of some series, padded to the longest of them."""
    lengths = series.lengths[rows]
    values = np.zeros((len(rows), lengths.max(), series.n_features), dtype=np.float32)
    step = np.arange(lengths.max())
    inside = step < lengths[:, None]
    values[inside] = unit[(series.offsets[rows][:, None] + step)[inside]]
    return values.reshape(len(rows), -1)


def fit(name, X, y, seed, epochs):
    """Return the fitted classifier: a function from `Ragged` rows to codes of classes.

    Parameters
    ----------
    X
        `Ragged` training rows.
    y
        int, shape (n_series,): codes from 0, at least two of them, each at least once.
    epochs
        Passes of the MLP; the others ignore it.
    """
    if name in OWN:
        return OWN[name](X, y, seed, epochs)
    model = GaussianNB() if name == "naive_bayes" else DecisionTreeClassifier(random_state=seed)
    model.fit(X.dense(), y)
    return lambda rows: model.predict(rows.dense())


def _mlp(X, y, seed, epochs):
    """One hidden layer of 128 ReLU, softmax (two classes: one sigmoid), cross-entropy, Adam, no penalty."""
    random, n_outputs = check_random_state(seed), _n_outputs(y)
    shapes = [(X.shape[1], N_HIDDEN), (N_HIDDEN, n_outputs)]
    layers = [_first_weights(random, *shape) for shape in shapes]
    whole, (first, bias), last = layers[0][0], layers[0], layers[1]
    weights = [first[: X.width].clone(), bias, *last]
    adam, wanted = _Adam(weights), torch.from_numpy(_targets(y).astype(np.float32))
    order = np.arange(len(y))
    for _ in range(epochs):
        order = shuffle(order, random_state=random)
        for batch in gen_batches(len(y), min(BATCH_SIZE, len(y))):
            adam.step(_mlp_gradients(X.parts(order[batch]), wanted[order[batch]], *weights))
    whole[: X.width] = weights[0]

    def _predict(rows):
        hidden = torch.from_numpy(rows.times(whole)) + weights[1]
        return _winner((hidden.relu() @ weights[2] + weights[3]).numpy())

    return _predict


def _first_weights(random, n_inputs, n_outputs):
    """Return (weights, bias) as scikit-learn draws them: uniform within Glorot's bound."""
    bound = np.sqrt(6 / (n_inputs + n_outputs))
    drawn = (
        random.uniform(-bound, bound, (n_inputs, n_outputs)),
        random.uniform(-bound, bound, n_outputs),
    )
    return [torch.from_numpy(d.astype(np.float32)) for d in drawn]


def _mlp_gradients(parts, wanted, first, bias, last, last_bias):
    """Return the gradients of the batch's mean cross-entropy by the four arrays of weights."""
    hidden = torch.empty(len(wanted), len(bias))
    for at, x in parts:
        hidden[at] = torch.addmm(bias, x, first[: x.shape[1]])
    hidden.relu_()
    raw = torch.addmm(last_bias, hidden, last)
    error = ((raw.softmax(1) if raw.shape[1] > 1 else raw.sigmoid()) - wanted) / len(wanted)
    back = (error @ last.T) * (hidden > 0)
    gradient = torch.zeros_like(first)
    for at, x in parts:
        gradient[: x.shape[1]].addmm_(x.T, back[at])
    return gradient, back.sum(0), hidden.T @ error, error.sum(0)


class _Adam:
    """torch's fused Adam; scikit-learn adds epsilon before the bias correction, torch after it."""

    def __init__(self, weights):
        self.weights, self.n_steps = weights, 0
        self.adam = torch.optim.Adam(weights, LEARNING_RATE, BETAS, EPS, fused=True)

    def step(self, gradients):
        """Move the weights by their gradients."""
        self.n_steps += 1
        self.adam.param_groups[0]["eps"] = EPS / np.sqrt(1 - BETAS[1] ** self.n_steps)
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        self.adam.step()


def _logistic(X, y, seed, epochs):
    """Minimise mean cross-entropy + |w|^2 / (2 C n), the bias free; two classes: of one score."""
    n, k, wanted = len(y), _n_outputs(y), _targets(y)

    def _loss(packed):
        weights = packed.reshape(-1, k)
        raw = _forward(X, weights)
        if k == 1:
            value, error = (np.logaddexp(0, raw) - wanted * raw).sum(), expit(raw) - wanted
        else:
            value, error = (
                (logsumexp(raw, axis=1) - (wanted * raw).sum(1)).sum(),
                softmax(raw, axis=1) - wanted,
            )
        gradient = _backward(X, error) / n
        gradient[:-1] += weights[:-1] / (C * n)
        return value / n + (weights[:-1] ** 2).sum() / (2 * C * n), gradient.ravel()

    options = {"maxiter": 200, "maxls": 50, "gtol": 1e-4, "ftol": 64 * np.finfo(float).eps}
    found = minimize(
        _loss, np.zeros((X.width + 1) * k), method="L-BFGS-B", jac=True, options=options
    )
    return _linear(found.x.reshape(-1, k))


def _svm(X, y, seed, epochs):
    """Minimise |w|^2 / 2 + C * sum of max(0, 1 - margin)^2 of each class against the rest, the bias within w.

    Newton's method, all classes at once, the steps by conjugate gradients (Keerthi and DeCoste, 2005).
    """
    sign = 2.0 * _targets(y) - 1
    weights, scores, first = np.zeros((X.width + 1, sign.shape[1])), np.zeros(sign.shape), None
    for _ in range(N_NEWTON):
        short = np.maximum(1 - sign * scores, 0)
        gradient = weights - 2 * C * _backward(X, short * sign)
        size = np.linalg.norm(gradient, axis=0)
        first = size if first is None else first
        if (size <= SVM_TOLERANCE * first).all():
            break
        goal = np.minimum(0.1, np.sqrt(size / first)) * size
        step = _newton_step(X, gradient, 2 * C * (short > 0), goal)
        change = _forward(X, step)
        scale = _line_search(weights, step, scores, change, sign, (gradient * step).sum(0))
        weights, scores = weights + scale * step, scores + scale * change
    return _linear(weights)


def _newton_step(X, gradient, curvature, goal):
    """Return H^-1 (-gradient), H = 1 + X' curvature X, a column a class, to residuals of size `goal`."""
    step, residual = np.zeros_like(gradient), -gradient
    direction, square = residual.copy(), (residual**2).sum(0)
    while (live := np.sqrt(square) > goal).any():
        bent = direction + _backward(X, curvature * _forward(X, direction))
        length = np.where(live, square / (direction * bent).sum(0), 0.0)
        step, residual = step + length * direction, residual - length * bent
        new = np.where(live, (residual**2).sum(0), square)
        direction, square = np.where(live, residual + new / square * direction, direction), new
    return step


def _line_search(weights, step, scores, change, sign, slope):
    """Return for each class the first of 1, 1/2, 1/4, ... that lowers its objective enough (Armijo)."""

    def _value(t):
        return (
            C * (np.maximum(1 - sign * (scores + t * change), 0) ** 2).sum(0)
            + ((weights + t * step) ** 2).sum(0) / 2
        )

    scale, start = np.ones(len(slope)), _value(0.0)
    for _ in range(30):
        high = _value(scale) > start + 1e-4 * scale * slope
        scale = np.where(high, scale / 2, scale)
    return scale


def _forward(X, weights):
    return (X.times(weights[:-1]) + weights[-1]).astype(np.float64)


def _backward(X, values):
    return np.concatenate([X.transposed_times(values), values.sum(0, keepdims=True)])


def _linear(weights):
    """Return the prediction of linear scores, bias last; columns that no training row reaches weigh 0."""
    return lambda rows: _winner(_forward(rows, weights))


def _n_outputs(y):
    return 1 if y.max() == 1 else int(y.max()) + 1


def _targets(y):
    """Return one column a class, or for two classes the second's alone."""
    return np.eye(int(y.max()) + 1)[y] if y.max() > 1 else y[:, None].astype(float)


def _winner(raw):
    return raw.argmax(1) if raw.shape[1] > 1 else (raw[:, 0] > 0).astype(int)


OWN = {"mlp": _mlp, "logistic_regression": _logistic, "svm": _svm}
