"""The risk variables of episodes: one row an episode, by the programme's rules, from its person's claims alone."""

from __future__ import annotations

import polars as pl

from episodes.errors import ContractError
from episodes.programs import Program
from episodes.programs.references import References
from episodes.programs.risk_rules import FRACTURE, RiskRules
from episodes.risk.hcc import hcc_interactions, hccs
from episodes.risk.history import earlier_diagnoses, prior_use
from episodes.risk.people import class_of, of_the_person
from episodes.risk.procedures import anchor_claims, of_the_anchor

TEXTS = pl.List(pl.String)
RISK_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "episode_id": pl.String,
    "age": pl.Int32,
    "sex": pl.String,
    "originally_disabled": pl.Boolean,
    "full_dual": pl.Boolean,
    "partial_dual": pl.Boolean,
    "low_income_subsidy": pl.Boolean,
    "deprivation_percentile": pl.Float64,
    "hccs": TEXTS,
    "hcc_count": pl.Int32,
    "prior_inpatient": pl.Boolean,
    "prior_post_acute": pl.Boolean,
    "institutional": pl.Boolean,
    "fracture": pl.Boolean,
    "procedure_group": pl.String,
    "category": pl.String,
    "age_class": pl.String,
    "hcc_count_class": pl.String,
    "disabled": pl.Boolean,
    "esrd": pl.Boolean,
    "further_hccs": TEXTS,
    "hcc_interactions": TEXTS,
    "procedure_groups": TEXTS,
    "risk_flags": TEXTS,
}
"""Columns of `risk`, one row a candidate episode (docs/risk.md)."""

ICD9_LOOKBACK = "icd9_lookback"
"""Flag of an episode whose look-back speaks ICD-9: no packaged model maps it, so its categories are not known."""

_EPISODE_COLUMNS = (
    "episode_id",
    "beneficiary_id",
    "category",
    "anchor_setting",
    "anchor_claim_id",
    "anchor_code",
    "anchor_start",
    "anchor_end",
    "episode_start",
)


def risk_of(
    episodes: pl.DataFrame,
    claims: pl.DataFrame,
    lines: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    coverage: pl.DataFrame,
    program: Program,
    references: References | None = None,
) -> pl.DataFrame:
    """The risk variables of episodes, excluded ones too.

    A pure function of some people's claims: it can be called for one bucket of people at a time.

    Args:
        episodes: `built.episodes` (episode_id, beneficiary_id, category, anchor_setting, anchor_claim_id, anchor_code,
            anchor_start, anchor_end, episode_start).
        claims, lines, beneficiaries, coverage: canonical tables of at least these people, with all their columns.
        program: its rules `[risk]` say which look-back, condition categories, days and code lists.
        references: condition categories of the user's own; default: the packaged ones.

    Returns:
        One row an episode in the order given, columns `RISK_SCHEMA` (docs/risk.md). What is not known is null.

    Raises:
        ProgramError: the programme's file says nothing of risk.
        ContractError: `episodes` lacks a column.

    Regulation: TEAM 42 CFR 512.545(a); CJR 42 CFR 510.301; BPCI Advanced: CMS shadow-bundle programs f1 to f7.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> team = ep.load_program("team", performance_year=1)
        >>> built = ep.build_episodes(claims, team)
        >>> tables = [claims.table(name).collect() for name in ("claims", "lines", "beneficiaries", "coverage")]
        >>> risk = ep.risk.risk_of(built.episodes, *tables, team)
        >>> risk.height == built.episodes.height, sorted(risk["procedure_group"].drop_nulls().unique())
        (True, ['ankle_or_reattachment', 'partial_hip', 'total_hip_or_resurfacing', 'total_knee'])
    """
    if lacking := [column for column in _EPISODE_COLUMNS if column not in episodes.columns]:
        raise ContractError(f"The frame 'episodes' lacks: {', '.join(lacking)}. Give what build_episodes returns.")
    rules = program.risk
    tables = references or References()
    windows = _with_lookback(episodes, rules)
    concerned = windows.select("beneficiary_id").unique()
    of_people = claims.join(concerned, on="beneficiary_id", how="semi")
    lines_of_people = lines.join(concerned, on="beneficiary_id", how="semi")
    person = of_the_person(windows, beneficiaries, coverage, rules)
    diagnoses = earlier_diagnoses(windows, of_people, lines_of_people, rules.hcc)
    conditions = _conditions(person, diagnoses, rules, tables)
    used = prior_use(windows, of_people, rules.prior_use, f"{program.amount_basis}_cents")
    done = of_the_anchor(anchor_claims(windows, of_people), lines_of_people, rules)
    has_fracture = any(flag.id == FRACTURE for flag in rules.diagnosis_flags)
    fracture = pl.col("risk_flags").list.contains(FRACTURE) if has_fracture else pl.lit(None)
    joined = windows.select("_row", "episode_id", "category")
    for part in (person, conditions, used, done):
        joined = joined.join(part, on="_row", how="left", maintain_order="left")
    joined = joined.with_columns(fracture=fracture)
    if not _maps_icd9(rules, tables):
        joined = _without_conditions(joined, _in_icd9(diagnoses))
    return joined.select(pl.col(name).cast(dtype) for name, dtype in RISK_SCHEMA.items())


