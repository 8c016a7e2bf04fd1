"""The committee's judgement and the payment that comes of it, with every value on the way."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schemas.errors import BadRequestData, OperationNotSupported
from schemas.kpi.definition import Prose, Slug
from schemas.kpi.formula import evaluate
from schemas.kpi.project import Project
from schemas.kpi.reading import read


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    points: Decimal
    remark: Prose = ""


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """定性評価: by the ids of the project's criteria."""

    criteria: dict[Slug, Judgement] = {}
    remark: Prose = ""
    date: Annotated[str, Meta(max_length=10)] = ""


def read_evaluation(document: object, project: Project) -> Evaluation:
    """Every criterion of the project once, within its points. Raises BadRequestData that names the member."""
    found = read(Evaluation, document)
    known = {one.id: one for one in project.criteria}
    for name in found.criteria.keys() - known.keys():
        raise BadRequestData(f"The project has no criterion {name}.", field=f"criteria.{name}")
    for name, one in known.items():
        given = found.criteria.get(name)
        if given is None:
            raise BadRequestData(f"The criterion {name} is not judged.", field=f"criteria.{name}")
        if not 0 <= given.points <= one.points:
            raise BadRequestData(
                f"{name} has 0 to {one.points} points.", field=f"criteria.{name}.points", value=str(given.points)
            )
    return found


def settle(
    project: Project, given: Evaluation, kpi_points: Mapping[str, Decimal], kpi_weights: Mapping[str, Decimal]
) -> dict[str, Any]:
    """評価及び協定金支払額: scores, the formula's variables, every step of it, and the payment in whole yen.

    OperationNotSupported if the agreement has no formula.
    """
    if project.payment is None:
        raise OperationNotSupported("The project's agreement has no payment formula.", field="payment")
    quantitative, quantitative_full = sum(kpi_points.values(), Decimal(0)), sum(kpi_weights.values(), Decimal(0))
    qualitative = sum((one.points for one in given.criteria.values()), Decimal(0))
    qualitative_full = sum((one.points for one in project.criteria), Decimal(0))
    payment = project.payment
    variables = {
        **payment.variables,
        "quantitative": quantitative,
        "qualitative": qualitative,
        "score": quantitative + qualitative,
        "full_score": quantitative_full + qualitative_full,
        "ceiling": Decimal(payment.ceiling),
    }
    result, steps = evaluate(payment.formula, variables)
    paid = min(max(result, Decimal(0)), Decimal(payment.ceiling)).to_integral_value(rounding=ROUND_DOWN)
    return {
        "quantitative": {"points": quantitative, "full": quantitative_full, "by_kpi": dict(kpi_points)},
        "qualitative": {
            "points": qualitative,
            "full": qualitative_full,
            "criteria": [
                {
                    "id": one.id,
                    "name_ja": one.name_ja,
                    "name_en": one.name_en,
                    "full": one.points,
                    "points": given.criteria[one.id].points,
                    "remark": given.criteria[one.id].remark,
                }
                for one in project.criteria
            ],
        },
        "score": variables["score"],
        "full_score": variables["full_score"],
        "payment": {
            "formula": payment.formula,
            "variables": variables,
            "steps": [{"text": step.text, "value": _plain(step.value)} for step in steps],
            "result": _plain(result),
            "ceiling": payment.ceiling,
            "yen": int(paid),
        },
        "remark": given.remark,
        "date": given.date,
    }


def _plain(value: Decimal) -> Decimal:
    """Without an exponent and without more decimals than anybody reads."""
    if value == value.to_integral_value():
        return Decimal(int(value))
    return value.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP).normalize()
