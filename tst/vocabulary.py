"""The study's words: keys of data sets, models, tasks and metrics, and how a reader is shown them.

Every table uses these keys, every figure and sentence these labels. This module imports nothing
of the package.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Better = Literal["higher", "lower", "near_1"]
Verdict = Literal["contradicted", "inconclusive", "not tested", "supported"]

DATASETS = {
    "gcut": "Google cluster usage traces, 2011",
    "wwt": "Wikipedia web traffic, 2015-16",
    "borg2019": "Google cluster traces, 2019",
    "gcut2011": "Google cluster usage traces, 2011, jobs by day",
    "mba": "FCC Measuring Broadband America",
    "iot": "IoT SENTINEL captures",
    "gcut_attempts": "Google cluster usage traces, 2011, attempts of tasks",
}

# On what terms the real series are used; tables carry them.
GOOGLE = "CC-BY 4.0, Google"
TERMS = {
    "gcut": GOOGLE,
    "wwt": "CC0, Wikimedia page views",
    "borg2019": GOOGLE,
    "gcut2011": GOOGLE,
    "mba": "open data of the FCC; its preparation: Clear BSD, DoppelGANger's authors",
    "iot": "licence unknown, packets are not shown; cite Miettinen et al., ICDCS 2017",
    "gcut_attempts": GOOGLE,
}

# Data sets of which no single series is shown, in a table or a figure: their terms are not settled.
NOT_SHOWN = ("iot",)

# Where values go back to: the whole published file, a part of it, or a simulator.
ORIGINS = {
    "original": "real data",
    "subset": "real data (a subset)",
    "simulated": "simulated data",
}

TUNED = "_tuned"  # ends the key of a model at the learning rate that notebook 14 prefers
OWN_BUDGET = "_own"  # ends the key of a model that stops by its own rule, not after given seconds
MODELS = {
    "real": "real",
    "tst_paper": "TST",
    "tst": "TST (ours)",
    "doppelganger": "DG",
    "naive_gan": "naive GAN",
    "tst_oracle": "TST, donor's length",
    "ar": "AR",
    "rnn": "RNN",
    "hmm": "HMM",
    "seed_only": "conditioning only",
    "seed_repeat": "conditioning repeated",
    "bootstrap_copy": "bootstrap copy",
    "permuted_labels": "labels permuted",
    "real_twice": "2 x real",
    "real_alone": "real alone",
    "real_floor": "two real halves",
    "noise": "noise",
    "published": "published",
    "simulated": "simulated",
    "tst_own": "TST (ours), own budget",
    "tabular_argn": "TabularARGN",
    "tabular_argn_own": "TabularARGN, own budget",
    "par": "PAR",
    "par_own": "PAR, own budget",
    "diffusion_ts": "Diffusion-TS",
    "tst_paper_tuned": "TST, tuned rate",
    "doppelganger_tuned": "DG, tuned rate",
    "random_halves": "two random halves",
    "shuffled_steps": "steps shuffled",
}

# Of one model: kinds of attention, with the number behind their colon, and of positions.
VARIANTS = {
    "full": "full",
    "sliding": "sliding, {} steps",
    "probsparse": "ProbSparse, factor {}",
    "patch": "patches of {}",
    "materialised": "full, not fused",
    "sinusoidal": "sinusoidal",
    "rope": "rotary",
    "alibi": "linear bias",
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

# Labels in the order of the metrics f1_0, f1_1, ...
CLASSES = {"gcut": ("EVICT", "FAIL", "FINISH", "KILL")}


@dataclass(frozen=True)
class Metric:
    """How a metric is shown: its label, its unit (empty: none), and which values are better."""

    label: str
    unit: str
    better: Better


METRICS = {
    "accuracy": Metric("accuracy on real test data", "", "higher"),
    "r2": Metric("R² on real test data", "", "higher"),
    "log_likelihood": Metric("log likelihood", "nats a step", "higher"),
    "acf_rms": Metric("autocorrelation, RMS error", "", "lower"),
    "length_ks": Metric("length, KS distance", "", "lower"),
    "length_w1": Metric("length, W1 distance", "steps", "lower"),
    "marginal_jsd": Metric("marginals, Jensen-Shannon divergence", "", "lower"),
    "marginal_w1": Metric("marginals, W1 distance", "real quartile ranges", "lower"),
    "attribute_jsd": Metric("attributes, Jensen-Shannon divergence", "", "lower"),
    "midrange_ks": Metric("mid range, KS distance", "", "lower"),
    "pearson_distance": Metric("Pearson distance", "", "lower"),
    "correlation_within": Metric("correlations within series, RMS error", "", "lower"),
    "correlation_between": Metric("correlations between series, RMS error", "", "lower"),
    "discriminative_score": Metric("discriminative score", "", "lower"),
    "predictive_score": Metric("predictive score", "", "lower"),
    "context_fid": Metric("Context-FID", "", "lower"),
    "step_change_ratio": Metric("step change over the real one", "", "near_1"),
    "spread_ratio": Metric("spread over the real one", "", "near_1"),
    "correlational_score": Metric("correlational score", "", "lower"),
    "own_past_error": Metric("predictive error, all columns and their past", "ranks", "lower"),
    "held_out_score": Metric("discriminative score, held-out times", "", "lower"),
    "second_judge_auc": Metric("second judge, AUC", "", "lower"),
    "copied_share": Metric("copied steps", "share", "lower"),
    "memorised_share": Metric("memorised windows", "share", "lower"),
    "nn_distance_ratio": Metric("nearest neighbour ratio", "", "near_1"),
    "membership_auc": Metric("membership inference, AUC", "", "lower"),
    "copied_series_share": Metric("copied series", "share", "lower"),
    "broken_relation_share": Metric("relations broken", "share of the relations", "lower"),
    "repeated_keys": Metric("id and time repeated", "share of the rows", "lower"),
    "off_calendar": Metric("steps off the calendar", "share of the steps", "lower"),
    "core_seconds": Metric("training", "core-seconds", "lower"),
    "seconds_per_step": Metric("processor time", "s a training step", "lower"),
}

# What a table shows beside its metrics.
MEASURES = {
    "trts_accuracy": "accuracy on synthetic series",
    "trts_r2": "R² on synthetic series",
    "rank_correlation": "rank correlation",
    "forest_accuracy": "accuracy of a random forest",
    "accuracy_of_more": "accuracy, more series",
    "forest_accuracy_of_more": "accuracy of a random forest, more series",
    "r2_flat": "R², all days at once",
    "r2_variance_weighted": "R², weighted by variance",
    "r2_raw": "R² of views",
    "length_mode_share": "most common lengths, share",
    "length_mode_error": "most common lengths, error of their share",
    "saturation": "values at the ends, share",
    "saturation_error": "values at the ends, error of their share",
    "midrange_w1": "mid range, W1 distance",
    "mdd": "marginal distribution difference",
    "acd": "autocorrelation difference",
    "skewness_error": "skewness, error",
    "kurtosis_error": "kurtosis, error",
    "copied_step_share": "steps that equal a training step",
    "copied_step_floor": "the same of real test steps",
    "membership_low": "chance, from",
    "membership_high": "chance, to",
    "log_likelihood_train": "log likelihood, training half",
    "log_likelihood_test": "log likelihood, test half",
}

# Distances of a synthetic set from held-out real series, shown over the real-versus-real floor.
DISTANCES = (
    "acf_rms",
    "length_ks",
    "marginal_jsd",
    "midrange_ks",
    "pearson_distance",
    "discriminative_score",
    "context_fid",
)

FEATURES = {  # whose key is no word
    "gap_us": "gap (µs)",
    "n_destinations": "destinations",
    "cpu_p50": "cpu median",
    "cpu_p90": "cpu 90 % quantile",
    "cpu_p99": "cpu 99 % quantile",
}
ID = re.compile(r"\d{9,}|c\d+")  # a name of so many digits, or a code, tells a reader nothing

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # worst first


def in_words(key: str) -> str:
    """Return a key as a reader is shown it where it has no label: without underscores."""
    return FEATURES.get(key) or str(key).replace("_", " ")


def class_labels(names: Iterable[str], kind: str) -> list[str]:
    """Return the names of classes as a reader is shown them: ids by their place.

    Parameters
    ----------
    names
        Of all classes of a data set, in their order.
    kind
        What a class is, as `collection`: ids become collection 1, collection 2, ...
    """
    labels = list(map(str, names))
    if not all(map(ID.fullmatch, labels)):
        return labels
    return [f"{in_words(kind)} {k}" for k in range(1, len(labels) + 1)]


def model_label(key: str) -> str:
    """Return the label of a model, or its key in words."""
    return MODELS.get(key, in_words(key))


def variant_label(key: str) -> str:
    """Return a kind of attention or of positions in words, of another key the model's label.

    `sliding:64` names a number; what stands behind a blank, as in `full whole`, is what it was
    trained on.
    """
    kind, _, behind = key.partition(" ")
    name, _, number = kind.partition(":")
    if name not in VARIANTS:
        return model_label(key)
    trained_on = f", {behind} series" if behind else ""
    return VARIANTS[name].format(number) + trained_on


def metric_label(key: str) -> str:
    """Return the label of a metric, or its key in words; `r2 mlp_1` is R2 of that regressor."""
    metric, _, regressor = key.partition(" ")
    if regressor in REGRESSORS and metric in METRICS:
        return f"{METRICS[metric].label}, {REGRESSORS[regressor]}"
    return METRICS[key].label if key in METRICS else in_words(key)
