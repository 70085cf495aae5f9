"""Claims to episodes: stays and transfers, anchors, windows, eligibility, services, proration, overlap, balance."""

from __future__ import annotations

from episodes.building.built import BuiltEpisodes

__all__ = ["BuiltEpisodes"]
