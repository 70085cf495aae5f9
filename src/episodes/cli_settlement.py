"""Commands on settlements: reconcile, the audit of a payer's file, true-ups, tracks, a hospital's statement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from episodes.cli_options import AsJson, Out, Overwrite, RulesFile, Track
from episodes.cli_support import about_result, console_for, print_json, table_of, write_result
from episodes.errors import EpisodesError

if TYPE_CHECKING:
    from episodes.building import BuiltEpisodes
    from episodes.pricing import TargetPrices
    from episodes.reconciliation import ReconciliationResult

Run = Annotated[Path, Parameter(help="Run folder of the performance year (episodes build).")]
Prices = Annotated[Path, Parameter(help="Run folder of prices, or a price file (CSV).")]

WhatIfTracks = Annotated[
    bool,
    Parameter(
        help="Also tracks that the year does not have, on the terms of the nearest year that has them.", negative=""
    ),
]


def reconcile(
    run: Run,
    *,
    prices: Prices,
    track: Track = None,
    quality: Annotated[
        Path | None, Parameter(help="Quality table (CSV or Parquet), in place of the one beside the claims.")
    ] = None,
    coefficients: Annotated[Path | None, Parameter(help="Risk coefficients (CSV or Parquet).")] = None,
    final_factors: Annotated[
        str | None,
        Parameter(help="Final trend and normalization: a table (CSV or Parquet), or `computed` from these episodes."),
    ] = None,
    out: Out = None,
    rules_file: RulesFile = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Reconcile a performance year against target prices: payment or repayment of each party, step by step."""
    import episodes as ep
    from episodes.programs.settlement_rules import ThresholdSettlement
    from episodes.reports.settlement_tables import show_conveners
    from episodes.reports.terminal import show_notes, show_open_rules, show_statement
    from episodes.running.run_folder import check_place, read_built

    if out is not None:
        check_place(out, overwrite=overwrite)
    built = read_built(run, rules_file)
    program = built.program
    given = ep.read_target_prices(prices, program)
    if isinstance(program.rules.settlement, ThresholdSettlement):
        if track is not None or coefficients is not None or final_factors is not None:
            raise EpisodesError(
                f"{program.id} settles against thresholds: leave out --track, --coefficients and --final-factors."
            )
        return _reconcile_thresholds(built, given, quality, out, overwrite=overwrite, as_json=as_json)
    computed = final_factors == "computed"
    factors = None if final_factors is None or computed else ep.pricing.read_final_factors(final_factors, program)
    result = ep.reconcile(
        built,
        given,
        quality=None if quality is None else table_of(quality, "quality table"),
        track=track,
        coefficients=None if coefficients is None else ep.pricing.read_coefficients(coefficients, program),
        final_factors="computed" if computed else factors,
    )
    if out is not None:
        write_result(out, built, given, result, overwrite=overwrite)
    if as_json:
        return print_json({**about_result(result), "run_folder": str(out) if out else None})
    console = console_for(as_json)
    show_open_rules(result.open_rules, console)
    show_statement(result.parties, console)
    show_conveners(result.conveners, console)
    show_notes(result.notes, console)
    if out is not None:
        console.print(f"Run folder: {out.resolve()}", highlight=False, soft_wrap=True)
    return 0


def _reconcile_thresholds(
    built: BuiltEpisodes,
    thresholds: TargetPrices,
    quality: Path | None,
    out: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
) -> int:
    """The providers of a state programme, each against the thresholds of its categories."""
    import episodes as ep
    from episodes.reports.settlement_tables import show_thresholds
    from episodes.reports.terminal import show_notes, show_open_rules
    from episodes.running.run_folder import about_program, write_run

    passed = None if quality is None else table_of(quality, "quality table")
    result = ep.reconciliation.reconcile_thresholds(built, thresholds, quality=passed)
    if out is not None:
        about = {"program": about_program(built.program), "basis": built.basis, "notes": list(result.notes)}
        tables = {"parties": result.parties, "steps": result.steps}
        write_run(out, "thresholds", tables, about, overwrite=overwrite)
    if as_json:
        shown = {"parties": result.parties.to_dicts(), "notes": list(result.notes), "open_rules": result.open_rules}
        return print_json({**shown, "run_folder": str(out) if out else None})
    console = console_for(as_json)
    show_open_rules(result.open_rules, console)
    show_thresholds(result, console)
    show_notes(result.notes, console)
    if out is not None:
        console.print(f"Run folder: {out.resolve()}", highlight=False, soft_wrap=True)
    return 0


