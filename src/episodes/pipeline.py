"""The line itself: strings the rooms together for the map stage. Knows no rule of any programme."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from episodes.building.balance import check_balance, summed
from episodes.building.bucket import build_source, summed_providers
from episodes.building.built import BuiltEpisodes
from episodes.building.context import Context
from episodes.building.facts import Facts
from episodes.building.inputs import Input, StoreInput
from episodes.building.notices import notices
from episodes.building.plain_input import PlainInput
from episodes.building.plain_tables import PlainTables
from episodes.checks import day
from episodes.claims import Claims
from episodes.errors import ArgumentError, BasisError, count_of
from episodes.further_tables import FurtherTables
from episodes.programs import Program
from episodes.programs.references import References
from episodes.programs.rule import Basis
from episodes.running.executors import Executor, Serial, Threads
from episodes.tables import scan_parquet, write_parquet

_TABLES = ("claims", "lines", "beneficiaries", "coverage")


def build_episodes(
    claims: Claims,
    program: Program,
    references: References | None = None,
    as_of: dt.date | str | None = None,
    *,
    amount_basis: Basis | None = None,
    without_exclusions: Iterable[str] = (),
    threads: int = 1,
    buckets: int | None = None,
    services: bool = True,
    with_tables: Iterable[str] | None = None,
    attribution_methods: str | Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BuiltEpisodes:
    """Build the episodes of a programme over claims.

    Args:
        claims: canonical claims, from `read_claims` or `Claims(...)`.
        program: from `load_program`.
        references: reference tables; default: the packaged ones.
        as_of: the date the claims are known at (or YYYY-MM-DD text): later processed claims are dropped, unfinished
            episodes are `open`. Default: the date a store says its claims are complete through
            (`claims.complete_through`); frames, files and stores that know of none are complete. The date in effect
            stands in `counts["as_of"]`, with a note. To take a store as complete: set
            `claims.complete_through = None`.
        amount_basis: `standardized`, `allowed` or `paid` in place of the programme's basis.
        without_exclusions: reason codes of exclusions to switch off; the result says so.
        threads: how many buckets are worked on at a time. Never changes the result.
        buckets: into how many parts the people of frames are divided; a store has its own. Never changes the result.
        services: whether the table `services` is made; without it a run over a large store is faster and smaller.
        with_tables: which of `risk`, `outcomes`, `attribution` are made, for every candidate. Default: those that the
            programme's file has rules for; with `services=False` none.
        attribution_methods: methods of attribution (`ep.attribution.METHODS`). Default: the programme's own.
        progress: called with (buckets done, buckets in all).

    Returns:
        `BuiltEpisodes`: episodes, services, risk, outcomes, attribution, balance (columns: docs/outputs.md), cents on
        the run's basis.

    Raises:
        BasisError: the claims have no amounts on the basis at all.
        BalanceError: a cent is missing (a fault of the library).
        ArgumentError: an unknown table or method, or an `as_of` that is no date.
        ProgramError: a table was asked for that the programme's file has no rules for.

    Regulation: the programme's own, cited rule by rule in `program.rule_list()`.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
        >>> sorted(built.final()["category"].unique())
        ['CABG', 'LEJR', 'MAJOR_BOWEL', 'SHFFT', 'SPINAL_FUSION']
    """
    _need_arguments(claims, program, references, threads, buckets)
    given_date = None if as_of is None else day("as_of", as_of)
    if amount_basis is not None:
        program = program.override({"construction.amount_basis": amount_basis})
    program = program.without(without_exclusions)
    known_at = given_date or claims.complete_through
    further = FurtherTables.chosen(program, claims.clinicians, with_tables, attribution_methods, by_default=services)
    given = _input(claims, buckets, every_column=bool(further.tables), services=services)
    context = Context(
        program=program,
        references=references or References(),
        participants=claims.participants.collect(),
        as_of=known_at,
        numeric_claim_ids=given.numeric_claim_ids,
        further_rules=further.rules(),
    )
    _need_basis(given, program)
    executor: Executor = Threads(threads) if threads > 1 else Serial()

    def build(task: object) -> tuple[dict[str, pl.DataFrame], Facts]:
        source = given.open(task, context)
        result = build_source(source, context, keep_services=services or further.need_services)
        made = further.of_bucket(result, source.tables_of, context)
        kept = result.services if services else result.services.clear()
        of_building = {name: getattr(result, name) for name in ("episodes", "balance", "providers")}
        return {**of_building, "services": kept, **made}, source.facts()

    together = Together(claims.store is not None)
    tasks = given.tasks(context)
    for done, (tables, facts) in enumerate(executor.map(build, tasks), 1):
        together.add(tables, facts)
        if progress is not None:
            progress(done, len(tasks))
    built = _built(together, claims, context)
    if known_at is not None:
        built.counts["notes"].insert(0, _known_at_note(built, known_at, given=as_of is not None))
    return built


def _input(claims: Claims, buckets: int | None, *, every_column: bool, services: bool) -> Input:
    """The store that the claims lie in, or their tables in memory; further tables may read any column."""
    if claims.store is not None:
        return StoreInput.of(claims.store)
    return PlainInput(PlainTables({name: claims.scan(name) for name in _TABLES}), buckets, every_column, services)


class Together:
    """Tables of buckets, put together as they come; the large ones of a store go to disk, the rest is small."""

    LARGE = ("services", "outcomes", "attribution")

    def __init__(self, to_disk: bool) -> None:
        self._parts: dict[str, list[pl.DataFrame]] = {}
        self.facts = Facts()
        self.spool = tempfile.TemporaryDirectory(prefix="episodes-tables-") if to_disk else None
        self.barred = 0

    def add(self, tables: Mapping[str, pl.DataFrame], facts: Facts) -> None:
        """Take the tables of the next bucket."""
        self.facts = self.facts + facts
        self.barred += tables["services"].filter(pl.col("reason") == "no_amount_on_basis").height
        for name, table in tables.items():
            parts = self._parts.setdefault(name, [])
            if self.spool is not None and name in self.LARGE:
                write_parquet(table, Path(self.spool.name) / name / f"{len(parts):05d}.parquet")
                parts.append(table.clear())
            else:
                parts.append(table)

    def frame(self, name: str) -> pl.DataFrame:
        """A table of all buckets."""
        return pl.concat(self._parts[name])

    def lazy(self, name: str) -> pl.LazyFrame:
        """A large table of all buckets."""
        return self.frame(name).lazy() if self.spool is None else scan_parquet(Path(self.spool.name) / name)

    def __contains__(self, name: str) -> bool:
        return name in self._parts


def _built(together: Together, claims: Claims, context: Context) -> BuiltEpisodes:
    episodes, facts = together.frame("episodes"), together.facts
    balance = summed(together.frame("balance"))
    check_balance(balance, facts.payable_cents, facts.payable_items)
    by_status = episodes.group_by("status").len().sort("status")
    counts = {
        **({"as_of": context.as_of.isoformat()} if context.as_of else {}),
        **({"claims_processed_after_as_of": facts.claims_processed_later} if context.as_of else {}),
        "people": facts.people,
        "claims": facts.claims,
        "lines": facts.lines,
        "payable_items": facts.payable_items,
        "payable_cents": facts.payable_cents,
        "candidate_episodes": episodes.height,
        "episodes_by_status": dict(by_status.iter_rows()),
        "service_rows_without_amount_on_basis": together.barred,
        "context_fingerprint": context.fingerprint,
        "notes": notices(facts, episodes, context),
    }
    return BuiltEpisodes(
        program=context.program,
        basis=context.program.amount_basis,
        episodes=episodes,
        services=together.lazy("services"),
        risk=together.frame("risk") if "risk" in together else None,
        outcomes=together.lazy("outcomes") if "outcomes" in together else None,
        attribution=together.lazy("attribution") if "attribution" in together else None,
        balance=balance,
        providers=summed_providers(together.frame("providers")),
        hospitals=claims.hospitals.collect(),
        participants=context.participants,
        quality=claims.quality.collect(),
        counts=counts,
        source=claims.report.to_dict(),
        _spool=together.spool,
    )


def _need_arguments(claims: object, program: object, references: object, threads: int, buckets: int | None) -> None:
    """Say in plain words what an argument should have been."""
    wanted = (
        ("claims", claims, Claims, "read_claims(...) or Claims(...)"),
        ("program", program, Program, "load_program(...)"),
        ("references", references, References | None, "References(...)"),
    )
    for name, value, kind, source in wanted:
        if not isinstance(value, kind):
            raise ArgumentError(f"{name} is a {type(value).__name__}; give what {source} returns.")
    if threads < 1 or (buckets is not None and buckets < 1):
        raise ArgumentError("threads and buckets must be 1 or more.")


def _known_at_note(built: BuiltEpisodes, known_at: dt.date, *, given: bool) -> str:
    """Which date the claims are taken to be known at, by whose word, and what it did."""
    source = "as given" if given else "the date the store says its claims are complete through (as_of was not given)"
    late, still_open = built.counts["claims_processed_after_as_of"], built.counts["episodes_by_status"].get("open", 0)
    return (
        f"Claims as known at {known_at}, {source}: {count_of(late, 'claim')} processed later left out, "
        f"{count_of(still_open, 'episode')} still open."
    )


def _need_basis(given: Input, program: Program) -> None:
    """Claims without any amount on the basis cannot be built on it: say which one they have.

    Items paid by claim and items paid by line are judged apart, for the amount of one of them may be misnamed.
    """
    paid: set[str] = set(program.rules.construction.services.paid_settings.value)
    for what, at_hand in given.amounts_at_hand(paid, program.amount_basis).items():
        if program.amount_basis in at_hand:
            continue
        choice = (
            f"Amounts at hand: {', '.join(at_hand)}. Choose one by name: amount_basis={at_hand[0]!r} (command line: "
            f"--amount-basis {at_hand[0]}); every output then states it."
            if at_hand
            else "No amount is at hand at all: are the columns named as the claims contract has them (allowed_cents, "
            "paid_cents, standardized_cents)?"
        )
        raise BasisError(
            f"{program.rules.name} counts {program.amount_basis} amounts, and none of the items paid by {what} has a "
            f"value in '{program.amount_basis}_cents'. {choice}"
        )
