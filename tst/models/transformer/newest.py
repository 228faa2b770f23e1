"""The newest step of many series, on a CPU, by compiled code (`newest.cpp`).

torch's batched products are made for large matrices: of one query and a short series they take
several times the time that reading the cache takes; and of a small transformer, a step of a few
series costs more in calls than in numbers. Where there is no compiler (`tst.io.native`), on other
devices, for other sizes and where gradients are asked for, `takes` and `stack_of` say no and the
caller goes torch's way, which computes the same.
"""

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from tst.io import native
from tst.models.transformer.config import MAX_STEPS
from tst.models.transformer.fused import DTYPES

if TYPE_CHECKING:
    from tst.models.transformer.backbone import Backbone, Block, KVCache

SOURCE = Path(__file__).with_name("newest.cpp")
HEAD_SIZES = (16, 32, 64, 128)  # that newest.cpp has loops for
# Of keys and values, which one thread reads in less time than another takes to start.
BYTES_OF_ONE_THREAD = 2**22
# Of a stack's weights, which are read once for each eight series: about what caches of processors
# hold. Larger ones are multiplied with all series at once.
STACK_BYTES = 2**22
FAST_BYTES = 2**24  # that a processor's cache holds of what each step reads: half of a common one
ROWS = 8  # series that go through a stack together, as in newest.cpp
VECTOR = 16  # numbers, of the widest processors; widths are made of whole vectors


def takes(q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> bool:
    """Tell whether compiled code takes queries, keys and values as `attend` does."""
    size = q.shape[-1]
    return (
        q.device.type == "cpu"
        and q.dtype in DTYPES
        and size in HEAD_SIZES
        and not (torch.is_grad_enabled() and any(x.requires_grad for x in (q, keys, values)))
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
    _call(
        f"attend_newest_{DTYPES[q.dtype]}",
        *[ctypes.c_void_p(None if x is None else x.data_ptr()) for x in tensors],
        *[ctypes.c_long(number) for number in numbers],
    )
    return y


def _call(name: str, *arguments: Any) -> None:
    """Call a function of the library; raise MemoryError where memory did not suffice."""
    function = getattr(native.library(SOURCE), name)
    function.restype = ctypes.c_bool
    if not function(*arguments):
        raise MemoryError("a generated step does not fit into memory; make fewer series at a time.")


class _Sizes(ctypes.Structure):
    """As `Sizes` in newest.cpp."""

    _fields_ = [
        (name, ctypes.c_long)
        for name in (
            "n_layer",
            "n_series",
            "n_head",
            "size",
            "d_ff",
            "max_steps",
            "step",
            "first_step",
        )
    ]


class Stack:
    """The blocks of a small backbone, their weights laid out for one step of a few series.

    A copy: later training does not reach it.

    Parameters
    ----------
    window
        Steps that each step attends to.
    """

    def __init__(self, backbone: "Backbone", window: int) -> None:
        blocks = [cast("Block", block) for block in backbone.blocks]
        self.config = backbone.config
        self.window = window
        self.epsilon = blocks[0].ln_1.eps
        self.alibi = blocks[0].attention.alibi
        self.weights: list[torch.Tensor] = []
        for block in blocks:
            for part in (
                block.attention.qkv,
                block.attention.out,
                block.ln_1,
                block.ff_in,
                block.ff_out,
                block.ln_2,
            ):
                weight = part.weight.detach()
                turned = weight.t().clone(memory_format=torch.contiguous_format)
                self.weights += [turned, part.bias.detach().clone()]
        pointers = [weight.data_ptr() for weight in self.weights]
        self.pointers = (ctypes.c_void_p * len(pointers))(*pointers)

    def decode(
        self, x: torch.Tensor, cache: "KVCache", modulation: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Take one more step x (B, d_model) through all blocks; see `Backbone.decode`.

        Parameters
        ----------
        modulation
            The table of a `Modulation`, (B, n_layer, 2, d_model), if there is one.
        """
        B, width = x.shape
        config = self.config
        if cache.length >= cache.data.shape[3] or cache.data.shape[2] != B * config.n_head:
            raise IndexError(
                f"a cache of {cache.data.shape[2] // config.n_head} series and "
                f"{cache.data.shape[3]} steps takes no step {cache.length} of {B} series."
            )
        y = x.clone(memory_format=torch.contiguous_format)
        if modulation is not None:
            modulation = modulation.to(x).contiguous()
        sizes = _Sizes(
            n_layer=config.n_layer,
            n_series=B,
            n_head=config.n_head,
            size=width // config.n_head,
            d_ff=config.d_ff,
            max_steps=cache.data.shape[3],
            step=cache.length,
            first_step=max(0, cache.length + 1 - self.window),
        )
        _call(
            f"decode_{DTYPES[x.dtype]}",
            ctypes.c_void_p(y.data_ptr()),
            ctypes.c_void_p(cache.data.data_ptr()),
            self.pointers,
            ctypes.c_void_p(None if self.alibi is None else self.alibi.data_ptr()),
            ctypes.c_void_p(None if modulation is None else modulation.data_ptr()),
            ctypes.c_double(self.epsilon),
            sizes,
            ctypes.c_long(torch.get_num_threads()),
        )
        return y


def stack_of(backbone: "Backbone", dtype: torch.dtype, device: torch.device) -> Stack | None:
    """Return a backbone's stack where compiled code takes it, without gradients, else None.

    Parameters
    ----------
    dtype, device
        Of the steps and of the cache.
    """
    if torch.is_grad_enabled() or not takes_stack(backbone, dtype, device):
        return None
    return Stack(backbone, backbone.config.window or MAX_STEPS)


def takes_stack(backbone: "Backbone", dtype: torch.dtype, device: torch.device) -> bool:
    """Tell whether compiled code takes the blocks of a backbone; see `stack_of`."""
    config = backbone.config
    parameters = list(backbone.blocks.parameters())
    return (
        device.type == "cpu"
        and dtype in DTYPES
        and all(parameter.dtype == dtype for parameter in parameters)
        and not torch.is_autocast_enabled("cpu")
        and config.attention != "probsparse"
        and config.positions != "rope"
        and config.d_model // config.n_head in HEAD_SIZES
        and config.d_ff % VECTOR == 0
        and sum(parameter.nbytes for parameter in parameters) <= STACK_BYTES
        and native.library(SOURCE) is not None
    )
