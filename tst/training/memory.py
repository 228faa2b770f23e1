"""Memory that a training step gives back is kept for the next step.

glibc returns large blocks to the system at once and asks for them again, page by page: by the
kernel's count up to 19,000 pages a step of a small model, a tenth of its time.
"""

import ctypes

# Numbers of two of mallopt's parameters, in glibc's malloc.h.
TRIM_THRESHOLD = -1
MMAP_THRESHOLD = -3
LARGEST_KEPT = 2**25  # bytes of a block; larger ones still come from the system, glibc's limit
NEVER = 2**31 - 1


def keep_freed() -> bool:
    """Let this process keep the memory that it frees; tell whether its C library knows how."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; TypeError: on Windows
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(TRIM_THRESHOLD, NEVER))
