"""The benchmark's job in DuckDB SQL, over plain Parquet or over native tables.

    python -m benchmarks.rivals.duckdb_sql CLAIMS OUT --threads 2

Columns of a service are decided once, in `services`; all that follows are sums over it. What people without an anchor
were paid is counted without looking at their windows.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.rivals import codes

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

_STAYS = """
CREATE TEMP TABLE stays AS
WITH kinds AS (
    SELECT ccn, arg_min(kind, rank) AS kind
    FROM (SELECT DISTINCT ccn FROM claims WHERE setting = 'inpatient' AND length(ccn) = 6) AS c
    JOIN ccn_ranges AS r
      ON CASE part
            WHEN 'last4' THEN CASE WHEN regexp_full_match(ccn, '[0-9]{{6}}') THEN ccn[3:] END
            WHEN 'full6' THEN CASE WHEN regexp_full_match(ccn, '[0-9]{{6}}') THEN ccn END
            WHEN 'char3' THEN ccn[3] WHEN 'char5' THEN ccn[5] WHEN 'char6' THEN ccn[6] END BETWEEN low AND high
    GROUP BY ccn
)
SELECT
    c.beneficiary_id, c.claim_id, c.ccn, c.attending_npi, c.operating_npi, c.discharge_status, c.process_date,
    c.standardized_cents, c.primary_payer_paid_cents, c.keep_inner, c.keep_inner_outer,
    coalesce(c.provider_type, k.kind, 'other') AS kind,
    coalesce(c.admission_date, c.from_date) AS first_day,
    greatest(coalesce(c.discharge_date, c.thru_date), coalesce(c.admission_date, c.from_date)) AS last_day,
    coalesce(c.pricing_drg, c.ms_drg) AS drg,
    CASE WHEN coalesce(c.pricing_drg, c.ms_drg) IN (FROM excluded_drgs) THEN 'excluded_readmission_drg'
         WHEN coalesce(c.mdc, m.mdc) IN ({excluded_mdcs}) THEN 'excluded_readmission_mdc' END AS stay_exclusion
