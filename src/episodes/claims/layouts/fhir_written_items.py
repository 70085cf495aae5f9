"""A line of a canonical claim as an item of an ExplanationOfBenefit, and the care team that its lines point to."""

from __future__ import annotations

from episodes.claims.layouts.fhir_written_parts import (
    BY_REVENUE_CENTER,
    CARIN,
    CODES,
    HL7,
    VARIABLES,
    Resource,
    Row,
    concept,
    money,
    share_cents,
    variable,
    without_blanks,
)

_HCPCS = f"{CODES}/hcpcs"


class Team:
    """The care team of a claim, numbered as its members are met."""

    def __init__(self, claim: Row) -> None:
        self._numbers: dict[tuple[str, str | None, str | None], int] = {}
        for role, column in (("attending", "attending_npi"), ("operating", "operating_npi")):
            if claim.get(column):
                self.number(role, claim[column], None)

    def number(self, role: str, npi: str | None, specialty: str | None) -> int:
        """The sequence number of a member."""
        return self._numbers.setdefault((role, npi, specialty), len(self._numbers) + 1)

    def members(self) -> list[Resource]:
        """All members, in the order of their numbers."""
        npi_type = concept((f"{CARIN}/CodeSystem/C4BBIdentifierType", "npi"))
        return [
            without_blanks(
                {
                    "sequence": number,
                    "provider": {"identifier": without_blanks({"type": npi_type, "value": npi})},
                    "responsible": True if role == "performing" else None,
                    "role": concept((f"{CARIN}/CodeSystem/C4BBClaimCareTeamRole", role)),
                    "qualification": concept((f"{VARIABLES}/prvdr_spclty", specialty)) if specialty else None,
                }
            )
            for (role, npi, specialty), number in self._numbers.items()
        ]


def item_of(line: Row, setting: str, team: Team, diagnoses: list[str]) -> Resource:
    """The item of a line; whoever rendered it joins the team.

    Args:
        line: the canonical line.
        setting: its claim's.
        team: its claim's care team.
        diagnoses: its claim's diagnoses, in the order in which they are written.
    """
    by_revenue_center = setting in BY_REVENUE_CENTER
    npi, specialty = line.get("rendering_npi"), line.get("specialty")
    codes = [("tax_num", line.get("tin")), ("rev_cntr_apc_hipps_cd", line.get("apc"))]
    status = line.get("status_indicator")
    center = line.get("revenue_center")
    pointed = line.get("diagnosis")
    units = line.get("units")
    return without_blanks(
        {
            "extension": [variable(name, code) for name, code in codes if code],
            "sequence": line["line_number"],
            "careTeamSequence": [team.number("performing", npi, specialty)] if npi or specialty else None,
            "diagnosisSequence": [diagnoses.index(pointed) + 1] if pointed in diagnoses else None,
            "revenue": without_blanks(
                {
                    "extension": [variable("rev_cntr_stus_ind_cd", status)] if status else None,
                    "coding": [{"system": f"{VARIABLES}/rev_cntr", "code": center}] if center else None,
                }
            ),
            "productOrService": concept((_HCPCS, line["hcpcs"]))
            if line.get("hcpcs")
            else concept((f"{HL7}/data-absent-reason", "not-applicable")),
            "modifier": [concept((_HCPCS, modifier)) for modifier in line.get("modifiers") or [] if modifier],
            **_serviced(line, on_one_day=by_revenue_center),
            "locationCodeableConcept": concept((f"{VARIABLES}/line_place_of_srvc_cd", line["place_of_service"]))
            if line.get("place_of_service")
            else None,
            "quantity": None if units is None else {"value": units},
            "adjudication": _adjudication(line, setting),
        }
    )


def _serviced(line: Row, *, on_one_day: bool) -> Resource:
    start, end = line.get("service_date"), line.get("service_thru")
    if on_one_day and start and start == end:
        return {"servicedDate": start}
    return {"servicedPeriod": without_blanks({"start": start, "end": end})}


def _adjudication(line: Row, setting: str) -> list[Resource]:
    """(word of the profile, whose word it is, own variable, cents) of each amount that is given."""
    hl7, carin = f"{HL7}/adjudication", f"{CARIN}/CodeSystem/C4BBAdjudication"
    paid, allowed, share = line.get("paid_cents"), line.get("allowed_cents"), share_cents(line)
    primary = line.get("primary_payer_paid_cents") or None
    charge, noncovered = line.get("charge_cents"), line.get("noncovered_charge_cents")
    amounts: list[tuple[str, str, str | None, int | None]]
    if setting == "drug":
        amounts = [
            ("benefit", hl7, "cvrd_d_plan_pd_amt", paid),
            ("drugcost", carin, "tot_rx_cst_amt", allowed),
            ("priorpayerpaid", carin, "plro_amt", primary),
            ("submitted", hl7, None, charge),
            ("noncovered", carin, None, noncovered),
        ]
    elif setting in BY_REVENUE_CENTER:
        amounts = [
            ("submitted", hl7, "rev_cntr_tot_chrg_amt", charge),
            ("noncovered", carin, "rev_cntr_ncvrd_chrg_amt", noncovered),
            ("coinsurance", carin, "rev_cntr_coinsrnc_wge_adjstd_c", share),
            ("priorpayerpaid", carin, "rev_cntr_1st_msp_pd_amt", primary),
            ("submitted", hl7, "rev_cntr_pmt_amt_amt", paid),
            ("eligible", hl7, None, allowed),
        ]
    else:
        amounts = [
            ("benefit", hl7, "line_nch_pmt_amt", paid),
            ("coinsurance", carin, "line_coinsrnc_amt", share),
            ("priorpayerpaid", carin, "line_bene_prmry_pyr_pd_amt", primary),
            ("submitted", hl7, "line_sbmtd_chrg_amt", charge),
            ("eligible", hl7, "line_alowd_chrg_amt", allowed),
            ("noncovered", carin, None, noncovered),
        ]
    return [
        {
            "category": concept((system, word), *([(f"{CODES}/adjudication", f"{VARIABLES}/{name}")] if name else [])),
            "amount": money(cents),
        }
        for word, system, name, cents in amounts
        if cents is not None
    ]
