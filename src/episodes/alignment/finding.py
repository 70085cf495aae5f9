"""What a compliance check finds: pass, fail or cannot tell, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["pass", "fail", "cannot tell"]
PASS: Outcome = "pass"
FAIL: Outcome = "fail"
CANNOT_TELL: Outcome = "cannot tell"


@dataclass(frozen=True)
class Finding:
    """The result of a check and what it rests on."""

    result: Outcome
    finding: str
