"""Nothing that is said of claims tells who they are of: no id, no birth date, no cell in any message.

Recognisable ids, birth dates and codes are planted in deliveries of every layout; the deliveries are damaged in ways
that cause quarantine, netting, notes and refusals; and whatever the library says about them is searched for what was
planted. The quarantined and netted rows themselves, which a report and a store keep, are data and not messages.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import random
import re
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from claims import test_fuzzed_deliveries as fuzzed
from claims.deliveries import FORMS, Files, deliver, files_of, layout_of
from episodes import cli
from episodes.claims import report as reporting
from episodes.claims.contract import TABLES

PERSON, CLAIM, CODE = "7QXZW", "8837QX", "ZQX7"
BIRTH = dt.date(1931, 7, 19)
PLANTED = re.compile(
    "|".join((PERSON, CLAIM, CODE, "1931-07", "193107", "jul-1931", r"1931, 7", "07/19/1931", "19/07/1931")),
    re.IGNORECASE,
)


@cache
def planted_tables() -> dict[str, pl.DataFrame]:
    """Claims of a few people, with other ids, births and codes in place of their own."""
    tables = ep.synthetic.synthesize(beneficiaries=6, years=(2025, 2026), seed=3)
    people = sorted(tables["beneficiaries"]["beneficiary_id"])
    claims = sorted(tables["claims"]["claim_id"])
    person = {one: f"{PERSON}{number:05d}A" for number, one in enumerate(people)}
    claim = {one: f"{CLAIM}{number:06d}" for number, one in enumerate(claims)}
    named = {
        name: table.with_columns(
            *([pl.col("beneficiary_id").replace(person)] if "beneficiary_id" in table.columns else []),
            *([pl.col("claim_id").replace(claim)] if "claim_id" in table.columns else []),
        )
        for name, table in tables.items()
    }
    named["beneficiaries"] = named["beneficiaries"].with_columns(birth_date=pl.lit(BIRTH))
    named["lines"] = named["lines"].with_columns(
        hcpcs=pl.when(pl.col("hcpcs").is_not_null()).then(pl.lit(f"{CODE}1")), diagnosis=pl.lit(None, dtype=pl.String)
    )
    named["claims"] = named["claims"].with_columns(
        diagnoses=pl.when(pl.col("diagnoses").list.len() > 0).then(pl.lit([f"{CODE}D"]))
    )
    return named


@cache
def planted_files(form: str) -> Files:
    return files_of(form, planted_tables())


# --- what is said -------------------------------------------------------------------------------------------


class Listener(logging.Handler):
    """Keeps every record, of every level, with its error."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@pytest.fixture
