"""The C library's heap."""

from __future__ import annotations

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST, _KEPT = 2**25, 2**28  # glibc maps what is larger than 32 MB in any case


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed instead of giving it back to the system; whether it does.

    Otherwise every activation of some megabytes is mapped anew, and its pages are cleared again, at each call.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        return all([mallopt(_TRIM_THRESHOLD, _KEPT), mallopt(_MMAP_THRESHOLD, _LARGEST)])
    return False