def audit(
    run: Run,
    *,
    prices: Prices,
    payer_file: Annotated[Path, Parameter(help="The payer's episodes, a CSV (layouts: docs/settlement.md).")],
    layout: Annotated[
        Literal["auto", "simple", "bpci-advanced"], Parameter(help="Layout of the payer's file; auto: by its columns.")
    ] = "auto",
    tolerance_cents: Annotated[int, Parameter(help="Amounts that differ by this or less are the same.")] = 50,
    dispute_file: Annotated[
        Path | None, Parameter(help="CSV to write with the findings to dispute; with ids of people and claims.")
    ] = None,
    everything: Annotated[
        bool, Parameter(help="Dispute file with all findings, also those in our favour.", negative="")
    ] = False,
    track: Track = None,
    out: Annotated[Path | None, Parameter(help="Run folder to write: findings, matched pairs, parties.")] = None,
    rules_file: RulesFile = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Hold the payer's episodes against ours: what only one side has, what differs, what that does to the amount."""
    import episodes as ep
    from episodes.reports.settlement_tables import show_audit
    from episodes.running.run_folder import about_program, check_place, write_run

    if out is not None:
        check_place(out, overwrite=overwrite)
    if everything and dispute_file is None:
        raise EpisodesError("--everything is about the dispute file. Give --dispute-file FILE.")
    result = _reconciled(run, prices, track, rules_file)
    found = ep.reconciliation.audit(
        result, ep.reconciliation.read_payer_episodes(payer_file, layout), tolerance_cents=tolerance_cents
    )
    if dispute_file is not None:
        written = found.write_dispute(dispute_file, everything=everything)
    if out is not None:
        tables = {"findings": found.findings, "matched": found.matched, "parties": found.parties}
        about = {"program": about_program(result.program), "basis": result.basis, **found.to_dict()}
        write_run(out, "audit", tables, about, overwrite=overwrite)
    if as_json:
        return print_json({**found.to_dict(), "run_folder": str(out) if out else None})
    console = console_for(as_json)
    show_audit(found, console)
    if dispute_file is not None:
        console.print(f"{written:,} findings in {dispute_file.resolve()}", highlight=False, soft_wrap=True)
    if out is not None:
        console.print(f"Run folder: {out.resolve()}", highlight=False, soft_wrap=True)
    return 0


def true_up(
    earlier: Annotated[Path, Parameter(help="Run folder of the earlier build of the period.")],
    later: Annotated[Path, Parameter(help="Run folder of the later build of the same period.")],
    *,
    prices: Prices,
    later_prices: Annotated[Path | None, Parameter(help="Prices of the later run, where they are others.")] = None,
    track: Track = None,
    rules_file: RulesFile = None,
    as_json: AsJson = False,
) -> int:
    """Compare two runs of a period: what the amounts changed by, and every cent of it by cause."""
    import episodes as ep
    from episodes.reports.settlement_tables import show_true_up

    first = _reconciled(earlier, prices, track, rules_file)
    second = _reconciled(later, later_prices or prices, track, rules_file)
    compared = ep.reconciliation.true_up(first, second)
    if as_json:
        return print_json(compared.to_dict())
    show_true_up(compared, console_for(as_json))
    return 0


def tracks(
    run: Run,
    *,
    prices: Prices,
    what_if_tracks: WhatIfTracks = False,
    rules_file: RulesFile = None,
    as_json: AsJson = False,
) -> int:
    """Settle the year on every track of the programme, side by side."""
    import episodes as ep
    from episodes.reconciliation.tracks import track_notes
    from episodes.reports.settlement_tables import show_tracks
    from episodes.running.run_folder import read_built

    built = read_built(run, rules_file)
    given = ep.read_target_prices(prices, built.program)
    compared = ep.reconciliation.compare_tracks(built, given, what_if_tracks=what_if_tracks)
    notes = track_notes(built.program, what_if=what_if_tracks)
    if as_json:
        return print_json({"tracks": compared.to_dicts(), "notes": notes})
    show_tracks(compared, notes, console_for(as_json))
    return 0


def statement(
    run: Run,
    *,
    prices: Prices,
    hospital: Annotated[str, Parameter(help="CCN of the hospital, or TIN of the group.")],
    category: Annotated[
        str | None, Parameter(help="Which settlement, where the programme settles categories apart.")
    ] = None,
    waterfall: Annotated[
        bool,
        Parameter(help="The settlement step by step, with rules and citations, in place of the page.", negative=""),
    ] = False,
    track: Track = None,
    what_if_tracks: WhatIfTracks = False,
    rules_file: RulesFile = None,
    as_json: AsJson = False,
) -> int:
    """One page on a hospital's settlement: where money was won and lost, by category, setting and cause."""
    from episodes.reports.cfo import finance_view
    from episodes.reports.cfo_page import show_finance_view

    result = _reconciled(run, prices, track, rules_file, what_if_tracks=what_if_tracks)
    if waterfall:
        shown = result.waterfall(hospital, category)
        if as_json:
            return print_json(shown.to_dict())
        print(shown)
        return 0
    view = finance_view(result, hospital, category)
    if as_json:
        return print_json(view.to_dict())
    show_finance_view(view, console_for(as_json))
    return 0


def _reconciled(
    run: Path, prices: Path, track: str | None, rules_file: Path | None, *, what_if_tracks: bool = False
) -> ReconciliationResult:
    import episodes as ep
    from episodes.running.run_folder import read_built

    built = read_built(run, rules_file)
    given = ep.read_target_prices(prices, built.program)
    return ep.reconcile(built, given, track=track, what_if_tracks=what_if_tracks)


COMMANDS: tuple[tuple[Callable[..., Any], str], ...] = (
    (reconcile, "reconcile"),
    (audit, "audit"),
    (true_up, "true-up"),
    (tracks, "tracks"),
    (statement, "statement"),
)
"""The commands of this module, with their names."""