FROM claims AS c
LEFT JOIN kinds AS k ON k.ccn = c.ccn
LEFT JOIN drg_mdcs AS m ON m.drg = coalesce(c.pricing_drg, c.ms_drg)
WHERE c.setting = 'inpatient'
"""

_LEGS = """
CREATE TEMP TABLE legs AS
WITH enclosing AS (
    SELECT DISTINCT o.beneficiary_id, o.claim_id
    FROM stays AS o JOIN stays AS i
      ON o.beneficiary_id = i.beneficiary_id AND o.first_day <= i.first_day AND i.last_day <= o.last_day
    WHERE o.keep_inner IS NULL AND o.kind IN ('ltch', 'irf', 'ipf')
      AND i.kind IN ('acute', 'cah', 'cancer', 'emergency', 'veteran')
), inner_stays AS (
    SELECT *, kind IN ('acute', 'cah', 'cancer', 'emergency', 'veteran') AS can_chain
    FROM stays ANTI JOIN enclosing USING (beneficiary_id, claim_id)
    WHERE coalesce(keep_inner, true)
), placed AS (
    SELECT *,
        row_number() OVER w AS place,
        can_chain AND coalesce(lag(last_day) OVER w = first_day AND lag(ccn) OVER w IS DISTINCT FROM ccn, false)
            AS joins_previous
    FROM inner_stays
    WINDOW w AS (PARTITION BY beneficiary_id, can_chain
                 ORDER BY first_day, last_day, process_date NULLS FIRST, ccn NULLS FIRST, claim_id)
)
SELECT *, sum((NOT joins_previous)::INTEGER) OVER (PARTITION BY beneficiary_id, can_chain ORDER BY place) AS chain
FROM placed
"""

_CANDIDATES = """
CREATE TEMP TABLE candidates AS
WITH chains AS (
    SELECT
        beneficiary_id, can_chain, chain,
        arg_min({{ccn: ccn, kind: kind, attending: attending_npi, operating: operating_npi}}, place) AS first_leg,
        arg_max({{claim_id: claim_id, drg: drg, discharge_status: discharge_status, last_day: last_day}}, place)
            AS last_leg,
        min(first_day) AS first_day, sum(primary_payer_paid_cents) AS other_payer_cents
    FROM legs GROUP BY ALL
), anchors AS (
    SELECT
        c.beneficiary_id, a.category, 'inpatient' AS anchor_setting, last_leg.claim_id AS anchor_claim_id,
        0 AS anchor_line_number, first_leg.ccn AS anchor_ccn, first_leg.kind AS kind,
        first_leg.operating AS operating_npi, first_leg.attending AS attending_npi, c.first_day AS anchor_start,
        last_leg.last_day AS anchor_end, last_leg.discharge_status AS discharge_status, c.other_payer_cents,
        can_chain, chain
    FROM chains AS c JOIN anchor_codes AS a ON a.anchor_setting = 'inpatient' AND a.code = c.last_leg.drg
  UNION ALL
    (SELECT
        l.beneficiary_id, a.category, 'outpatient', l.claim_id, l.line_number, c.ccn,
        coalesce(c.provider_type, (
            SELECT arg_min(r.kind, rank) FROM ccn_ranges AS r WHERE length(c.ccn) = 6 AND CASE part
                WHEN 'last4' THEN CASE WHEN regexp_full_match(c.ccn, '[0-9]{{6}}') THEN c.ccn[3:] END
                WHEN 'full6' THEN CASE WHEN regexp_full_match(c.ccn, '[0-9]{{6}}') THEN c.ccn END
                WHEN 'char3' THEN c.ccn[3] WHEN 'char5' THEN c.ccn[5] WHEN 'char6' THEN c.ccn[6] END
                BETWEEN low AND high), 'other'),
        c.operating_npi, c.attending_npi, l.service_date, l.service_date, c.discharge_status,
        l.primary_payer_paid_cents, NULL, NULL
    FROM lines AS l
    JOIN anchor_codes AS a ON a.anchor_setting = 'outpatient' AND a.code = l.hcpcs
    JOIN claims AS c ON c.beneficiary_id = l.beneficiary_id AND c.claim_id = l.claim_id AND c.setting = 'outpatient'
    WHERE l.service_date IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY l.beneficiary_id, l.service_date
        ORDER BY l.standardized_cents DESC NULLS LAST, c.process_date DESC NULLS LAST,
                 l.charge_cents DESC NULLS LAST, l.claim_id, l.line_number) = 1)
), dated AS (
    SELECT a.*, anchor_end + 89 AS scheduled_end,
        CASE WHEN b.death_date >= a.anchor_start THEN b.death_date END AS died,
        b.beneficiary_id IS NOT NULL AS in_beneficiaries
    FROM anchors AS a LEFT JOIN beneficiaries AS b USING (beneficiary_id)
)
SELECT *, anchor_start AS episode_start,
    CASE WHEN died <= scheduled_end THEN greatest(died, anchor_end) ELSE scheduled_end END AS episode_end,
    CASE WHEN died <= scheduled_end THEN greatest(died, anchor_end) ELSE least(scheduled_end + 30, died) END
        AS post_episode_end,
    least(scheduled_end, died) AS tested_to,
    row_number() OVER (ORDER BY beneficiary_id, anchor_start, anchor_setting, anchor_end, anchor_claim_id,
                                anchor_line_number) AS episode
