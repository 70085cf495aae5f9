"""Hierarchical condition categories (HCC) of people, from their diagnoses: mapping, edits, hierarchies, counts.

The steps are those of CMS's risk adjustment software: diagnoses to categories, edits by age and sex, categories that
need another beside them, hierarchies. Tables: `hcc_diagnoses`, `hcc_edits`, `hcc_requirements`, `hcc_hierarchies`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.errors import ArgumentError, ContractError, count_of, unknown_name
from episodes.programs.code_tables import load_codes
from episodes.programs.references import References
from episodes.programs.risk_rules import HccEdit

Mapping = Literal["current", "current_and_earlier"]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
"""Who has which category: one row a category, in the order of their numbers, one column a person."""
ALL_EDITS: tuple[HccEdit, ...] = get_args(HccEdit)

_SEXES = {"1": "male", "M": "male", "MALE": "male", "2": "female", "F": "female", "FEMALE": "female"}


def sex_in_words(column: str = "sex") -> pl.Expr:
    """`male` or `female` from the codes in use (1, 2, M, F, words); null for anything else."""
    return pl.col(column).cast(pl.String).str.to_uppercase().replace_strict(_SEXES, default=None)


def hccs(
    diagnoses: pl.DataFrame,
    *,
    model: str,
    people: pl.DataFrame | None = None,
    by: str = "beneficiary_id",
    references: References | None = None,
    mapping: Mapping = "current",
    edits: Sequence[HccEdit] = ALL_EDITS,
) -> pl.DataFrame:
    """Condition categories of each person (or episode), after edits and hierarchies.

    Args:
        diagnoses: `by`, `diagnosis` (ICD-10-CM, points and small letters allowed; null rows are passed over).
        model: `V22`, `V24` or `V28`, or a model of the references.
        people: `by`, and `age` (completed years) and `sex` where edits are to be applied; each has a row in the
            result. Default: everybody in `diagnoses`, without edits.
        by: the column that names a person or an episode.
        references: reference tables; default: the packaged ones (`References.hcc` and its companions).
        mapping: `current` (the latest packaged mappings), or `current_and_earlier`: diagnoses that only earlier
            mappings have count too, which claims of earlier years need for codes that were retired since.
        edits: which kinds of edits to apply. A person whose age or sex is not known is not edited.

    Returns:
        `by`, `hccs` (list of text, in the order of their numbers) and `hcc_count`, in the order of `people`.

    Raises:
        ArgumentError: an unknown model, mapping or edit; a person twice in `people`; diagnoses of somebody else.
        ContractError: a column is missing.

    Source: CMS-HCC models V22, V24, V28 (payment year 2026 software and tables).

    Example:
        >>> import polars as pl
        >>> said = pl.DataFrame({"beneficiary_id": ["a", "a", "a", "b"], "diagnosis": ["E1122", "N184", "I509", "Z00"]})
        >>> hccs(said, model="V28").rows()
        [('a', ['37', '226', '327'], 3), ('b', [], 0)]
    """
    tables = references or References()
    codes = _mapping_of(model, mapping, tables)
    _need_edits(edits)
    _need_columns("diagnoses", diagnoses, (by, "diagnosis"))
    persons = _persons(diagnoses, people, by)
    said = _of_persons(diagnoses, persons, by)
    found = _categories(said, codes, persons, model, edits if people is not None else (), tables)
    numbers = found["hcc"].to_numpy()
    named = np.flatnonzero(np.bincount(numbers))
    has = np.zeros((named.size, persons.height), dtype=np.bool_)
    has[np.searchsorted(named, numbers), found["_person"].to_numpy()] = True
    kept = _after_hierarchies(_with_companions(has, named, model), named, model, tables)
    return persons.select(by).with_columns(
        hccs=_lists(kept, named), hcc_count=pl.Series(kept.sum(axis=0, dtype=np.int32))
    )


def hcc_interactions(
    frame: pl.DataFrame,
    *,
    model: str,
    table: str = "cms_hcc_interactions",
    hccs: str = "hccs",
    disabled: str | None = None,
) -> pl.DataFrame:
    """Groups, products and counts of categories that a model names, for each row.

    Args:
        frame: `hccs` (list of categories) and, where given, a column that says who is entitled by disability.
        model: the model in the table.
        table: packaged code table: `cms_hcc_interactions` (payment interactions and counts of the published models)
            or `bpci_hcc_interactions`.
        hccs: name of the list column.
        disabled: name of the column for variables that ask for disability; without it they never hold.

    Returns:
        The frame with `hcc_interactions`: list of text, in alphabetical order.

    Raises:
        ArgumentError: an unknown model or table.

    Example:
        >>> import polars as pl
        >>> rows = pl.DataFrame({"hccs": [["18", "85"], ["85"], []]})
        >>> hcc_interactions(rows, model="V24")["hcc_interactions"].to_list()
        [['D2', 'DIABETES_CHF'], ['D1'], []]
    """
    wanted = load_codes(table)
    if model not in wanted["model"].unique():
        raise ArgumentError(unknown_name(f"model of {table}", model, wanted["model"].unique().to_list()))
    parts = wanted.filter(pl.col("model") == model).select(
        "variable",
        "part",
        "hcc",
        needs_disability=pl.col("disabled").is_not_null(),
        at_least=pl.col("at_least").cast(pl.Int32).fill_null(1),
        at_most=pl.col("at_most").cast(pl.Int32).fill_null(2**31 - 1),
    )
    keys = ["variable", "part", "needs_disability", "at_least", "at_most"]
    is_disabled = pl.col(disabled).fill_null(False) if disabled else pl.lit(False)
    rows = frame.select(hcc=pl.col(hccs), _disabled=is_disabled).with_row_index("_person")
    each = rows.explode("hcc").drop_nulls("hcc")
    by_list = each.join(parts.filter(pl.col("hcc") != "*"), on="hcc", how="inner")
    by_count = each.join(parts.filter(pl.col("hcc") == "*").drop("hcc"), how="cross")
    held = (
        pl.concat([by_list.select("_person", "_disabled", *keys), by_count.select("_person", "_disabled", *keys)])
        .group_by("_person", "_disabled", *keys)
        .len("_number")
        .filter(pl.col("_number").is_between("at_least", "at_most"))
        .filter(pl.col("_disabled") | ~pl.col("needs_disability"))
        .group_by("_person", "variable")
        .agg(_held=pl.len())
    )
    needed = parts.group_by("variable").agg(_needed=pl.col("part").n_unique())
    names = (
        held.join(needed, on="variable", how="inner")
        .filter(pl.col("_held") == pl.col("_needed"))
        .sort("_person", "variable")
        .group_by("_person", maintain_order=True)
        .agg(hcc_interactions="variable")
    )
    joined = rows.select("_person").join(names, on="_person", how="left", maintain_order="left")
    return frame.with_columns(joined["hcc_interactions"].fill_null([]).alias("hcc_interactions"))


# --- the steps ----------------------------------------------------------------------------------------------


def _mapping_of(model: str, mapping: str, tables: References) -> pl.DataFrame:
    codes = tables.hcc_table("hcc")
    models = codes["model"].unique().to_list()
    if model not in models:
        raise ArgumentError(unknown_name("HCC model", str(model), models))
    if mapping not in get_args(Mapping):
        raise ArgumentError(unknown_name("mapping", str(mapping), get_args(Mapping)))
    codes = codes.filter(pl.col("model") == model)
    if mapping == "current":
        codes = codes.filter(pl.col("edition").ne_missing("earlier"))
    return codes.select("diagnosis", hcc=_number(codes, "hcc"))


def _number(table: pl.DataFrame, column: str) -> pl.Series:
    """Categories as numbers, for their order and for speed."""
    try:
        return table[column].cast(pl.UInt16)
    except pl.exceptions.PolarsError:
        kind = "whole numbers from 0 to 65535, written as text"
    raise ContractError(f"A reference table of condition categories has values in {column!r} that are not {kind}.")


def _need_edits(edits: Collection[str]) -> None:
    for name in edits:
        if name not in ALL_EDITS:
            raise ArgumentError(unknown_name("kind of edit", str(name), ALL_EDITS))


def _need_columns(name: str, frame: pl.DataFrame, columns: Sequence[str]) -> None:
    if lacking := [column for column in columns if column not in frame.columns]:
        raise ContractError(f"The frame {name!r} lacks: {', '.join(lacking)}. It has: {', '.join(frame.columns)}.")


def _persons(diagnoses: pl.DataFrame, people: pl.DataFrame | None, by: str) -> pl.DataFrame:
    if people is None:
        return diagnoses.select(pl.col(by).unique(maintain_order=True)).with_row_index("_person")
    _need_columns("people", people, (by,))
    if twice := people.height - people[by].n_unique():
        raise ArgumentError(f"people has {count_of(twice, 'row')} too many: each {by} may stand there once.")
    return people.with_row_index("_person")


def _of_persons(diagnoses: pl.DataFrame, persons: pl.DataFrame, by: str) -> pl.DataFrame:
    """_person, diagnosis. Rows of a person that stand together, as in claims, are looked up once."""
    runs = diagnoses.select(pl.col(by).cast(persons.schema[by]).rle()).unnest(by)
    placed = runs.join(persons.select(by, "_person"), left_on="value", right_on=by, how="left", maintain_order="left")
    if placed["_person"].null_count():
        strangers = placed.filter(pl.col("_person").is_null())["value"].n_unique()
        raise ArgumentError(
            f"diagnoses has {count_of(strangers, 'person', 'people')} that people has not. "
            f"Give everybody a row in people, or take the diagnoses of those you ask about."
        )
    rows = np.repeat(placed["_person"].to_numpy(), placed["len"].to_numpy())
    return pl.DataFrame({"_person": rows, "diagnosis": diagnoses["diagnosis"].cast(pl.String)})


def _categories(
    said: pl.DataFrame,
    codes: pl.DataFrame,
    persons: pl.DataFrame,
    model: str,
    edits: Sequence[str],
    tables: References,
) -> pl.DataFrame:
    """_person, hcc: the categories of everybody's diagnoses, edited; the same may stand there more than once."""
    rules = tables.hcc_table("hcc_edits").filter((pl.col("model") == model) & pl.col("kind").is_in(list(edits)))
    known = {name: name in persons.columns for name in ("age", "sex")}
    rules = rules.filter(pl.when(pl.col("kind") == "sex").then(known["sex"]).otherwise(known["age"]))
    numbered = rules.with_row_index("_rule")
    marked = codes.join(numbered.select("diagnosis", "_rule"), on="diagnosis", how="left")
    plain = pl.col("diagnosis").str.replace_all(".", "", literal=True).str.to_uppercase()
    spelled = said.select(pl.col("diagnosis").unique()).with_columns(_code=plain)
    of_spelling = spelled.join(marked, left_on="_code", right_on="diagnosis", how="inner").drop("_code")
    found = said.join(of_spelling, on="diagnosis", how="inner").drop("diagnosis")
    if rules.is_empty():
        return found.drop("_rule")
    as_mapped = found.filter(pl.col("_rule").is_null()).drop("_rule")
    return pl.concat([as_mapped, _edited(found.drop_nulls("_rule"), persons, numbered)])


