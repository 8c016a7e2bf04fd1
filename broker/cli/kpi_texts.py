"""What `kakehashi kpi` and its like say and their help, Japanese and English side by side."""

from __future__ import annotations

from broker.demo.language import Table

KPI_HELP: Table = {
    "kpi.rollup.help": (
        "集計表(時・日)を最新にする。--anewで全件から作り直し、--checkで元の記録と突き合わせる",
        "Bring the hourly and daily roll-ups up to date; count them anew, or check them against the flows.",
    ),
    "kpi.rollup.anew": ("すべて数え直す", "Forget them and count every flow again."),
    "kpi.rollup.check": (
        "元の記録と一致するか確かめる(不一致なら終了コード1)",
        "Compare with every flow; status 1 if not equal.",
    ),
}

KPI_SAID: Table = {
    "kpi.rollup.added": ("{flows}件の記録を集計しました", "{flows} flows were counted"),
    "kpi.rollup.equal": ("集計表は元の記録と一致しています", "The roll-ups equal the flows"),
    "kpi.rollup.wrong": ("一致しない時間帯・日({n}): {places}", "Hours and days that differ ({n}): {places}"),
}
