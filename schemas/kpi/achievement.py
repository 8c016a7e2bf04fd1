"""How far a target was reached, and what that is worth."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from schemas.kpi.definition import KpiDefinition

_TENTH = Decimal("0.1")
_HUNDREDTH = Decimal("0.01")


def achievement(definition: KpiDefinition, actual: Decimal | None, target: Decimal | None) -> Decimal | None:
    """Per cent, one decimal. Where lower is better: the way gone from the 基準値 towards the target.

    None where one of them is missing. A target of nothing (0, or the 基準値 itself) is reached or not: 100 or 0.
    """
    if actual is None or target is None:
        return None
    if definition.lower_is_better:
        baseline = definition.baseline or Decimal(0)
        way, gone = baseline - target, baseline - actual
        if way <= 0:
            return Decimal(100) if actual <= target else Decimal(0)
    else:
        way, gone = target, actual
        if way <= 0:
            return Decimal(100) if actual >= target else Decimal(0)
    return max(Decimal(0), (gone * 100 / way).quantize(_TENTH, rounding=ROUND_HALF_UP))


def points(definition: KpiDefinition, rate: Decimal | None) -> Decimal:
    """評価点: the weight times the rate, which counts up to `most_percent`."""
    if rate is None:
        return Decimal(0)
    return (definition.weight * min(rate, Decimal(definition.most_percent)) / 100).quantize(
        _HUNDREDTH, rounding=ROUND_HALF_UP
    )
