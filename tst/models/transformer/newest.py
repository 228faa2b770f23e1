"""Attention of the newest step to a cache, on a CPU, by compiled code (`newest.cpp`).

torch's batched products are made for large matrices: of one query and a short series they take
several times the time that reading the cache takes. Where there is no compiler
(`tst.io.native`), on other devices and for other head sizes, `takes` says no and the caller goes
torch's way, which computes the same.
"""

import ctypes
from pathlib import Path

import torch

from tst.io import native

SOURCE = Path(__file__).with_name("newest.cpp")
FUNCTIONS = {torch.float32: "attend_newest_float32", torch.float64: "attend_newest_float64"}
HEAD_SIZES = (16, 32, 64, 128)  # that newest.cpp has loops for
# Of keys and values, which one thread reads in less time than another takes to start.
BYTES_OF_ONE_THREAD = 2**22


def takes(q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> bool:
    """Tell whether compiled code takes queries, keys and values as `attend` does."""
    size = q.shape[-1]
    return (
        q.device.type == "cpu"
        and q.dtype in FUNCTIONS
        and size in HEAD_SIZES
        and q.dtype == keys.dtype == values.dtype
        and keys.stride() == values.stride()
        and keys.stride()[1:] == (size, 1)
        and native.library(SOURCE) is not None
    )


def attend(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, alibi: torch.Tensor | None = None
) -> torch.Tensor:
    """Attend from the newest step to all keys; see `attention.CausalAttention.attend_newest`.

    Parameters
    ----------
    q
        float, (N, 1, head size).
    keys, values
        float, (N, T, head size) each, from a cache: a row of N may begin anywhere.
    alibi
        float, (n_head,), or None.

    Returns
    -------
    float, (N, head size).
    """
    N, T, size = keys.shape
    q = q.contiguous()
    y = q.new_empty(N, size)
    n_threads = torch.get_num_threads()
    if 2 * N * T * size * q.element_size() < BYTES_OF_ONE_THREAD:
        n_threads = 1
    slopes = None
    n_head = 1
    if alibi is not None:
        slopes = alibi.to(q).contiguous()
        n_head = len(slopes)
    tensors = (q, keys, values, slopes, y)
    numbers = (N, size, n_head, keys.stride(0) // size, T, n_threads)
    function = getattr(native.library(SOURCE), FUNCTIONS[q.dtype])
    function.restype = None
    function(
        *[ctypes.c_void_p(None if x is None else x.data_ptr()) for x in tensors],
        *[ctypes.c_long(number) for number in numbers],
    )
    return y
