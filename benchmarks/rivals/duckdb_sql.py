"""The benchmark's job in DuckDB SQL, over plain Parquet or over native tables.

    python -m benchmarks.rivals.duckdb_sql CLAIMS OUT --threads 2

Columns of a service are decided once, in `services`; all that follows are sums over it. What people without an anchor
were paid is counted without looking at their windows.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.rivals import codes, duckdb_candidates, duckdb_services

if TYPE_CHECKING:
    import duckdb

PERIOD = ("2022-01-01", "2026-12-31")
TABLES = ("claims", "lines", "beneficiaries", "coverage")
COLUMNS = {
    "claims": (
        "beneficiary_id, claim_id, setting, from_date, thru_date, admission_date, discharge_date, discharge_status, "
        "ms_drg, pricing_drg, mdc, ccn, provider_type, attending_npi, operating_npi, standardized_cents, "
        "primary_payer_paid_cents, keep_inner, keep_inner_outer, process_date"
    ),
    "lines": (
        "beneficiary_id, claim_id, line_number, service_date, hcpcs, modifiers, revenue_center, place_of_service, "
        "status_indicator, rendering_npi, standardized_cents, primary_payer_paid_cents, charge_cents"
    ),
    "beneficiaries": "beneficiary_id, death_date",
    "coverage": "beneficiary_id, kind, start_date, end_date, detail",
}
"""Columns that the job reads; native tables hold these."""

STEPS = (
    ("stays", duckdb_candidates.STAYS),
    ("legs", duckdb_candidates.LEGS),
    ("candidates", duckdb_candidates.CANDIDATES),
    ("judged", duckdb_candidates.JUDGED),
    ("decided", duckdb_candidates.DECIDED),
    ("windows", duckdb_candidates.WINDOWS),
    ("whole", duckdb_services.WHOLE),
    ("services", duckdb_services.SERVICES),
    ("totals", duckdb_services.TOTALS),
)
WRITTEN = (
    ("episodes", duckdb_services.EPISODES),
    ("providers", duckdb_services.PROVIDERS),
    ("balance", duckdb_services.BALANCE),
)


def connect(threads: int, memory: str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection with the code lists as tables."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false")
    if memory is not None:
        connection.execute(f"SET memory_limit = '{memory}'")
    listed = {
        "anchor_codes (anchor_setting VARCHAR, code VARCHAR, category VARCHAR)": [
            (setting, code, category)
            for setting in ("inpatient", "outpatient")
            for code, category in codes.anchor_codes(setting).items()
        ],
        "ccn_ranges (rank INTEGER, kind VARCHAR, part VARCHAR, low VARCHAR, high VARCHAR)": codes.ccn_ranges(),
        "drg_mdcs (drg VARCHAR, mdc VARCHAR)": list(codes.mdc_by_drg().items()),
        "excluded_drgs (drg VARCHAR)": [(code,) for code in codes.excluded_drgs()],
        "excluded_drugs (hcpcs VARCHAR)": [(code,) for code in codes.excluded_drugs()],
    }
    for table, rows in listed.items():
        connection.execute(f"CREATE TABLE {table}")
        values = ", ".join("(" + ", ".join(repr(value) for value in row) + ")" for row in rows)
        connection.execute(f"INSERT INTO {table.split(' ', 1)[0]} VALUES {values}")
    return connection


def use_parquet(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The claims as views over a canonical folder."""
    for table in TABLES:
        place = folder / table / "*.parquet" if (folder / table).is_dir() else folder / f"{table}.parquet"
        connection.execute(f"CREATE VIEW {table} AS SELECT {COLUMNS[table]} FROM read_parquet('{place}')")


def load_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The claims as native tables, in the order of the folder, compressed as in a database file.

    Tables in memory are not compressed unless that is asked for, and are then slower to read.
    """
    connection.execute("ATTACH ':memory:' AS native (COMPRESS)")
    for table in TABLES:
        place = folder / table / "*.parquet" if (folder / table).is_dir() else folder / f"{table}.parquet"
        connection.execute(f"CREATE TABLE native.{table} AS SELECT {COLUMNS[table]} FROM read_parquet('{place}')")
        connection.execute(f"CREATE VIEW {table} AS FROM native.{table}")
    connection.execute("CHECKPOINT native")


def run(connection: duckdb.DuckDBPyConnection, out: Path) -> dict[str, float]:
    """Do the job and write the three tables; returns the processor seconds of each step."""
    import time

    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "first_day": PERIOD[0],
        "last_day": PERIOD[1],
        "out": str(out),
        "clotting_factors": ", ".join(map(repr, codes.clotting_factors())),
        "excluded_mdcs": ", ".join(map(repr, codes.EXCLUDED_MDCS)),
        "state_prefixes": ", ".join(map(repr, codes.excluded_state_prefixes())),
        "service_sums": ", ".join(
            f"sum(cents) FILTER (service = '{name}' AND period <> 'post_episode') AS {name}_cents"
            for name in codes.SERVICE_CATEGORIES
        ),
        "service_columns": ", ".join(
            f"coalesce({name}_cents, 0)::BIGINT AS {name}_cents" for name in codes.SERVICE_CATEGORIES
        ),
    }
    seconds = {}
    for name, statement in (*STEPS, *WRITTEN):
        started = time.process_time()
        connection.execute(statement.format(**texts) if "{" in statement else statement)
        seconds[name] = time.process_time() - started
    for name, _ in reversed(STEPS):
        connection.execute(f"DROP TABLE temp.{name}")
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """The job over plain Parquet, as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals.duckdb_sql")
    parser.add_argument("claims", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    connection = connect(chosen.threads)
    connection.execute(f"SET temp_directory = '{chosen.out}-spill'")
    use_parquet(connection, chosen.claims)
    run(connection, chosen.out)


if __name__ == "__main__":
    main()
