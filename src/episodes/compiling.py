"""Kernels of any room, compiled on first use, in a cache folder that changes when they do.

Numba's own cache does not notice a change in a function of another file, so the folder is keyed by the hash of a room's
kernel sources and of the versions that compile them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType

logger = logging.getLogger(__name__)


def kernel_key(package: str, sources: Sequence[str]) -> str:
    """Hash of the kernel sources of a room and of the numba, numpy and Python that compile them."""
    import numba
    import numpy as np

    digest = hashlib.sha256()
    for name in sources:
        digest.update((files(package) / name).read_bytes())
    digest.update(f"{numba.__version__} {np.__version__} {platform.python_version()}".encode())
    return digest.hexdigest()[:16]


@cache
def compiled(package: str, sources: tuple[str, ...] = ("kernels.py",)) -> ModuleType:
    """The module `kernels` of a room. Importing numba costs half a second, so nothing else imports it."""
    import numba

    folder = writable_cache_folder() / f"{package.rpartition('.')[2]}-{kernel_key(package, sources)}"
    numba.config.CACHE_DIR = str(folder)
    return import_module(f"{package}.kernels")


def writable_cache_folder() -> Path:
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
