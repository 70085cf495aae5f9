"""The trace of one episode: why it is one, which rules fired, what is in it, what is not, and that it adds up."""

from __future__ import annotations

from episodes.explaining.explain import explain
from episodes.explaining.explanation import Explanation

__all__ = ["Explanation", "explain"]
