"""The field's Context-FID: how far apart are representations of real and synthetic windows?

The Frechet distance of PSA-GAN (Jeha et al. 2022) between representations by TS2Vec, learned from
the real windows anew for each repeat, as Diffusion-TS (Yuan & Qiao 2024) computes it. Covariances
of 320 numbers are biased by the number of windows: compare at equal numbers, beside the distance of
two real halves.
"""

import numpy as np
from torch import nn

from tst.evaluation import peer_ts2vec, peer_windows
from tst.evaluation.learned_scores import frechet


def context_fid(
    real: np.ndarray,
    synthetic: np.ndarray,
    seed: int,
    encoder: nn.Module | None = None,
    points: np.ndarray | None = None,
) -> float:
    """Return the Frechet distance of the representations; 0 is best.

    Parameters
    ----------
    real, synthetic
        float, shape (N, length, n_features) and (M, length, n_features), values from 0 to 1.
    seed
        Of the encoder. The protocol takes the mean of five encoders.
    encoder
        What `peer_ts2vec.fit(real, seed)` gives, where several sets are compared with one real set.
    points
        What `peer_ts2vec.encode(encoder, real)` gives, where that is so.

    Raises
    ------
    DataError
        Where shapes differ, a value is missing or there are fewer than 20 windows.
    """
    peer_windows.check(real, synthetic)
    encoder = encoder or peer_ts2vec.fit(real, seed)
    if points is None:
        points = peer_ts2vec.encode(encoder, real)
    return frechet(points, peer_ts2vec.encode(encoder, synthetic))
