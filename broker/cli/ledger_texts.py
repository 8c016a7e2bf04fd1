"""What `kakehashi ledger`, `witness` and `verify` say, with their help, Japanese and English side by side."""

from __future__ import annotations

from broker.demo.language import Table

LEDGER_HELP: Table = {
    "ledger.help": ("改ざんできない台帳", "The ledger that nobody can quietly change."),
    "ledger.sequence.help": (
        "台帳の採番と署名を行う。SIGTERMまで動き続ける。",
        "Number and sign the ledger, until SIGTERM.",
    ),
    "ledger.export.help": (
        "ある期間の台帳を、監査人が単独で検証できる1つのファイルに書き出す。",
        "Write the ledger of some days to one file that an auditor can check without us.",
    ),
    "ledger.export.bundle": ("書き出すファイル(ZIP)", "File to write (ZIP)."),
    "ledger.export.from": (
        "最初の日(日本時間)または時刻。省略時は最初から",
        "First day (Japan time), or a time; by default the beginning.",
    ),
    "ledger.export.to": (
        "最後の日(その日を含む)または時刻。省略時は最後まで",
        "Last day (included), or a time; by default the end.",
    ),
    "ledger.export.since": (
        "以前のチェックポイントのファイル。その続きであることの証明を含める",
        "File with an earlier checkpoint; the bundle will prove that it goes on from it.",
    ),
    "ledger.witness-add.help": ("証人の連署を受け付ける", "Let a witness cosign checkpoints."),
    "ledger.witness-list.help": (
        "証人の一覧と、最後に連署されたチェックポイント",
        "The witnesses, and what was cosigned last.",
    ),
    "ledger.witness-remove.help": ("証人の連署を受け付けない", "Let a witness cosign no more."),
    "ledger.witness.key": (
        "kakehashi witnessが表示した鍵(または@ファイル)",
        "Key that `kakehashi witness` printed, or @FILE.",
    ),
    "ledger.witness.name": ("証人の名前", "Name of the witness."),
    "ledger.correct.help": (
        "フローの訂正を申請する。別の人が承認するまで何も変わらない。",
        "Request a correction of a flow. Nothing changes until another person approves.",
    ),
    "ledger.correct.flow": ("フローの識別子", "Id of the flow."),
    "ledger.correct.reason": ("理由", "Why."),
    "ledger.correct.entities": ("代わりに数えるエンティティ数", "Entities that count instead."),
    "ledger.correct.bytes": ("代わりに数えるバイト数", "Bytes that count instead."),
    "ledger.correct.batch": ("バッチ利用として数える", "Count it as batch use."),
    "ledger.by": ("申請・承認する人(組織)の名前", "Who does it."),
    "ledger.approve.help": (
        "申請した人とは別の人が、訂正を承認する",
        "Approve a correction, as another than who requested it.",
    ),
    "ledger.reject.help": (
        "申請した人とは別の人が、訂正を却下する",
        "Reject a correction, as another than who requested it.",
    ),
    "ledger.correction": ("訂正の識別子", "Id of the correction."),
    "ledger.corrections.help": ("訂正の一覧", "List the corrections."),
    "ledger.corrections.state": (
        "requested、approved、rejected、superseded",
        "requested, approved, rejected or superseded.",
    ),
    "ledger.reconcile.help": (
        "提供者・利用者が自ら数えた結果(CSV、JSON)を、こちらの記録と突き合わせる",
        "Lay a provider's or consumer's own count (CSV or JSON) beside our record.",
    ),
    "ledger.reconcile.file": (
        "flowまたはhourの列と数の列を持つファイル。flowの場合、記載のないフローは--fromと--toの期間だけで探す",
        "File with a column flow or hour, and numbers. By flow, what it has not is looked for in --from and --to only.",
    ),
    "ledger.reconcile.provider": (
        "提供側: プラットフォーム、組織、エリア",
        "Whose: a platform, an organisation or an area that gave.",
    ),
    "ledger.reconcile.consumer": ("利用側: サービス、組織", "Whose: a service or an organisation that took."),
    "ledger.archive.help": (
        "1か月分のフローを、証明とともにParquetに書き出す",
        "Write the flows of a month to Parquet, with what proves them.",
    ),
    "ledger.archive.folder": ("書き出すフォルダ", "Folder to write to."),
    "ledger.archive.month": ("月(UTC)。省略時は前月", "Month (UTC), as 2026-10; by default the last whole one."),
    "ledger.rotate-key.help": (
        "新しい署名鍵に替える。古い鍵が新しい鍵を保証し、台帳に記録される。",
        "Go on with a new signing key, for which the old one vouches; the ledger records it.",
    ),
    "ledger.rotate-key.key": (
        "新しい鍵のファイル(KAKEHASHI_LEDGER_KEYを使う場合)",
        "File with the new key, if KAKEHASHI_LEDGER_KEY is set.",
    ),
    "witness.help": (
        "証人として台帳を見張り、追記だけであることを確かめて連署する。",
        "Watch a ledger as a witness: prove that it only grows, and cosign it.",
    ),
    "witness.url": ("ゲートウェイのURL", "URL of the gateway."),
    "witness.name": ("連署に使う名前", "Name to cosign as."),
    "witness.state": ("鍵と状態を置くフォルダ", "Folder of its key and of what it has seen."),
    "witness.trust": (
        "台帳の鍵(省略時は最初に示されたもの)",
        "The ledger's key; by default the one that is shown first.",
    ),
    "witness.interval": ("間隔(秒)", "Seconds between looks."),
    "witness.once": ("1回だけ(連署しなければ終了コード1)", "Look once; status 1 if it was not cosigned."),
    "verify.help": (
        "台帳のファイルを検証する。データベースもネットワークも使わない。すべて正しいときだけ終了コード0。",
        "Check a bundle or receipt of the ledger, with no database and no network. Status 0 only if everything holds.",
    ),
    "verify.bundle": (
        "ledger exportかledger archiveのファイル、またはGET /ledger/receipt/…の応答",
        "A file that `ledger export` or `ledger archive` wrote, or the answer of GET /ledger/receipt/….",
    ),
    "verify.trust": (
        "別の経路で知った台帳または証人の鍵(または@ファイル)。なければ自己整合性だけを確かめる",
        "Key (or @FILE) of the ledger or of a witness, known by other ways; else only self-consistency is shown.",
    ),
    "verify.since": (
        "以前のチェックポイントのファイル。その後に書き換えや巻き戻しがないことを確かめる",
        "File with an earlier checkpoint: nothing before it may have been changed or rolled back.",
    ),
}
LEDGER_SAID: Table = {
    "ledger.exporting": ("台帳を書き出しています…", "Writing the bundle …"),
    "ledger.exported": (
        "{file} に書き出しました: 項目 {first} 〜 {end}(台帳全体は {size} 件)",
        "{file}: entries {first} to {end} of a ledger of {size}",
    ),
    "ledger.exported.key": ("署名鍵の指紋: {fingerprint}", "Fingerprint of the signing key: {fingerprint}"),
    "ledger.witness.added": ("証人 {name} を登録しました", "The witness {name} may cosign"),
    "ledger.witness.removed": ("証人 {name} を外しました", "The witness {name} may cosign no more"),
    "ledger.witness.last": ("最後に連署されたチェックポイント: {size} 件", "Last cosigned with {size} entries"),
    "ledger.corrected": ("訂正 {correction}: {state}", "Correction {correction}: {state}"),
    "ledger.reconciled": (
        "一致 {matched}、こちらにない {here}、相手にない {there}、相違 {different}",
        "{matched} matched, {here} missing here, {there} missing there, {different} different",
    ),
    "ledger.archived": ("{file}: {month} のフロー {flows} 件", "{file}: {flows} flows of {month}"),
    "verify.archive": ("{month} のフロー {flows} 件", "{flows} flows of {month}"),
    "ledger.rotated": (
        "新しい署名鍵: {signer}(指紋 {fingerprint})",
        "New signing key: {signer} (fingerprint {fingerprint})",
    ),
    "ledger.rotated.set": (
        "KAKEHASHI_LEDGER_KEYを新しい鍵に替えて再起動してください",
        "Now set KAKEHASHI_LEDGER_KEY to the new key, and restart",
    ),
    "witness.key": ("証人の鍵: {witness}", "Key of this witness: {witness}"),
    "witness.cosigned": ("連署しました: {origin}、{size} 件", "Cosigned {origin} with {size} entries"),
    "witness.refused": ("連署できません: {cause}", "Not cosigned: {cause}"),
    "verify.receipt": (
        "フロー {flow} は台帳 {origin} の {index} 番({size} 件中)",
        "The flow {flow} is entry {index} of the ledger {origin} with {size} entries",
    ),
    "verify.busy": ("検証しています…", "Checking …"),
    "verify.fault": ("✗ {where}: {what}", "✗ {where}: {what}"),
    "verify.about": (
        "台帳 {origin}: 項目 {first} 〜 {end}(全体 {size} 件)",
        "Ledger {origin}: entries {first} to {end} of {size}",
    ),
    "verify.key": ("署名鍵: {signer}(指紋 {fingerprint})", "Signed by {signer} (fingerprint {fingerprint})"),
    "verify.figures": (
        "API利用回数 {uses}、フロー {flows}、エンティティ {entities}、バイト {bytes}(訂正後)",
        "{uses} uses, {flows} flows, {entities} entities, {bytes} bytes, after corrections",
    ),
    "verify.witness": ("証人が連署: {witness}", "Cosigned by the witness {witness}"),
    "verify.unwitnessed": ("証人なし", "Unwitnessed"),
    "verify.untrusted": (
        "信頼する鍵(--trust)がないため、確かめたのは自己整合性だけです。指紋 {fingerprint} を発行者に確認してください",
        "No trusted key was given (--trust), so this is self-consistency only. Ask for the fingerprint {fingerprint}",
    ),
    "verify.refused": ("検証できません: 問題 {count} 件", "Refused: {count} faults"),
    "verify.holds": ("すべて正しく検証できました", "Everything holds"),
    "ledger.sequencing": ("台帳の採番と署名を始めました", "The ledger is being numbered and signed"),
}
