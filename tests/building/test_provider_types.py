"""Provider types and states by CCN, range edges included."""

from __future__ import annotations

import pytest

from episodes.building.provider_types import provider_type_of, state_of


@pytest.mark.parametrize(
    ("ccn", "kind"),
    [
        ("010001", "acute"),
        ("010886", "acute"),
        ("010887", "other"),  # 0887 and 0888 are not in CMS's list
        ("010889", "acute"),
        ("010899", "acute"),
        ("010900", "other"),
        ("450880", "acute"),
        ("450894", "acute"),
        ("45088A", "other"),
        ("050146", "cancer"),
        ("011300", "cah"),
        ("011399", "cah"),
        ("012000", "ltch"),
        ("012299", "ltch"),
        ("013025", "irf"),
        ("013024", "other"),
        ("01T001", "irf"),
        ("01R001", "irf"),
        ("01S001", "ipf"),
        ("01M001", "ipf"),
        ("014000", "ipf"),
        ("014499", "ipf"),
        ("013300", "childrens"),
        ("01U001", "swing_bed"),
        ("01Z001", "swing_bed"),
        ("015000", "snf"),
        ("016499", "snf"),
        ("017000", "home_health"),
        ("01001E", "emergency"),
        ("0100V1", "veteran"),
        ("4600TV", "other"),
        ("0100", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_provider_type(ccn: str | None, kind: str) -> None:
    assert provider_type_of(ccn) == kind


@pytest.mark.parametrize(("ccn", "state"), [("210001", "MD"), ("800001", "MD"), ("360001", "OH"), ("??0001", None)])
def test_state(ccn: str, state: str | None) -> None:
    assert state_of(ccn) == state
