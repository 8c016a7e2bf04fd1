"""What `kakehashi ledger`, `witness` and `verify` say, with their help, Japanese and English side by side."""

from __future__ import annotations

from broker.demo.language import Table

LEDGER_HELP: Table = {
    "ledger.help": ("改ざんできない台帳", "The ledger that nobody can quietly change."),
    "ledger.sequence.help": (
        "台帳の採番と署名を行う。SIGTERMまで動き続ける。",
        "Number and sign the ledger, until SIGTERM.",
    ),
}
LEDGER_SAID: Table = {
    "ledger.sequencing": ("台帳の採番と署名を始めました", "The ledger is being numbered and signed"),
}
