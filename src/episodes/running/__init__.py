"""How a run is carried out: executors, and the run folder with its manifest."""

from __future__ import annotations

from episodes.running.executors import Executor, Serial, Threads

__all__ = ["Executor", "Serial", "Threads"]
