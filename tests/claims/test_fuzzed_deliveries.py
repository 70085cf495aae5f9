"""Damaged deliveries of every layout: a clear error or a quarantine, never a traceback, never a row lost in silence."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from episodes.claims.layouts.plan import LAYOUTS, module_of
from episodes.errors import EpisodesError

WRITTEN = [name for name in LAYOUTS if hasattr(module_of(name), "write")]


def deliver(layout: str, folder: Path, seed: int) -> None:
    """A small delivery of the layout, written by its writer."""
    folder.mkdir(parents=True, exist_ok=True)
    module_of(layout).write(invented(seed), folder)  # type: ignore[attr-defined]


@cache
def invented(seed: int) -> dict[str, pl.DataFrame]:
    """Claims of a few people."""
    return ep.synthetic.synthesize(beneficiaries=6, years=(2025, 2026), seed=seed)


def flip_bytes(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.randint(1, 8)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return content


def cut_short(content: bytearray, rng: random.Random) -> bytearray:
    return content[: rng.randrange(len(content))]


def drop_a_line(content: bytearray, rng: random.Random) -> bytearray:
    lines = bytes(content).split(b"\n")
    del lines[rng.randrange(len(lines))]
    return bytearray(b"\n".join(lines))


def repeat_a_line(content: bytearray, rng: random.Random) -> bytearray:
    lines = bytes(content).split(b"\n")
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return bytearray(b"\n".join(lines))


def swap_columns(content: bytearray, rng: random.Random) -> bytearray:
    lines = bytes(content).split(b"\n")
    delimiter = b"|" if b"|" in lines[0] else b","
    header = lines[0].split(delimiter)
    if len(header) > 2:
        one, other = rng.sample(range(len(header)), 2)
        header[one], header[other] = header[other], header[one]
        lines[0] = delimiter.join(header)
    return bytearray(b"\n".join(lines))


def another_encoding(content: bytearray, rng: random.Random) -> bytearray:
    try:
        text = bytes(content).decode("utf-8")
    except UnicodeDecodeError:
        return content
    return bytearray(text.encode(rng.choice(["utf-16", "utf-8-sig", "cp037"]), errors="replace"))


DAMAGES: list[Callable[[bytearray, random.Random], bytearray]] = [
    flip_bytes,
    cut_short,
    drop_a_line,
    repeat_a_line,
    swap_columns,
    another_encoding,
]


def check_one(layout: str, folder: Path, seed: int) -> str:
    """Deliver, damage one file, read: what came of it."""
    rng = random.Random(seed)
    deliver(layout, folder, seed % 5)
    file = rng.choice([path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size])
    packed = file.name.endswith(".gz")
    content = bytearray(gzip.decompress(file.read_bytes()) if packed else file.read_bytes())
    damaged = bytes(rng.choice(DAMAGES)(content, rng))
    file.write_bytes(gzip.compress(damaged) if packed else damaged)
    try:
        claims = ep.read_claims(folder, layout=layout)
    except EpisodesError as error:
        message = str(error)
        assert not any(claim in message for claim in invented(seed % 5)["claims"]["claim_id"])
        return "refused"
    for name, counts in claims.report.tables.items():
        counts.check(name)
    return "read"


@pytest.mark.parametrize("layout", WRITTEN)
@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_delivery(layout: str, seed: int, tmp_path: Path) -> None:
    check_one(layout, tmp_path / "delivery", seed)


@pytest.mark.slow
@pytest.mark.parametrize("layout", WRITTEN)
def test_many_damaged_deliveries(layout: str, tmp_path: Path) -> None:
    outcomes = [check_one(layout, tmp_path / str(seed), seed) for seed in range(1_000, 1_000 + 1_000 // len(WRITTEN))]
    assert {"refused", "read"} <= set(outcomes)
