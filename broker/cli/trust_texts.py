"""What `kakehashi agreement` and `kakehashi secrets` say, with their help, Japanese and English side by side."""

from __future__ import annotations

from broker.demo.language import Table

TRUST_HELP: Table = {
    "secrets.help": ("保管する認証情報の暗号鍵", "The key of stored credentials."),
    "secrets.rotate.help": (
        "すべての認証情報を新しい鍵で暗号化し直す。鍵がホームにあれば新しい鍵を作る。環境変数の場合は、先にKAKEHASHI_SECRET_KEYを"
        "新しい鍵に、KAKEHASHI_SECRET_KEY_OLDを古い鍵にする。",
        "Encrypt all credentials under a new key. A key in the home is made anew; one of the environment is changed "
        "before: KAKEHASHI_SECRET_KEY is the new one, KAKEHASHI_SECRET_KEY_OLD the old one.",
    ),
    "agreement.help": ("データ利用協定", "Agreements on the use of data."),
    "agreement.arg": ("協定の識別子", "Id of the agreement."),
    "agreement.as": (
        "どの立場で行うか(consumer、provider、secretariat)",
        "In whose name: consumer, provider or secretariat.",
    ),
    "agreement.reason": ("理由", "Why."),
    "agreement.sign": (
        "この秘密鍵(PEMまたはJWK)で、協定の内容に署名する",
        "Sign the terms by this private key (PEM or JWK).",
    ),
    "agreement.propose.help": (
        "協定を提案する。内容は--fromのJSONか、各オプションで与える。",
        "Propose an agreement. Its terms come from --from (JSON), from the options, or from both.",
    ),
    "agreement.amend": ("この協定の次の版として提案する", "Propose it as the next version of this agreement."),
    "agreement.from": ("協定の内容(JSON)のファイル", "File with the terms (JSON)."),
    "agreement.area": ("提供エリア", "Area whose data it is."),
    "agreement.platform": (
        "対象のプラットフォーム(複数可、省略時はエリアのすべて)",
        "A platform of it; may be repeated. All without.",
    ),
    "agreement.type": ("対象の種別(複数可、省略時はすべて)", "An entity type; may be repeated. All without."),
    "agreement.attribute": ("対象の属性(複数可、省略時はすべて)", "An attribute; may be repeated. All without."),
    "agreement.geometry": ("対象の範囲(GeoJSONのPolygon)", "GeoJSON polygon in which entities have to lie."),
    "agreement.organisation": ("利用組織", "Organisation that uses it."),
    "agreement.project": ("利用プロジェクト", "Project that uses it; any without."),
    "agreement.service": (
        "利用サービス(複数可、省略時は組織のすべて)",
        "A service that uses it; may be repeated. All without.",
    ),
    "agreement.purpose": ("利用目的", "What for."),
    "agreement.operation": (
        "操作: read、write、subscribe、download(複数可、省略時はread)",
        "read, write, subscribe or download; may be repeated. read without.",
    ),
    "agreement.valid_from": ("開始(RFC 3339)", "Beginning (RFC 3339)."),
    "agreement.valid_to": ("終了(RFC 3339、その時刻を含まない)", "End (RFC 3339, exclusive)."),
    "agreement.quota": (
        "上限(複数可): requests_per_day=1000、requests_per_month、entities_per_day、entities_per_month",
        "A quota such as requests_per_day=1000 (or requests_per_month, entities_per_day, entities_per_month).",
    ),
    "agreement.list.help": ("協定の一覧", "List agreements."),
    "agreement.list.state": ("この状態のものだけ", "Only those in this state."),
    "agreement.list.area": ("このエリアが提供するものだけ", "Only those of this area."),
    "agreement.show.help": ("協定の内容と経緯", "One agreement: its terms and what was done."),
    "agreement.odrl": ("ODRL 2.2(JSON-LD)で表示", "As an ODRL 2.2 policy (JSON-LD)."),
    "agreement.approve.help": ("承認する", "Approve the version that waits."),
    "agreement.reject.help": ("却下する", "Reject the version that waits."),
    "agreement.suspend.help": ("停止する", "Suspend it."),
    "agreement.resume.help": ("停止を解く", "Lift a suspension."),
    "agreement.revoke.help": ("失効させる(元に戻せない)", "Revoke it, for good; what is under way ends at once."),
}
TRUST_SAID: Table = {
    "secrets.rotated": (
        "{count} 件の認証情報を新しい鍵で暗号化しました",
        "{count} credentials are sealed with the new key",
    ),
    "secrets.rotated.file": (
        "古い鍵はホームのsecret.old.keyに残っています。すべてのプロセスを再起動したら消せます",
        "the old key stays in secret.old.key of the home; it may go when all processes have been started anew",
    ),
    "secrets.rotated.setting": (
        "KAKEHASHI_SECRET_KEY_OLDは、すべてのプロセスを再起動したら消せます",
        "KAKEHASHI_SECRET_KEY_OLD may go when all processes have been started anew",
    ),
    "agreement.title": ("データ利用協定", "Agreements"),
    "agreement.none": ("協定はありません", "There is no agreement"),
    "agreement.done": ("協定 {agreement}: {state}", "Agreement {agreement}: {state}"),
    "agreement.col.id": ("識別子", "Id"),
    "agreement.col.state": ("状態", "State"),
    "agreement.col.version": ("版", "Version"),
    "agreement.col.area": ("提供エリア", "Area"),
    "agreement.col.organisation": ("利用組織", "Consumer"),
    "agreement.col.what": ("対象", "What"),
    "agreement.col.until": ("終了", "Until"),
    "agreement.all": ("すべて", "everything"),
    "agreement.state.proposed": ("提案中", "proposed"),
    "agreement.state.rejected": ("却下", "rejected"),
    "agreement.state.approved": ("承認済み(開始前)", "approved, not begun"),
    "agreement.state.active": ("有効", "active"),
    "agreement.state.suspended": ("停止中", "suspended"),
    "agreement.state.expired": ("満了", "expired"),
    "agreement.state.revoked": ("失効", "revoked"),
}
