"""Ready definitions, after the KPIs of the Digital Agency's guidebook for shared use of area platforms (§8.3).

Each takes the guidebook's caution into the definition: actual use, no duplicates, batch kept apart. Targets, weights
and 基準値 are the project's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.errors import BadRequestData
from schemas.kpi.definition import Filter, Kind, KpiDefinition, Measure, Scope, Source, Traffic
from schemas.kpi.names import NAMES
from schemas.kpi.reading import dump

LIBRARY: tuple[KpiDefinition, ...] = (
    KpiDefinition(
        id="connected-services",
        name_ja=NAMES["connected-services"][0],
        name_en=NAMES["connected-services"][1],
        unit_ja="サービス",
        unit_en="services",
        text_ja="期間中に1回以上、データの提供を受けた登録サービスの数(重複なし)。登録しただけのサービスは数えない。",
        text_en="Distinct registered services that were delivered something in the period; registration is no use.",
        scope=Scope.PROVIDER,
        of=Source(Measure.SERVICES),
    ),
    KpiDefinition(
        id="linked-assets",
        name_ja=NAMES["linked-assets"][0],
        name_en=NAMES["linked-assets"][1],
        unit_ja="件",
        unit_en="assets",
        text_ja="期間中に提供実績のあるプラットフォームとデータ型の組の数(重複なし)。提供の日までの最後の品質判定"
        "(カタログの評点、台帳に記録)が60点以上のものに限る。判定前の提供と、型を指定しない提供は数えない。",
        text_en="Distinct pairs of platform and entity type that were delivered while the catalogue's last judgement, "
        "as the ledger has it, gave them 60 points or more. Neither what was not judged nor queries without a type.",
        scope=Scope.PROVIDER,
        of=Source(Measure.ASSETS, Filter(least_quality=60)),
    ),
    KpiDefinition(
        id="api-uses",
        name_ja=NAMES["api-uses.interactive"][0],
        name_en=NAMES["api-uses.interactive"][1],
        unit_ja="回",
        unit_en="requests",
        text_ja="他エリアのデータを1件以上受け取った対話型リクエストの数。同じサービスが同じ型を1分以内に繰り返した分は"
        "1回、1サービス1日10,000回まで。再送・バッチ・自エリア内の利用は数えない。",
        text_en="Interactive requests that were delivered something from another area: one per service, types and "
        "minute, at most 10,000 per service and day. No retries, no batch, nothing within the own area.",
        of=Source(
            Measure.REQUESTS,
            Filter(cross_area_only=True, traffic=Traffic.INTERACTIVE),
            window_minutes=1,
            cap_per_day=10_000,
        ),
    ),
    KpiDefinition(
        id="api-uses-batch",
        name_ja=NAMES["api-uses.batch"][0],
        name_en=NAMES["api-uses.batch"][1],
        unit_ja="回",
        unit_en="requests",
        text_ja="バッチ処理によるリクエストの数。対話型とは合算しない。",
        text_en="Requests of batch jobs; never added to the interactive ones.",
        of=Source(Measure.REQUESTS, Filter(traffic=Traffic.BATCH)),
    ),
    KpiDefinition(
        id="area-pairs",
        name_ja="エリア間連携数",
        name_en="Linked pairs of areas",
        unit_ja="組",
        unit_en="pairs",
        text_ja="期間中にデータが提供された、提供エリアと利用エリアの組の数。",
        text_en="Pairs of a providing and a consuming area between which something was delivered.",
        of=Source(Measure.AREA_PAIRS, Filter(cross_area_only=True)),
    ),
    KpiDefinition(
        id="active-days",
        name_ja="稼働日数",
        name_en="Days of use",
        unit_ja="日",
        unit_en="days",
        text_ja="1回以上の利用があった日(日本時間)の数。",
        text_en="Days (Japan time) with at least one use.",
        of=Source(Measure.DAYS),
    ),
    KpiDefinition(
        id="monthly-active-users",
        name_ja="月間アクティブ利用者数",
        name_en="Monthly active users",
        unit_ja="人",
        unit_en="users",
        kind=Kind.ENTERED,
        text_ja="月に1回以上サービスを利用した人の数。サービス・属性別の内訳を根拠として添える(基盤は個人を記録しない)。",
        text_en="People who used the service in a month, with a breakdown as evidence: the ledger records no persons.",
    ),
    KpiDefinition(
        id="time-saved",
        name_ja="手続き時間短縮",
        name_en="Time of a procedure",
        unit_ja="分",
        unit_en="minutes",
        kind=Kind.ENTERED,
        lower_is_better=True,
        decimals=1,
        text_ja="手続き1件の平均所要時間。基準値と同じ条件で測る。",
        text_en="Average time of one procedure, measured under the conditions of the 基準値.",
    ),
    KpiDefinition(
        id="satisfaction",
        name_ja="住民満足度",
        name_en="Satisfaction of residents",
        unit_ja="%",
        unit_en="%",
        kind=Kind.ENTERED,
        decimals=1,
        text_ja="毎年同じ設問の調査で「満足」「やや満足」と答えた割合。",
        text_en="Share of satisfied answers in a survey with the same questions every year.",
    ),
    KpiDefinition(
        id="private-services",
        name_ja="民間サービス・実証件数(本番化率)",
        name_en="Private services and trials (share in production)",
        unit_ja="%",
        unit_en="%",
        kind=Kind.ENTERED,
        decimals=1,
        text_ja="実証した民間サービスのうち本番に移ったものの割合。件数を根拠として添える。",
        text_en="Share of private trials that went into production, with the counts as evidence.",
    ),
    KpiDefinition(
        id="rollouts",
        name_ja="横展開件数",
        name_en="Roll-outs to other areas",
        unit_ja="件",
        unit_en="roll-outs",
        text_ja="プロジェクトのエリアの設定を他エリアへ展開した件数(エリアの組。kakehashi area applyの台帳記録による。"
        "同じ組の再適用は数えない)。",
        text_en="Other areas to which the set-up of the project's areas was carried, by the ledger's records of "
        "`area apply`; the same once more is one.",
        scope=Scope.PROVIDER,
        of=Source(Measure.ROLLOUTS),
    ),
)


def completed(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """With `library`, the definition of that name with the other members in its place."""
    name = document.get("library")
    if name is None:
        return document
    ready = next((one for one in LIBRARY if one.id == name), None)
    if ready is None:
        raise BadRequestData("There is no such definition in the library.", field="library", value=name)
    whole: dict[str, Any] = dump(ready)
    return whole | {key: value for key, value in document.items() if key != "library"}
