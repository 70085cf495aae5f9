"""A comparison of models in a paragraph for those who decide: what each side has, and who bears the risk."""

from __future__ import annotations

from typing import Any

from episodes.alignment.comparison import HOSPITAL, PHYSICIANS, ModelComparison
from episodes.money import dollars

MODEL_NAMES = {
    "independent": "independent practice without an arrangement",
    "employment": "employment",
    "professional_services": "a professional services agreement",
    "co_management": "co-management",
    "gainsharing": "gainsharing",
    "shared_savings": "shared savings",
}


def comparison_paragraph(compared: ModelComparison) -> str:
    """The comparison in a paragraph that a chief financial officer can read.

    Args:
        compared: from `compare_models`.

    Returns:
        Plain text, amounts in whole dollars, with what the figures rest on as its last sentences.

    Example:
        >>> import episodes as ep, polars as pl
        >>> year = pl.DataFrame({"category": ["LEJR"] * 2, "price_cents": [2_000_000] * 2, "fee_cents": [140_000] * 2,
        ...     "capped_cents": [1_500_000, 1_700_000], "readmission_cents": [0, 0]})
        >>> compared = ep.alignment.compare_models(year, ep.load_program("team", 1), quality_score=100, repeats=9)
        >>> comparison_paragraph(compared)[:79]
        'Over 2 episodes with targets of $40,000 the hospital was paid $4,000. Drawn aga'
    """
    year = compared.year
    rows = {(row["model"], row["side"]): row for row in compared.table.iter_rows(named=True)}
    models = [model for model in dict.fromkeys(compared.table["model"]) if model != "independent"]
    plain = rows["independent", HOSPITAL]
    outcome = "was paid" if year.settled_cents >= 0 else "owes"
    said = [
        f"Over {year.episodes:,} episodes with targets of {_whole(year.target_cents)} the hospital {outcome} "
        f"{_whole(abs(year.settled_cents))}. Drawn again {compared.repeats:,} times from the same patients, the same "
        f"year would have given it {_whole(plain['mean_cents'])} on average, and between {_whole(plain['p5_cents'])} "
        f"and {_whole(plain['p95_cents'])} in nine years of ten: chance alone moves the result by that much, and "
        "without an arrangement the hospital bears all of it."
    ]
    said += [_model(model, rows) for model in models]
    bearing = {model: rows[model, PHYSICIANS]["risk_share"] or 0.0 for model in models}
    most, least = max(bearing, key=lambda m: bearing[m]), min(bearing, key=lambda m: bearing[m])
    said.append(
        f"Physicians bear most of the downside under {MODEL_NAMES[most]} ({bearing[most]:.0%} of both sides' "
        f"downsides) and least under {MODEL_NAMES[least]} ({bearing[least]:.0%}). A partner who cannot carry a bad "
        "year does better with pay or fees that are fixed; one who can carry it takes part in the good ones under "
        "gainsharing or shared savings."
    )
    open_terms = [name for name, term in _terms(compared) if term.status == "open"]
    said.append(
        f"{len(open_terms)} of the terms compared are settings that stand for your contracts, not measured figures; "
        "replace them before you choose. This is no legal advice."
    )
    return " ".join(said)


def _model(model: str, rows: dict[tuple[str, str], dict[str, Any]]) -> str:
    ours, theirs = rows[model, HOSPITAL], rows[model, PHYSICIANS]
    more = theirs["against_independent_cents"]
    change = f"{_whole(abs(more))} {'more' if more >= 0 else 'less'} than in independent practice"
    return (
        f"Under {MODEL_NAMES[model]} the hospital ends at {_whole(ours['mean_cents'])} on average "
        f"({_whole(ours['p5_cents'])} to {_whole(ours['p95_cents'])}), the physicians {_whole(theirs['mean_cents'])} "
        f"({_whole(theirs['p5_cents'])} to {_whole(theirs['p95_cents'])}), {change}."
    )


def _terms(compared: ModelComparison) -> list[tuple[str, Any]]:
    return [(name, getattr(compared.terms, name)) for name in type(compared.terms).model_fields]


def _whole(cents: int) -> str:
    """Cents as dollars without cents, rounded half up."""
    return dollars((cents + 50) // 100 * 100)[:-3]
