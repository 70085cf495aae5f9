"""The kernels, compiled on first use, with a cache that notices when they change.

Numba's own cache does not notice a change in a function of another file, so the cache folder is keyed by the hash of
all kernel sources and of the versions that compile them.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import SimpleNamespace

from episodes.compiling import kernel_key as key_of_sources
from episodes.compiling import writable_cache_folder

KERNEL_SOURCES = ("kernels.py", "coverage_kernel.py", "claim_kernel.py", "line_kernel.py", "arrays.py")
_MODULES = ("kernels", "coverage_kernel", "claim_kernel", "line_kernel")


def kernel_key() -> str:
    """Hash of the kernel sources and of the numba, numpy and Python that compile them."""
    return key_of_sources("episodes.building", KERNEL_SOURCES)


@cache
def kernels() -> SimpleNamespace:
    """The compiled kernels by name. Importing numba costs half a second, so nothing else imports it."""
    import numba
    from numba.core.registry import cpu_target

    numba.config.CACHE_DIR = str(writable_cache_folder() / f"kernels-{kernel_key()}")
    found: dict[str, object] = {}
    for name in _MODULES:
        found |= vars(import_module(f"episodes.building.{name}"))
    # The first loop that is called would do this: what numba knows of numpy is loaded, a third of a second.
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    return SimpleNamespace(**{name: value for name, value in found.items() if not name.startswith("__")})
