"""Parts of a transformer block on a CPU, each in one pass by compiled code (`fused.cpp`).

Attention in registers instead of through memory is two to three times as fast at the head sizes of
small models as torch's kernel; sum, dropout and LayerNorm are one pass instead of six. Where there
is no compiler (`tst.io.native`), on other devices and for other attentions, `takes` says no and the
caller goes torch's way, which computes the same.
"""

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from tst.io import native
from tst.series import ceil_div

SOURCE = Path(__file__).with_name("fused.cpp")
DTYPES = {torch.float32: "float32", torch.float64: "float64"}
CHUNK = 256  # rows that share one sum of a LayerNorm's gradients, as in fused.cpp
N_HASHES = 2**32

_allowed = True


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
    """Let all go torch's way within the block, as where there is no compiler."""
    global _allowed
    before = _allowed
    _allowed = False
    try:
        yield
    finally:
        _allowed = before


def takes(x: torch.Tensor, multiple: int = 0) -> bool:
    """Tell whether compiled code takes a tensor.

    Parameters
    ----------
    multiple
        A size that must be made of whole vectors of the processor; 0: there is none.
    """
    if not _allowed or x.device.type != "cpu" or x.dtype not in DTYPES:
        return False
    library = native.library(SOURCE)
    if library is None:
        return False
    return multiple % (library.vector_bytes() // x.element_size()) == 0


def attend(
    qkv: torch.Tensor, lengths: torch.Tensor, n_head: int, window: int, dropout: float
) -> torch.Tensor:
    """Let each step of each series attend to itself and the `window` - 1 steps before it.

    Parameters
    ----------
    qkv
        float, (rows, 3 * d_model): queries, keys and values of a packed batch, head after head.
    lengths
        int64, (B,), on the CPU: rows of each series.
    dropout
        Share of the attention weights that are dropped.

    Returns
    -------
    float, (rows, d_model).
    """
    y: torch.Tensor = _Attention.apply(qkv.contiguous(), lengths, n_head, window, dropout)
    return y


def add_norm(x: torch.Tensor, a: torch.Tensor, norm: torch.nn.LayerNorm, p: float) -> torch.Tensor:
    """Return norm(x + dropout(a)), each (rows, d_model)."""
    x = x.contiguous()
    y: torch.Tensor = _AddNorm.apply(x, a.contiguous(), norm.weight, norm.bias, norm.eps, p)
    return y


def drop(x: torch.Tensor, p: float) -> torch.Tensor:
    """Return dropout(x), (rows, d_model)."""
    y: torch.Tensor = _Drop.apply(x.contiguous(), p)
    return y


def relu_drop(x: torch.Tensor, p: float) -> torch.Tensor:
    """Return dropout(relu(x)), (rows, d_ff)."""
    y: torch.Tensor = _ReluDrop.apply(x.contiguous(), p)
    return y


class _Dropout:
    """What is dropped: a seed of its own for each call."""

    def __init__(self, p: float) -> None:
        self.seed = int(torch.randint(2**62, ())) if p > 0 else 0
        self.dropped = round(p * N_HASHES)  # hashes below it drop
        self.factor = N_HASHES / (N_HASHES - self.dropped)

    def arguments(self) -> list[Any]:
        """Return what every function ends with: the dropout, and how many threads it may take."""
        return [
            ctypes.c_uint64(self.seed),
            ctypes.c_uint32(self.dropped),
            ctypes.c_double(self.factor),
            ctypes.c_long(torch.get_num_threads()),
        ]


def _call(name: str, *arguments: Any, dropout: _Dropout) -> None:
    """Call a function of the library on tensors, of the type of the first, and on numbers.

    Raises
    ------
    MemoryError
        Where its working memory does not suffice.
    """
    library = native.library(SOURCE)
    passed: list[Any] = []
    for argument in arguments:
        if isinstance(argument, torch.Tensor):
            passed.append(ctypes.c_void_p(argument.data_ptr()))
        elif isinstance(argument, float):
            passed.append(ctypes.c_double(argument))
        else:
            passed.append(ctypes.c_long(argument))
    function = getattr(library, f"{name}_{DTYPES[arguments[0].dtype]}")
    function.restype = ctypes.c_bool
    if not function(*passed, *dropout.arguments()):
        raise MemoryError(f"no memory is left for {name}.")


class _Attention(torch.autograd.Function):
    """Attention of a packed batch; keeps its inputs, its result and one number a row and head."""

    @staticmethod
    def forward(
        ctx: Any, qkv: torch.Tensor, lengths: torch.Tensor, n_head: int, window: int, p: float
    ) -> torch.Tensor:
        """Return attention of qkv (rows, 3 * d_model), (rows, d_model)."""
        rows, width = qkv.shape
        ctx.dropout = _Dropout(p)
        ctx.sizes = (len(lengths), n_head, width // 3 // n_head, window)
        y = qkv.new_empty(rows, width // 3)
        lse = qkv.new_empty(n_head, rows)  # log of the sum of exponentials
        _call("attend", qkv, y, lse, lengths, *ctx.sizes, dropout=ctx.dropout)
        ctx.save_for_backward(qkv, y, lse, lengths)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None, None, None, None]:
        """Return the gradient of qkv."""
        qkv, y, lse, lengths = ctx.saved_tensors
        dqkv = torch.empty_like(qkv)
        dy = dy.contiguous()
        _call("attend_back", qkv, y, lse, dy, dqkv, lengths, *ctx.sizes, dropout=ctx.dropout)
        return dqkv, None, None, None, None


class _AddNorm(torch.autograd.Function):
    """LayerNorm of a sum, of which the second part is dropped in places."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        a: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        epsilon: float,
        p: float,
    ) -> torch.Tensor:
        """Return norm(x + dropout(a)), (rows, width)."""
        ctx.dropout = _Dropout(p)
        y = torch.empty_like(x)
        normal = torch.empty_like(x)
        rate = x.new_empty(len(x))
        tensors = (x, a, weight, bias, y, normal, rate)
        _call("add_norm", *tensors, *x.shape, epsilon, dropout=ctx.dropout)
        ctx.save_for_backward(normal, rate, weight)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of x, a, weight and bias."""
        normal, rate, weight = ctx.saved_tensors
        dy = dy.contiguous()
        dx = torch.empty_like(dy)
        da = torch.empty_like(dy) if ctx.dropout.dropped else dx
        parts = dy.new_empty(ceil_div(len(dy), CHUNK), 2, dy.shape[1])
        tensors = (dy, normal, rate, weight, dx, da, parts)
        _call("add_norm_back", *tensors, *dy.shape, dropout=ctx.dropout)
        d_weight, d_bias = parts.sum(0)
        return dx, da, d_weight, d_bias, None, None


class _Drop(torch.autograd.Function):
    """Dropout; its mask is drawn again on the way back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float) -> torch.Tensor:
        """Return dropout(x), (rows, width)."""
        ctx.dropout = _Dropout(p)
        y = torch.empty_like(x)
        _call("drop_rows", x, y, 0, *x.shape, dropout=ctx.dropout)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the gradient of x."""
        dy = dy.contiguous()
        dx = torch.empty_like(dy)
        _call("drop_rows", dy, dx, 0, *dy.shape, dropout=ctx.dropout)
        return dx, None


class _ReluDrop(torch.autograd.Function):
    """Relu and dropout: what is above 0 was neither cut nor dropped."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float) -> torch.Tensor:
        """Return dropout(relu(x)), (rows, width)."""
        ctx.dropout = _Dropout(p)
        y = torch.empty_like(x)
        _call("drop_rows", x, y, 1, *x.shape, dropout=ctx.dropout)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the gradient of x."""
        (y,) = ctx.saved_tensors
        dx = torch.empty_like(y)
        _call("relu_drop_back", dy.contiguous(), y, dx, *y.shape, dropout=ctx.dropout)
        return dx, None
