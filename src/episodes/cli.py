"""The command line: one command a step of the line, each also a function of the library.

Exit codes: 0 done, 1 the run failed (the message says why and what to do), 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
from cyclopts import App, Parameter

from episodes.cli_alignment import share
from episodes.cli_options import (
    AsJson,
    Basis,
    Layout,
    Methods,
    Out,
    Override,
    Overwrite,
    Period,
    ProgramName,
    Thread,
    Without,
    WithoutTables,
    Year,
)
from episodes.cli_report import report
from episodes.cli_settlement import COMMANDS
from episodes.cli_support import (
    about_result,
    build_with_progress,
    console_for,
    date_of,
    load_rules,
    price_folder,
    print_json,
    progress_line,
    use_threads,
    what_the_machine_refused,
    write_built,
    write_result,
)
from episodes.errors import EpisodesError

app = App(
    name="episodes",
    help="Bundled payments from claims to a settled hospital: build episodes, set target prices, reconcile.",
)
app.command(share)
app.command(report, name="report")

for command, name in COMMANDS:
    app.command(command, name=name)


@app.command
def demo(*, out: Out = None, performance_year: Year = None, threads: Thread = 0, as_json: AsJson = False) -> int:
    """The whole line on the bundled synthetic claims: episodes, target prices, a reconciled statement.

    Writes three run folders below --out (default: runs/demo), replacing those of an earlier demo.
    """
    use_threads(threads)
    import episodes as ep
    from episodes.synthetic.bundled import bundled_folder

    place = out or Path("runs") / "demo"
    console = console_for(as_json)
    program = ep.load_program("team", performance_year)
    with progress_line("Reading the bundled claims", as_json):
        claims = ep.read_claims(bundled_folder())
    baseline = build_with_progress(claims, program.for_baseline(), None, as_json, "Building the baseline", threads)
    built = build_with_progress(claims, program, None, as_json, "Building the performance year", threads)
    with progress_line("Pricing and reconciling", as_json):
        prices = ep.target_prices(baseline, program)
        result = ep.reconcile(built, prices)
        write_built(place / "baseline", baseline, claims, overwrite=True)
        write_built(place / "performance", built, claims, overwrite=True)
        write_result(place / "reconciliation", built, prices, result, overwrite=True)
    if as_json:
        return print_json({**about_result(result), "run_folder": str(place.resolve())})
    from episodes.reports.terminal import show_build, show_notes, show_open_rules, show_statement

    show_build(built, console)
    show_open_rules(program.open_rules(), console)
    show_statement(result.parties, console)
    show_notes(result.notes, console)
    console.print(f"Run folder: {place.resolve()}", highlight=False, soft_wrap=True)
    return 0


@app.command
def synth(
    *,
    out: Annotated[Path, Parameter(help="Folder to write the claims into; the truth goes into truth/ in it.")],
    beneficiaries: Annotated[int, Parameter(help="How many people.")] = 1500,
    years: Annotated[str, Parameter(help="FIRST-LAST calendar year of the claims.")] = "2022-2026",
    seed: Annotated[int, Parameter(help="The same seed gives the same bytes.")] = 1,
    layout: Annotated[
        Literal["canonical", "rif", "cclf", "tuva", "fhir-eob"], Parameter(help="Layout to write.")
    ] = "canonical",
    dense: Annotated[
        bool, Parameter(help="Nearly everybody has an episode, and little other care; else 1 to 2 % a year have one.")
    ] = False,
    report: Annotated[
        bool, Parameter(help="Then show published figures beside those of the set (layout canonical).")
    ] = False,
    processes: Annotated[int, Parameter(help="Blocks of people made at a time. Never changes a byte.")] = 1,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Make synthetic claims of invented people: linked, in all settings, with the truth of every episode known."""
    import episodes as ep
    from episodes.reports.terminal import show_calibration

    first, _, last = years.partition("-")
    if not (first.isdigit() and (last.isdigit() or not last)):
        raise EpisodesError("--years is FIRST-LAST, for example 2022-2026.")
    if report and layout != "canonical":
        raise EpisodesError("--report reads what was written, in layout canonical. Leave out --layout, or --report.")
    with progress_line("Making claims", as_json) as advance:
        written = ep.synthetic.write_set(
            out,
            beneficiaries=beneficiaries,
            years=(int(first), int(last or first)),
            seed=seed,
            dense=dense,
            layout=layout,
            processes=processes,
            overwrite=overwrite,
            progress=advance,
        )
    figures = ep.synthetic.calibration_of(out) if report else None
    if as_json:
        rows = {} if figures is None else {"calibration": figures.to_dicts()}
        counts = {"rows": written.rows, "declared_episodes": written.declared_episodes, "history": written.history}
        return print_json({**counts, **rows})
    console = console_for(False)
    counted = ", ".join(f"{name} {rows:,}" for name, rows in written.rows.items())
    console.print(f"Wrote {counted}; {written.declared_episodes:,} episodes declared. {out}", highlight=False)
    if written.history:
        history = ", ".join(f"{kind} {claims:,}" for kind, claims in written.history.items())
        console.print(f"Beside the claims that stand: {history}.", highlight=False)
    if figures is not None:
        show_calibration(figures, console)
    return 0


