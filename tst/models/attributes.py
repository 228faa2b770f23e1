"""TODO"""

import pandas as pd

from tst.series import DataError


def known_categories(series):
    """Return {attribute: its categories that occur} of what DG models: categorical columns and the label, not the group."""
    found = {}
    for name, column in series.attributes.items():
        if name != series.group and (
            isinstance(column.dtype, pd.CategoricalDtype) or name == series.label
        ):
            if column.isna().any():
                raise DataError(
                    f"attribute '{name}' of '{series.name}' has missing values: give them a category first."
                )
            found[name] = (
                column.astype("category").cat.remove_unused_categories().cat.categories.tolist()
            )
    return found


def attribute_sizes(series):
    """Return the numbers of categories that `DGConfig.attributes` wants for a training set."""
    return tuple(map(len, known_categories(series).values()))
