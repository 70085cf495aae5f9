"""Condition categories: worked cases, person by person against hccinfhir, and wrong arguments."""

from __future__ import annotations

import polars as pl
import pytest

import episodes as ep
from episodes.errors import ArgumentError, ContractError
from episodes.programs.code_tables import load_codes
from risk.hcc_people import as_frames, as_hccinfhir_has_it, people_of

pytestmark = pytest.mark.filterwarnings("ignore:path is deprecated:DeprecationWarning")


def of_codes(*codes: str, model: str = "V28", age: int | None = 70, sex: str | None = "F", **more: object) -> list[str]:
    said = pl.DataFrame(
        {"beneficiary_id": ["a"] * len(codes), "diagnosis": list(codes)}, schema_overrides={"diagnosis": pl.String}
    )
    people = pl.DataFrame(
        {"beneficiary_id": ["a"], "age": [age], "sex": [sex]}, schema_overrides={"age": pl.Int32, "sex": pl.String}
    )
    return ep.risk.hccs(said, people=people, model=model, **more)["hccs"].item().to_list()


@pytest.mark.parametrize(
    ("codes", "model", "age", "sex", "expected"),
    [
        (("E1122", "N184"), "V28", 70, "F", ["37", "327"]),
        (("E1122", "N184"), "V24", 70, "F", ["18", "137"]),
        (("E1122", "E119"), "V24", 70, "F", ["18"]),  # 18 drops 19
        (("E11.22", "e119"), "V24", 70, "F", ["18"]),  # points and small letters
        (("A419", "Z0000", "nonsense"), "V22", 70, "F", ["2"]),
        (("D66",), "V24", 70, "F", ["48"]),  # haemophilia of a woman
        (("D66",), "V24", 70, "M", ["46"]),
        (("D66",), "V24", 70, None, ["46"]),  # sex not known: no edit
        (("J449",), "V24", 17, "F", ["112"]),
        (("J449",), "V24", 18, "F", ["111"]),
        (("J449",), "V28", 17, "F", []),
        (("J449",), "V28", None, "F", ["280"]),  # age not known: no edit
        (("C50911",), "V28", 49, "F", ["22"]),
        (("C50911",), "V28", 50, "F", ["23"]),
        (("Z95811",), "V24", 70, "F", ["186"]),
        ((), "V28", 70, "F", []),
    ],
)
def test_categories_of_one_person(
    codes: tuple[str, ...], model: str, age: int | None, sex: str | None, expected: list[str]
) -> None:
    assert of_codes(*codes, model=model, age=age, sex=sex) == expected


def test_a_category_that_needs_another_beside_it() -> None:
    alone = load_codes("hcc_diagnoses").filter(model="V28", hcc="223")["diagnosis"][0]
    assert of_codes(alone) == []
    assert of_codes(alone, "I509") == ["223"]  # 226 beside it, which 223 drops


def test_edits_can_be_left_out() -> None:
    assert of_codes("J449", age=17, edits=("sex",)) == ["280"]
    assert of_codes("J449", age=17, edits=("age",)) == []
    assert of_codes("Z6841", age=14) == []
    assert of_codes("Z6841", age=14, edits=("sex", "age")) == ["48"]


def test_retired_codes_count_where_asked_for() -> None:
    """G20 (Parkinson's disease) was replaced by G20A1 and others in October 2023."""
    assert of_codes("G20") == []
    assert of_codes("G20", mapping="current_and_earlier") == ["199"]
    assert of_codes("G20A1") == ["199"]


def test_people_without_people_frame_are_not_edited() -> None:
    said = pl.DataFrame({"person": ["b", "a", "a"], "diagnosis": ["D66", None, "E119"]})
    result = ep.risk.hccs(said, model="V24", by="person")
    assert result.rows() == [("b", ["46"], 1), ("a", ["19"], 1)]


