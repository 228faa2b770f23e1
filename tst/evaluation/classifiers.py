"""The paper's MLP (arXiv 2506.07312) and DoppelGANger's four other classifiers, as scikit-learn
defines them, on ragged rows.

A row is a series, flattened and padded with zeros to the window. Most of it is padding, save for
sets whose series fail to stop, and no product touches it (`tst.evaluation.ragged_rows`). Naive
Bayes and the tree are scikit-learn's own. The MLP takes scikit-learn's steps in float32: the same
first weights, order of batches and Adam. Logistic regression minimises its objective by its L-BFGS,
at most 200 iterations; the SVM minimises LinearSVC's, in the primal and to convergence, where
liblinear's dual stops unfinished after 1,000 passes. Weights that no training series reaches keep
their first values, as they do in scikit-learn without weight decay.

Why not scikit-learn's own on a `scipy.sparse.csr_array` of the rows: 3,600 columns, seconds of one
core a fit, ours / scikit-learn's, and the share of 2,000 test series on which both agree:

    rows                                   MLP              logistic         SVM
    2,000 GCUT series (2 % not zero)       3.1 / 3.4 .9995  .13 / .13 1      .27 / .34 .9995
    4,000, as with all real series added   5.2 / 7.3 .9995  .27 / .23 .9985  .72 / 1.3 .9995
    2,000 that never stop (92 %)           6.5 / 24 .998    2.0 / 7.5 .999   13 / 32 .9935

The laptop profile fits 93 MLPs on GCUT, about 6 minutes by scikit-learn's, and four times as long
as ours for every generator whose series do not stop.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state, gen_batches, shuffle

from tst.evaluation.ragged_rows import Ragged
from tst.vocabulary import Classifier

# The MLP of arXiv 2506.07312; Adam's betas and epsilon are scikit-learn's defaults.
N_HIDDEN = 128
BATCH_SIZE = 256
LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
EPS = 1e-8

C = 1.0  # inverse strength of the L2 penalty, scikit-learn's default
LOGISTIC_OPTIONS = {  # scikit-learn's stopping rule, with its max_iter at 200
    "maxiter": 200,
    "maxls": 50,
    "gtol": 1e-4,
    "ftol": 64 * np.finfo(float).eps,
}
N_NEWTON = 50  # steps of the SVM, at most
SVM_TOLERANCE = 1e-3  # gradient over the first one at which the SVM is done
N_HALVINGS = 30  # of a Newton step; it is a billionth then
SUFFICIENT = 1e-4  # Armijo's constant: the share of the linear decrease that a step must reach


class FittedClassifier(Protocol):
    """A fitted classifier: from `Ragged` rows to codes of classes, int, shape (n_series,)."""

    def __call__(self, rows: Ragged) -> np.ndarray:
        """Return the code of each row's class."""
        ...


@dataclass(frozen=True, kw_only=True)
class DenseClassifier:
    """A scikit-learn classifier that sees the plain array."""

    model: GaussianNB | DecisionTreeClassifier

    def __call__(self, rows: Ragged) -> np.ndarray:
        """Return the code of each row's class."""
        return self.model.predict(rows.dense())


@dataclass(frozen=True, kw_only=True)
class LinearClassifier:
    """Linear scores of the classes; columns that no training row reaches weigh 0.

    Parameters
    ----------
    weights
        float64, shape (width of the training rows + 1, k), the bias last; k as in `_targets`.
    """

    weights: np.ndarray

    def scores(self, rows: Ragged) -> np.ndarray:
        """Return the scores, float64, shape (n_series, k)."""
        return _forward(rows, self.weights)

    def __call__(self, rows: Ragged) -> np.ndarray:
        """Return the code of each row's class."""
        return _winner(self.scores(rows))


@dataclass(frozen=True, kw_only=True)
class MLP:
    """One hidden layer of ReLU.

    Parameters
    ----------
    first, first_bias, last, last_bias
        float32, shapes (columns of the window, N_HIDDEN), (N_HIDDEN,), (N_HIDDEN, k), (k,); k as in
        `_targets`.
    """

    first: torch.Tensor
    first_bias: torch.Tensor
    last: torch.Tensor
    last_bias: torch.Tensor

    def scores(self, rows: Ragged) -> np.ndarray:
        """Return the scores before the softmax, float32, shape (n_series, k)."""
        hidden = torch.from_numpy(rows.times(self.first.numpy())) + self.first_bias
        return (hidden.relu() @ self.last + self.last_bias).numpy()

    def __call__(self, rows: Ragged) -> np.ndarray:
        """Return the code of each row's class."""
        return _winner(self.scores(rows))


