"""What notebook 11 compares of long series: measurements on one scale, and what of classes is left.

Means and correlations of the codes of a category say nothing: such measurements are left out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tst.evaluation import downstream, fidelity
from tst.series import SeriesSet

MACRO = "f1_macro"


def numeric(series: SeriesSet) -> list[str]:
    """Return the names of the measurements that are numbers, or 0/1 codes of two categories."""
    highest = series.values.max(0)
    names = []
    for feature, code in zip(series.features, highest, strict=True):
        if feature.kind == "continuous" or code <= 1:
            names.append(feature.name)
    return names


def comparable(series: SeriesSet, names: Sequence[str], log: bool) -> SeriesSet:
    """Return the named measurements of a set; with `log` as log(1 + value), below 0 as 0."""
    columns = [series.feature_names.index(name) for name in names]
    features = tuple(series.features[column] for column in columns)
    chosen = replace(series, values=series.values[:, columns], features=features)
    return fidelity.logarithmic_from_0(chosen) if log else chosen


def class_scores(
    train: SeriesSet, test: SeriesSet, reference: SeriesSet, seed: int, n_steps: int
) -> pd.DataFrame:
    """Train the paper's MLP on a set, test it on real series, and score each class.

    Parameters
    ----------
    train
        Set to learn from, real or synthetic.
    test
        Real set; a class without a series in it has no score.
    reference
        Real training set, see `downstream.fit_classifier`.
    n_steps
        Steps that the classifier sees.

    Returns
    -------
    pd.DataFrame
        Columns metric, value, label: accuracy, f1_macro (the mean over the classes tested), and
        f1_<k> with the name of class k.
    """
    scores = downstream.classify(train, test, reference, "mlp", seed, n_steps)
    by_metric = scores.set_index("metric")["value"]
    names = downstream.class_names(reference)
    tested = np.flatnonzero(names.isin(test.labels))
    rows = [{"metric": f"f1_{k}", "value": by_metric[f"f1_{k}"], "label": names[k]} for k in tested]
    macro = float(np.mean([row["value"] for row in rows]))
    rows.append({"metric": "accuracy", "value": by_metric["accuracy"]})
    rows.append({"metric": MACRO, "value": macro})
    return pd.DataFrame(rows, columns=["metric", "value", "label"])
