"""Synthetic people with diagnoses, and what hccinfhir makes of them: the cross-check of the condition categories."""

from __future__ import annotations

import random
from collections.abc import Sequence

import polars as pl

from episodes.programs.code_tables import load_codes

Person = tuple[int, str, list[str]]
"""Age, sex (M or F), diagnoses."""


def people_of(model: str, number: int, seed: int) -> list[Person]:
    """People from 18 to 104 years (every tenth a child), each with up to 30 diagnoses of the model or of none.

    Children get no diagnosis with two categories that the code editor bars: hccinfhir takes only one of the two away.
    """
    draw = random.Random(seed)
    table = load_codes("hcc_diagnoses").filter((pl.col("model") == model) & (pl.col("edition") == "2026"))
    mapped = table["diagnosis"].unique().sort().to_list()
    twofold = set(table.group_by("diagnosis").len().filter(pl.col("len") > 1)["diagnosis"])
    edits = load_codes("hcc_edits").filter(pl.col("model") == model)
    by_kind = edits.group_by("kind", maintain_order=True).agg("diagnosis")["diagnosis"].to_list()
    twofold &= set(edits["diagnosis"])
    people = []
    for place in range(number):
        age = draw.randint(0, 17) if place % 10 == 0 else draw.randint(18, 104)
        chosen = draw.sample(mapped, draw.randint(0, 12))
        chosen += [draw.choice(draw.choice(by_kind)) for _ in range(draw.randint(0, 4))]
        chosen += [draw.choice(["Z0000", "I10", "XXXX", "R69"]) for _ in range(draw.randint(0, 4))]
        chosen += draw.sample(chosen, min(2, len(chosen)))
        people.append((age, draw.choice("MF"), [code for code in chosen if age >= 18 or code not in twofold]))
    return people


def as_frames(people: Sequence[Person]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`people` and `diagnoses` as the library takes them."""
    names = [f"P{place:06d}" for place in range(len(people))]
    described = pl.DataFrame(
        {"beneficiary_id": names, "age": [age for age, _, _ in people], "sex": [sex for _, sex, _ in people]}
    )
    said = pl.DataFrame(
        [(name, code) for name, (_, _, codes) in zip(names, people, strict=True) for code in codes],
        schema={"beneficiary_id": pl.String, "diagnosis": pl.String},
        orient="row",
    )
    return described, said


def as_hccinfhir_has_it(model: str, people: Sequence[Person]) -> list[tuple[list[str], set[str]]]:
    """Categories and the names of interactions and counts, person by person."""
    from hccinfhir.model_calculate import calculate_raf

    results = []
    for age, sex, codes in people:
        said = calculate_raf(codes, f"CMS-HCC Model {model}", age=age, sex=sex, orec="1")
        held = {name for name, value in said.interactions.items() if value}
        results.append((sorted(said.hcc_list, key=int), held))
    return results
