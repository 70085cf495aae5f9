"""The kinds of settlement steps that the library has, in the order in which programmes use them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from episodes.money import dollars
from episodes.programs.quality_rules import Quality
from episodes.programs.settlement_rules import needed
from episodes.reconciliation.quality_categories import category_of
from episodes.reconciliation.steps import SettlementState, StepOutcome, settlement_step


@settlement_step("low_volume_floor", "categories")
def low_volume_floor(state: SettlementState) -> StepOutcome:
    """A category of low baseline volume carries no downside: its loss leaves the sum (90 FR 36536)."""
    settlement = state.program.settlement
    rule = "settlement.low_volume_floor"
    if needed(settlement.low_volume_floor, rule).value == "none":
        return StepOutcome(state.amount_cents, rule, "no floor: low_volume_floor is none")
    if state.given.categories is None:
        return StepOutcome(state.amount_cents, rule, "no categories given: no floor")
    threshold = needed(settlement.low_volume_threshold, "settlement.low_volume_threshold").value
    floored: list[str] = []
    unknown: list[str] = []
    lifted = 0
    for item in state.given.categories:
        difference = item.target_cents - item.actual_cents
        if item.baseline_episodes is None:
            unknown.append(item.category)
        elif item.baseline_episodes < threshold and difference < 0:
            floored.append(item.category)
            lifted -= difference
    notes = []
    if floored:
        notes.append(f"floored at zero, fewer than {threshold} baseline episodes: {', '.join(floored)}")
    if unknown:
        notes.append(f"baseline volume not known, no floor: {', '.join(unknown)}")
    return StepOutcome(state.amount_cents + lifted, rule, "; ".join(notes) or None)


@settlement_step("repayment_price", "repayment_target_cents")
def repayment_price(state: SettlementState) -> StepOutcome:
    """Money owed is priced with a discount of its own: a loss is taken against the target for repayment.

    Spending between the two targets is neither paid nor owed (42 CFR 510.305(e), 510.300(c)).
    """
    rule = "settlement.repayment_limit_base"
    target = state.given.repayment_target_cents
    if state.amount_cents >= 0:
        return StepOutcome(state.amount_cents, rule)
    if target is None:
        return StepOutcome(state.amount_cents, rule, "no target for repayment given: the one for payment is used")
    base = needed(state.program.settlement.repayment_limit_base, rule).value
    owed = target - state.given.actual_cents
    note = f"against {dollars(target)}, the target for repayment"
    if owed >= 0:
        note = "spending lies between the targets for payment and for repayment: nothing is paid or owed"
    return StepOutcome(min(owed, 0), rule, note, target if base == "repayment_target" else None)


@settlement_step("payment_eligibility", "quality_score")
def payment_eligibility(state: SettlementState) -> StepOutcome:
    """A hospital whose quality category is not eligible is paid nothing; what it owes stays (42 CFR 510.305(g))."""
    quality = needed(state.program.settlement.quality, "settlement.quality")
    score, said, rule = _score_taken(state, quality, "settlement.quality.categories")
    found = category_of(quality, score)
    note = "; ".join([f"{said}, {found.shown}", *found.notes])
    if state.amount_cents > 0 and not found.terms.payment:
        return StepOutcome(0, rule, f"{note}: no payment")
    return StepOutcome(state.amount_cents, rule, note)


@settlement_step("quality_adjustment", "quality_score")
def quality_adjustment(state: SettlementState) -> StepOutcome:
    """The quality score lowers a gain by what it lacks, a loss by what it reaches (TEAM: 42 CFR 512.547)."""
    quality = needed(state.program.settlement.quality, "settlement.quality")
    score, said, rule = _score_taken(state, quality, "settlement.tracks")
    share = score / Fraction(quality.highest_score.value)
    if state.amount_cents >= 0:
        lacking = Fraction(state.terms.quality_positive or 0) * (1 - share)
        return StepOutcome(state.amount_cents * (1 - lacking), rule, said)
    if state.terms.quality_negative is None:
        return StepOutcome(state.amount_cents, "settlement.tracks", f"{said}; no downside to adjust")
    kept = 1 - Fraction(state.terms.quality_negative) * share
    return StepOutcome(state.amount_cents * kept, rule, said)


def _score_taken(state: SettlementState, quality: Quality, rule: str) -> tuple[Fraction, str, str]:
    """The score, what is said of it, and the rule: where none is known, the programme's own for that."""
    score = state.given.quality_score
    if score is not None:
        return score, f"quality score {float(score):g}", rule
    taken = Fraction(quality.when_unknown.value)
    return taken, f"no quality score: {float(taken):g} taken", "settlement.quality.when_unknown"


