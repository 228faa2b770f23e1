"""The words of checks: what the source of a check says, as a reader is shown it."""

from tst.vocabulary import CLASSIFIERS, MODELS, REGRESSORS, in_words

# What the sources of checks are made of, as a reader is shown it.
SIDES = {in_words(key): label for key, label in MODELS.items()}
PARTS = {str(key): label for key, label in (CLASSIFIERS | REGRESSORS).items()}
PARTS |= {"r2": "R²", "n_parameters": "number of parameters"}
PARTS |= {"padding_max_abs": "influence of padding", "causality_max_abs": "influence of the future"}
METRICS = {"acf rms": "autocorrelation", "length ks": "lengths (KS)"}
METRICS |= {"correlation within": "correlations within series"}


def spoken(source: str) -> str:
    """Return the source of a check as a reader is shown it: labels in place of keys.

    A class is counted from 1, in the order of notebook 6.
    """
    sides, *parts = source.split(", ")
    found = [" - ".join(SIDES.get(side, side) for side in sides.split(" - "))]
    for part in parts:
        metric, _, k = part.partition("_")
        is_class = metric == "f1" and k.isdigit()
        found.append(f"F1 of class {int(k) + 1}" if is_class else PARTS.get(part, part))
    text = ", ".join(PARTS.get(part, part) for part in found)
    for key, label in METRICS.items():
        text = text.replace(key, label)
    return text
