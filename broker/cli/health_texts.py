"""The words of `kakehashi platform health`."""

from __future__ import annotations

from broker.demo.language import Table

HEALTH_SAID: Table = {
    "health.title": ("{id} の状態", "Health of {id}"),
    "health.what": ("項目", "What"),
    "health.value": ("値", "Value"),
    "health.breaker": ("遮断器", "Breaker"),
    "health.asked": ("問い合わせ / 失敗", "Asked / failed"),
    "health.latency": ("応答時間 p50 / p95 / 最大 (ms)", "Latency p50 / p95 / max (ms)"),
    "health.at_once": ("同時: 実行中 / 許容 / 上限", "At once: now / allowed / limit"),
    "health.waiting": ("待ち / 応答を共有", "Waiting / sharing an answer"),
    "health.errors": ("直近の失敗", "Last errors"),
    "health.error.at": ("時刻 (UTC)", "At (UTC)"),
    "health.error.outcome": ("結果", "Outcome"),
    "health.error.words": ("説明", "In words"),
    "health.error.detail": ("詳細", "Detail"),
    "health.broken": ("利用できません: {problem}", "It can't be used: {problem}"),
}
