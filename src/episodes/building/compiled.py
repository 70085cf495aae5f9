"""The kernels, compiled on first use, with a cache that notices when they change.

Numba's own cache does not notice a change in a function of another file, so the cache folder is keyed by the hash of
all kernel sources and of the versions that compile them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import tempfile
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

KERNEL_SOURCES = ("kernels.py", "claim_kernel.py", "line_kernel.py", "arrays.py")
_MODULES = ("kernels", "claim_kernel", "line_kernel")
logger = logging.getLogger(__name__)


def kernel_key() -> str:
    """Hash of the kernel sources and of the numba, numpy and Python that compile them."""
    import numba
    import numpy as np

    digest = hashlib.sha256()
    for name in KERNEL_SOURCES:
        digest.update((files("episodes.building") / name).read_bytes())
    digest.update(f"{numba.__version__} {np.__version__} {platform.python_version()}".encode())
    return digest.hexdigest()[:16]


@cache
def kernels() -> SimpleNamespace:
    """The compiled kernels by name. Importing numba costs half a second, so nothing else imports it."""
    import numba

    numba.config.CACHE_DIR = str(_writable_cache_folder() / f"kernels-{kernel_key()}")
    found: dict[str, object] = {}
    for name in _MODULES:
        found |= vars(import_module(f"episodes.building.{name}"))
    return SimpleNamespace(**{name: value for name, value in found.items() if not name.startswith("__")})


def _writable_cache_folder() -> Path:
    """NUMBA_CACHE_DIR where set, else the user's cache folder, else a temporary one."""
    import platformdirs

    wanted = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("episodes")
    folder = Path(wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        logger.info("no writable cache folder; kernels are compiled anew in each process")
        return Path(tempfile.mkdtemp(prefix="episodes-kernels-"))
    return folder
