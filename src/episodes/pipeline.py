"""The line itself: strings the rooms together for the map stage. Knows no rule of any programme."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import polars as pl

from episodes.building.balance import check_balance, summed
from episodes.building.bucket import Bucket, BucketResult, build_bucket, payable_total
from episodes.building.built import BuiltEpisodes
from episodes.building.context import Context
from episodes.claims import Claims
from episodes.claims.people import bucket_of_hash, people_in_order
from episodes.errors import BasisError, count_of
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
            Default: the claims are complete.
        amount_basis: `standardized`, `allowed` or `paid` in place of the programme's basis.
        without_exclusions: reason codes of exclusions to switch off; the result says so.
        threads: how many buckets are worked on at a time. Never changes the result.
        buckets: into how many parts the people are divided. Never changes the result.
        progress: called with (buckets done, buckets in all).

    Returns:
        `BuiltEpisodes`: episodes, services, balance (columns: design, section 5), cents on the run's basis.

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
    if amount_basis is not None:
        program = program.override({"construction.amount_basis": amount_basis})
    program = program.without(without_exclusions)
    tables = {name: claims.table(name).collect() for name in _TABLES}
    counts: dict[str, Any] = {}
    if as_of is not None:
        tables, counts["claims_processed_after_as_of"] = _known_at(tables, as_of)
    context = Context(
        program=program,
        references=references or References(),
        participants=claims.participants.collect(),
        as_of=as_of,
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
    return _put_together(results, claims, context, tables, counts)


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
        notes=_notes(context),
    )
    return BuiltEpisodes(
        program=context.program,
        basis=context.program.amount_basis,
        episodes=episodes,
        services=services.lazy(),
        balance=balance,
        hospitals=claims.hospitals.collect(),
        participants=context.participants,
        quality=claims.quality.collect(),
        counts=counts,
        source=claims.report.to_dict(),
    )


def _notes(context: Context) -> list[str]:
    """What a reader must know of the references a run used."""
    start, end = context.program.period
    needed = set(range(_fiscal_year(start), _fiscal_year(end) + 1))
    at_hand = set(context.references.drgs.drop_nulls("gmlos")["fiscal_year"].to_list())
    absent = sorted(needed - at_hand)
    if not absent:
        return []
    return [
        f"No geometric mean lengths of stay of fiscal year {', '.join(str(year) for year in absent)}: inpatient stays "
        f"that run over a window's end are split by those of the nearest year at hand "
        f"({', '.join(str(year) for year in sorted(at_hand)) or 'none'}). References(ms_drgs=...) takes your own table."
    ]


def _fiscal_year(day: dt.date) -> int:
    return day.year + (day.month >= 10)


def _known_at(tables: dict[str, pl.DataFrame], as_of: dt.date) -> tuple[dict[str, pl.DataFrame], int]:
    """Claims processed by a date (a claim without a processing date is kept), and their lines."""
    known = tables["claims"].filter(pl.col("process_date").is_null() | (pl.col("process_date") <= as_of))
    keys = ["beneficiary_id", "claim_id"]
    lines = tables["lines"].join(known.select(keys), on=keys, how="semi", maintain_order="left")
    return {**tables, "claims": known, "lines": lines}, tables["claims"].height - known.height


def _all_numeric(claim_ids: pl.Series) -> bool:
    return bool(claim_ids.str.contains(r"^-?[0-9]{1,37}$").all())


def _need_basis(tables: dict[str, pl.DataFrame], program: Program) -> None:
    """A layout without any amount on the basis cannot be built on it: say which one it has."""
    column = f"{program.amount_basis}_cents"
    filled = {
        name: sum(tables[table][f"{name}_cents"].count() for table in ("claims", "lines"))
        for name in ("standardized", "allowed", "paid")
    }
    if filled[program.amount_basis] or not tables["claims"].height:
        return
    others = [name for name, number in filled.items() if number]
    raise BasisError(
        f"{program.rules.name} counts {program.amount_basis} amounts, and none of the "
        f"{count_of(tables['claims'].height, 'claim')} and {count_of(tables['lines'].height, 'line')} has a value in "
        f"{column!r}. Amounts at hand: {', '.join(others) or 'none'}. Choose one by name: amount_basis="
        f"{others[0] if others else 'allowed'!r} (command line: --amount-basis {others[0] if others else 'allowed'}); "
        "every output then states it."
    )