def listener() -> Iterator[Listener]:
    handler, root = Listener(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def nothing_planted_in(what: str, said: str) -> None:
    found = PLANTED.search(said)
    assert found is None, (what, said[max(0, found.start() - 300) : found.end() + 100])


def said_by(action: Callable[[], Any]) -> tuple[Any, str]:
    """What an action gives, and what a user sees where it fails: the whole traceback with the errors behind it."""
    try:
        return action(), ""
    except Exception as error:
        return None, "".join(traceback.format_exception(error)) + repr(error)


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(list(arguments))


def check(delivery: Path, layout: str, work: Path, listener: Listener, capsys: pytest.CaptureFixture[str]) -> str:
    """Read, ingest, inspect and build a delivery; nothing that is said names what was planted."""
    claims, said = said_by(lambda: ep.read_claims(delivery, layout=layout))
    nothing_planted_in("read_claims", said)
    outcome = "refused"
    if claims is not None:
        outcome = "read"
        nothing_planted_in("report", json.dumps(claims.report.to_dict()) + repr(claims.report) + repr(claims))
        nothing_planted_in("profile", json.dumps(ep.claims.profile(claims), default=str))
        built, said = said_by(lambda: ep.build_episodes(claims, ep.load_program("team", 1, amount_basis="paid")))
        nothing_planted_in("build_episodes", said + repr(built))
    store = work / "store"
    report, said = said_by(lambda: ep.ingest(delivery, store, layout=layout, buckets=2))
    nothing_planted_in("ingest", said)
    if report is not None:
        nothing_planted_in("manifest", (store / "store.json").read_text(encoding="utf-8"))
        nothing_planted_in("notes", repr(report))
    for place, name in ((delivery, layout), (store, "store")):
        run("inspect", str(place), "--layout", name)
        run("inspect", str(place), "--layout", name, "--json")
    run("ingest", str(delivery), "--out", str(work / "again"), "--layout", layout)
    run("inspect", str(delivery))
    run("build", str(delivery), "--layout", layout, "--program", "team", "--out", str(work / "run"))
    shown = capsys.readouterr()
    nothing_planted_in("standard output", shown.out)
    nothing_planted_in("standard error", shown.err)
    nothing_planted_in("log", "\n".join(listener.said))
    return outcome


# --- planted values in every layout -------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_planted_values_are_there(form: str, tmp_path: Path) -> None:
    claims = ep.read_claims(deliver(planted_files(form), tmp_path), layout=layout_of(form))
    assert claims.beneficiaries.collect()["beneficiary_id"].str.starts_with(PERSON).all()
    assert claims.beneficiaries.collect()["birth_date"].to_list()[0] == BIRTH
    assert claims.claims.collect()["claim_id"].str.starts_with(CLAIM).any()


@pytest.mark.parametrize("form", FORMS)
def test_a_whole_delivery(form: str, tmp_path: Path, listener: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    delivery = deliver(planted_files(form), tmp_path / "delivery")
    assert check(delivery, layout_of(form), tmp_path, listener, capsys) == "read"


def spoil(content: bytes, rng: random.Random, share: float) -> bytes:
    """Years become letters in a share of the rows: dates that are none, with a planted code in them."""
    lines = content.split(b"\n")
    for place in range(1, len(lines)):
        if rng.random() < share:
            lines[place] = re.sub(rb"20[12]\d", CODE.encode(), lines[place])
    return b"\n".join(lines)


def a_few_spoiled(content: bytes, rng: random.Random) -> bytes:
    return spoil(content, rng, 0.2)


def all_spoiled(content: bytes, rng: random.Random) -> bytes:
    return spoil(content, rng, 1)


def amounts_spoiled(content: bytes, rng: random.Random) -> bytes:
    """A planted code in place of decimals."""
    lines = content.split(b"\n")
    changed = [re.sub(rb"\.\d\d\b", f".{CODE[:2]}{CODE[2:]}".encode(), line, count=2) for line in lines[1:]]
    return b"\n".join([lines[0], *changed])


DAMAGES: list[fuzzed.Damage] = [*fuzzed.DAMAGES, a_few_spoiled, all_spoiled, amounts_spoiled]


def some_pairs() -> list[Any]:
    """Every damage once, the layouts in turn; the other pairs are for the slow tier."""
    pairs = [(FORMS[number % len(FORMS)], damage, []) for number, damage in enumerate(DAMAGES)]
    chosen = {(form, damage) for form, damage, _ in pairs}
    pairs += [
        (form, damage, [pytest.mark.slow]) for form in FORMS for damage in DAMAGES if (form, damage) not in chosen
    ]
    return [pytest.param(form, damage, marks=marks, id=f"{damage.__name__}-{form}") for form, damage, marks in pairs]


@pytest.mark.parametrize(("form", "damage"), some_pairs())
def test_a_damaged_delivery(
    form: str,
    damage: fuzzed.Damage,
    tmp_path: Path,
    listener: Listener,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reporting, "TOLERATED_ROWS", 3)
    rng = random.Random(f"{form} {damage.__name__}")
    files = dict(planted_files(form))
    # The file that says most: of claims, lines or everything.
    name = max(files, key=lambda one: len(files[one]))
    files[name] = damage(files[name], rng)
    check(deliver(files, tmp_path / "delivery"), layout_of(form), tmp_path, listener, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_every_file_damaged(
    form: str, damage: fuzzed.Damage, tmp_path: Path, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(f"{form} {damage.__name__} every file")
    for number, name in enumerate(name for name, content in planted_files(form).items() if content):
        files = dict(planted_files(form))
        files[name] = damage(files[name], rng)
        work = tmp_path / str(number)
        check(deliver(files, work / "delivery"), layout_of(form), work, listener, capsys)


# --- frames -------------------------------------------------------------------------------------------------


def frames(**changes: Any) -> dict[str, pl.DataFrame]:
    tables = planted_tables()
    return {"claims": tables["claims"].with_columns(**changes), "lines": tables["lines"]}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"from_date": pl.lit(CODE)}, id="no date"),
        pytest.param({"paid_cents": pl.lit(f"{CODE}.5")}, id="no amount"),
        pytest.param({"setting": pl.lit(CODE)}, id="no setting"),
        pytest.param({"ms_drg": pl.col("claim_id")}, id="no DRG"),
        pytest.param({"claim_id": pl.lit(f"{CLAIM}1")}, id="one claim id"),
        pytest.param({"from_date": pl.lit(True)}, id="an impossible type"),
        pytest.param({"paid_cents": None, "allowed_cents": None, "standardized_cents": None}, id="no amounts"),
    ],
)
def test_frames_that_break_the_contract(
    changes: dict[str, Any], listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "TOLERATED_ROWS", 3)

    def build() -> ep.BuiltEpisodes:
        return ep.build_episodes(ep.Claims(**frames(**changes)), ep.load_program("team", 1))

    _, said = said_by(build)
    assert said
    nothing_planted_in("build_episodes", said)
    nothing_planted_in("log", "\n".join(listener.said))


def test_tables_of_the_contract_are_what_was_planted_in() -> None:
    assert set(planted_tables()) <= set(TABLES)
