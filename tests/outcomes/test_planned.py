"""The planned readmission algorithm decides as its literal restatement does, over everything that can matter."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import episodes as ep
from episodes.errors import ArgumentError, ProgramError
from episodes.outcomes import is_planned, outcome_rules, planned_lists, planned_stays
from oracle.planned_readmissions import (
    CATEGORIES,
    CODES,
    DIAGNOSES,
    PROCEDURES,
    planned_by_category,
    planned_by_code,
)

DIAGNOSIS_CATEGORIES = sorted(set(DIAGNOSES.values()))
PROCEDURE_CATEGORIES = sorted(set(PROCEDURES.values()))


def test_lists_are_as_long_as_published() -> None:
    lists = planned_lists()
    assert len(lists.always_planned_procedures) == 3
    assert len(lists.always_planned_diagnoses) == 2
    assert len(lists.potentially_planned_procedures) == 65
    assert len(lists.potentially_planned_codes) == 2_521
    assert len(lists.acute_diagnoses) == 80
    assert len(lists.acute_codes) == 12_333


def test_every_diagnosis_category_with_every_procedure_category() -> None:
    for diagnosis in DIAGNOSIS_CATEGORIES:
        assert is_planned(diagnosis, [], categories=True).planned == planned_by_category(diagnosis, [])
        for procedure in PROCEDURE_CATEGORIES:
            decided = is_planned(diagnosis, [procedure], categories=True)
            assert decided.planned == planned_by_category(diagnosis, [procedure]), (diagnosis, procedure)


def test_every_pair_of_procedures_beside_each_kind_of_diagnosis() -> None:
    listed = [category for _, category in CATEGORIES]
    other = next(category for category in DIAGNOSIS_CATEGORIES if category not in listed)
    for diagnosis in (45, 2, other):
        for first in PROCEDURE_CATEGORIES:
            for second in PROCEDURE_CATEGORIES:
                decided = is_planned(diagnosis, [first, second], categories=True)
                assert decided.planned == planned_by_category(diagnosis, [first, second]), (diagnosis, first, second)


def test_every_diagnosis_code_beside_each_kind_of_procedure() -> None:
    codes = sorted(set(DIAGNOSES) | {code for name, code in CODES if name == "acute_diagnosis"})
    always = next(code for code, category in PROCEDURES.items() if category == 105)
    potentially = next(code for name, code in CODES if name == "potentially_planned_procedure")
    neither = next(code for code in PROCEDURES if not planned_by_code("M1611", [code]))
    for procedures in ([], [always], [potentially], [neither], [neither, potentially]):
        decided = planned_stays(
            pl.DataFrame(
                {"diagnoses": [[code] for code in codes], "procedures": [procedures] * len(codes)},
                schema_overrides={"procedures": pl.List(pl.String)},
            )
        )
        assert decided["planned"].to_list() == [planned_by_code(code, procedures) for code in codes]


def test_every_procedure_code_beside_each_kind_of_diagnosis() -> None:
    codes = sorted(set(PROCEDURES) | {code for name, code in CODES if name == "potentially_planned_procedure"})
    listed_singly = next(code for name, code in CODES if name == "acute_diagnosis" and code in DIAGNOSES)
    for diagnosis in ("Z5111", "A419", "M1611", listed_singly):
        decided = planned_stays(
            pl.DataFrame({"diagnoses": [[diagnosis]] * len(codes), "procedures": [[code] for code in codes]})
        )
        assert decided["planned"].to_list() == [planned_by_code(diagnosis, [code]) for code in codes]


def random_stays(number: int, seed: int) -> pl.DataFrame:
    """Stays with random diagnoses and up to six procedures, listed codes as often as others."""
    draw = np.random.default_rng(seed)
    listed = {name: sorted(code for other, code in CODES if other == name) for name in {name for name, _ in CODES}}
    always = [code for code, category in PROCEDURES.items() if category in (64, 105, 176)]
    chemotherapy = [code for code, category in DIAGNOSES.items() if category in (45, 254)]

    def picked(pools: list[list[str]], shares: list[float], size: int) -> list[str]:
        chosen = draw.choice(len(pools), size, p=shares)
        return [pools[pool][draw.integers(len(pools[pool]))] for pool in chosen]

    diagnoses = picked([sorted(DIAGNOSES), listed["acute_diagnosis"], chemotherapy], [0.7, 0.25, 0.05], number)
    counts = draw.integers(0, 7, number)
    pools = [sorted(PROCEDURES), listed["potentially_planned_procedure"], always]
    flat = picked(pools, [0.9, 0.08, 0.02], int(counts.sum()))
    ends = counts.cumsum()
    procedures = [flat[end - count : end] or None for end, count in zip(ends, counts, strict=True)]
    return pl.DataFrame(
        {"diagnoses": [[code, "I10"] for code in diagnoses], "procedures": procedures},
        schema={"diagnoses": pl.List(pl.String), "procedures": pl.List(pl.String)},
    )


def assert_decided_alike(stays: pl.DataFrame) -> None:
    decided = planned_stays(stays)
    expected = [planned_by_code(diagnoses[0], procedures or []) for diagnoses, procedures in stays.iter_rows()]
    assert decided["planned"].to_list() == expected
    assert 0.05 < sum(expected) / len(expected) < 0.95


def test_random_stays() -> None:
    assert_decided_alike(random_stays(2_000, seed=1))


@pytest.mark.slow
def test_a_hundred_thousand_stays() -> None:
    assert_decided_alike(random_stays(100_000, seed=2))


def test_one_stay_and_a_frame_decide_alike() -> None:
    stays = random_stays(300, seed=3)
    for row in planned_stays(stays).iter_rows(named=True):
        one = is_planned(row["diagnoses"][0], row["procedures"])
        assert (one.planned, one.reason) == (row["planned"], row["planned_reason"])


@pytest.mark.parametrize(
    ("diagnosis", "procedures", "planned", "reason"),
    [
        ("A419", ["0TY00Z0"], True, "always_planned_procedure"),  # kidney transplant, in spite of sepsis
        ("Z5111", [], True, "always_planned_diagnosis"),  # chemotherapy
        ("M1611", ["0SR90J9"], True, "potentially_planned_procedure"),
        ("m16.11 ", ["0sr90j9"], True, "potentially_planned_procedure"),  # written with dots, in small letters
        ("S72001A", ["0SR90J9"], False, "acute_diagnosis"),
        ("M1611", [], False, "no_planned_procedure"),
        ("M1611", None, False, "no_planned_procedure"),
        ("M1611", [None, "0SR90J9"], True, "potentially_planned_procedure"),
        ("M1611", ["ZZZZZZZ"], False, "procedure_without_category"),
        ("X9X9X", ["0SR90J9"], True, "diagnosis_without_category"),
    ],
)
def test_reasons(diagnosis: str, procedures: list[str] | None, planned: bool, reason: str) -> None:
    decided = is_planned(diagnosis, procedures)
    assert (decided.planned, decided.reason) == (planned, reason)


@pytest.mark.parametrize(
    ("diagnosis", "procedures"),
    [("71535", ["0SR90J9"]), ("V5789", []), ("V571", []), ("M1611", ["8151"]), ("0389", ["9904"])],
)
def test_icd_9_is_refused_for_one_stay_and_marked_in_a_frame(diagnosis: str, procedures: list[str]) -> None:
    with pytest.raises(ArgumentError, match="ICD-9"):
        is_planned(diagnosis, procedures)
    stay = pl.DataFrame(
        {"diagnoses": [[diagnosis]], "procedures": [procedures]},
        schema={"diagnoses": pl.List(pl.String), "procedures": pl.List(pl.String)},
    )
    assert planned_stays(stay).select("planned", "planned_reason").rows() == [(None, "icd_9_codes")]


def test_codes_that_look_like_icd_9_but_are_icd_10() -> None:
    assert is_planned("E860", []).planned is False  # dehydration; in ICD-9 an accident
    assert is_planned("V0001XA", []).planned is False


def test_a_stay_without_a_principal_diagnosis_is_undecided_unless_a_procedure_decides() -> None:
    stays = pl.DataFrame(
        {"diagnoses": [None, [], [None, "I10"], None], "procedures": [["0SR90J9"], None, None, ["0TY00Z0"]]},
        schema={"diagnoses": pl.List(pl.String), "procedures": pl.List(pl.String)},
    )
    assert planned_stays(stays)["planned"].to_list() == [None, None, None, True]
    assert planned_stays(stays)["planned_reason"].to_list()[0] == "no_principal_diagnosis"


def test_no_stays_give_no_decisions() -> None:
    empty = random_stays(1, seed=1).clear()
    assert planned_stays(empty).height == 0
    assert {"planned", "planned_reason"} <= set(planned_stays(empty).columns)


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "x", None])
def test_a_category_is_a_number_from_one(wrong: object) -> None:
    with pytest.raises(ArgumentError, match="CCS categories"):
        is_planned(wrong, [], categories=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("diagnosis", "procedures", "said"),
    [(45, [], "categories=True"), (None, [], "codes as text"), ("M1611", "0SR90J9", "a list"), ("", [], "empty")],
)
def test_unusable_arguments(diagnosis: object, procedures: object, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        is_planned(diagnosis, procedures)  # type: ignore[arg-type]


def test_lists_of_ones_own(tmp_path) -> None:
    own = tmp_path / "categories.csv"
    own.write_text("list,category\nalways_planned_diagnosis,203\n")
    rules = outcome_rules(overrides={"planned.categories": str(own)})
    stays = pl.DataFrame({"diagnoses": [["M1611"]], "procedures": [["0T100Z0"]]})
    assert planned_stays(stays, planned_lists(rules.planned))["planned_reason"].to_list() == [
        "always_planned_diagnosis"
    ]
    assert rules.fingerprint != outcome_rules().fingerprint
    own.write_text("list\nalways_planned_diagnosis\n")
    with pytest.raises(ProgramError, match="lacks 1 column: category"):
        planned_lists(rules.planned)


def test_public_door() -> None:
    assert ep.outcomes.is_planned is is_planned
