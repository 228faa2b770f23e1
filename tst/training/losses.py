"""Losses that several models share."""

import torch


def masked_mse(
    prediction: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Return the mean squared error of a packed batch, the loss of arXiv 2506.07312.

    It is averaged over the features of a step, the steps of a series and the series of the batch.

    Parameters
    ----------
    prediction, target
        float, shape (n_rows, n_features): the steps of all series, one after another.
    weight
        float, shape (n_rows,): 1 / (steps of the row's series * series in the batch).

    Returns
    -------
    float, a scalar.
    """
    return ((prediction - target).square().mean(1) * weight).sum()
