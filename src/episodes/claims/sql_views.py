"""The SQL door of a store: a script of views, so that a DuckDB user queries it without this library.

The script stands in the store as `views.sql` and holds no place of its own: the views look for their files in the
folder of the variable `store`, else in the folder where DuckDB was started.
"""

from __future__ import annotations

from pathlib import Path

from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS, TABLES

SCRIPT = "views.sql"

_HEAD = """\
-- Views over the claims of this store, for DuckDB. Start DuckDB in the folder of the store:
--
--     duckdb -cmd ".read views.sql"
--
-- or say where the store lies before the script is read:
--
--     SET VARIABLE store = 'STORE';
--     .read STORE/views.sql
--
-- In Python:
--
--     connection.execute("SET VARIABLE store = 'STORE'")
--     connection.execute(open("STORE/views.sql").read())
--
-- Amounts are whole cents. Columns of the tables: see the claims contract (docs/claims-contract.md).
"""

_PAYABLE_ITEMS = """\
-- Every dollar once: the claim where the payment is set for the whole claim (line_number 0), the line where it is set
-- by line. A line without a date has its claim's first day. Which settings a programme pays is its own rule.
CREATE OR REPLACE VIEW payable_items AS
SELECT
    beneficiary_id, claim_id, 0 AS line_number, setting, from_date AS service_start, ccn, ms_drg,
    NULL::VARCHAR AS hcpcs, NULL::VARCHAR AS rendering_npi, NULL::VARCHAR AS tin,
    allowed_cents, paid_cents, standardized_cents, primary_payer_paid_cents
FROM claims
WHERE setting IN ({claim_paid})
UNION ALL
SELECT
    l.beneficiary_id, l.claim_id, l.line_number, c.setting, coalesce(l.service_date, c.from_date), c.ccn, NULL,
    l.hcpcs, l.rendering_npi, l.tin,
    l.allowed_cents, l.paid_cents, l.standardized_cents, l.primary_payer_paid_cents
FROM lines AS l JOIN claims AS c USING (beneficiary_id, claim_id)
WHERE c.setting IN ({line_paid});
"""

_CLAIMS_WITH_PEOPLE = """\
-- Claims with what is known of the person; a person without a record keeps the claims, with nulls.
CREATE OR REPLACE VIEW claims_with_people AS
SELECT
    c.*, b.birth_date, b.death_date, b.sex, b.state, b.county,
    date_sub('year', b.birth_date, c.from_date) AS age_at_from_date
FROM claims AS c LEFT JOIN beneficiaries AS b USING (beneficiary_id);
"""


def write_views(store: Path, people_tables: tuple[str, ...]) -> None:
    """Write the script into a store; `people_tables` are folders of Parquet files, a file a bucket of people."""
    views = [_view(name, f"{name}/*.parquet") for name in people_tables]
    views += [_view(name, f"{name}.parquet") for name in TABLES if name not in people_tables]
    payable = _PAYABLE_ITEMS.format(claim_paid=_quoted(CLAIM_PAID_SETTINGS), line_paid=_quoted(LINE_PAID_SETTINGS))
    script = "\n".join([_HEAD, "".join(views), payable, _CLAIMS_WITH_PEOPLE])
    (store / SCRIPT).write_text(script, encoding="utf-8")


def _view(name: str, files: str) -> str:
    place = f"coalesce(getvariable('store'), '.') || '/{files}'"
    return f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({place});\n"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
