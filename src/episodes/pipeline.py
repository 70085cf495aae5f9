"""The line itself: strings the rooms together for the map stage. Knows no rule of any programme."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import polars as pl

from episodes.building.balance import check_balance, summed
from episodes.building.bucket import Bucket, BucketResult, build_bucket, summed_providers
from episodes.building.built import BuiltEpisodes
from episodes.building.context import Context
from episodes.building.notices import notices
from episodes.building.sources import payable_total
from episodes.claims import Claims
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS
from episodes.claims.people import bucket_of_hash, people_in_order
from episodes.errors import ArgumentError, BasisError, ContractError, count_of
from episodes.programs import Program
from episodes.programs.references import References
from episodes.programs.rule import Basis
from episodes.running.executors import Executor, Serial, Threads

PEOPLE_PER_BUCKET = 20_000
_TABLES = ("claims", "lines", "beneficiaries", "coverage")


def build_episodes(
    claims: Claims,
    program: Program,
    references: References | None = None,
    as_of: dt.date | None = None,
    *,
    amount_basis: Basis | None = None,
    without_exclusions: Iterable[str] = (),
    threads: int = 1,
    buckets: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BuiltEpisodes:
    """Build the episodes of a programme over claims.

    Args:
        claims: canonical claims, from `read_claims` or `Claims(...)`.
        program: from `load_program`.
        references: reference tables; default: the packaged ones.
        as_of: the date the claims are known at: later processed claims are dropped, unfinished episodes are `open`.
            Default: the date a store says its claims are complete through (`claims.complete_through`); frames, files
            and stores that know of none are complete. The date in effect stands in `counts["as_of"]`, with a note.
            To take a store as complete: set `claims.complete_through = None`.
        amount_basis: `standardized`, `allowed` or `paid` in place of the programme's basis.
        without_exclusions: reason codes of exclusions to switch off; the result says so.
        threads: how many buckets are worked on at a time. Never changes the result.
        buckets: into how many parts the people are divided. Never changes the result.
        progress: called with (buckets done, buckets in all).

    Returns:
        `BuiltEpisodes`: episodes, services, balance (columns: docs/outputs.md), cents on the run's basis.

    Raises:
        BasisError: the claims have no amounts on the basis at all.
        BalanceError: a cent is missing (a fault of the library).

    Regulation: the programme's own, cited rule by rule in `program.rule_list()`.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
        >>> sorted(built.final()["category"].unique())
        ['CABG', 'LEJR', 'MAJOR_BOWEL', 'SHFFT', 'SPINAL_FUSION']
    """
    _need_arguments(claims, program, references, as_of, threads, buckets)
    if amount_basis is not None:
        program = program.override({"construction.amount_basis": amount_basis})
    program = program.without(without_exclusions)
    tables = {name: _collected(claims, name) for name in _TABLES}
    counts: dict[str, Any] = {}
    known_at = as_of or claims.complete_through
    if known_at is not None:
        tables, late = _known_at(tables, known_at)
        counts.update(as_of=known_at.isoformat(), claims_processed_after_as_of=late)
    context = Context(
        program=program,
        references=references or References(),
        participants=claims.participants.collect(),
        as_of=known_at,
        numeric_claim_ids=_all_numeric(tables["claims"]["claim_id"]),
    )
    _need_basis(tables, program)
    people = people_in_order(tables["claims"]["beneficiary_id"])
    number = buckets or max(1, -(-people.height // PEOPLE_PER_BUCKET))
    executor: Executor = Threads(threads) if threads > 1 else Serial()
    results = []
    for done, result in enumerate(
        executor.map(partial(build_bucket, context=context), _buckets(tables, people, number)), 1
    ):
        results.append(result)
        if progress is not None:
            progress(done, number)
    built = _put_together(results, claims, context, tables, counts)
    if known_at is not None:
        built.counts["notes"].insert(0, _known_at_note(built, known_at, given=as_of is not None))
    return built


def _collected(claims: Claims, name: str) -> pl.DataFrame:
    """A table in memory. An engine's own error quotes the values around a fault, so it is not passed on."""
    try:
        return claims.table(name).collect()
    except pl.exceptions.PolarsError as error:
        kind = type(error).__name__
    raise ContractError(
        f"The table {name!r} cannot be read as the claims contract has it ({kind}). "
        "Read it with validate='full' to see which column is wrong."
    )


def _need_arguments(
    claims: object, program: object, references: object, as_of: object, threads: int, buckets: int | None
) -> None:
    """Say in plain words what an argument should have been."""
    wanted = (
        ("claims", claims, Claims, "read_claims(...) or Claims(...)"),
        ("program", program, Program, "load_program(...)"),
        ("references", references, References | None, "References(...)"),
        ("as_of", as_of, dt.date | None, "datetime.date(...)"),
    )
    for name, value, kind, source in wanted:
        if not isinstance(value, kind) or isinstance(value, dt.datetime):
            raise ArgumentError(f"{name} is a {type(value).__name__}; give what {source} returns.")
    if threads < 1 or (buckets is not None and buckets < 1):
        raise ArgumentError("threads and buckets must be 1 or more.")


