"""Services of the benchmark's job in pandas: every payable item in the windows of every candidate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.rivals import codes
from benchmarks.rivals.pandas_candidates import ITEM, KEYS, PAID_BY_CLAIM, PAID_BY_LINE, chosen, read

if TYPE_CHECKING:
    import pandas as pd

EMERGENCY_CENTERS = ["0450", "0451", "0452", "0456", "0459", "0981"]
ASSISTANTS = frozenset({"80", "81", "82", "AS"})
ROW_COLUMNS = ["episode", "alone", *ITEM, "status", "period", "reason", "full_cents", "cents", "carries_over",
               "service", "rendering_npi", "operating_npi", "attending_npi", "ccn"]  # fmt: skip


def services_of(folder: Path, episodes: pd.DataFrame, stays: pd.DataFrame, legs: pd.DataFrame) -> pd.DataFrame:
    """Every payable item in the windows of every candidate: period, reason, cents, category."""
    import pandas as pd

    people = [("beneficiary_id", "in", list(episodes["beneficiary_id"].unique()))]
    columns = ["setting", "from_date", "thru_date", "admission_date", "discharge_date", "standardized_cents",
               "primary_payer_paid_cents", "operating_npi", "attending_npi", "ccn"]  # fmt: skip
    claims = read(folder, "claims", [*KEYS, *columns], [*people, ("setting", "!=", "inpatient")])
    windows = episodes[
        ["episode", "beneficiary_id", "alone", "status", "anchor_setting", "anchor_claim_id", "anchor_line_number",
         "anchor_end", "episode_start", "episode_end", "post_episode_end", "chain", "operating_npi"]
    ].rename(columns={"operating_npi": "anchor_operating_npi"})  # fmt: skip
    whole = _whole_rows(windows, stays, legs, claims[claims["setting"].isin(PAID_BY_CLAIM)])
    headers = claims.loc[
        claims["setting"].isin(PAID_BY_LINE), [*KEYS, "setting", "from_date", "operating_npi", "attending_npi", "ccn"]
    ]
    del claims
    columns = ["service_date", "hcpcs", "modifiers", "revenue_center", "place_of_service", "status_indicator",
               "rendering_npi", "standardized_cents", "primary_payer_paid_cents"]  # fmt: skip
    lines = read(folder, "lines", [*ITEM, *columns], people)
    lines = lines.merge(headers, on=KEYS)
    lines["first_day"] = lines["service_date"].fillna(lines["from_date"])
    rows = lines.merge(windows.drop(columns="chain"), on="beneficiary_id")
    del lines
    rows = rows[(rows["first_day"] >= rows["episode_start"]) & (rows["first_day"] <= rows["post_episode_end"])]
    return pd.concat([whole[ROW_COLUMNS], _line_rows(rows.copy(), whole)], ignore_index=True)


def _whole_rows(windows: pd.DataFrame, stays: pd.DataFrame, legs: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    inpatient = stays.merge(legs[[*KEYS, "chain"]].rename(columns={"chain": "leg_of"}), on=KEYS, how="left")
    inpatient["setting"] = "inpatient"
    is_snf = others["setting"] == "snf"
    first = others["admission_date"].fillna(others["from_date"]).where(is_snf, others["from_date"])
    last = others["discharge_date"].fillna(others["thru_date"]).where(is_snf, others["thru_date"])
    others = others.assign(
        first_day=first, last_day=last.where(last >= first, first), kept=True, kind=None, stay_exclusion=None
    )
    rows = pd.concat([inpatient, others], ignore_index=True).merge(windows, on="beneficiary_id")
    rows = rows[(rows["first_day"] >= rows["episode_start"]) & (rows["first_day"] <= rows["post_episode_end"])]
    own = (rows["chain"] == rows["leg_of"]).fillna(False).astype(bool)
    rows = rows.assign(own=own)[own | rows["kept"].astype(bool)]
    own, outpatient = rows["own"], rows["anchor_setting"] == "outpatient"
    at_end = rows["first_day"] == rows["anchor_end"]
    period = chosen(
        [
            (own | (rows["first_day"] < rows["anchor_end"]) | (at_end & outpatient), "anchor"),
            (rows["first_day"] <= rows["episode_end"], "post"),
        ],
        "post_episode",
    )
    after = outpatient | (rows["first_day"] >= rows["anchor_end"])
    reason = chosen(
        [
            (own, None),
            (rows["standardized_cents"].isna(), "no_amount_on_basis"),
            (rows["primary_payer_paid_cents"] > 0, "other_payer"),
            (after, rows["stay_exclusion"].astype(object).where(rows["stay_exclusion"].notna(), None)),
        ],
        None,
    )
    included = pd.isna(reason)
    boundary = rows["episode_end"].where(period != "post_episode", rows["post_episode_end"])
    splits = included & ~own & (rows["last_day"] > boundary)
    full = rows["standardized_cents"].fillna(0).astype("int64")
    inside = ((boundary - rows["first_day"]).dt.days + 1).clip(lower=0)
    days = (rows["last_day"] - rows["first_day"]).dt.days + 1
    share = (2 * full * inside + days) // (2 * days)
    cents = np.where(included, np.where(splits, share, full), 0)
    return rows.assign(
        period=period,
        reason=reason,
        full_cents=full,
        cents=cents,
        carries_over=splits & (period != "post_episode") & (rows["post_episode_end"] > rows["episode_end"]),
        service=chosen(
            [
                (own, "anchor_facility"),
                (rows["kind"].isin(["ltch", "irf", "ipf"]), rows["kind"]),
                (rows["setting"] == "inpatient", "readmission"),
            ],
            rows["setting"].to_numpy(dtype=object),
        ),
        line_number=0,
        rendering_npi=None,
        excludes=np.isin(reason.astype(str), ["excluded_readmission_drg", "excluded_readmission_mdc"]),
    )


def _line_rows(rows: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    import numpy as np

    setting, hcpcs = rows["setting"], rows["hcpcs"]
    outpatient_line, professional = setting == "outpatient", setting == "professional"
    outpatient = rows["anchor_setting"] == "outpatient"
    same_claim = rows["claim_id"] == rows["anchor_claim_id"]
    own = outpatient & same_claim & (rows["line_number"] == rows["anchor_line_number"])
    at_end = rows["first_day"] == rows["anchor_end"]
    in_hospital = professional & rows["place_of_service"].isin(["21", "23"])
    is_anchor = own | (rows["first_day"] < rows["anchor_end"]) | (at_end & (outpatient | in_hospital))
    rows["period"] = chosen([(is_anchor, "anchor"), (rows["first_day"] <= rows["episode_end"], "post")], "post_episode")
    reason = chosen(
        [
            (own, None),
            (setting == "drug", "setting_not_covered"),
            (rows["standardized_cents"].isna(), "no_amount_on_basis"),
            (rows["primary_payer_paid_cents"] > 0, "other_payer"),
            (hcpcs.isin(codes.clotting_factors()), "clotting_factor"),
            (hcpcs.isin(codes.excluded_drugs()), "excluded_part_b_drug"),
            (outpatient_line & (rows["status_indicator"] == "H"), "device_pass_through"),
        ],
        None,
    )
    rows["place"] = np.arange(len(rows))
    tested = rows.loc[professional & ~is_anchor & np.equal(reason, None), ["episode", "first_day", "place"]]
    stays = whole.loc[whole["excludes"], ["episode", "first_day", "last_day"]]
    pairs = tested.merge(stays, on="episode", suffixes=("", "_stay"))
    inside = (pairs["first_day_stay"] <= pairs["first_day"]) & (pairs["first_day"] <= pairs["last_day"])
    reason[pairs.loc[inside, "place"].unique()] = "professional_in_excluded_stay"
    has_modifiers = rows["modifiers"].notna().to_numpy()
    assistant = np.zeros(len(rows), dtype=bool)
    assistant[has_modifiers] = [not ASSISTANTS.isdisjoint(listed) for listed in rows["modifiers"][has_modifiers]]
    drugs = (setting == "drug") | hcpcs.str.startswith("J").fillna(False) | (rows["revenue_center"] == "0636")
    service = chosen(
        [
            (own | (outpatient & outpatient_line & same_claim & is_anchor), "anchor_facility"),
            (setting == "dme", "dme"),
            (drugs, "drugs"),
            (outpatient_line & rows["revenue_center"].isin(EMERGENCY_CENTERS), "emergency"),
            (outpatient_line, "outpatient"),
            ((hcpcs >= "00100") & (hcpcs <= "01999"), "anesthesia"),
            (assistant, "assistant"),
            (is_anchor & (rows["rendering_npi"] == rows["anchor_operating_npi"]), "surgeon"),
        ],
        "professional",
    )
    full = rows["standardized_cents"].fillna(0).astype("int64")
    return rows.assign(
        reason=reason, full_cents=full, cents=full.where(np.equal(reason, None), 0), carries_over=False, service=service
    )[ROW_COLUMNS]
