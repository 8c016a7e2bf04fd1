"""定義: what the figures mean, in the words that stand under the tables and go into the reports."""

from __future__ import annotations

from schemas.kpi.figures import Definition
from schemas.kpi.names import NAMES

DEFINITIONS = (
    Definition(
        "api_uses",
        *NAMES["api-uses"],
        "回",
        "requests",
        "1件以上のデータを提供したリクエストの数(フローの数ではない)。受付日時(日本時間)の月に計上し、"
        "Idempotency-Keyによる再送は数えない。対話型とバッチは分けて示す。提供者別・エリア別は、その提供者・エリアが"
        "1件以上提供したリクエストの数で、複数の提供者が応じたリクエストがあるため、合計は全体の数と一致しない。",
        "Requests (not flows) that delivered at least one entity, in the month of their arrival (Japan time); a retry "
        "under the same Idempotency-Key does not count. Interactive and batch apart. A provider's or an area's are the "
        "requests to which it delivered; a request may be answered by several, so these do not add up to the whole.",
    ),
    Definition(
        "services",
        *NAMES["connected-services"],
        "サービス",
        "services",
        "期間中に1回以上のAPI利用があった登録サービスの数(重複なし)。登録しただけのサービス、匿名の利用、管理者による利用は含まない。",
        "Distinct registered services with at least one API use in the period. Services that were only registered, "
        "anonymous use and the administration's own are not counted.",
    ),
    Definition(
        "assets",
        *NAMES["linked-assets"],
        "件",
        "assets",
        "期間中にデータを提供したプラットフォームと、リクエストで指定されたデータ型の組の数(重複なし)。"
        "登録されているだけで提供実績のないものは数えない。型を指定しないリクエストにだけ応じた"
        "プラットフォームは1件と数える。",
        "Distinct pairs of a platform that delivered in the period and an entity type that it was asked for. What is "
        "only registered is not counted. A platform that delivered only to requests that name no type counts as one.",
    ),
    Definition(
        "entities",
        "提供データ件数(提供エリア×利用エリア)",
        "Entities delivered (provider area × consumer area)",
        "件",
        "entities",
        "提供元プラットフォームのエリアから、利用サービスの本拠エリアへ提供されたデータの件数。再送は含まない。"
        "複数の提供元の情報を統合した1件は、それぞれの提供元に計上する。",
        "Entities that platforms of an area delivered to services of a home area, without retries. An entity that was "
        "merged from several platforms counts for each of them.",
    ),
)