def test_tables_of_the_user() -> None:
    mine = ep.References(
        hcc=pl.DataFrame({"model": ["X1"] * 2, "diagnosis": ["A1", "A2"], "hcc": [3, 4], "edition": [None, None]}),
        hcc_hierarchies=pl.DataFrame({"model": ["X1"], "hcc": ["3"], "drops": ["4"]}),
    )
    assert of_codes("A1", "A2", model="X1", references=mine) == ["3"]
    assert mine.fingerprint != ep.References().fingerprint


@pytest.mark.parametrize("model", ["V22", "V24", "V28"])
def test_equal_to_hccinfhir(model: str) -> None:
    need_equal(model, people_of(model, 400, seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["V22", "V24", "V28"])
def test_equal_to_hccinfhir_for_many_people(model: str) -> None:
    need_equal(model, people_of(model, 10_000, seed=2))


def need_equal(model: str, people: list[tuple[int, str, list[str]]]) -> None:
    described, said = as_frames(people)
    result = ep.risk.hccs(said, people=described, model=model).with_columns(disabled=described["age"] < 65)
    named = ep.risk.hcc_interactions(result, model=model, disabled="disabled")
    variables = set(load_codes("cms_hcc_interactions").filter(model=model)["variable"])
    expected = as_hccinfhir_has_it(model, people)
    assert named["hccs"].to_list() == [hccs for hccs, _ in expected]
    assert named["hcc_count"].to_list() == [len(hccs) for hccs, _ in expected]
    assert named["hcc_interactions"].to_list() == [sorted(held & variables) for _, held in expected]
    assert len(variables & set().union(*(held for _, held in expected))) > 15


def test_groups_of_bpci_advanced() -> None:
    rows = pl.DataFrame(
        {"hccs": [["2", "84", "80"], ["77", "79"], ["111", "114"], ["6"]], "disabled": [False, False, True, True]}
    )
    named = ep.risk.hcc_interactions(rows, model="V22", table="bpci_hcc_interactions", disabled="disabled")
    assert named["hcc_interactions"].to_list() == [
        ["CARD_RESP_FAIL", "SEPSIS", "SEPSIS_CARD_RESP_FAIL"],  # 80 alone is one organ failure
        ["MULTIPLE_ORGAN_FAILURE"],
        ["COPD", "HCC111_HCC114"],
        ["DISABLED_HCC6"],
    ]


def test_wrong_arguments_are_said() -> None:
    said = pl.DataFrame({"beneficiary_id": ["a"], "diagnosis": ["E119"]})
    with pytest.raises(ArgumentError, match="Unknown HCC model 'V23'.*V22, V24, V28"):
        ep.risk.hccs(said, model="V23")
    with pytest.raises(ArgumentError, match="Unknown mapping"):
        ep.risk.hccs(said, model="V24", mapping="new")
    with pytest.raises(ArgumentError, match="Unknown kind of edit"):
        ep.risk.hccs(said, model="V24", edits=["gender"])
    with pytest.raises(ContractError, match="lacks: diagnosis"):
        ep.risk.hccs(said.drop("diagnosis"), model="V24")
    with pytest.raises(ArgumentError, match="1 person that people has not"):
        ep.risk.hccs(said, model="V24", people=pl.DataFrame({"beneficiary_id": ["b"]}))
    with pytest.raises(ArgumentError, match="1 row too many"):
        ep.risk.hccs(said, model="V24", people=pl.DataFrame({"beneficiary_id": ["a", "a"]}))
    with pytest.raises(ArgumentError, match="Unknown model of cms_hcc_interactions"):
        ep.risk.hcc_interactions(pl.DataFrame({"hccs": [["1"]]}), model="V23")
    codes = pl.DataFrame({"model": ["X"], "diagnosis": ["E119"], "hcc": ["thirty"], "edition": ["a"]})
    with pytest.raises(ContractError, match="not whole numbers"):
        ep.risk.hccs(said, model="X", references=ep.References(hcc=codes))