FROM dated
"""

_JUDGED = """
CREATE TEMP TABLE judged AS
WITH of_people AS MATERIALIZED (
    SELECT * FROM coverage SEMI JOIN candidates USING (beneficiary_id)
), parts AS (
    SELECT o.beneficiary_id, p.part, o.start_date, coalesce(o.end_date, DATE '9999-12-31') AS end_date
    FROM of_people AS o JOIN (VALUES ('part_a'), ('part_b')) AS p(part)
      ON o.kind = p.part OR (o.kind = 'unknown' AND (o.detail IS NULL OR o.detail = p.part))
), reached AS (
    SELECT *, max(end_date) OVER (PARTITION BY beneficiary_id, part ORDER BY start_date, end_date
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM parts
), numbered AS (
    SELECT *, sum((reached IS NULL OR start_date > reached + 1)::INTEGER) OVER (
        PARTITION BY beneficiary_id, part ORDER BY start_date, end_date ROWS UNBOUNDED PRECEDING) AS spell
    FROM reached
), spells AS (
    SELECT beneficiary_id, part, min(start_date) AS first_day, max(end_date) AS last_day
    FROM numbered GROUP BY beneficiary_id, part, spell
), covered AS (
    SELECT c.episode, count(DISTINCT s.part) AS parts
    FROM candidates AS c JOIN spells AS s
      ON s.beneficiary_id = c.beneficiary_id AND s.first_day <= c.episode_start AND s.last_day >= c.tested_to
    GROUP BY c.episode
), met AS (
    SELECT c.episode,
        bool_or(o.kind = 'unknown') AS unknown, bool_or(o.kind = 'medicare_advantage') AS medicare_advantage,
        bool_or(o.kind = 'esrd_entitlement') AS esrd, bool_or(o.kind = 'other_primary_payer') AS other_payer
    FROM candidates AS c JOIN of_people AS o
      ON o.beneficiary_id = c.beneficiary_id AND o.start_date <= c.tested_to
     AND (o.end_date IS NULL OR o.end_date >= c.episode_start)
    GROUP BY c.episode
)
SELECT c.*, concat_ws(';',
    CASE WHEN anchor_end NOT BETWEEN DATE '{first_day}' AND DATE '{last_day}' THEN 'out_of_period' END,
    CASE WHEN c.kind <> 'acute' THEN 'not_acute_hospital' END,
    CASE WHEN anchor_ccn[:2] IN ({state_prefixes}) THEN 'excluded_state' END,
    CASE WHEN NOT in_beneficiaries AND beneficiary_id NOT IN (SELECT beneficiary_id FROM of_people)
         THEN 'no_enrolment_record' END,
    CASE WHEN coalesce(covered.parts, 0) < 2 THEN 'not_in_part_a_and_b' END,
    CASE WHEN met.unknown THEN 'coverage_unknown' END,
    CASE WHEN met.medicare_advantage THEN 'medicare_advantage' END,
    CASE WHEN met.esrd THEN 'esrd_entitlement' END,
    CASE WHEN met.other_payer OR other_payer_cents > 0 THEN 'other_primary_payer' END,
    CASE WHEN died <= anchor_end OR discharge_status = '20' THEN 'death_in_anchor' END) AS reasons
FROM candidates AS c LEFT JOIN covered USING (episode) LEFT JOIN met USING (episode)
"""

_DECIDED = """
CREATE TEMP TABLE decided AS
WITH RECURSIVE competing AS (
    SELECT episode, beneficiary_id, category, episode_start, episode_end,
        row_number() OVER (PARTITION BY beneficiary_id ORDER BY episode) AS place
    FROM judged WHERE reasons = ''
), walk AS (
    SELECT beneficiary_id, place, episode AS previous, episode_end AS previous_end, category AS previous_category,
        NULL::BIGINT AS cancelled, NULL::BIGINT AS within
    FROM competing WHERE place = 1
  UNION ALL
    SELECT beneficiary_id, place,
        CASE WHEN meets AND NOT alike THEN previous ELSE episode END,
        CASE WHEN meets AND NOT alike THEN previous_end ELSE episode_end END,
        CASE WHEN meets AND NOT alike THEN previous_category ELSE category END,
        CASE WHEN meets AND alike THEN previous END,
        CASE WHEN meets AND NOT alike THEN episode END
    FROM (
        SELECT c.*, w.previous, w.previous_end, w.previous_category,
            c.episode_start <= w.previous_end AS meets, c.category = w.previous_category AS alike
        FROM walk AS w JOIN competing AS c ON c.beneficiary_id = w.beneficiary_id AND c.place = w.place + 1
    )
), lost AS (
    SELECT cancelled AS episode, 'cancelled_by_later_episode' AS reason FROM walk WHERE cancelled IS NOT NULL
  UNION ALL
    SELECT within, 'within_earlier_episode' FROM walk WHERE within IS NOT NULL
)
SELECT j.* EXCLUDE (reasons),
    CASE WHEN j.reasons <> '' THEN 'excluded' WHEN l.reason IS NOT NULL THEN 'overlapped' ELSE 'final' END AS status,
    coalesce(l.reason, j.reasons) AS reasons
FROM judged AS j LEFT JOIN lost AS l USING (episode)
"""

_WINDOWS = """
CREATE TEMP TABLE windows AS
SELECT
    episode, beneficiary_id, status, anchor_setting, anchor_claim_id, anchor_line_number, anchor_end, episode_start,
    episode_end, post_episode_end, operating_npi AS anchor_operating_npi, can_chain, chain,
    count(*) OVER (PARTITION BY beneficiary_id) = 1 AS alone
FROM decided
"""

_WHOLE = """
CREATE TEMP TABLE whole AS
WITH items AS (
    SELECT
        s.beneficiary_id, s.claim_id, 'inpatient' AS setting, s.kind, s.first_day, s.last_day, s.standardized_cents,
        s.primary_payer_paid_cents, coalesce(s.keep_inner_outer, true) AS kept, s.stay_exclusion,
        s.operating_npi, s.attending_npi, s.ccn, g.can_chain, g.chain
    FROM stays AS s LEFT JOIN legs AS g USING (beneficiary_id, claim_id)
    SEMI JOIN decided USING (beneficiary_id)
  UNION ALL
    SELECT
        beneficiary_id, claim_id, setting, NULL,
        CASE WHEN setting = 'snf' THEN coalesce(admission_date, from_date) ELSE from_date END,
        CASE WHEN setting = 'snf'
             THEN greatest(coalesce(discharge_date, thru_date), coalesce(admission_date, from_date))
             ELSE thru_date END,
        standardized_cents, primary_payer_paid_cents, true, NULL, operating_npi, attending_npi, ccn, NULL, NULL
    FROM claims SEMI JOIN decided USING (beneficiary_id)
    WHERE setting IN ('snf', 'home_health', 'hospice')
), looked_at AS (
    SELECT
        i.* EXCLUDE (beneficiary_id), e.*,
        coalesce(e.anchor_setting = 'inpatient' AND e.can_chain = i.can_chain AND e.chain = i.chain, false) AS own
    FROM items AS i JOIN windows AS e
      ON e.beneficiary_id = i.beneficiary_id AND i.first_day BETWEEN e.episode_start AND e.post_episode_end
)
SELECT *,
    CASE WHEN own OR first_day < anchor_end OR (first_day = anchor_end AND anchor_setting = 'outpatient')
         THEN 'anchor' WHEN first_day <= episode_end THEN 'post' ELSE 'post_episode' END AS period,
    CASE WHEN own THEN NULL
         WHEN standardized_cents IS NULL THEN 'no_amount_on_basis'
         WHEN primary_payer_paid_cents > 0 THEN 'other_payer'
         WHEN anchor_setting = 'outpatient' OR first_day >= anchor_end THEN stay_exclusion END AS reason
FROM looked_at WHERE own OR kept
"""

_SERVICES = """
CREATE TEMP TABLE services AS
WITH line_claims AS MATERIALIZED (
    SELECT
        c.claim_id, c.setting, c.from_date, c.operating_npi, c.attending_npi, c.ccn, e.*
    FROM claims AS c JOIN windows AS e ON e.beneficiary_id = c.beneficiary_id
    WHERE c.setting IN ('outpatient', 'professional', 'dme', 'drug')
), excluded_stays AS (
    SELECT episode, list({{'first': first_day, 'last': last_day}}) AS excluded_stays FROM whole
    WHERE setting = 'inpatient' AND reason IN ('excluded_readmission_drg', 'excluded_readmission_mdc')
    GROUP BY episode
), looked_at AS (
    SELECT
        c.*, l.line_number, coalesce(l.service_date, c.from_date) AS first_day, l.standardized_cents,
        l.primary_payer_paid_cents, l.hcpcs, l.modifiers, l.revenue_center, l.place_of_service, l.status_indicator,
        l.rendering_npi,
        c.anchor_setting = 'outpatient' AND c.anchor_claim_id = c.claim_id AND c.anchor_line_number = l.line_number
            AS own
    FROM lines AS l JOIN line_claims AS c
      ON c.beneficiary_id = l.beneficiary_id AND c.claim_id = l.claim_id
     AND coalesce(l.service_date, c.from_date) BETWEEN c.episode_start AND c.post_episode_end
), placed AS (
    SELECT l.*, s.excluded_stays,
        CASE WHEN own OR first_day < anchor_end OR (first_day = anchor_end AND (anchor_setting = 'outpatient'
                  OR (setting = 'professional' AND coalesce(place_of_service IN ('21', '23'), false)))) THEN 'anchor'
             WHEN first_day <= episode_end THEN 'post' ELSE 'post_episode' END AS period
    FROM looked_at AS l LEFT JOIN excluded_stays AS s USING (episode)
), of_lines AS (
    SELECT
        episode, beneficiary_id, alone, claim_id, line_number, status, period,
        CASE WHEN own THEN NULL
             WHEN setting = 'drug' THEN 'setting_not_covered'
             WHEN standardized_cents IS NULL THEN 'no_amount_on_basis'
             WHEN primary_payer_paid_cents > 0 THEN 'other_payer'
             WHEN hcpcs IN ({clotting_factors}) THEN 'clotting_factor'
             WHEN hcpcs IN (FROM excluded_drugs) THEN 'excluded_part_b_drug'
             WHEN setting = 'outpatient' AND status_indicator = 'H' THEN 'device_pass_through'
             WHEN excluded_stays IS NOT NULL AND setting = 'professional' AND period <> 'anchor'
                  AND len(list_filter(excluded_stays, lambda s: first_day BETWEEN s.first AND s.last)) > 0
             THEN 'professional_in_excluded_stay' END AS reason,
        coalesce(standardized_cents, 0) AS full_cents,
        CASE WHEN own OR (anchor_setting = 'outpatient' AND setting = 'outpatient' AND claim_id = anchor_claim_id
                          AND period = 'anchor') THEN 'anchor_facility'
             WHEN setting = 'dme' THEN setting
             WHEN setting = 'drug' OR hcpcs[1] = 'J' OR revenue_center = '0636' THEN 'drugs'
             WHEN setting = 'outpatient' AND revenue_center IN ('0450', '0451', '0452', '0456', '0459', '0981')
             THEN 'emergency'
             WHEN setting = 'outpatient' THEN 'outpatient'
             WHEN hcpcs BETWEEN '00100' AND '01999' THEN 'anesthesia'
             WHEN list_has_any(modifiers, ['80', '81', '82', 'AS']) THEN 'assistant'
             WHEN period = 'anchor' AND rendering_npi = anchor_operating_npi THEN 'surgeon'
             ELSE 'professional' END AS service,
        rendering_npi, operating_npi, attending_npi, ccn
    FROM placed
), split AS (
    SELECT *,
        coalesce(standardized_cents, 0) AS full_cents, last_day - first_day + 1 AS days,
        CASE WHEN reason IS NULL AND NOT own AND last_day > boundary THEN greatest(0, boundary - first_day + 1) END
            AS days_inside
    FROM (SELECT *, CASE WHEN period = 'post_episode' THEN post_episode_end ELSE episode_end END AS boundary
          FROM whole)
)
SELECT
    episode, beneficiary_id, alone, claim_id, line_number, status, period, reason, full_cents,
    CASE WHEN reason IS NULL THEN full_cents ELSE 0 END AS cents, false AS carries_over, service,
    rendering_npi, operating_npi, attending_npi, ccn
FROM of_lines
UNION ALL
SELECT
    episode, beneficiary_id, alone, claim_id, 0, status, period, reason, full_cents,
    CASE WHEN reason IS NOT NULL THEN 0
         WHEN days_inside IS NULL THEN full_cents
         ELSE (2 * full_cents * days_inside + days) // (2 * days)
              - ((2 * full_cents * days_inside + days) % (2 * days) < 0)::INTEGER END,
    days_inside IS NOT NULL AND period <> 'post_episode' AND post_episode_end > episode_end,
    CASE WHEN own THEN 'anchor_facility' WHEN kind IN ('ltch', 'irf', 'ipf') THEN kind
         WHEN setting = 'inpatient' THEN 'readmission' ELSE setting END,
    NULL, operating_npi, attending_npi, ccn
FROM split
"""

_EPISODES = """
COPY (
    WITH sums AS (
        SELECT episode,
            sum(cents) FILTER (period = 'anchor') AS anchor_cents,
            sum(cents) FILTER (period = 'post') AS post_cents,
            coalesce(sum(cents) FILTER (period = 'post_episode'), 0)
                + coalesce(sum(full_cents - cents) FILTER (carries_over), 0) AS post_episode_cents,
            {service_sums}
        FROM services GROUP BY episode
    )
    SELECT
        beneficiary_id, category, anchor_setting, anchor_claim_id, anchor_ccn, operating_npi, attending_npi,
        anchor_start, anchor_end, episode_start, episode_end, post_episode_end, status, reasons,
        0::BIGINT AS pre_cents,
        coalesce(anchor_cents, 0)::BIGINT AS anchor_cents, coalesce(post_cents, 0)::BIGINT AS post_cents,
        coalesce(post_episode_cents, 0)::BIGINT AS post_episode_cents,
        (coalesce(anchor_cents, 0) + coalesce(post_cents, 0))::BIGINT AS episode_cents,
        {service_columns}
    FROM decided LEFT JOIN sums USING (episode)
) TO '{out}/episodes.parquet' (FORMAT parquet, COMPRESSION zstd)
"""

_PROVIDERS = """
COPY (
    WITH counted AS MATERIALIZED (
        SELECT rendering_npi, operating_npi, attending_npi, ccn, sum(cents) AS cents
        FROM services WHERE status = 'final' AND reason IS NULL AND period <> 'post_episode'
        GROUP BY ALL
    )
    SELECT role, provider_id, sum(cents)::BIGINT AS cents FROM (
        SELECT 'rendering' AS role, rendering_npi AS provider_id, cents FROM counted
        UNION ALL SELECT 'operating', operating_npi, cents FROM counted
        UNION ALL SELECT 'attending', attending_npi, cents FROM counted
        UNION ALL SELECT 'ccn', ccn, cents FROM counted
    ) WHERE provider_id IS NOT NULL GROUP BY role, provider_id
) TO '{out}/providers.parquet' (FORMAT parquet, COMPRESSION zstd)
"""

_TOTALS = """
CREATE TEMP TABLE totals AS
WITH people AS (SELECT DISTINCT beneficiary_id FROM decided)
SELECT anchored, sum(items)::BIGINT AS items, coalesce(sum(cents), 0)::BIGINT AS cents FROM (
    SELECT beneficiary_id IN (FROM people) AS anchored, count(*) AS items, sum(standardized_cents) AS cents
    FROM claims WHERE setting IN ('inpatient', 'snf', 'home_health', 'hospice') GROUP BY 1
  UNION ALL
    SELECT beneficiary_id IN (FROM people), count(*), sum(standardized_cents)
    FROM lines ANTI JOIN (
        SELECT beneficiary_id, claim_id FROM claims WHERE setting IN ('inpatient', 'snf', 'home_health', 'hospice')
    ) USING (beneficiary_id, claim_id) GROUP BY 1
) GROUP BY anchored
"""

_BALANCE = """
COPY (
    WITH counted AS (
        SELECT *, status = 'final' AND reason IS NULL AS counts FROM services
    ), by_item AS (
        SELECT
            full_cents,
            CASE WHEN counts AND period <> 'post_episode' THEN period END AS in_period,
            CASE WHEN counts AND period <> 'post_episode' THEN cents END AS in_cents,
            CASE WHEN counts AND carries_over THEN full_cents - cents END AS carried_cents,
            CASE WHEN counts AND period = 'post_episode' THEN cents END AS after_cents,
            status <> 'final' AS not_final,
            CASE WHEN status = 'final' THEN reason END AS excluded
        FROM counted WHERE alone
      UNION ALL
        SELECT
            any_value(full_cents) AS full_cents,
            any_value(period) FILTER (counts AND period <> 'post_episode') AS in_period,
            sum(cents) FILTER (counts AND period <> 'post_episode') AS in_cents,
            sum(full_cents - cents) FILTER (counts AND carries_over) AS carried_cents,
            arg_min(cents, episode) FILTER (counts AND period = 'post_episode') AS after_cents,
            bool_or(status <> 'final') AS not_final,
            arg_min(reason, episode) FILTER (status = 'final' AND reason IS NOT NULL) AS excluded
        FROM counted WHERE NOT alone GROUP BY beneficiary_id, claim_id, line_number
    ), booked AS (
        SELECT *, CASE WHEN in_period IS NOT NULL THEN carried_cents ELSE after_cents END AS later_cents FROM by_item
    ), entries AS (
        SELECT 'final_episode' AS destination, in_period AS period, NULL AS reason, count(*) AS items,
            sum(in_cents) AS cents
        FROM booked WHERE in_period IS NOT NULL GROUP BY in_period
      UNION ALL
        SELECT 'post_episode', NULL, NULL, count(*), sum(later_cents) FROM booked WHERE later_cents IS NOT NULL
      UNION ALL
        SELECT 'outside', NULL, 'past_windows', count(*),
            sum(full_cents - coalesce(in_cents, 0) - coalesce(later_cents, 0))
        FROM booked WHERE (in_period IS NOT NULL OR later_cents IS NOT NULL)
            AND full_cents <> coalesce(in_cents, 0) + coalesce(later_cents, 0)
      UNION ALL
        SELECT CASE WHEN not_final THEN 'not_final' ELSE 'excluded' END, NULL,
            CASE WHEN NOT not_final THEN excluded END, count(*), sum(full_cents)
        FROM booked WHERE in_period IS NULL AND later_cents IS NULL GROUP BY ALL
      UNION ALL
        SELECT 'outside', NULL, 'not_kept_stay', count(*), coalesce(sum(s.standardized_cents), 0)
        FROM stays AS s SEMI JOIN decided USING (beneficiary_id)
        ANTI JOIN (SELECT beneficiary_id, claim_id FROM services WHERE line_number = 0)
            USING (beneficiary_id, claim_id)
        WHERE s.keep_inner_outer = false
    ), all_entries AS (
        FROM entries
      UNION ALL
        SELECT 'outside', NULL, NULL,
            (SELECT items FROM totals WHERE anchored) - (SELECT count(*) FROM by_item)
                - (SELECT items FROM entries WHERE reason = 'not_kept_stay'),
            (SELECT cents FROM totals WHERE anchored) - (SELECT sum(cents) FROM entries)
      UNION ALL
        SELECT 'no_episode', NULL, NULL, coalesce(sum(items), 0), coalesce(sum(cents), 0)
        FROM totals WHERE NOT anchored
    )
    SELECT destination, period, reason, items::BIGINT AS items, cents::BIGINT AS cents FROM all_entries
    WHERE items > 0 OR destination = 'no_episode' ORDER BY ALL
) TO '{out}/balance.parquet' (FORMAT parquet, COMPRESSION zstd)
"""

STEPS = (
    ("stays", _STAYS),
    ("legs", _LEGS),
    ("candidates", _CANDIDATES),
    ("judged", _JUDGED),
    ("decided", _DECIDED),
    ("windows", _WINDOWS),
    ("whole", _WHOLE),
    ("services", _SERVICES),
    ("totals", _TOTALS),
)
WRITTEN = (("episodes", _EPISODES), ("providers", _PROVIDERS), ("balance", _BALANCE))


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
    """The claims as native tables, in the order of the folder."""
    for table in TABLES:
        place = folder / table / "*.parquet" if (folder / table).is_dir() else folder / f"{table}.parquet"
        connection.execute(f"CREATE TABLE {table} AS SELECT {COLUMNS[table]} FROM read_parquet('{place}')")


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
    use_parquet(connection, chosen.claims)
    run(connection, chosen.out)


if __name__ == "__main__":
    main()