@app.command
def ingest(
    source: Annotated[Path, Parameter(help="Folder or file with the claims.")],
    *,
    out: Annotated[Path, Parameter(help="Folder of the store to make.")],
    layout: Layout = "auto",
    buckets: Annotated[int | None, Parameter(help="Files a table is divided into. Default: by size.")] = None,
    complete_through: Annotated[
        str | None,
        Parameter(
            help="Date up to which the delivery has every processed claim (YYYY-MM-DD); builds take it for --as-of. "
            "Default: the latest processing date in it."
        ),
    ] = None,
    overwrite: Overwrite = False,
    threads: Thread = 0,
    as_json: AsJson = False,
) -> int:
    """Read a delivery of claims into a store: validated, sorted, divided into buckets of people.

    An interrupted ingest goes on where it stopped when the same command is given again.
    """
    use_threads(threads)
    import episodes as ep
    from episodes.reports.terminal import show_reading

    with progress_line("Ingesting", as_json) as advance:
        report = ep.ingest(
            source,
            out,
            layout=layout,
            buckets=buckets,
            overwrite=overwrite,
            complete_through=date_of(complete_through, "--complete-through") if complete_through else None,
            progress=lambda _what, done, total: advance(done, total),
        )
    if as_json:
        return print_json({"reading": report.to_dict(), "store": str(out)})
    console = console_for(as_json)
    show_reading(report, console)
    console.print(f"Store: {out.resolve()}", highlight=False, soft_wrap=True)
    return 0


@app.command
def inspect(
    source: Annotated[Path, Parameter(help="A store, or a folder of claims in any layout.")],
    *,
    layout: Layout = "auto",
    threads: Thread = 0,
    as_json: AsJson = False,
) -> int:
    """Describe claims by counts: rows, people, settings, what is missing, what looks suspicious."""
    use_threads(threads)
    import episodes as ep
    from episodes.reports.terminal import show_profile

    with progress_line("Reading claims", as_json):
        found = ep.claims.profile(ep.read_claims(source, layout=layout))
    if as_json:
        return print_json(found)
    show_profile(found, console_for(as_json))
    return 0


@app.command
def build(
    source: Annotated[Path, Parameter(help="Folder or file with the claims.")],
    *,
    program: ProgramName = "team",
    performance_year: Year = None,
    baseline: Annotated[bool, Parameter(help="Build the baseline years of the performance year.", negative="")] = False,
    period: Period = None,
    layout: Layout = "auto",
    amount_basis: Basis = None,
    without_exclusion: Without = None,
    override: Override = None,
    as_of: Annotated[
        str | None,
        Parameter(
            help="Date the claims are known at (YYYY-MM-DD). Default: the date a store is complete through; other "
            "claims are complete."
        ),
    ] = None,
    without_tables: WithoutTables = False,
    attribution_method: Methods = None,
    out: Out = None,
    overwrite: Overwrite = False,
    threads: Thread = 0,
    as_json: AsJson = False,
) -> int:
    """Build episodes from claims: triggers, exclusions by reason, and a balance of every dollar."""
    use_threads(threads)
    import episodes as ep
    from episodes.reports.terminal import show_build, show_open_rules, show_reading, triggers
    from episodes.running.run_folder import about_built, check_place

    rules = load_rules(program, performance_year, baseline, period, amount_basis, without_exclusion, override)
    if out is not None:
        check_place(out, overwrite=overwrite)
    with progress_line("Reading claims", as_json):
        claims = ep.read_claims(source, layout=layout)
    known_at = date_of(as_of, "--as-of") if as_of else None
    built = build_with_progress(
        claims,
        rules,
        known_at,
        as_json,
        "Building episodes",
        threads,
        with_tables=() if without_tables else None,
        attribution_methods=attribution_method,
    )
    if out is not None:
        write_built(out, built, claims, overwrite=overwrite)
    if as_json:
        return print_json(
            {
                **about_built(built),
                "triggers": triggers(built).to_dicts(),
                "exclusions": built.ladder().to_dicts(),
                "balance": built.balance.to_dicts(),
                "run_folder": str(out) if out else None,
            }
        )
    console = console_for(as_json)
    show_reading(claims.report, console)
    show_build(built, console)
    show_open_rules(rules.open_rules(), console)
    if out is not None:
        console.print(f"Run folder: {out.resolve()}", highlight=False, soft_wrap=True)
    return 0


