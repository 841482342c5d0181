"""Which matrix products OpenBLAS is told to use.

SciPy's OpenBLAS chooses its code by the processor's name. On AMD processors that it does not know yet it takes code for 256-bit vectors even where
there are 512-bit ones, which is half as fast for the small matrices of an outer step. `choose_products` names the wider code instead, where the
processor has every instruction that it uses.
"""

import os
import platform
from pathlib import Path

VARIABLE = "OPENBLAS_CORETYPE"
WIDE = "SkylakeX"
NEEDED = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
PROCESSORS = Path("/proc/cpuinfo")


def products_for(description: str) -> str | None:
    """The code that OpenBLAS should use on a processor; None where it chooses well by itself.

    Args:
        description: of the processors, as Linux gives it in /proc/cpuinfo.
    """
    first: dict[str, str] = {}
    for line in description.split("\n\n", maxsplit=1)[0].splitlines():
        name, _, value = line.partition(":")
        first[name.strip()] = value.strip()
    return WIDE if first.get("vendor_id") == "AuthenticAMD" and set(first.get("flags", "").split()) >= NEEDED else None


def choose_products() -> None:
    """Name the code in the environment, unless it is named there already; before SciPy's OpenBLAS is loaded."""
    if VARIABLE in os.environ or platform.machine() not in ("x86_64", "AMD64"):
        return
    try:
        chosen = products_for(PROCESSORS.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return
    if chosen is not None:
        os.environ[VARIABLE] = chosen
