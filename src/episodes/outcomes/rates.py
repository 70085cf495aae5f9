"""Risk-standardized rates as CMS's claims-based outcome measures form them, and their composites."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from episodes.errors import ArgumentError, count_of, unknown_name
from episodes.programs.code_tables import load_codes


@dataclass(frozen=True)
class StandardizedRate:
    """A hospital's outcome beside what its patients would have at an average hospital.

    Attributes:
        predicted, expected: events, summed over the patients: with the hospital's intercept, with the mean one.
        ratio: predicted over expected (1: as an average hospital).
        rate: ratio times the national observed rate; a fraction.
    """

    predicted: float
    expected: float
    ratio: float
    rate: float


def risk_standardized(
    logit_shifts: Iterable[float], *, hospital_intercept: float, mean_intercept: float, national_rate: float
) -> StandardizedRate:
    """The risk-standardized rate of one hospital from a fitted hierarchical logistic model.

    Args:
        logit_shifts: of each patient, what the risk variables add to the log odds (coefficients times values).
        hospital_intercept: the hospital's own intercept, on the log odds.
        mean_intercept: the mean of the hospitals' intercepts.
        national_rate: the observed rate over all hospitals; a fraction from 0 to 1.

    Returns:
        `.predicted`, `.expected`, `.ratio`, `.rate`.

    Raises:
        ArgumentError: no patients; a number that is none or infinite; a rate outside 0 to 1.

    Source: CMS claims-based outcome measures: predicted / expected * national rate.

    Example:
        >>> import episodes as ep
        >>> found = ep.outcomes.risk_standardized(
        ...     [0.0, 0.0], hospital_intercept=0.0, mean_intercept=-1.0986122886681098, national_rate=0.25
        ... )
        >>> found.predicted, round(found.expected, 9), round(found.ratio, 9), round(found.rate, 9)
        (1.0, 0.5, 2.0, 0.5)
    """
    shifts = [_finite("logit_shifts", shift) for shift in logit_shifts]
    if not shifts:
        raise ArgumentError("logit_shifts is empty: a hospital without patients has no rate.")
    own = _finite("hospital_intercept", hospital_intercept)
    mean = _finite("mean_intercept", mean_intercept)
    national = _finite("national_rate", national_rate)
    if not 0 <= national <= 1:
        raise ArgumentError("national_rate must be from 0 to 1: a fraction, 0.15 is fifteen percent.")
    predicted = math.fsum(_probability(own + shift) for shift in shifts)
    expected = math.fsum(_probability(mean + shift) for shift in shifts)
    if expected == 0:
        raise ArgumentError("Nobody is expected to have the event: are the shifts on the log odds?")
    ratio = predicted / expected
    return StandardizedRate(predicted, expected, ratio, ratio * national)


def combined_ratio(ratios: Mapping[str, float], volumes: Mapping[str, int]) -> float:
    """One ratio of several cohorts: the exponential of the volume-weighted mean of their logarithms.

    Args:
        ratios: standardized ratio by cohort, above 0.
        volumes: patients by cohort; the same cohorts, one of them above 0.

    Raises:
        ArgumentError: cohorts that differ, ratios not above 0, no volume.

    Source: CMS hospital-wide readmission measure: five specialty cohorts.

    Example:
        >>> combined_ratio({"medicine": 2.0, "neurology": 0.5}, {"medicine": 10, "neurology": 10})
        1.0
    """
    if set(ratios) != set(volumes):
        differing = sorted(set(ratios) ^ set(volumes))
        raise ArgumentError(f"ratios and volumes are of different cohorts: {', '.join(differing)}.")
    checked = {name: _finite("ratios", ratio) for name, ratio in ratios.items()}
    weights = {name: _finite("volumes", volume) for name, volume in volumes.items()}
    if any(ratio <= 0 for ratio in checked.values()) or any(weight < 0 for weight in weights.values()):
        raise ArgumentError("ratios must be above 0, and volumes 0 or more.")
    whole = math.fsum(weights.values())
    if whole == 0:
        raise ArgumentError("volumes sum to 0: no cohort has patients.")
    return math.exp(math.fsum(weights[name] * math.log(checked[name]) for name in sorted(checked)) / whole)


def patient_safety_composite(
    observed: Mapping[str, float],
    expected: Mapping[str, float],
    *,
    reliability: Mapping[str, float],
    weights: Mapping[str, float] | None = None,
    reference: float = 1.0,
) -> float:
    """The composite of patient safety indicators (PSI 90): weighted, smoothed ratios of observed to expected.

    Each component's ratio is drawn towards the reference by its reliability, then weighted and summed.

    Args:
        observed, expected: events by component (psi_03, psi_06, ...); expected above 0.
        reliability: 0 to 1 by component.
        weights: by component; default: those of version 6.0.2 as printed (they sum to 0.9998). Newer versions differ:
            give their own.
        reference: the ratio that an unreliable component is drawn to.

    Raises:
        ArgumentError: a component that has no weight, or that one of the mappings lacks; values out of range.

    Source: AHRQ quality indicators; weights: BMC Health Serv Res 2021;21, table 1 (packaged table `psi_90_weights`).
        The smoothing is unverified.

    Example:
        >>> one = {"psi_03": 1.0, "psi_06": 1.0}
        >>> half = {"psi_03": 0.5, "psi_06": 0.5}
        >>> patient_safety_composite({"psi_03": 3, "psi_06": 1}, one, reliability=half, weights=half)
        1.5
    """
    if weights is None:
        printed = load_codes("psi_90_weights").drop_nulls("version_6_0_2")
        weights = {name: float(weight) for name, weight in printed.select("component", "version_6_0_2").iter_rows()}
    total = []
    for name, weight in sorted(weights.items()):
        for given, what in ((observed, "observed"), (expected, "expected"), (reliability, "reliability")):
            if name not in given:
                raise ArgumentError(f"{what} lacks the component {name!r}, which has a weight.")
        above, share = _finite("expected", expected[name]), _finite("reliability", reliability[name])
        events = _finite("observed", observed[name])
        if above <= 0 or not 0 <= share <= 1 or events < 0:
            raise ArgumentError("observed must be 0 or more, expected above 0, reliability from 0 to 1.")
        total.append(_finite("weights", weight) * (share * events / above + (1 - share) * reference))
    unknown = sorted(set(observed) - set(weights))
    if unknown:
        listed = unknown_name("component", unknown[0], weights)
        raise ArgumentError(f"{count_of(len(unknown), 'component')} without a weight. {listed}")
    return math.fsum(total)


def _probability(logit: float) -> float:
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1 + odds)


def _finite(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name} must be numbers; one is a {type(value).__name__}.") from None
    if not math.isfinite(number):
        raise ArgumentError(f"{name} must be finite numbers.")
    return number
