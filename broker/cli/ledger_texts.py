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
    "verify.help": (
        "台帳のファイルを検証する。データベースもネットワークも使わない。すべて正しいときだけ終了コード0。",
        "Check a bundle of the ledger, with no database and no network. Status 0 only if everything holds.",
    ),
    "verify.bundle": ("ledger exportが書き出したファイル", "A file that `ledger export` wrote."),
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
