"""episodes: an open engine for bundled payments, from claims to a settled hospital.

    import episodes as ep

    claims = ep.read_claims("folder")
    program = ep.load_program("team", performance_year=1)
    built = ep.build_episodes(claims, program)

Names are loaded on first use, so that the import stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "Claims": "episodes.claims",
    "read_claims": "episodes.claims",
    "ingest": "episodes.claims",
    "References": "episodes.programs.references",
    "Program": "episodes.programs",
    "load_program": "episodes.programs",
    "BuiltEpisodes": "episodes.building",
    "build_episodes": "episodes.pipeline",
    "target_prices": "episodes.pricing",
    "read_target_prices": "episodes.pricing",
    "reconcile": "episodes.reconciliation",
    "explain": "episodes.explaining",
    "EpisodesError": "episodes.errors",
}
_ROOMS = (
    "errors",
    "claims",
    "programs",
    "building",
    "risk",
    "outcomes",
    "attribution",
    "pricing",
    "reconciliation",
    "alignment",
    "explaining",
    "reports",
    "running",
    "synthetic",
)

__all__ = [
    "BuiltEpisodes",
    "Claims",
    "EpisodesError",
    "Program",
    "References",
    "alignment",
    "attribution",
    "build_episodes",
    "building",
    "claims",
    "errors",
    "explain",
    "explaining",
    "ingest",
    "load_program",
    "outcomes",
    "pricing",
    "programs",
    "read_claims",
    "read_target_prices",
    "reconcile",
    "reconciliation",
    "reports",
    "risk",
    "running",
    "synthetic",
    "target_prices",
]

if TYPE_CHECKING:
    from episodes import (
        alignment,
        attribution,
        building,
        claims,
        errors,
        explaining,
        outcomes,
        pricing,
        programs,
        reconciliation,
        reports,
        risk,
        running,
        synthetic,
    )
    from episodes.building import BuiltEpisodes
    from episodes.claims import Claims, ingest, read_claims
    from episodes.errors import EpisodesError
    from episodes.explaining import explain
    from episodes.pipeline import build_episodes
    from episodes.pricing import read_target_prices, target_prices
    from episodes.programs import Program, load_program
    from episodes.programs.references import References
    from episodes.reconciliation import reconcile


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    if name in _ROOMS:
        return import_module(f"episodes.{name}")
    raise AttributeError(f"module 'episodes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
