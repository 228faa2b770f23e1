"""The study's words: keys of data sets, models, tasks and metrics, and how a reader is shown them.

Every table uses these keys, every figure and sentence these labels. This module imports nothing of the package.
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "near_1"]

DATASETS = {
    "gcut": "Google cluster usage traces, 2011",
    "wwt": "Wikipedia web traffic, 2015-16",
    "borg2019": "Google cluster traces, 2019",
    "gcut2011": "Google cluster usage traces, 2011, jobs by day",
    "mba": "FCC Measuring Broadband America",
    "iot": "IoT SENTINEL captures",
}

# Where values go back to: the whole published file, a part of it, or a simulator.
ORIGINS = {
    "original": "real data",
    "subset": "real data (a subset)",
    "simulated": "simulated data",
}

MODELS = {
    "real": "real",
    "tst_paper": "TST",
    "tst": "TST (ours)",
    "doppelganger": "DG",
    "naive_gan": "naive GAN",
    "ar": "AR",
    "rnn": "RNN",
    "hmm": "HMM",
    "seed_only": "seed only",
    "seed_repeat": "seed repeat",
    "bootstrap_copy": "bootstrap copy",
    "real_floor": "two real halves",
    "noise": "noise",
    "published": "published",
    "simulated": "simulated",
}

Classifier = Literal["mlp", "naive_bayes", "logistic_regression", "decision_tree", "svm"]

CLASSIFIERS: dict[Classifier, str] = {
    "mlp": "MLP",
    "naive_bayes": "naive Bayes",
    "logistic_regression": "logistic regression",
    "decision_tree": "decision tree",
    "svm": "linear SVM",
}

Regressor = Literal["linear", "kernel_ridge", "mlp_1", "mlp_5"]

REGRESSORS: dict[Regressor, str] = {
    "linear": "linear",
    "kernel_ridge": "kernel ridge",
    "mlp_1": "MLP, 1 layer",
    "mlp_5": "MLP, 5 layers",
}

CLASSES = {"gcut": ("EVICT", "FAIL", "FINISH", "KILL")}  # labels in the order of f1_0, f1_1, ...


@dataclass(frozen=True)
class Metric:
    """How a metric is shown: its label, its unit (empty: none), and which values are better."""

    label: str
    unit: str
    better: Direction


METRICS = {
    "accuracy": Metric("accuracy on real test data", "", "higher"),
    "r2": Metric("R² on real test data", "", "higher"),
    "log_likelihood": Metric("log likelihood", "nats a step", "higher"),
    "acf_error": Metric("autocorrelation error", "", "lower"),
    "length_ks": Metric("length, KS distance", "", "lower"),
    "length_w1": Metric("length, W1 distance", "steps", "lower"),
    "marginal_jsd": Metric("marginals, Jensen-Shannon divergence", "", "lower"),
    "midrange_ks": Metric("mid range, KS distance", "", "lower"),
    "pearson_distance": Metric("Pearson distance", "", "lower"),
    "discriminative_score": Metric("discriminative score", "", "lower"),
    "predictive_score": Metric("predictive score", "", "lower"),
    "context_fid": Metric("Context-FID", "", "lower"),
    "step_change_ratio": Metric("step change over the real one", "", "near_1"),
    "spread_ratio": Metric("spread over the real one", "", "near_1"),
    "copied_share": Metric("copied steps", "share", "lower"),
    "nn_distance_ratio": Metric("nearest neighbour ratio", "", "near_1"),
    "membership_auc": Metric("membership inference, AUC", "", "lower"),
    "seconds_per_step": Metric("processor time", "s a training step", "lower"),
}

# Distances of a synthetic set from held-out real series that notebooks 05 and 20 show over the real-versus-real floor.
DISTANCES = (
    "acf_error",
    "length_ks",
    "marginal_jsd",
    "midrange_ks",
    "pearson_distance",
    "discriminative_score",
    "context_fid",
)

VERDICTS = ("not reproduced", "not testable here", "partly", "reproduced")  # worst first