def _edited(found: pl.DataFrame, persons: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """_person, hcc of the diagnoses that have an edit: its category where it holds, none where that is blank."""
    edit = rules.select(
        edit_sex="sex",
        age_to=pl.col("age_to").cast(pl.Int32),
        age_from=pl.col("age_from").cast(pl.Int32),
        edit_hcc=_number(rules, "hcc"),
    )
    has = persons.columns
    described = persons.select(
        _age=pl.col("age").cast(pl.Int32) if "age" in has else pl.lit(None, dtype=pl.Int32),
        _sex=sex_in_words() if "sex" in has else pl.lit(None, dtype=pl.String),
    )
    holds = (
        (pl.col("edit_sex") == pl.col("_sex")).fill_null(False)
        | (pl.col("_age") <= pl.col("age_to")).fill_null(False)
        | (pl.col("_age") >= pl.col("age_from")).fill_null(False)
    )
    return (
        pl.concat([found, edit[found["_rule"]], described[found["_person"]]], how="horizontal")
        .select("_person", hcc=pl.when(holds).then("edit_hcc").otherwise("hcc"))
        .drop_nulls("hcc")
    )


def _with_companions(has: Flags, named: Numbers, model: str) -> Flags:
    """Without the categories that need another beside them and lack it."""
    table = load_codes("hcc_requirements").filter(pl.col("model") == model)
    beside = _pairs(table, "hcc", "with_any_of", named)
    for needing in np.flatnonzero(np.isin(named, _number(table, "hcc").to_numpy())):
        others = [other for one, other in beside if one == needing]
        has[needing] &= has[others].any(axis=0)
    return has


def _after_hierarchies(has: Flags, named: Numbers, model: str, tables: References) -> Flags:
    """Without the categories that a more severe one makes superfluous."""
    table = tables.hcc_table("hcc_hierarchies").filter(pl.col("model") == model)
    kept = has.copy()
    for hcc, dropped in _pairs(table, "hcc", "drops", named):
        kept[dropped] &= ~has[hcc]
    return kept


def _pairs(table: pl.DataFrame, first: str, second: str, named: Numbers) -> list[tuple[int, int]]:
    """The rows of pairs of categories, those left out that no diagnosis has."""
    place = {int(number): row for row, number in enumerate(named)}
    pairs = zip(_number(table, first).to_list(), _number(table, second).to_list(), strict=True)
    return [(place[one], place[other]) for one, other in pairs if one in place and other in place]


def _lists(kept: Flags, named: Numbers) -> pl.Series:
    """Each person's categories as a list of text, in the order of their numbers."""
    import pyarrow as pa

    by_person = np.ascontiguousarray(kept.T)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(kept.sum(axis=0, dtype=np.int64))])
    texts = pl.Series([str(number) for number in named], dtype=pl.String)
    held = texts.gather(np.flatnonzero(by_person.ravel()) % named.size)
    lists = pa.LargeListArray.from_arrays(offsets, held.to_arrow())
    listed: pl.Series = pl.Series("hccs", lists)
    return listed
