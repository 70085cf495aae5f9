"""Synthetic claims: invented people, hospitals and services, in the canonical contract."""

from __future__ import annotations

from episodes.synthetic.bundled import bundled_folder
from episodes.synthetic.generate import synthesize

__all__ = ["bundled_folder", "synthesize"]
