"""Generators of series, all with one contract (`tst.models.base`), and the jobs that train them."""

from importlib import import_module
from typing import TYPE_CHECKING

from tst.errors import DataError

if TYPE_CHECKING:
    from tst.models.base import ModelSpec

# Key of a model: where its `ModelSpec` stands. A module is imported when its model is asked for.
MODELS = {
    "tst_paper": "tst.models.transformer.model:SPEC",
    "tst": "tst.models.transformer.generative:SPEC",
    "doppelganger": "tst.models.doppelganger.model:SPEC",
    "naive_gan": "tst.models.doppelganger.naive_gan:SPEC",
    "ar": "tst.models.autoregressive:AR_SPEC",
    "rnn": "tst.models.autoregressive:RNN_SPEC",
}


def spec_of(key: str) -> "ModelSpec":
    """Return the `ModelSpec` of a model; raises DataError where the key is unknown."""
    if key not in MODELS:
        raise DataError(f"unknown model '{key}'; known are {', '.join(MODELS)}.")
    module, name = MODELS[key].split(":")
    spec: ModelSpec = getattr(import_module(module), name)
    return spec
