"""Random small claim sets with a high rate of events that the construction rules turn on.

One generator makes all of them: `random_tables(seed, people)`. The hypothesis strategy `claim_tables()` draws
a seed, generates, and then leaves out single rows, so that a failing example shrinks to the few rows that
matter. Every set satisfies the claims contract: keys are unique, a claim does not end before it begins, lines
belong to claims.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

import polars as pl
from hypothesis import strategies as st

from episodes.programs.code_tables import load_codes
from oracle.episodes import Options

Row = dict[str, Any]
Tables = dict[str, list[Row]]

# --- what is drawn from -------------------------------------------------------------------------------------

ACUTE = ("100001", "330101", "360035", "450894", "450880", "010886")
OTHER_HOSPITALS = (
    "210001",  # Maryland, acute by its number
    "800010",  # Maryland by its other prefix
    "21T005",  # Maryland, rehabilitation unit
    "101300",  # critical access
    "050146",  # cancer
    "10001E",  # emergency
    "1000V1",  # veteran
    "102000",  # long-term care
    "103025",  # rehabilitation
    "10T001",  # rehabilitation unit
    "103300",  # children's
    "104000",  # psychiatric
    "10S001",  # psychiatric unit
    "10U001",  # swing bed
    "100887",  # a number of no type
    "450895",  # just past the range of whole numbers, yet acute by its last four
    "060071",  # rural demonstration to 2026-12-31
    "170074",  # rural demonstration to 2026-04-30
    "020024",  # rural demonstration to 2025-06-30
    None,
)
CCNS = {
    "snf": ("105000", "106499", "10Z001", None),
    "home_health": ("107000", "107999", None),
    "hospice": ("101500", None),
    "outpatient": (*ACUTE, "101300", "210001", None),
    "professional": (None,),
    "dme": (None,),
    "drug": (None,),
}
PROVIDER_TYPES_GIVEN = ("acute", "acute", "cah", "irf", "ltch", "other", "cancer")
WHOLE_DAY_GMLOS = {"291": 4, "513": 4, "202": 3, "466": 7, "412": 5, "856": 9}  # days, as packaged
ORDINARY_DRGS = (*WHOLE_DAY_GMLOS, "194", "871", "177", "998", None)  # 998 has a GMLOS of zero
EXCLUDED_DRGS = ("002", "085", "181", "542", "848", "956")
EXCLUDED_MDC_DRGS = ("121", "122", "765", "790", "975")  # MDC 02, 02, 14, 15, 25
OLD_FUSION_DRGS = ("453", "454", "455", "459", "460")
PLAIN_HCPCS = ("99213", "97110", "71046", "80053", "99284", None)
DRUG_HCPCS = ("J0129", "J9035", "J1100")
VISIT_CENTERS = ("0421", "0431", "0441", "0551", "0561", "0571", "0551", "0421", "0270", "0023", None)
VISIT_HCPCS = ("G0299", "G0151", "G0299", "Q5001", "G0320", None)
STATUS_INDICATORS = ("H", "J1", "S", "T", None)
REVENUE_CENTERS = ("0360", "0450", "0456", "0636", None)
PLACES = ("21", "21", "23", "22", "11", None)
NPIS = ("1000000004", "1000000012", "1000000020", None)
COVERAGE_THAT_EXCLUDES = (
    "unknown",
    "medicare_advantage",
    "esrd_entitlement",
    "united_mine_workers",
    "other_primary_payer",
)
COVERAGE_WITHOUT_EFFECT = ("esrd", "full_dual", "low_income_subsidy", "aco", "kidney_transplant")
LADDER = (
    "out_of_period",
    "outside_model_dates",
    "not_acute_hospital",
    "excluded_state",
    "rural_community_hospital_demonstration",
    "no_enrolment_record",
    "not_in_part_a_and_b",
    "coverage_unknown",
    "medicare_advantage",
    "esrd_entitlement",
    "united_mine_workers",
    "other_primary_payer",
    "death_in_anchor",
)

DAYS_FROM_START = (-5, -4, -3, -2, -1, 0, 0, 1)
DAYS_FROM_END = (-1, 0, 0, 1, 2, 27, 28, 29, 29, 30, 30, 31, 57, 58, 59, 59, 60, 61)


@cache
def drugs_and_factors() -> tuple[str, ...]:
    """A few codes of each list of excluded drugs, and some that are on none."""
    drugs = load_codes("excluded_part_b_drugs")["hcpcs"].to_list()
    factors = load_codes("hemophilia_hcpcs")["hcpcs"].to_list()
    return (*drugs[::100], *factors[::12], *DRUG_HCPCS)


@cache
def triggers(setting: str, table: str = "team_anchor_codes") -> dict[str, tuple[str, ...]]:
    """Anchor codes of a setting by category."""
    rows = load_codes(table).filter(anchor_setting=setting).to_dicts()
    return {
        category: tuple(row["code"] for row in rows if row["category"] == category)
        for category in dict.fromkeys(row["category"] for row in rows)
    }


@cache
def contract_defaults(table: str) -> Row:
    """All columns of a canonical table with their defaults."""
    from episodes.claims.contract import TABLES, metadata_of

    return {column: metadata_of(TABLES[table], column).get("default") for column in TABLES[table].columns()}


def contract_row(table: str, **given: Any) -> Row:
    """A row with all columns of a canonical table: those given, the defaults of the others."""
    unknown = given.keys() - contract_defaults(table).keys()
    if unknown:
        raise ValueError(f"{table} has no columns {sorted(unknown)}")
    return {**contract_defaults(table), **given}


# --- the generator ------------------------------------------------------------------------------------------


def random_tables(seed: int, people: int, kind: type[RandomPerson] | None = None) -> Tables:
    """Claims, lines, beneficiaries and coverage of some people, of TEAM's kind or another. Same seed, same tables.

    >>> tables = random_tables(seed=1, people=2)
    >>> sorted(tables)
    ['beneficiaries', 'claims', 'coverage', 'lines']
    """
    rng = Random(seed)
    tables: Tables = {"claims": [], "lines": [], "beneficiaries": [], "coverage": []}
    id_style = rng.choices(("numeric", "text", "mixed"), (5, 4, 1))[0]
    for number in range(1, people + 1):
        (kind or RandomPerson)(rng, tables, f"B{number}", id_style).generate()
    for rows in tables.values():
        rng.shuffle(rows)
    return tables


class RandomPerson:
    """Writes the rows of one person, everything placed relative to this person's anchors.

    The attributes of the class say what is TEAM's in it; other programmes have classes of their own.
    """

    anchor_table = "team_anchor_codes"
    first_days: tuple[tuple[date, int, int], ...] = (
        (date(2025, 12, 20), 380, 87),  # mostly around 2026: day, span, weight
        (date(2025, 12, 26), 10, 5),
        (date(2024, 9, 10), 40, 5),  # the end of the old fusion codes
        (date(2030, 11, 20), 50, 3),  # the end of the model
    )
    days_from_start: tuple[int, ...] = DAYS_FROM_START
    days_from_end: tuple[int, ...] = DAYS_FROM_END
    edges_at_start: tuple[int, ...] = (-5, -4, -3, -1, 0, 1)  # of coverage
    last_days = (29, 59)  # of the episode and of what follows it, counted from the anchor's end
    days_between_anchors: tuple[int, ...] = (-3, -1, 0, 1, 5, 28, 29, 30, 31, 45, 60)
    coverage_kinds: tuple[str, ...] = ("part_a", "part_b")
    enrolled_from = date(2020, 1, 1)
    birth_dates: tuple[date | None, ...] = (date(1950, 2, 28),)

    def __init__(self, rng: Random, tables: Tables, person: str, id_style: str) -> None:
        self.rng = rng
        self.tables = tables
        self.person = person
        self.id_style = id_style
        self.ids: set[str] = set()

    def generate(self) -> None:
        day = self.first_day()
        category = self.rng.choice(tuple(self.triggers("inpatient")))
        anchors: list[tuple[date, date]] = []
        for _ in range(self.rng.choice((0, 1, 1, 1, 2, 2, 3))):
            if anchors:
                day = max(anchors[-1][1] + _days(self.rng.choice(self.days_between_anchors)), day)
            if not self.happens(0.7):
                category = self.rng.choice(tuple(self.triggers("inpatient")))
            anchors.append(self.anchor(day, category))
        windows = anchors or [(day, day)]
        for start, end in windows:
            for _ in range(self.rng.randint(2, 7)):
                self.service(start, end)
        self.record(*self.rng.choice(windows))
        self.coverage(*self.rng.choice(windows))

    # dates, chances, amounts

    def triggers(self, setting: str) -> dict[str, tuple[str, ...]]:
        return triggers(setting, self.anchor_table)

    def first_day(self) -> date:
        first, span, _ = self.rng.choices(self.first_days, [weight for *_, weight in self.first_days])[0]
        return first + _days(self.rng.randint(0, span))

    def happens(self, chance: float) -> bool:
        return self.rng.random() < chance

    def near(self, start: date, end: date) -> date:
        """A day on or next to a boundary of the windows of an anchor, or anywhere around them."""
        kind = self.rng.random()
        if kind < 0.2:
            return start + _days(self.rng.choice(self.days_from_start))
        if kind < 0.7:
            return end + _days(self.rng.choice(self.days_from_end))
        return start + _days(self.rng.randint(min(self.days_from_start) - 1, self.last_days[1] + 16))

    def cents(self) -> int:
        if self.happens(0.2):
            return self.rng.choice((0, 0, -12345, -1, 1, 3, 100, 25000))
        return self.rng.choice((25000, 100000, self.rng.randint(500, 3_000_000)))

    def amounts(self) -> Row:
        standardized = self.cents()
        allowed = standardized if self.happens(0.2) else self.cents()
        return {
            "standardized_cents": None if self.happens(0.05) else standardized,
            "allowed_cents": None if self.happens(0.03) else allowed,
            "paid_cents": None if self.happens(0.03) else allowed * 4 // 5,
            "primary_payer_paid_cents": self.rng.choice((1, 5000, -300)) if self.happens(0.06) else 0,
        }

    # rows

    def claim_id(self) -> str:
        while True:
            number = str(self.rng.randint(1, 300))
            lettered = self.id_style == "text" or (self.id_style == "mixed" and self.happens(0.5))
            claim_id = self.rng.choice("aBC") + number if lettered else number
            if claim_id not in self.ids:
                self.ids.add(claim_id)
                return claim_id

    def claim(self, setting: str, from_date: date, thru_date: date, **given: Any) -> Row:
        thru_date = max(from_date, thru_date)
        row = contract_row(
            "claims",
            beneficiary_id=self.person,
            claim_id=self.claim_id(),
            setting=setting,
            from_date=from_date,
            thru_date=thru_date,
            attending_npi=self.rng.choice(NPIS),
            operating_npi=self.rng.choice(NPIS),
            process_date=None if self.happens(0.12) else thru_date + _days(self.rng.choice((0, 14, 14, 30, 200))),
            provider_type=self.rng.choice(PROVIDER_TYPES_GIVEN) if self.happens(0.04) else None,
            discharge_status=self.rng.choice(("01", "03", "06", "20", None)) if self.happens(0.15) else "01",
            diagnoses=self.rng.choice((["M1711"], ["S72001A", "E119"], [], None)),
        )
        row.update(self.amounts())
        row.update(ccn=self.rng.choice(CCNS.get(setting, ACUTE)))
        row.update(given)
        self.tables["claims"].append(row)
        return row

    def line(self, claim: Row, number: int, **given: Any) -> Row:
        row = contract_row(
            "lines",
            beneficiary_id=self.person,
            claim_id=claim["claim_id"],
            line_number=number,
            charge_cents=self.rng.choice((0, 100, 40000, 40000, None)),
            noncovered_charge_cents=self.rng.choice((None, None, 0, 100, 40000)),
        )
        row.update(given)
        self.tables["lines"].append(row)
        return row

    # anchors

    def anchor(self, day: date, category: str) -> tuple[date, date]:
        if category in self.triggers("outpatient") and self.happens(0.4):
            self.outpatient_trigger(day, category)
            return day, day
        start, end = self.transfer_chain(day, category)
        if category in self.triggers("outpatient") and self.happens(0.35):
            procedure = category if self.happens(0.85) else self.rng.choice(tuple(self.triggers("outpatient")))
            self.outpatient_trigger(start - _days(self.rng.choice((0, 1, 2, 3, 3, 4, 4))), procedure)
        return start, end

    def transfer_chain(self, start: date, category: str) -> tuple[date, date]:
        """Mostly one stay; else stays that follow each other, nearly always with the trigger on the last."""
        legs = self.rng.choice((1, 1, 1, 1, 1, 2, 2, 3))
        trigger_leg = legs if self.happens(0.93) else 1
        day, end, ccn = start, start, self.hospital(0.9)
        for leg in range(1, legs + 1):
            end = day + _days(self.rng.choice((0, 1, 1, 2, 3, 3, 5, 8)))
            drg = self.trigger_drg(category) if leg == trigger_leg else self.rng.choice(ORDINARY_DRGS)
            self.stay(day, end, drg, ccn)
            day = end + _days(self.rng.choice((0, 0, 0, 0, 0, 0, 0, 1)))
            ccn = ccn if self.happens(0.12) else self.hospital(0.7)
        return start, end

    def hospital(self, acute_share: float) -> str | None:
        return self.rng.choice(ACUTE if self.happens(acute_share) else OTHER_HOSPITALS)

    def trigger_drg(self, category: str) -> str:
        old = category == "SPINAL_FUSION" and self.happens(0.35)
        return self.rng.choice(OLD_FUSION_DRGS if old else self.triggers("inpatient")[category])

    def stay(self, start: date, end: date, drg: str | None, ccn: str | None) -> Row:
        """An inpatient claim, with all that may be missing or odd on one."""
        end = max(start, end)
        pricing_drg = None
        if self.happens(0.12):
            codes = self.triggers("inpatient")
            of_category = codes[self.rng.choice(tuple(codes))] if codes else ()
            pricing_drg = self.rng.choice((*of_category, *ORDINARY_DRGS, *EXCLUDED_DRGS))
            drg = None if self.happens(0.2) else drg
        add_ons = {}
        if self.happens(0.25):
            add_ons = {
                name: self.rng.choice((0, 700, 12345, 90001))
                for name in ("new_technology_cents", "clotting_factor_cents", "ime_cents", "dsh_cents")
            }
            add_ons["uncompensated_care_cents"] = self.rng.choice((0, 333))
        return self.claim(
            "inpatient",
            start,
            end,
            ms_drg=drg,
            pricing_drg=pricing_drg,
            mdc=self.rng.choice(("02", "05", "14")) if self.happens(0.05) else None,
            ccn=ccn,
            keep_inner=self.rng.choice((None, None, True)) if self.happens(0.95) else False,
            keep_inner_outer=self.rng.choice((None, None, True)) if self.happens(0.94) else False,
            **self.admission_dates(start, end),
            **add_ons,
        )

    def admission_dates(self, start: date, end: date) -> Row:
        """Of a stay: given, missing, or an admission before the bill begins; rarely a contradiction."""
        kind = self.rng.random()
        if kind < 0.75:
            return {"admission_date": start, "discharge_date": end}
        if kind < 0.85:
            return {"admission_date": None, "discharge_date": None}
        if kind < 0.92:
            return {"admission_date": start - _days(self.rng.choice((0, 1, 10))), "discharge_date": None}
        if kind < 0.97:
            return {"admission_date": None, "discharge_date": end + _days(self.rng.choice((0, 1, 30)))}
        return self.rng.choice(
            (
                {"admission_date": None, "discharge_date": start - _days(2)},
                {"admission_date": end + _days(3), "discharge_date": None},
            )
        )

    def outpatient_trigger(self, day: date, category: str) -> None:
        """A trigger line, often with rivals on the same day that tie with it in part."""
        code = self.rng.choice(self.triggers("outpatient")[category])
        claim = self.claim("outpatient", day, day, ccn=self.hospital(0.85))
        amounts = self.amounts()
        self.line(claim, self.rng.choice((1, 4)), service_date=day, hcpcs=code, status_indicator="J1", **amounts)
        self.line(claim, 7, **self.outpatient_details(), service_date=day, **self.amounts())
        for number in range(8, self.rng.choice((8, 8, 9, 10))):
            rival = self.rng.choice(self.triggers("outpatient")[self.rng.choice(tuple(self.triggers("outpatient")))])
            on_claim = claim
            if self.happens(0.6):
                on_claim = self.claim("outpatient", day, day, ccn=self.hospital(0.85))
            if self.happens(0.5):
                on_claim["process_date"] = claim["process_date"]
            rival_amounts = amounts if self.happens(0.7) else self.amounts()
            self.line(on_claim, number, service_date=day, hcpcs=rival, status_indicator="J1", **rival_amounts)

    # everything else

    def service(self, start: date, end: date) -> None:
        """One more claim near an anchor."""
        makers: tuple[Callable[[date, date], None], ...] = (
            self.readmission,
            self.post_acute_stay,
            self.snf,
            self.home_health,
            self.hospice,
            self.outpatient,
            self.professional,
            self.supplies,
        )
        self.rng.choices(makers, (5, 3, 4, 4, 2, 5, 6, 2))[0](start, end)

    def readmission(self, start: date, end: date) -> None:
        drg = self.rng.choice(self.rng.choices((ORDINARY_DRGS, EXCLUDED_DRGS, EXCLUDED_MDC_DRGS), (55, 25, 20))[0])
        first = self.near(start, end)
        last = first + _days(self.rng.choice((0, 1, 2, 4, 7, 12, 20)))
        if self.happens(0.35):  # across a boundary, around the day from which the whole amount counts
            drg = self.rng.choice(tuple(WHOLE_DAY_GMLOS))
            boundary = end + _days(self.rng.choice((self.last_days[0], *self.last_days)))
            days_inside = WHOLE_DAY_GMLOS[drg] - 1 + self.rng.choice((-1, 0, 0, 1))
            first = boundary - _days(days_inside - 1)
            last = boundary + _days(self.rng.choice((0, 1, 1, 5)))
        self.stay(first, last, drg, self.hospital(0.75))
        if self.happens(0.5):
            days = (first - _days(1), first, last, last + _days(1))
            self.professional_claim(first, lambda: self.rng.choice(days))

    def post_acute_stay(self, start: date, end: date) -> None:
        """A stay outside acute hospitals, often on the day the anchor ends."""
        first = end if self.happens(0.3) else self.near(start, end)
        last = first + _days(self.rng.choice((3, 14, 29, 30, 35, 65)))
        self.stay(first, last, self.rng.choice(("945", "057", "189", None)), self.rng.choice(OTHER_HOSPITALS))

    def snf(self, start: date, end: date) -> None:
        first = end if self.happens(0.3) else self.near(start, end)
        last = first + _days(self.rng.choice((0, 5, 20, 28, 29, 30, 45, 59, 60, 90)))
        claim = self.claim("snf", first, last, **self.admission_dates(first, last))
        if self.happens(0.3):
            self.line(claim, 1, revenue_center="0022", service_date=first)

    def home_health(self, start: date, end: date) -> None:
        first = self.near(start, end)
        last = first + _days(self.rng.choice((0, 10, 29, 29, 59)))
        claim = self.claim("home_health", first, last)
        for number in range(1, self.rng.randint(1, 6)):
            day = first + _days(self.rng.randint(-1, (last - first).days + 2))
            self.line(
                claim,
                number,
                revenue_center=self.rng.choice(VISIT_CENTERS),
                hcpcs=self.rng.choice(VISIT_HCPCS),
                service_date=None if self.happens(0.15) else day,
            )

    def hospice(self, start: date, end: date) -> None:
        first = self.near(start, end)
        self.claim("hospice", first, first + _days(self.rng.choice((0, 6, 29, 30, 60))))

    def outpatient(self, start: date, end: date) -> None:
        first = self.near(start, end)
        claim = self.claim("outpatient", first, first + _days(self.rng.choice((0, 0, 3, 30))))
        for number in range(1, self.rng.randint(2, 4)):
            day = None if self.happens(0.15) else self.rng.choice((first, self.near(start, end)))
            self.line(claim, number, service_date=day, **self.outpatient_details(), **self.amounts())

    def outpatient_details(self) -> Row:
        hcpcs = self.rng.choice(drugs_and_factors() if self.happens(0.3) else PLAIN_HCPCS)
        if self.happens(0.1) and (codes := self.triggers("outpatient")):
            hcpcs = self.rng.choice(codes[self.rng.choice(tuple(codes))])
        return {
            "hcpcs": hcpcs,
            "revenue_center": self.rng.choice(REVENUE_CENTERS),
            "status_indicator": self.rng.choice(STATUS_INDICATORS),
        }

    def professional(self, start: date, end: date) -> None:
        self.professional_claim(self.near(start, end), lambda: self.near(start, end))

    def professional_claim(self, first: date, day_of_line: Callable[[], date]) -> None:
        claim = self.claim("professional", first, first)
        for number in range(1, self.rng.randint(2, 4)):
            self.line(
                claim,
                number,
                service_date=None if self.happens(0.1) else day_of_line(),
                hcpcs=self.rng.choice(drugs_and_factors() if self.happens(0.2) else PLAIN_HCPCS),
                place_of_service=self.rng.choice(PLACES),
                rendering_npi=self.rng.choice(NPIS),
                **self.amounts(),
            )

    def supplies(self, start: date, end: date) -> None:
        """Durable equipment, or a pharmacy claim."""
        first = self.near(start, end)
        claim = self.claim(self.rng.choice(("dme", "drug")), first, first)
        for number in range(1, self.rng.randint(2, 3)):
            hcpcs = self.rng.choice(drugs_and_factors() if self.happens(0.4) else ("E0143", None))
            day = None if self.happens(0.15) else self.near(start, end)
            self.line(claim, number, service_date=day, hcpcs=hcpcs, **self.amounts())

    # the person

    def record(self, start: date, end: date) -> None:
        if self.happens(0.05):
            return
        death = None
        if self.happens(0.22):
            inside, after = self.last_days
            later = (1, 10, inside - 1, inside, inside + 1, inside + 2, inside + 11, after - 1, after, after + 1)
            death = self.rng.choice(
                (
                    start - _days(self.rng.choice((1, 2, 30))),
                    start + _days(self.rng.randint(0, (end - start).days)),
                    end + _days(self.rng.choice((0, *later))),
                    end + _days(self.rng.choice(later)),
                )
            )
        self.tables["beneficiaries"].append(
            contract_row(
                "beneficiaries",
                beneficiary_id=self.person,
                birth_date=self.birth_dates[0] if len(self.birth_dates) == 1 else self.rng.choice(self.birth_dates),
                death_date=death,
                sex=self.rng.choice(("1", "2", None)),
            )
        )

    def coverage(self, start: date, end: date) -> None:
        has_record = any(row["beneficiary_id"] == self.person for row in self.tables["beneficiaries"])
        if self.happens(0.03 if has_record else 0.4):
            return
        for kind in self.coverage_kinds:
            if self.happens(0.86):
                self.interval(kind, self.enrolled_from, self.rng.choice((None, None, date(2032, 12, 31))))
            else:
                self.imperfect_coverage(kind, start, end)
        if self.happens(0.2):
            kind = self.rng.choice(COVERAGE_THAT_EXCLUDES + COVERAGE_WITHOUT_EFFECT)
            first, last = sorted((self.edge(start, end), self.edge(start, end)))
            if self.happens(0.3):
                first = last
            elif self.happens(0.3):
                first = self.enrolled_from
            self.interval(kind, first, None if self.happens(0.3) else last)

    def edge(self, start: date, end: date) -> date:
        """A day next to the first or the last day that coverage is tested on."""
        if self.happens(0.5):
            return start + _days(self.rng.choice(self.edges_at_start))
        inside, after = self.last_days
        return end + _days(
            self.rng.choice((0, inside - 2, inside - 1, inside, inside + 1, inside + 2, after, after + 1))
        )

    def imperfect_coverage(self, kind: str, start: date, end: date) -> None:
        edge = self.edge(start, end)
        shape = self.rng.choice(("none", "ends", "begins", "gap", "gap", "adjacent", "unknown_between"))
        if shape == "begins":
            self.interval(kind, edge, None)
        if shape in {"ends", "gap", "adjacent", "unknown_between"}:
            self.interval(kind, self.enrolled_from, edge)
        if shape == "adjacent":
            self.interval(kind, edge + _days(1), None)
        if shape in {"gap", "unknown_between"}:
            gap = self.rng.choice((1, 2, 20))
            self.interval(kind, edge + _days(1 + gap), None)
            if shape == "unknown_between":
                detail = self.rng.choice((None, None, kind, kind, "part_a", "part_b", "pharmacy"))
                self.interval("unknown", edge + _days(1), edge + _days(gap), detail)

    def interval(self, kind: str, start: date, end: date | None, detail: str | None = None) -> None:
        self.tables["coverage"].append(
            contract_row(
                "coverage",
                beneficiary_id=self.person,
                kind=kind,
                start_date=start,
                end_date=end,
                detail=detail,
            )
        )


def _days(count: int) -> timedelta:
    return timedelta(days=count)


# --- what a run may change ----------------------------------------------------------------------------------


def random_options(seed: int) -> Options:
    """Options of a run: half of the time the plain ones."""
    rng = Random(seed)
    if rng.random() < 0.5:
        return Options()
    options = Options(basis=rng.choice(("standardized", "allowed", "paid")))
    if rng.random() < 0.5:
        options.period = rng.choice(((date(2020, 1, 1), date(2031, 12, 31)), (date(2024, 7, 1), date(2026, 6, 30))))
        options.own_period = False
    if rng.random() < 0.4:
        options.switched_off = frozenset(rng.sample(LADDER, rng.randint(1, 4)))
    if rng.random() < 0.4:
        options.as_of = date(2026, 2, 1) + _days(rng.randint(0, 500))
    if rng.random() < 0.3:
        options.gmlos = random_gmlos(rng)
    return options


def random_gmlos(rng: Random) -> dict[tuple[int, str], Decimal]:
    """Geometric mean lengths of stay, in tenths of a day, of some fiscal years: the same DRGs in each."""
    years = rng.sample((2024, 2025, 2026, 2027, 2028), rng.randint(1, 3))
    listed = {drg for drg in ORDINARY_DRGS if drg is not None}
    drgs = rng.sample(sorted(listed), rng.randint(3, len(listed)))
    return {(year, drg): Decimal(rng.randint(0, 120)) / 10 for year in years for drg in drgs}


# --- strategies and frames ----------------------------------------------------------------------------------


@st.composite
def claim_tables(draw: st.DrawFn, max_people: int = 4, kind: type[RandomPerson] | None = None) -> Tables:
    """Small random claim sets; rows are left out one by one when an example shrinks."""
    tables = random_tables(draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, max_people)), kind)
    kept = st.integers(0, 15).map(bool)  # the simplest choice leaves the row out
    claims = [claim for claim in tables["claims"] if draw(kept)]
    claim_keys = {(claim["beneficiary_id"], claim["claim_id"]) for claim in claims}
    of_kept_claims = [line for line in tables["lines"] if (line["beneficiary_id"], line["claim_id"]) in claim_keys]
    return {
        "claims": claims,
        "lines": [line for line in of_kept_claims if draw(kept)],
        "beneficiaries": tables["beneficiaries"],
        "coverage": tables["coverage"],
    }


def run_options() -> st.SearchStrategy[Options]:
    """Options of a run."""
    return st.integers(0, 2**32 - 1).map(random_options)


def to_frames(tables: Tables) -> dict[str, pl.DataFrame]:
    """The tables as frames with the contract's types (enums as text)."""
    from episodes.claims.contract import TABLES

    frames = {}
    for name, rows in tables.items():
        schema = {
            column: pl.String() if isinstance(dtype, pl.Enum) else dtype
            for column, dtype in TABLES[name].create_empty().schema.items()
        }
        frames[name] = pl.DataFrame(rows, schema=schema, orient="row")
    return frames
