"""What the figures that stand in several places are called: in the library, under tables, and over them."""

from __future__ import annotations

from schemas.language import Table

NAMES: Table = {
    "api-uses": ("API利用回数", "API uses"),
    "api-uses.interactive": ("API利用回数(対話型)", "API uses (interactive)"),
    "api-uses.batch": ("API利用回数(バッチ)", "API uses (batch)"),
    "connected-services": ("接続サービス数", "Connected services"),
    "linked-assets": ("連携データアセット数", "Linked data assets"),
}