def fit(name: Classifier, X: Ragged, y: np.ndarray, seed: int, epochs: int) -> FittedClassifier:
    """Return the fitted classifier: a function from `Ragged` rows to codes of classes.

    Parameters
    ----------
    name
        Key of the classifier.
    X
        Training rows.
    y
        int, shape (n_series,): codes from 0, at least two of them, each at least once.
    seed
        Of the MLP's first weights and batches and of the tree; the others are determined.
    epochs
        Passes of the MLP; the others ignore it.
    """
    if name == "mlp":
        return fit_mlp(X, y, seed, epochs)
    if name == "logistic_regression":
        return fit_logistic_regression(X, y)
    if name == "svm":
        return fit_svm(X, y)
    model = GaussianNB() if name == "naive_bayes" else DecisionTreeClassifier(random_state=seed)
    return DenseClassifier(model=model.fit(X.dense(), y))


def fit_mlp(X: Ragged, y: np.ndarray, seed: int, epochs: int) -> MLP:
    """Train one hidden layer of 128 ReLU by Adam on cross-entropy, without a penalty.

    Softmax, or one sigmoid for two classes.
    """
    random = check_random_state(seed)
    targets = torch.from_numpy(_targets(y).astype(np.float32))
    whole, first_bias = _first_weights(random, X.shape[1], N_HIDDEN)
    last, last_bias = _first_weights(random, N_HIDDEN, targets.shape[1])
    # Only the columns that training rows reach have gradients.
    weights = [whole[: X.width].clone(), first_bias, last, last_bias]
    adam = _Adam(weights)
    order = np.arange(len(y))
    for _ in range(epochs):
        order = shuffle(order, random_state=random)
        for batch in gen_batches(len(y), min(BATCH_SIZE, len(y))):
            chosen = order[batch]
            adam.step(_mlp_gradients(X.parts(chosen), targets[chosen], *weights))
    whole[: X.width] = weights[0]
    return MLP(first=whole, first_bias=first_bias, last=last, last_bias=last_bias)