@settlement_step("limits")
def limits(state: SettlementState) -> StepOutcome:
    """Hold the amount between stop-loss and stop-gain, shares of the aggregate target (TEAM: 42 CFR 512.550)."""
    return _held(state, state.terms.stop_loss, "")


@settlement_step("class_limits", "hospital_class")
def class_limits(state: SettlementState) -> StepOutcome:
    """The same, with the stop-loss of the hospital's class where it has one (CJR: 42 CFR 510.305(e)(1)(v))."""
    asked = state.given.hospital_class
    own = {str(name): share for name, share in state.terms.stop_loss_by_class.items()}
    if asked is None or asked not in own:
        return _held(state, state.terms.stop_loss, "")
    return _held(state, own[asked], f" (hospital class {asked})")


def _held(state: SettlementState, stop_loss: Decimal | None, whose: str) -> StepOutcome:
    amount = Fraction(state.amount_cents)
    rule = "settlement.tracks"
    stop_gain = needed(state.terms.stop_gain, "settlement.tracks")
    gain = Fraction(stop_gain) * state.limit_base_cents
    if amount > gain:
        return StepOutcome(gain, rule, f"stop-gain of {_percent(stop_gain)} reached")
    if stop_loss is not None and amount < -Fraction(stop_loss) * state.limit_base_cents:
        loss = -Fraction(stop_loss) * state.limit_base_cents
        return StepOutcome(loss, rule, f"stop-loss of {_percent(stop_loss)}{whose} reached")
    return StepOutcome(amount, rule)


def _percent(share: Decimal) -> str:
    return f"{float(100 * share):g}%"


@settlement_step("downside_waiver")
def downside_waiver(state: SettlementState) -> StepOutcome:
    """A track without downside owes nothing (TEAM: 42 CFR 512.520; CJR: its first year, 42 CFR 510.305)."""
    if state.terms.stop_loss is None and state.amount_cents < 0:
        return StepOutcome(0, "settlement.tracks", "the track has no downside")
    return StepOutcome(state.amount_cents, "settlement.tracks")


@settlement_step("earlier_amount", "previous_cents")
def earlier_amount(state: SettlementState) -> StepOutcome:
    """What an earlier calculation of the year settled is taken off: the limits hold both together.

    The second look settles the year anew and pays or owes the difference (42 CFR 510.305(i), 512.307(a)(2)).
    """
    earlier = state.given.previous_cents
    note = f"less {dollars(earlier)}, settled before" if earlier else None
    return StepOutcome(state.amount_cents - earlier, "settlement.steps", note)


@settlement_step("post_episode", "post_episode_excess_cents")
def post_episode(state: SettlementState) -> StepOutcome:
    """Take off the post-episode excess, outside the limits (TEAM: 42 CFR 512.550(f); CJR: 510.305(j))."""
    settlement = state.program.settlement
    excess = state.given.post_episode_excess_cents
    after = state.amount_cents - excess
    if state.terms.stop_loss is not None:
        return StepOutcome(after, "settlement.post_episode_sd")
    rule = "settlement.post_episode_without_downside"
    treatment = needed(settlement.post_episode_without_downside, rule).value
    if excess == 0 or treatment == "full":
        return StepOutcome(after, rule)
    if treatment == "none":
        return StepOutcome(state.amount_cents, rule, "no downside: the excess is not taken off")
    floor = min(state.amount_cents, 0)
    if after < floor:
        forgiven = dollars(floor - after)
        return StepOutcome(floor, rule, f"no downside: {forgiven} of the excess is not owed")
    return StepOutcome(after, rule)


@settlement_step("shared_savings_overlap", "shared_savings_overlap_cents")
def shared_savings_overlap(state: SettlementState) -> StepOutcome:
    """Take off the part of the discount that an ACO was already paid as savings (42 CFR 510.305(j))."""
    overlap = state.given.shared_savings_overlap_cents
    note = f"{dollars(overlap)} of the discount was paid to an ACO" if overlap else None
    return StepOutcome(state.amount_cents - overlap, "settlement.steps", note)


@settlement_step("prospective_payment")
def prospective_payment(state: SettlementState) -> StepOutcome:
    """A bundle paid in advance leaves nothing to settle: what was saved or lost stays with the hospital."""
    return StepOutcome(0, "settlement.steps", f"{dollars(state.amount_cents)} stay with the hospital")
