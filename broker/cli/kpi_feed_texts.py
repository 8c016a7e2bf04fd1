"""What `kakehashi kpi feed`, `public`, `hook` and `evidence` say and their help, Japanese and English side by side."""

from __future__ import annotations

from broker.demo.language import Table

KPI_FEED_HELP: Table = {
    "kpi.evidence.help": (
        "報告書の証拠一式(台帳の記録と証明、定義の版、訂正、報告書)をZIPに書き出す。"
        "kakehashi verifyが全数値を数え直して照合する",
        "Write a report's evidence to a ZIP file: entries of the ledger with proofs, definitions, corrections and the"
        " report. `kakehashi verify` counts every figure anew.",
    ),
    "kpi.evidence.kind": (
        "いまの報告の種類: status、individual、result",
        "Kind of the report as it is now: status, individual or result.",
    ),
    "kpi.evidence.filing": (
        "提出済みの報告の番号(種類・日付はその報告のもの)",
        "Number of a filed report, instead of the one of now.",
    ),
    "kpi.evidence.masked": (
        "他者の記録はハッシュだけにする(プロジェクトに渡す場合)",
        "Of entries that are not the project's own only the hashes: for the project itself.",
    ),
    "kpi.feed.help": (
        "日次・月次の値と提出物を、カーソル以降について書き出す",
        "Daily and monthly figures and filings behind a cursor.",
    ),
    "kpi.feed.cursor": ("この番号より後", "Behind this one; standard error tells the next."),
    "kpi.feed.limit": ("件数の上限", "At most so many."),
    "kpi.feed.format": ("形式: json、csv", "json or csv."),
    "kpi.public.help": (
        "公開統計(月・エリアの組ごとの利用回数。10未満とそれを逆算できる数は伏せる)",
        "Public statistics: uses by month and pair of areas, without counts below 10 and what would give them away.",
    ),
    "kpi.public.month": ("月(例: 2026-10。既定: 先月)", "The month, as 2026-10; by default the last whole one."),
    "kpi.hook.help": ("フィードの送信先", "Who is told of figures and filings."),
    "kpi.hook.id": ("送信先の識別子", "Id of the hook."),
    "kpi.hook.add.help": (
        "送信先を登録する(署名の鍵は一度だけ表示)",
        "Tell somebody from now on; the signing secret is shown once.",
    ),
    "kpi.hook.url": ("送信先のURL", "Where to post."),
    "kpi.hook.since": ("このカーソル以降の過去分も送る", "Tell what is behind this cursor, too."),
    "kpi.hook.list.help": ("送信先の一覧", "List the hooks."),
    "kpi.hook.remove.help": ("送信先を削除する(未送信分も)", "Tell no more; what was still to be delivered goes, too."),
    "kpi.hook.dead.help": ("送信をあきらめた項目", "What was given up on, with the last error."),
    "kpi.hook.retry.help": ("あきらめた項目を再送する", "Try again what was given up on."),
}

KPI_FEED_SAID: Table = {
    "kpi.feed.next": ("{items}件。次のカーソル: {cursor}", "{items} items; next cursor: {cursor}"),
    "kpi.hook.added": ("送信先 {hook} を登録しました({url})", "{hook} is told from now on ({url})"),
    "kpi.hook.secret": (
        "署名の鍵(再表示できません): {secret}",
        "Secret of the signatures, shown this once: {secret}",
    ),
    "kpi.hook.none": ("送信先は登録されていません", "Nobody is told"),
    "kpi.hook.title": ("送信先", "Hooks"),
    "kpi.hook.dead.title": ("{hook} に送信できなかった項目", "Given up on: {hook}"),
    "kpi.hook.none_dead": ("{hook} に未達の項目はありません", "Nothing was given up on: {hook}"),
    "kpi.hook.col.id": ("識別子", "Id"),
    "kpi.hook.col.url": ("URL", "URL"),
    "kpi.hook.col.position": ("送信済みカーソル", "Cursor"),
    "kpi.hook.col.dead": ("未達", "Dead"),
    "kpi.hook.col.seq": ("番号", "No."),
    "kpi.hook.col.kind": ("種類", "Kind"),
    "kpi.hook.col.project": ("プロジェクト", "Project"),
    "kpi.hook.col.subject": ("対象", "Subject"),
    "kpi.hook.col.day": ("日付", "Day"),
    "kpi.hook.col.attempts": ("試行", "Attempts"),
    "kpi.hook.col.error": ("最後のエラー", "Last error"),
    "kpi.hook.remove.sure": ("送信先 {hook} を削除しますか?", "Tell {hook} no more?"),
    "kpi.hook.removed": ("送信先 {hook} を削除しました", "{hook} is told no more"),
    "kpi.hook.revived": ("{hook} へ{items}件を再送します", "{items} items are due again for {hook}"),
    "verify.kpi": (
        "報告書: {project} {year}年度({kind})。すべての数値が台帳の記録と一致",
        "Report: {project}, fiscal {year} ({kind}); every figure is what the entries come to",
    ),
    "verify.kpi.masked": (
        "{masked}件の記録はハッシュのみ(他者の記録。数えるべきものが含まれないことは、ここでは分かりません)",
        "Of {masked} entries there are only hashes: that none of them counts can't be seen here",
    ),
}
