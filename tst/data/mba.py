"""mba: traffic and ping loss of 600 U.S. homes in 6-hour steps (FCC Measuring Broadband America).

The training part as DoppelGANger's authors prepared it (arXiv 1909.13403, section 5.1): 56 steps a
home, two measurements, three attributes whose categories have codes for names. The arrays hold both
measurements scaled to 0..1 by their minimum and maximum over all homes; here they are in their own
units again. A step's time of day, and whether its bytes are a sum or a mean over six hours, is not
known.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tst.data import doppelganger_npz
from tst.errors import DataError
from tst.io import files
from tst.series import Feature, SeriesSet

FOLDER = "fcc_mba"
FILE = f"{FOLDER}/{doppelganger_npz.ARRAYS_FILE}"
HINT = f"DG's {doppelganger_npz.ARRAYS_FILE} and a columns.yml in a folder {FOLDER}/"
FEATURES = (
    Feature("traffic_byte_counter", unit="bytes"),
    Feature("ping_loss_rate", unit="share of pings"),
)
ATTRIBUTES = ("technology", "isp", "state")
DESCRIPTION_FILE = "columns.yml"
# What the pickles beside DG's arrays say, which are not opened here: the widths of the one-hot
# attributes in their order, and by what both measurements were scaled.
N_CATEGORIES = {"isp": 15, "technology": 5, "state": 53}
SCALES = {"traffic_byte_counter": (2_079_777, 6_129_797_632), "ping_loss_rate": (0, 1)}


def load(data_dir: Path | str) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet of all homes, counts) from the folder fcc_mba in the data folder.

    Attributes are `home`, the row in the arrays, and the categories technology (the label), isp and
    state.

    Raises
    ------
    DataError
        Where a file is missing or damaged, or the description is not of these columns in their
        units.
    """
    folder = Path(data_dir) / FOLDER
    description = doppelganger_npz.read_description(folder)
    _check(description)
    series = doppelganger_npz.read_series(folder, description)
    attributes = series.attributes[list(ATTRIBUTES)].copy()
    # No category: it tells the homes apart and is not modelled.
    attributes.insert(0, "home", np.arange(len(series)))
    series = replace(
        series,
        name="mba",
        features=FEATURES,
        attributes=attributes,
        label="technology",
        group="home",
    )
    counts = pd.DataFrame({"filter": ["read", "kept"], "series": [len(series), len(series)]})
    return series, counts


def describe(data_dir: Path | str) -> None:
    """Write columns.yml beside DG's arrays, which come without one that is safe to read.

    A description that is there stays.

    Raises
    ------
    DataError
        Where the arrays are missing.
    """
    folder = Path(data_dir) / FOLDER
    if not (folder / doppelganger_npz.ARRAYS_FILE).is_file():
        raise DataError(
            f"{folder / doppelganger_npz.ARRAYS_FILE} is missing: put DG's FCC MBA file of that "
            "name there (the DG repository's README names the folder of its data)."
        )
    if any((folder / name).is_file() for name in doppelganger_npz.DESCRIPTION_FILES):
        return
    features = [
        {"name": name, "minimum": low, "maximum": high} for name, (low, high) in SCALES.items()
    ]
    attributes = [
        {"name": name, "values": [f"c{code}" for code in range(n)]}
        for name, n in N_CATEGORIES.items()
    ]
    content = {
        "name": "mba",
        "interval": "6h",
        "origin": "original",
        "label": "technology",
        "features": features,
        "attributes": attributes,
    }
    files.write_text(yaml.safe_dump(content, sort_keys=False), folder / DESCRIPTION_FILE)


def _check(description: doppelganger_npz.Description) -> None:
    """Raise DataError where columns are missing, in another order, or scaled in an unknown way."""
    names = [feature.name for feature in description.features]
    expected = [feature.name for feature in FEATURES]
    if names != expected:
        raise DataError(
            f"{description.path} names the features {', '.join(names)[:100]}: give those of the "
            f"FCC set, {', '.join(expected)}."
        )
    categories = {column.name for column in description.attributes if column.values is not None}
    for name in ATTRIBUTES:
        if name not in categories:
            raise DataError(
                f"{description.path} lacks the attribute '{name}' with its 'values': add it in the "
                "order of the columns of data_attribute."
            )
    for feature in description.features:
        if feature.minimum is None:
            raise DataError(
                f"{description.path} gives no 'minimum' and 'maximum' of '{feature.name}': add "
                "those that scaled it, which the archive holds too."
            )
