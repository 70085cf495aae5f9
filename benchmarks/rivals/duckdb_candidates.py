"""Statements of the benchmark's job in DuckDB SQL: stays, anchors, windows, the ladder, overlap."""

from __future__ import annotations

STAYS = """
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

LEGS = """
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

CANDIDATES = """
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
    row_number() OVER (ORDER BY beneficiary_id, anchor_start, anchor_setting, anchor_end, anchor_ccn NULLS FIRST,
                                anchor_claim_id, anchor_line_number) AS episode
FROM dated
"""

JUDGED = """
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

DECIDED = """
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

WINDOWS = """
CREATE TEMP TABLE windows AS
SELECT
    episode, beneficiary_id, status, anchor_setting, anchor_claim_id, anchor_line_number, anchor_end, episode_start,
    episode_end, post_episode_end, operating_npi AS anchor_operating_npi, can_chain, chain,
    count(*) OVER (PARTITION BY beneficiary_id) = 1 AS alone
FROM decided
"""
