"""TODO"""


def masked_mse(prediction, target, weight):
    """Return the paper's loss of a packed batch.

    Squared error averaged over the features of a step, the steps of a series, the series of the batch: `weight` (rows,)
    is 1 / (steps of the row's series * series in the batch).
    """
    return ((prediction - target).square().mean(1) * weight).sum()
