"""Damaged deliveries of every layout: a clear error or a quarantine, never a traceback, never a row lost in silence."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
from claims.deliveries import FORMS, Files, deliver, files_of, layout_of
from episodes.errors import EpisodesError

READ, QUARANTINED, REFUSED = "read whole", "quarantined", "refused"
SLOW_CASES = 1_000


@cache
def invented(seed: int) -> dict[str, pl.DataFrame]:
    """Claims of a few people."""
    return ep.synthetic.synthesize(beneficiaries=6, years=(2025, 2026), seed=seed)


@cache
def whole_files(form: str, seed: int) -> Files:
    """A small delivery before it is damaged."""
    return files_of(form, invented(seed))


# --- damage: bytes of a file to bytes -----------------------------------------------------------------------

Damage = Callable[[bytes, random.Random], bytes]


def flip_bytes(content: bytes, rng: random.Random) -> bytes:
    flipped = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        flipped[rng.randrange(len(flipped))] = rng.randrange(256)
    return bytes(flipped)


def cut_short(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def empty(_content: bytes, _rng: random.Random) -> bytes:
    return b""


def cut_a_row_short(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)]
    return b"\n".join(lines)


def drop_a_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def drop_the_first_line(content: bytes, _rng: random.Random) -> bytes:
    return content.partition(b"\n")[2]


def repeat_a_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"\n".join(lines)


def join_two_lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    return b"\n".join(lines[:place]) + b"\n".join(lines[place:])


def swap_columns(content: bytes, rng: random.Random) -> bytes:
    """Names in the wrong order; where there are no names, all that stands under two of them."""
    return _with_columns(content, rng, _swapped)


def drop_columns(content: bytes, rng: random.Random) -> bytes:
    return _with_columns(content, rng, _dropped)


def encode_otherwise(content: bytes, rng: random.Random) -> bytes:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content[::-1]
    return text.encode(rng.choice(["utf-16", "utf-16-le", "utf-8-sig", "cp037"]), errors="replace")


def mix_encodings(content: bytes, rng: random.Random) -> bytes:
    """Letters that are not ASCII, each line in another encoding."""
    lines = content.split(b"\n")
    for place in range(len(lines)):
        if lines[place] and rng.random() < 0.3:
            at = rng.randrange(len(lines[place]))
            letter = "é".encode(rng.choice(["latin-1", "utf-8", "utf-16-le"]))
            lines[place] = lines[place][:at] + letter + lines[place][at + 1 :]
    return b"\n".join(lines)


def mix_line_ends(content: bytes, rng: random.Random) -> bytes:
    ends = [b"\n", b"\r\n", b"\r", b"\n\n"]
    return b"".join(line + rng.choice(ends) for line in content.split(b"\n"))


def open_quotes(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + b'"' + content[at:]


def add_a_column_to_a_row(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    lines[place] += rng.choice([b",", b"|", b"|x", b", "])
    return b"\n".join(lines)


def _with_columns(
    content: bytes, rng: random.Random, change: Callable[[list[bytes], random.Random], list[bytes]]
) -> bytes:
    """Change columns in whatever form they are: Parquet, JSON, delimited, or places in a record."""
    if content[:4] == b"PAR1":
        table = pl.read_parquet(io.BytesIO(content))
        names = [name.encode() for name in table.columns]
        chosen = [name.decode() for name in change(names, rng)]
        changed = io.BytesIO()
        if len(chosen) == len(names):
            table.rename(dict(zip(table.columns, chosen, strict=True))).write_parquet(changed)
        else:
            table.select(chosen).write_parquet(changed)
        return changed.getvalue()
    lines = content.split(b"\n")
    if content[:1] == b"{":
        state = rng.getrandbits(32)
        resources = [json.loads(line) for line in lines if line.strip()]
        return b"\n".join(
            json.dumps(
                {
                    name.decode(): value
                    for name, value in zip(
                        change([key.encode() for key in one], random.Random(state)), one.values(), strict=False
                    )
                }
            ).encode()
            for one in resources
        )
    delimiter = next((one for one in (b"|", b",") if one in lines[0]), None)
    if delimiter is None:
        at, width = rng.randrange(max(1, len(lines[0]))), rng.randint(1, 12)
        return b"\n".join(line[:at] + line[at + width :] for line in lines)
    if change is _swapped:
        lines[0] = delimiter.join(change(lines[0].split(delimiter), rng))
        return b"\n".join(lines)
    state = rng.getrandbits(32)
    return b"\n".join(delimiter.join(change(line.split(delimiter), random.Random(state))) for line in lines)


def _swapped(columns: list[bytes], rng: random.Random) -> list[bytes]:
    columns = list(columns)
    if len(columns) < 2:
        return columns
    one, other = rng.sample(range(len(columns)), 2)
    columns[one], columns[other] = columns[other], columns[one]
    return columns


def _dropped(columns: list[bytes], rng: random.Random) -> list[bytes]:
    columns = list(columns)
    for _ in range(rng.randint(1, 3)):
        if len(columns) > 1:
            del columns[rng.randrange(len(columns))]
    return columns


DAMAGES: list[Damage] = [
    flip_bytes,
    cut_short,
    empty,
    cut_a_row_short,
    drop_a_line,
    drop_the_first_line,
    repeat_a_line,
    join_two_lines,
    swap_columns,
    drop_columns,
    encode_otherwise,
    mix_encodings,
    mix_line_ends,
    open_quotes,
    add_a_column_to_a_row,
]
PACKINGS = ["gzip", "gzip cut short", "zip", "zip cut short", "zip with flipped bytes"]


def packed(content: bytes, name: str, packing: str, rng: random.Random) -> tuple[str, bytes]:
    """A file inside a gzip or a zip, which may be damaged itself."""
    if packing.startswith("gzip"):
        name, content = f"{name}.gz", gzip.compress(content, mtime=0)
    else:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
            members.writestr(name.rpartition("/")[2], content)
        name, content = f"{name}.zip", archive.getvalue()
    if packing.endswith("cut short"):
        content = cut_short(content, rng)
    return name, flip_bytes(content, rng) if packing.endswith("flipped bytes") else content


# --- what comes of it ---------------------------------------------------------------------------------------


def damaged(form: str, seed: int) -> tuple[Files, str]:
    """The files of a delivery one of which is damaged, and how."""
    rng = random.Random(seed)
    files = dict(whole_files(form, seed % 5))
    name = rng.choice([name for name, content in files.items() if content])
    kind = seed % (len(DAMAGES) + len(PACKINGS))
    if kind >= len(DAMAGES):
        packing = PACKINGS[kind - len(DAMAGES)]
        content = files.pop(name)
        name, content = packed(content, name, packing, rng)
        return files | {name: content}, packing
    damage = DAMAGES[kind]
    content = files[name]
    if name.endswith(".gz"):
        files[name] = gzip.compress(damage(gzip.decompress(content), rng), mtime=0)
    else:
        files[name] = damage(content, rng)
    return files, damage.__name__


def counted(report: ep.claims.ReadingReport) -> dict[str, tuple[int, int, int, int]]:
    return {
        name: (
            counts.rows_in,
            counts.rows_out,
            sum(counts.netted.values()),
            sum(counts.quarantined.values()),
        )
        for name, counts in report.tables.items()
        if counts.rows_in
    }


def check_one(form: str, folder: Path, seed: int, *, ingested: bool = False) -> tuple[str, str]:
    """Deliver, damage one file, read: what damage, and what came of it."""
    files, damage = damaged(form, seed)
    delivery = deliver(files, folder / "delivery")
    claims_before = set(invented(seed % 5)["claims"]["claim_id"])
    try:
        claims = ep.read_claims(delivery, layout=layout_of(form))
    except EpisodesError as error:
        message = str(error)
        assert not any(claim in message for claim in claims_before)
        if ingested:
            with pytest.raises(EpisodesError):
                ep.ingest(delivery, folder / "store", layout=layout_of(form), buckets=2)
            assert not (folder / "store").exists()
        return damage, REFUSED
    for name, counts in claims.report.tables.items():
        counts.check(name)
        assert counts.rows_out == claims.table(name).collect().height
    if ingested:
        report = ep.ingest(delivery, folder / "store", layout=layout_of(form), buckets=2)
        assert counted(report) == counted(claims.report)
    return damage, QUARANTINED if claims.report.quarantined_rows() else READ


@pytest.mark.parametrize("form", FORMS)
def test_an_undamaged_delivery_is_read_whole(form: str, tmp_path: Path) -> None:
    claims = ep.read_claims(deliver(whole_files(form, 0), tmp_path), layout=layout_of(form))
    assert claims.report.quarantined_rows() == 0
    assert claims.claims.collect().height > 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_a_damaged_delivery(form: str, seed: int, tmp_path: Path) -> None:
    check_one(form, tmp_path, seed, ingested=seed % 4 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_many_damaged_deliveries(form: str, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(1_000, 1_000 + SLOW_CASES // len(FORMS)):
        _, outcome = check_one(form, tmp_path / str(seed), seed, ingested=seed % 7 < 3)
        outcomes[outcome] += 1
    assert {REFUSED, READ} <= set(outcomes)