def _first_weights(
    random: np.random.RandomState, n_inputs: int, n_outputs: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (weights, bias) as scikit-learn draws them: uniform within Glorot's bound."""
    bound = np.sqrt(6 / (n_inputs + n_outputs))
    weights = random.uniform(-bound, bound, (n_inputs, n_outputs))
    bias = random.uniform(-bound, bound, n_outputs)
    return torch.from_numpy(weights.astype(np.float32)), torch.from_numpy(bias.astype(np.float32))


def _mlp_gradients(
    parts: list[tuple[torch.Tensor, torch.Tensor]],
    targets: torch.Tensor,
    first: torch.Tensor,
    first_bias: torch.Tensor,
    last: torch.Tensor,
    last_bias: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the batch's mean cross-entropy by the four arrays of weights.

    Parameters
    ----------
    parts
        The rows of the batch (`Ragged.parts`).
    targets
        float32, shape (B, k).
    first, first_bias, last, last_bias
        As in `MLP`, `first` with the columns that training rows reach.
    """
    hidden = torch.empty(len(targets), len(first_bias))  # (B, N_HIDDEN)
    for places, x in parts:
        hidden[places] = torch.addmm(first_bias, x, first[: x.shape[1]])
    hidden.relu_()
    raw = torch.addmm(last_bias, hidden, last)  # (B, k)
    probability = raw.softmax(1) if raw.shape[1] > 1 else raw.sigmoid()
    error = (probability - targets) / len(targets)
    back = (error @ last.T) * (hidden > 0)  # (B, N_HIDDEN)
    gradient = torch.zeros_like(first)
    for places, x in parts:
        gradient[: x.shape[1]].addmm_(x.T, back[places])
    return gradient, back.sum(0), hidden.T @ error, error.sum(0)


class _Adam:
    """torch's fused Adam with the epsilon of scikit-learn, which adds it before the bias
    correction, where torch adds it after it.
    """

    def __init__(self, weights: list[torch.Tensor]) -> None:
        self.weights = weights
        self.n_steps = 0
        self.adam = torch.optim.Adam(weights, LEARNING_RATE, BETAS, EPS, fused=True)

    def step(self, gradients: tuple[torch.Tensor, ...]) -> None:
        """Move the weights by their gradients."""
        self.n_steps += 1
        self.adam.param_groups[0]["eps"] = EPS / np.sqrt(1 - BETAS[1] ** self.n_steps)
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        self.adam.step()


def fit_logistic_regression(X: Ragged, y: np.ndarray) -> LinearClassifier:
    """Minimise mean cross-entropy + |w|^2 / (2 C n), the bias free; two classes have one score."""
    n = len(y)
    targets = _targets(y)
    k = targets.shape[1]

    def loss(packed: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient, both by the flattened weights."""
        weights = packed.reshape(-1, k)  # (width + 1, k)
        raw = _forward(X, weights)  # (n, k)
        if k == 1:
            value = (np.logaddexp(0, raw) - targets * raw).sum()
            error = expit(raw) - targets
        else:
            value = (logsumexp(raw, axis=1) - (targets * raw).sum(1)).sum()
            error = softmax(raw, axis=1) - targets
        gradient = _backward(X, error) / n
        gradient[:-1] += weights[:-1] / (C * n)
        penalty = (weights[:-1] ** 2).sum() / (2 * C * n)
        return value / n + penalty, gradient.ravel()

    start = np.zeros((X.width + 1) * k)
    optimum = minimize(loss, start, method="L-BFGS-B", jac=True, options=LOGISTIC_OPTIONS)
    return LinearClassifier(weights=optimum.x.reshape(-1, k))


def fit_svm(X: Ragged, y: np.ndarray) -> LinearClassifier:
    """Minimise |w|^2 / 2 + C * sum of max(0, 1 - margin)^2 of each class against the rest.

    The bias is one of the weights. Newton's method, all classes at once, the steps by conjugate
    gradients (Keerthi and DeCoste, JMLR 2005).
    """
    sign = 2.0 * _targets(y) - 1  # (n, k)
    weights = np.zeros((X.width + 1, sign.shape[1]))
    scores = np.zeros(sign.shape)
    first_size = None
    for _ in range(N_NEWTON):
        shortfall = np.maximum(1 - sign * scores, 0)
        gradient = weights - 2 * C * _backward(X, shortfall * sign)
        size = np.linalg.norm(gradient, axis=0)  # (k,)
        if first_size is None:
            first_size = size
        if (size <= SVM_TOLERANCE * first_size).all():
            break
        residual_goal = np.minimum(0.1, np.sqrt(size / first_size)) * size
        step = _newton_step(X, gradient, 2 * C * (shortfall > 0), residual_goal)
        change = _forward(X, step)
        slope = (gradient * step).sum(0)
        scale = _line_search(weights, step, scores, change, sign, slope)
        weights = weights + scale * step
        scores = scores + scale * change
    return LinearClassifier(weights=weights)


def _newton_step(
    X: Ragged, gradient: np.ndarray, curvature: np.ndarray, residual_goal: np.ndarray
) -> np.ndarray:
    """Return H^-1 (-gradient), H = 1 + X' curvature X, for each class, by conjugate gradients.

    Parameters
    ----------
    X
        Training rows.
    gradient
        Shape (width + 1, k).
    curvature
        Shape (n_series, k).
    residual_goal
        Shape (k,): size of the residual at which a class is done.

    Returns
    -------
    np.ndarray
        Shape (width + 1, k).
    """
    step = np.zeros_like(gradient)
    residual = -gradient
    direction = residual.copy()
    square = (residual**2).sum(0)
    live = np.sqrt(square) > residual_goal  # (k,): a class that is done moves no more
    while live.any():
        bent = direction + _backward(X, curvature * _forward(X, direction))
        length = np.where(live, square / (direction * bent).sum(0), 0.0)
        step = step + length * direction
        residual = residual - length * bent
        new_square = np.where(live, (residual**2).sum(0), square)
        direction = np.where(live, residual + new_square / square * direction, direction)
        square = new_square
        live = np.sqrt(square) > residual_goal
    return step


def _line_search(
    weights: np.ndarray,
    step: np.ndarray,
    scores: np.ndarray,
    change: np.ndarray,
    sign: np.ndarray,
    slope: np.ndarray,
) -> np.ndarray:
    """Return for each class the first of 1, 1/2, 1/4, ... that lowers its objective enough.

    Parameters
    ----------
    weights, step
        Shape (width + 1, k).
    scores, change
        Shape (n_series, k): what weights and step give.
    sign
        Shape (n_series, k): 1 in the class, -1 outside.
    slope
        Shape (k,): of the objective along the step.
    """

    def objective(scale: np.ndarray | float) -> np.ndarray:
        """Return the objective of each class after `scale` of the step, (k,)."""
        shortfall = np.maximum(1 - sign * (scores + scale * change), 0)
        return C * (shortfall**2).sum(0) + ((weights + scale * step) ** 2).sum(0) / 2

    scale = np.ones(len(slope))
    start = objective(0.0)
    for _ in range(N_HALVINGS):
        too_high = objective(scale) > start + SUFFICIENT * scale * slope
        scale = np.where(too_high, scale / 2, scale)
    return scale


def _forward(X: Ragged, weights: np.ndarray) -> np.ndarray:
    """Return the scores (n_series, k), float64, of weights (columns + 1, k), the bias last."""
    return (X.times(weights[:-1]) + weights[-1]).astype(np.float64)


def _backward(X: Ragged, values: np.ndarray) -> np.ndarray:
    """Return the gradient (width + 1, k) of the weights from that of the scores (n_series, k)."""
    return np.concatenate([X.transposed_times(values), values.sum(0, keepdims=True)])


def _targets(y: np.ndarray) -> np.ndarray:
    """Return one column of 0 and 1 a class, or for two classes the second's alone, (n, k)."""
    if y.max() > 1:
        return np.eye(int(y.max()) + 1)[y]
    return y[:, None].astype(float)


def _winner(scores: np.ndarray) -> np.ndarray:
    """Return the code of the class with the largest score; of one score, whether it is above 0."""
    if scores.shape[1] > 1:
        return scores.argmax(1)
    return (scores[:, 0] > 0).astype(int)
