"""Synthetic claims: invented people, hospitals and services in the canonical contract, with the truth known."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from episodes.synthetic.bundled import bundled_folder
    from episodes.synthetic.calibration import calibration_of, calibration_report
    from episodes.synthetic.generate import SyntheticSet, synthesize
    from episodes.synthetic.writing import write_set

# The bundled set is read far more often than one is made: what makes them is loaded when asked for.
_MODULES = {
    "SyntheticSet": "generate",
    "bundled_folder": "bundled",
    "calibration_of": "calibration",
    "calibration_report": "calibration",
    "synthesize": "generate",
    "write_set": "writing",
}
__all__ = ["SyntheticSet", "bundled_folder", "calibration_of", "calibration_report", "synthesize", "write_set"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
