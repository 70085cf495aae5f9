"""Methods in which a group can own the episode: the precedence of BPCI Advanced, and Tennessee's quarterback."""

from __future__ import annotations

import polars as pl

from episodes.attribution.parties import UNATTRIBUTED, Inputs, first_by_amount, owner


def bpci_precedence(inputs: Inputs) -> pl.DataFrame:
    """The participating group of the attending, else of the operating physician; else the participating hospital.

    A group takes part for an episode if the physician's lines carry its TIN from `attribution_start` to
    `attribution_end`, it is a participant of the programme on the day of the line, and chose the category. Of several
    the one with the largest allowed amount, then the lowest TIN.
    """
    found = inputs.episodes.select("row")
    for physician in ("attending", "operating"):
        its_group = _participating_group(inputs, f"{physician}_npi").rename({"tin": physician})
        found = found.join(its_group, on="row", how="left", maintain_order="left")
    found = found.join(_participating_hospital(inputs), on="row", how="left", maintain_order="left")
    group = pl.coalesce("attending", "operating")
    role = (
        pl.when(pl.col("attending").is_not_null())
        .then(pl.lit("group_of_attending"))
        .when(pl.col("operating").is_not_null())
        .then(pl.lit("group_of_operating"))
        .otherwise(pl.lit("anchor_hospital"))
    )
    by_group = owner("group", group, role)
    by_hospital = owner("hospital", pl.col("hospital"), role, UNATTRIBUTED)
    return found.select(
        "row",
        *(
            pl.when(group.is_not_null()).then(first).otherwise(then).alias(name)
            for name, first, then in zip(("party_kind", "party_id", "role"), by_group, by_hospital, strict=True)
        ),
    )


def tenncare_quarterback(inputs: Inputs) -> pl.DataFrame:
    """Who billed the trigger claim; where the anchor is a facility claim, the operating physician.

    With the setting `quarterback_unit` = group, the group under whose TIN they did.
    """
    chosen = (
        inputs.surgeons.join(inputs.trigger_claim_billers, on="row", how="left", maintain_order="left")
        .select("row", party_id=pl.coalesce("npi", "surgeon"))
        .with_columns(party_kind=pl.lit("physician"))
    )
    kind = inputs.settings.quarterback_unit.value
    if kind == "group":
        chosen = groups_of(inputs, chosen)
    return chosen.select("row", *owner(kind, pl.col("party_id"), "quarterback"))


def groups_of(inputs: Inputs, physicians: pl.DataFrame) -> pl.DataFrame:
    """Physicians (`row`, `party_id`) as their groups: `party_id` becomes the TIN, null where none is known.

    The TIN of most of the physician's cost in the episode; else, by `clinicians` on the day the anchor starts, the
    lowest. Other columns are kept, and the order.
    """
    billed = inputs.services.filter(
        (pl.col("setting") == "professional") & pl.col("rendering_npi").is_not_null() & pl.col("tin").is_not_null()
    ).select("row", "tin", "full_cents", party_id="rendering_npi")
    by_claims = (
        billed.group_by("row", "party_id", "tin")
        .agg(pl.col("full_cents").sum())
        .sort("row", "party_id", "full_cents", "tin", descending=[False, False, True, False])
        .group_by("row", "party_id", maintain_order=True)
        .agg(_by_claims=pl.col("tin").first())
    )
    listed = inputs.clinicians.filter(pl.col("tin").is_not_null())
    day = pl.col("anchor_start")
    by_list = (
        physicians.select("row", "party_id")
        .unique()
        .join(inputs.episodes.select("row", "anchor_start"), on="row")
        .join(listed, left_on="party_id", right_on="npi")
        .filter((pl.col("start_date") <= day).fill_null(True) & (pl.col("end_date") >= day).fill_null(True))
        .group_by("row", "party_id")
        .agg(_by_list=pl.col("tin").min())
    )
    return (
        physicians.join(by_claims, on=["row", "party_id"], how="left", maintain_order="left")
        .join(by_list, on=["row", "party_id"], how="left", maintain_order="left")
        .with_columns(party_id=pl.coalesce("_by_claims", "_by_list"))
        .drop("_by_claims", "_by_list")
    )


def _participating_group(inputs: Inputs, npi: str) -> pl.DataFrame:
    """`row` and `tin` of the group through which a physician of the anchor takes part."""
    groups = _participants(inputs, "group").rename({"entity_id": "tin"})
    day = pl.col("_day")
    lines = (
        _professional_lines(inputs)
        .join(
            inputs.episodes.select("row", "program", "category", "attribution_start", "attribution_end", npi=npi),
            on=["row", "npi"],
            how="inner",
        )
        .filter(day.is_between("attribution_start", "attribution_end"))
        .join(groups, on=["program", "tin"], how="inner")
        .filter(_takes_part(day))
        .unique(["row", "claim_id", "line_number", "tin"])
    )
    return first_by_amount(lines, "tin", "amount").select("row", "tin")


def _professional_lines(inputs: Inputs) -> pl.DataFrame:
    """Lines with who rendered them and under which TIN: row, claim_id, line_number, npi, tin, _day, amount.

    From the claims' lines where given, for they hold what lies outside the episode; else from the services.
    """
    named = pl.col("rendering_npi").is_not_null() & pl.col("tin").is_not_null()
    if inputs.lines is None:
        return inputs.services.filter(named & (pl.col("setting") == "professional")).select(
            "row", "claim_id", "line_number", "tin", npi="rendering_npi", _day="service_start", amount="full_cents"
        )
    people = inputs.episodes.select("row", "beneficiary_id")
    lines = inputs.lines.filter(named)
    if "setting" in lines.columns:
        lines = lines.filter(pl.col("setting") == "professional")
    return lines.join(people, on="beneficiary_id", how="inner").select(
        "row", "claim_id", "line_number", "tin", npi="rendering_npi", _day="service_date", amount="allowed_cents"
    )


def _participating_hospital(inputs: Inputs) -> pl.DataFrame:
    """`row` and `hospital` where the anchor's hospital takes part with the category; none listed: every one does."""
    hospitals = _participants(inputs, "hospital")
    anchors = inputs.episodes.select("row", "program", "category", "anchor_end", "participating", hospital="anchor_ccn")
    listed = anchors.join(hospitals.select("program").unique(), on="program", how="semi")
    by_list = (
        listed.join(hospitals, left_on=["program", "hospital"], right_on=["program", "entity_id"], how="inner")
        .filter(_takes_part(pl.col("anchor_end")))
        .select("row", "hospital")
        .unique()
    )
    unlisted = anchors.join(listed, on="row", how="anti").filter(pl.col("participating").fill_null(True))
    return pl.concat([by_list, unlisted.select("row", "hospital")])


def _participants(inputs: Inputs, kind: str) -> pl.DataFrame:
    return inputs.participants.filter(pl.col("entity_kind").cast(pl.String) == kind).select(
        "program", "entity_id", "start_date", "end_date", _chosen="category"
    )


def _takes_part(day: pl.Expr) -> pl.Expr:
    """Whether a participant is active on a day and chose the category; a null says: no limit."""
    return (
        (pl.col("_chosen") == pl.col("category")).fill_null(True)
        & (pl.col("start_date") <= day).fill_null(True)
        & (pl.col("end_date") >= day).fill_null(True)
    )
