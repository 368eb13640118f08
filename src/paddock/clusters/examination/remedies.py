"""What each cause means, and what to do about it. Pure."""

from __future__ import annotations

from dataclasses import replace

from paddock.clusters.examination.commands import Values
from paddock.clusters.examination.remedies_inside import INSIDE
from paddock.clusters.examination.remedies_outside import OUTSIDE
from paddock.clusters.examination.remedy import Remedy
from paddock.clusters.examination.steps import Outcome, Step

KNOWN: dict[str, Remedy] = {**OUTSIDE, **INSIDE}
"""By code, in the order of the steps."""


def with_remedy(step: Step, values: Values) -> Step:
    """The step with what to do about its code, unless it says so itself."""
    known = KNOWN.get(step.code)
    if known is None or step.outcome is Outcome.PASSED:
        return step
    return replace(step, next=step.next or known.next, commands=step.commands or known.commands(values))