def _buckets(tables: dict[str, pl.DataFrame], people: pl.DataFrame, number: int) -> Iterator[Bucket]:
    in_bucket = people.with_columns(bucket=bucket_of_hash(people["hash"], number))
    for bucket in range(number):
        chosen = in_bucket.filter(pl.col("bucket") == bucket).select("beneficiary_id", "person")
        parts = tables
        if number > 1:
            parts = {
                name: table.join(
                    chosen.select("beneficiary_id"), on="beneficiary_id", how="semi", maintain_order="left"
                )
                for name, table in tables.items()
            }
        yield Bucket(people=chosen, **parts)


def _put_together(
    results: list[BucketResult],
    claims: Claims,
    context: Context,
    tables: dict[str, pl.DataFrame],
    counts: dict[str, Any],
) -> BuiltEpisodes:
    episodes = pl.concat([result.episodes for result in results])
    services = pl.concat([result.services for result in results])
    balance = summed(pl.concat([result.balance for result in results]))
    providers = summed_providers(pl.concat([result.providers for result in results]))
    input_items, input_cents = payable_total(tables["claims"], tables["lines"], context)
    check_balance(balance, input_cents, input_items)
    by_status = episodes.group_by("status").len().sort("status")
    barred = services.filter(pl.col("reason") == "no_amount_on_basis").height
    counts.update(
        people=tables["claims"]["beneficiary_id"].n_unique(),
        claims=tables["claims"].height,
        lines=tables["lines"].height,
        payable_items=input_items,
        payable_cents=input_cents,
        candidate_episodes=episodes.height,
        episodes_by_status=dict(by_status.iter_rows()),
        service_rows_without_amount_on_basis=barred,
        context_fingerprint=context.fingerprint,
        notes=notices(tables, episodes, context),
    )
    return BuiltEpisodes(
        program=context.program,
        basis=context.program.amount_basis,
        episodes=episodes,
        services=services.lazy(),
        balance=balance,
        providers=providers,
        hospitals=claims.hospitals.collect(),
        participants=context.participants,
        quality=claims.quality.collect(),
        counts=counts,
        source=claims.report.to_dict(),
    )


def _known_at(tables: dict[str, pl.DataFrame], as_of: dt.date) -> tuple[dict[str, pl.DataFrame], int]:
    """Claims processed by a date (a claim without a processing date is kept), and their lines."""
    known = tables["claims"].filter(pl.col("process_date").is_null() | (pl.col("process_date") <= as_of))
    keys = ["beneficiary_id", "claim_id"]
    lines = tables["lines"].join(known.select(keys), on=keys, how="semi", maintain_order="left")
    return {**tables, "claims": known, "lines": lines}, tables["claims"].height - known.height


def _known_at_note(built: BuiltEpisodes, known_at: dt.date, *, given: bool) -> str:
    """Which date the claims are taken to be known at, by whose word, and what it did."""
    source = "as given" if given else "the date the store says its claims are complete through (as_of was not given)"
    late, still_open = built.counts["claims_processed_after_as_of"], built.counts["episodes_by_status"].get("open", 0)
    return (
        f"Claims as known at {known_at}, {source}: {count_of(late, 'claim')} processed later left out, "
        f"{count_of(still_open, 'episode')} still open."
    )


def _all_numeric(claim_ids: pl.Series) -> bool:
    return bool(claim_ids.str.contains(r"^-?[0-9]{1,37}$").all())


def _need_basis(tables: dict[str, pl.DataFrame], program: Program) -> None:
    """Claims without any amount on the basis cannot be built on it: say which one they have.

    Items paid by claim and items paid by line are judged apart, for the amount of one of them may be misnamed.
    """
    paid = set(program.rules.construction.services.paid_settings.value)
    keys = ["beneficiary_id", "claim_id"]
    headers = tables["claims"].with_columns(pl.col("setting").cast(pl.String))
    whole = headers.filter(pl.col("setting").is_in(sorted(paid & set(CLAIM_PAID_SETTINGS))))
    line_paid = headers.filter(pl.col("setting").is_in(sorted(paid & set(LINE_PAID_SETTINGS))))
    by_line = tables["lines"].join(line_paid.select(keys), on=keys, how="semi")
    for what, items in (("claim", whole), ("line", by_line)):
        if items.is_empty() or items[f"{program.amount_basis}_cents"].count():
            continue
        others = [name for name in ("standardized", "allowed", "paid") if items[f"{name}_cents"].count()]
        choice = (
            f"Amounts at hand: {', '.join(others)}. Choose one by name: amount_basis={others[0]!r} (command line: "
            f"--amount-basis {others[0]}); every output then states it."
            if others
            else "No amount is at hand at all: are the columns named as the claims contract has them (allowed_cents, "
            "paid_cents, standardized_cents)?"
        )
        raise BasisError(
            f"{program.rules.name} counts {program.amount_basis} amounts, and none of the "
            f"{count_of(items.height, what)} paid by {what} has a value in '{program.amount_basis}_cents'. {choice}"
        )
