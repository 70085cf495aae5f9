"""Where the map stage runs. Every executor returns results in the order of its inputs, so none changes a byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Executor(Protocol):
    """Maps one function over tasks."""

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results in the order of the tasks."""
        ...


@dataclass(frozen=True)
class Serial:
    """One task after the other, in this thread."""

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results in the order of the tasks."""
        return map(function, tasks)


@dataclass(frozen=True)
class Threads:
    """Tasks on some threads of this process; the kernels release the interpreter's lock."""

    number: int

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Results in the order of the tasks."""
        with ThreadPoolExecutor(max_workers=self.number) as pool:
            yield from pool.map(function, tasks)
