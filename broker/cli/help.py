"""The help of every command and option, Japanese and English side by side."""

from __future__ import annotations

from broker.cli.catalog_texts import CATALOG_HELP
from broker.cli.kpi_feed_texts import KPI_FEED_HELP
from broker.cli.kpi_texts import KPI_HELP
from broker.cli.ledger_texts import LEDGER_HELP
from broker.cli.trust_texts import TRUST_HELP
from broker.demo.language import Table

HELP: Table = {
    "help": (
        "架け橋 — 東京の各エリアの都市OSをつなぐ、計測付きNGSI-LDゲートウェイ。",
        "架け橋 — the bridge between the city OSs of Tokyo's areas: a federated, metered NGSI-LD gateway.",
    ),
    "help.help": ("この説明を表示して終了", "Show this message and exit."),
    "lang": ("表示言語(既定はロケールによる)", "Language of what is shown; by default the locale's."),
    "json": ("JSONで出力", "Print JSON."),
    "yes": ("確認しない", "Don't ask back."),
    "help.usage": ("使い方:", "Usage:"),
    "help.arguments": ("引数", "Arguments"),
    "help.options": ("オプション", "Options"),
    "help.commands": ("コマンド", "Commands"),
    "help.required": ("(必須)", " (required)"),
    "help.default": ("(既定: {value})", " (default: {value})"),
    "serve.help": (
        "ゲートウェイを起動する。SIGTERMで、処理中のリクエストを終えて記録してから停止する。",
        "Serve the gateway. On SIGTERM what is under way ends and is settled before it stops.",
    ),
    "serve.host": ("待ち受けるアドレス", "Address to listen on."),
    "serve.port": ("待ち受けるポート(0: 空いているもの)", "Port to listen on; 0: any free one."),
    "serve.workers": ("ワーカープロセスの数", "Number of worker processes."),
    "serve.config": ("設定ファイル(TOML)(KAKEHASHI_CONFIG)", "Settings file (TOML) (KAKEHASHI_CONFIG)."),
    "serve.home": ("データと鍵を置くフォルダ(KAKEHASHI_HOME)", "Folder of data and keys (KAKEHASHI_HOME)."),
    "serve.access": (
        "closed: APIキーが必要、open: 誰でも匿名で利用可(KAKEHASHI_ACCESS)",
        "closed: API keys; open: everyone is anonymous (KAKEHASHI_ACCESS).",
    ),
    "serve.alias": ("Viaヘッダーに載せる名前(KAKEHASHI_ALIAS)", "Name of this gateway in Via (KAKEHASHI_ALIAS)."),
    "serve.public_url": (
        "利用者から見たURL(KAKEHASHI_PUBLIC_URL)",
        "Base URL under which clients reach it (KAKEHASHI_PUBLIC_URL).",
    ),
    "serve.area": ("ローカルストアのエリア(KAKEHASHI_AREA)", "Area of the local store (KAKEHASHI_AREA)."),
    "serve.organisation": (
        "ローカルストアの提供組織(KAKEHASHI_ORGANISATION)",
        "Organisation that answers for the local store (KAKEHASHI_ORGANISATION).",
    ),
    "serve.log_level": (
        "debug、info、warning、error(KAKEHASHI_LOG_LEVEL)",
        "debug, info, warning or error (KAKEHASHI_LOG_LEVEL).",
    ),
    "serve.access_log": ("全リクエストを記録する(KAKEHASHI_ACCESS_LOG)", "Log every request (KAKEHASHI_ACCESS_LOG)."),
    "demo.help": (
        "3エリアの都市OSとゲートウェイを起動し、エリア横断の検索・計測・KPIを一巡して見せる。",
        "Start three area platforms and the gateway, and show a tour of cross-area queries, metering and KPIs.",
    ),
    "demo.once": (
        "一巡したら終了(終了コード0、問題があれば1)",
        "End after the tour: status 0, or 1 if a step went wrong.",
    ),
    "demo.json": ("結果を1つのJSONで出力(--onceを含む)", "Print one JSON object of the tour; implies --once."),
    "demo.data": (
        "実データのフォルダ(shelters/、toilets/)。省略時は架空のデータ",
        "Folder with real files (shelters/, toilets/); by default synthetic data.",
    ),
    "demo.port": (
        "ゲートウェイのポート(既定: 9090、使用中なら空きポート)",
        "Port of the gateway; by default 9090, or a free one.",
    ),
    "platform.help": ("エリアのプラットフォームの登録", "Register areas' platforms."),
    "platform.arg": ("プラットフォームの識別子", "Id of the platform."),
    "platform.add.help": (
        "プラットフォームを検査して登録する。問題があれば登録しない(--forceで未検証として登録)。",
        "Probe a platform and register it. With a fault nothing is stored, unless --force keeps it as unverified.",
    ),
    "platform.list.help": ("登録済みのプラットフォームの一覧", "List the platforms."),
    "platform.list.area": ("このエリアのものだけ", "Only those of this area."),
    "platform.show.help": ("登録内容と直近の検査結果", "Show a platform and what its last probe found."),
    "platform.health.help": (
        "動作中のゲートウェイから見た状態(遮断器・応答時間・直近の失敗)",
        "How a platform does, as a running gateway sees it: breaker, latencies, last errors.",
    ),
    "platform.health.url": (
        "動作中のゲートウェイのURL(既定: public_url、なければ http://127.0.0.1:9090)",
        "Address of the running gateway; by default public_url, else http://127.0.0.1:9090.",
    ),
    "platform.probe.help": ("いま検査する", "Probe a platform now."),
    "platform.certify.help": (
        "適合検査を行う。合格すると「適合認定」になる",
        "Run the contract suite against it on its own data; passed, it is certified.",
    ),
    "platform.remove.help": ("登録を削除する(利用記録は残る)", "Forget a platform; its flows stay in the record."),
    "platform.id": ("識別子(短い名前またはURI)", "Short name or URI; unique."),
    "platform.adapter": ("方言: ngsi_ld、ngsi_v2、geojson、local", "Dialect: ngsi_ld, ngsi_v2, geojson or local."),
    "platform.endpoint": ("接続先のURL", "Base address."),
    "platform.area": ("エリア", "Area that it belongs to."),
    "platform.organisation": ("提供組織", "Organisation that answers for it."),
    "platform.name": ("表示名", "Name for people."),
    "platform.tenant": (
        "相手側のテナント(NGSILD-Tenant、Fiware-Service)",
        "Its tenant: NGSILD-Tenant or Fiware-Service.",
    ),
    "platform.service_path": ("Fiware-ServicePath", "Fiware-ServicePath."),
    "platform.registry_tenant": (
        "このゲートウェイ側のテナント",
        "Tenant of this gateway under which it is registered.",
    ),
    "platform.type": ("提供するエンティティ型(複数可)", "Entity type that it holds; may be repeated."),
    "platform.entity_id": ("提供するエンティティのID(複数可)", "Entity id that it holds; may be repeated."),
    "platform.id_pattern": (
        "提供するIDの正規表現(RE2、複数可)",
        "Pattern (RE2) of the ids that it holds; may be repeated.",
    ),
    "platform.attribute": (
        "エンティティのうちこの属性だけを持つ(複数可)",
        "It holds only this attribute of its entities; may be repeated.",
    ),
    "platform.geometry": ("エリアの範囲(GeoJSON、WGS 84)", "GeoJSON geometry of its area, WGS 84."),
    "platform.open_data": (
        "すべてオープンデータとする(省略時、利用には協定が必要)",
        "All of it is open data; what is not needs an agreement.",
    ),
    "platform.open_type": ("この種別をオープンデータとする(複数可)", "This type is open data; may be repeated."),
    "platform.option": ("アダプター固有の設定(複数可)", "An option of the adapter; may be repeated."),
    "platform.options": ("アダプター固有の設定(まとめて)", "Options of the adapter."),
    "platform.context": ("@contextを返さない相手の名前を解釈する@context", "@context of a platform that knows none."),
    "platform.mode": (
        "登録モード: inclusive、exclusive、redirect、auxiliary",
        "inclusive, exclusive, redirect or auxiliary.",
    ),
    "platform.timeout_ms": ("1リクエストの待ち時間の上限(ミリ秒)", "Its share of a request's time, milliseconds."),
    "platform.max_concurrency": ("同時に問い合わせる数の上限", "Questions to it at once, at most."),
    "platform.operation": (
        "受け付ける操作または操作群(4.20節)。繰り返し可。既定はfederationOps(読み取りのみ)。書き込みはredirectionOpsなど",
        "Operation or group (clause 4.20) that it takes; may be repeated. federationOps, which only read, if none; "
        "redirectionOps lets writes through.",
    ),
    "platform.credential": (
        "認証情報のJSON。秘密はできるだけ@ファイルか--credential-fileで",
        "Credential as JSON; what is written here is seen by others on the machine: prefer @FILE.",
    ),
    "platform.api_key_header": (
        "APIキーを送るヘッダー名。キーは--credential-file、KAKEHASHI_CREDENTIAL、または入力",
        "Header of an API key; the key comes from --credential-file, KAKEHASHI_CREDENTIAL or a prompt.",
    ),
    "platform.bearer": ("Bearerトークン(渡し方は同上)", "A bearer token, given likewise."),
    "platform.basic": (
        "Basic認証の利用者名(パスワードの渡し方は同上)",
        "User of HTTP Basic; the password is given likewise.",
    ),
    "platform.credential_file": ("秘密を読むファイル(-: 標準入力)", "File with the secret; - is standard input."),
    "platform.from": (
        "カタログのデータセット、またはJSONファイルから登録(他のオプションが優先)",
        "Take it from a dataset of the catalogue, or a JSON file; other options go before it.",
    ),
    "platform.force": ("検査に失敗しても未検証として登録", 'Keep it as "unverified" though its probe failed.'),
    "service.help": ("利用するサービスとAPIキー", "Services that ask, and their API keys."),
    "service.arg": ("サービスの識別子", "Id of the service."),
    "service.add.help": (
        "サービスを登録しAPIキーを発行する(表示は一度だけ)",
        "Register a service; prints its API key, once.",
    ),
    "service.list.help": ("登録済みのサービスの一覧", "List the services."),
    "service.show.help": ("サービスの詳細(キーは表示しない)", "Show a service, without its key."),
    "service.disable.help": ("サービスを停止する", "Refuse its key from now on."),
    "service.enable.help": ("サービスを再開する", "Take its key again."),
    "service.rotate.help": (
        "新しいAPIキーを発行し、古いキーを無効にする",
        "Make a new key; the old one is worth nothing.",
    ),
    "service.remove.help": ("サービスを削除する(利用記録は残る)", "Remove a service; its flows stay in the record."),
    "service.id": ("識別子", "Id; unique."),
    "service.name": ("表示名", "Name for people."),
    "service.organisation": ("運営組織", "Organisation that runs it."),
    "service.project": ("プロジェクト", "Project that it belongs to."),
    "service.area": ("本拠エリア(他エリアのデータ利用は「エリア横断」)", "Home area: data of any other is cross-area."),
    "service.role": (
        "役割: service、operator、secretariat、auditor、administrator(複数可)",
        "service, operator, secretariat, auditor or administrator; may be repeated.",
    ),
    "service.keep": (
        "古いキーをあと何時間有効にするか(0: ただちに無効)",
        "For how many hours the old key is good beside the new one; 0: it ends at once.",
    ),
    "service.batch": ("バッチ処理のサービス(KPIで分けて数える)", "It asks in batches; counted apart in the KPIs."),
    "admin-key.help": ("管理用キーの場所", "Where the administration's key is."),
    "admin-key.show": ("キーそのものを表示", "Print the key itself."),
    "kpi.help": ("KPI(定量)", "KPI figures."),
    "kpi.show.help": ("年度のKPI(定量)を表示", "Show the figures of a fiscal year."),
    "kpi.year": ("年度(4月の属する年、省略時は今年度)", "Fiscal year: that of its April; the current one by default."),
    "kpi.area": ("このエリアが提供した分だけ", "Only what this area's platforms delivered."),
    "kpi.service": ("このサービスが利用した分だけ", "Only what this service used."),
    "flows.help": ("計測された利用記録(フロー)", "The metered flows: the latest of the last day."),
    "flows.from": ("この時刻から(RFC 3339、既定は1日前)", "From this time on (RFC 3339); by default a day ago."),
    "flows.to": ("この時刻より前", "Before this time."),
    "flows.consumer": ("利用サービスまたは組織", "A service or an organisation."),
    "flows.provider": ("提供プラットフォームまたは組織", "A platform or an organisation."),
    "flows.type": ("エンティティ型", "Entity type."),
    "flows.limit": ("最新の何件まで", "The latest so many."),
    "flows.ndjson": ("1行1件のJSONで出力", "Print newline-delimited JSON."),
    "flows.csv": ("CSVで出力", "Print CSV."),
    "explain.help": (
        "問い合わせの計画を説明する(実行しない)",
        "Explain what a query would ask of whom; nothing is asked.",
    ),
    "explain.query": (
        "クエリ文字列(例: 'type=EvacuationShelter&q=capacity>100')",
        "Query string, as in 'type=EvacuationShelter&q=capacity>100'.",
    ),
    "explain.context": ("名前を解釈する@contextのURL", "URL of the @context of the names."),
    "explain.tenant": ("テナント", "Tenant."),
    "adapters.help": (
        "対応している方言(アダプター)と設定項目",
        "The kinds of adapter, what they can and their options.",
    ),
    "adapters.kind": ("種類(詳細を表示)", "A kind, to show it whole."),
    "settings.help": (
        "すべての設定の値・由来・説明",
        "Every setting: its value, where that comes from, what it means.",
    ),
    "version.help": ("バージョン", "Show the version."),
    **CATALOG_HELP,
    **KPI_HELP,
    **KPI_FEED_HELP,
    **LEDGER_HELP,
    **TRUST_HELP,
}