def _with_lookback(episodes: pl.DataFrame, rules: RiskRules) -> pl.DataFrame:
    """The episodes' columns that are read, with the first and the last day of the look-back."""
    before = pl.col(rules.lookback_before.value)
    return (
        episodes.select(_EPISODE_COLUMNS)
        .with_columns(
            _lookback_start=before.dt.offset_by(f"-{rules.lookback_days.value}d"),
            _lookback_end=before.dt.offset_by("-1d"),
        )
        .with_row_index("_row")
    )


def _conditions(person: pl.DataFrame, diagnoses: pl.DataFrame, rules: RiskRules, tables: References) -> pl.DataFrame:
    """_row, hccs, hcc_count, hcc_count_class, further_hccs, hcc_interactions."""

    def of_model(model: str) -> pl.DataFrame:
        return hccs(
            diagnoses,
            model=model,
            people=person.select("_row", "age", "sex"),
            by="_row",
            references=tables,
            mapping=rules.hcc.mapping.value,
            edits=rules.hcc.edits.value,
        )

    found = of_model(rules.hcc.model.value)
    further: list[pl.Expr] = [pl.lit([], dtype=TEXTS)]
    for model, chosen in rules.hcc.further.value.items():
        of_other = of_model(model).select(
            _further=pl.col("hccs").list.set_intersection(pl.lit(list(chosen), dtype=TEXTS))
        )
        name = f"_{model}"
        found = found.with_columns(of_other["_further"].list.eval(pl.lit(f"{model}:") + pl.element()).alias(name))
        further.append(pl.col(name))
    starts = rules.hcc.count_classes
    found = found.with_columns(
        hcc_count_class=class_of(pl.col("hcc_count"), starts.value if starts else ()),
        further_hccs=pl.concat_list(further),
    )
    if rules.hcc.interactions is None:
        return found.with_columns(hcc_interactions=pl.lit([], dtype=TEXTS))
    disabled = person["disabled"].alias("_disabled")
    return hcc_interactions(
        found.with_columns(disabled),
        model=rules.hcc.model.value,
        table=rules.hcc.interactions.value,
        disabled="_disabled",
    )


def _maps_icd9(rules: RiskRules, tables: References) -> bool:
    codes = tables.hcc_table("hcc").filter(pl.col("model") == rules.hcc.model.value)["diagnosis"]
    return bool(codes.str.contains(r"^[0-9]").any())


def _in_icd9(diagnoses: pl.DataFrame) -> pl.Series:
    """Rows of the episodes of whose earlier diagnoses half or more begin with a digit, as only ICD-9 codes do."""
    share = diagnoses.group_by("_row").agg(share=pl.col("diagnosis").str.contains(r"^[0-9]").mean())
    return share.filter(pl.col("share") >= 0.5)["_row"]


def _without_conditions(joined: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Condition categories are null for these rows, which are flagged."""
    concerned = pl.col("_row").is_in(rows.implode())
    columns = ("hccs", "hcc_count", "hcc_count_class", "further_hccs", "hcc_interactions")
    flagged = pl.concat_list("risk_flags", pl.lit(ICD9_LOOKBACK)).list.sort()
    return joined.with_columns(
        *[pl.when(~concerned).then(column).alias(column) for column in columns],
        risk_flags=pl.when(concerned).then(flagged).otherwise("risk_flags"),
    )
