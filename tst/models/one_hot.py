"""Categorical measurements for models that know numbers only: one 0/1 measurement a category.

TST and DoppelGANger read the categories of DG's prepared arrays in this form (arXiv 1909.13403,
section 4.1); as numbers, the codes would say that DNS lies between DHCP and mDNS. What a model made
becomes codes again by the largest of a step's measurements, where DG's own code has a softmax.
"""

import re
from dataclasses import replace

import numpy as np

from tst.series import Feature, SeriesSet

CATEGORY = re.compile(r"(.+)=(\d+)")  # name of the 0/1 measurement of a category: protocol=3


def one_hot(series: SeriesSet) -> SeriesSet:
    """Return a set whose categorical measurements are one of 0 and 1 a code, from 0 to the highest.

    A set without any comes back as it is.
    """
    if all(feature.kind == "continuous" for feature in series.features):
        return series
    features = []
    columns = []
    for feature, column in zip(series.features, series.values.T, strict=True):
        if feature.kind == "continuous":
            features.append(feature)
            columns.append(column[:, None])
            continue
        codes = np.arange(int(column.max()) + 1)
        features.extend(Feature(f"{feature.name}={code}") for code in codes)
        columns.append(column[:, None] == codes)  # (rows, codes)
    values = np.concatenate(columns, axis=1).astype(np.float32)
    return replace(series, values=values, features=tuple(features))


def codes(series: SeriesSet) -> SeriesSet:
    """Return a set of `one_hot` measurements with the code of the largest in their place.

    A set without any comes back as it is; of equal ones the lowest code is taken.
    """
    groups: dict[str, list[int]] = {}  # columns by name of the measurement, in order
    for column, name in enumerate(series.feature_names):
        match = CATEGORY.fullmatch(name)
        groups.setdefault(match[1] if match else name, []).append(column)
    if list(groups) == series.feature_names:
        return series
    features = []
    columns = []
    for name, members in groups.items():
        is_code = name != series.feature_names[members[0]]
        features.append(Feature(name, "categorical") if is_code else series.features[members[0]])
        values = series.values[:, members]
        columns.append(values.argmax(1) if is_code else values[:, 0])
    return replace(
        series, values=np.stack(columns, axis=1).astype(np.float32), features=tuple(features)
    )
