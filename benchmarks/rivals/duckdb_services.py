"""Statements of the benchmark's job in DuckDB SQL: services in windows, and the three tables that are written."""

from __future__ import annotations

WHOLE = """
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

SERVICES = """
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

EPISODES = """
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

PROVIDERS = """
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

TOTALS = """
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

BALANCE = """
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