@app.command
def price(
    baseline: Annotated[Path, Parameter(help="Run folder of a baseline build (episodes build --baseline).")],
    *,
    out: Annotated[Path, Parameter(help="Run folder to write the prices into.")],
    rules_file: Annotated[Path | None, Parameter(help="The rules file, where the build used one of your own.")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Set target prices from baseline episodes: one price a price code and region."""
    import episodes as ep
    from episodes.running.run_folder import about_program, check_place, read_built, write_run

    check_place(out, overwrite=overwrite)
    built = read_built(baseline, rules_file, of_baseline=True)
    prices = ep.target_prices(built, built.program)
    about = {"program": about_program(built.program), "basis": built.basis}
    tables, documents = price_folder(prices)
    write_run(out, "prices", tables, about, documents=documents, overwrite=overwrite)
    if as_json:
        return print_json({"prices": prices.prices.to_dicts(), "run_folder": str(out)})
    console_for(as_json).print(f"{prices.prices.height:,} prices in {out.resolve()}", highlight=False, soft_wrap=True)
    return 0


@app.command
def explain(
    run: Annotated[Path, Parameter(help="Run folder of a build (episodes build).")],
    episode_id: Annotated[str, Parameter(help="Id of a candidate episode: column episode_id of episodes.parquet.")],
    *,
    rules_file: Annotated[Path | None, Parameter(help="The rules file, where the build used one of your own.")] = None,
    as_json: AsJson = False,
) -> int:
    """Explain one episode: why it is one, every rule that fired, what is in it and what is not, to the cent.

    It names the person's claims and clinicians.
    """
    import episodes as ep
    from episodes.running.run_folder import read_built

    explained = ep.explain(read_built(run, rules_file), episode_id)
    if as_json:
        return print_json(explained.to_dict())
    print(explained)
    return 0


@app.command(name="check-program")
def check_program(program: ProgramName, *, performance_year: Year = None, as_json: AsJson = False) -> int:
    """Check a rules file and list its rules with value, status and citation."""
    import episodes as ep

    loaded = ep.load_program(program, performance_year)
    rules = loaded.rule_list()
    if as_json:
        return print_json({"fingerprint": loaded.fingerprint, "rules": rules})
    from rich.table import Table

    table = Table(title=f"{loaded.rules.name}, performance year {loaded.performance_year}", title_justify="left")
    for column in ("rule", "value", "status", "citation"):
        table.add_column(column, overflow="fold")
    for rule in rules:
        table.add_row(rule["rule"], str(rule["value"])[:120], rule["status"], rule["citation"])
    console = console_for(as_json)
    console.print(table)
    console.print(f"{len(rules)} rules, {len(loaded.open_rules())} open. Fingerprint {loaded.fingerprint}")
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Entry point: errors a user can mend become one paragraph and exit code 1, wrong usage exit code 2."""
    try:
        code = app(arguments, exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
    except cyclopts.CycloptsError:
        sys.exit(2)
    except EpisodesError as error:
        print(f"episodes: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("episodes: stopped; nothing half-written is left behind.", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has gone (`episodes ... | head`); what is still buffered must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, MemoryError) as error:
        print(f"episodes: {what_the_machine_refused(error)}", file=sys.stderr)
        sys.exit(1)
    sys.exit(code or 0)
