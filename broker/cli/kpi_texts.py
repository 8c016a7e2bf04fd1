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
    "project.help": ("プロジェクト", "Projects of the programme."),
    "project.set.help": (
        "プロジェクトを登録・変更する(版を重ね、以前の版は残る)",
        "Register a project or change it: a new version, the earlier ones stay.",
    ),
    "project.list.help": ("プロジェクトの一覧", "List the projects."),
    "project.show.help": ("プロジェクトの最新版", "Show a project's newest version."),
    "project.arg": ("プロジェクトの識別子", "Id of the project."),
    "project.from": ("プロジェクトのJSON(-: 標準入力)", "The project as JSON; - is standard input."),
    "project.reason": ("理由", "Why."),
    "project.actor": ("誰が行うか(組織・役割)", "Who does it: an organisation or a role, no person."),
    "kpi.project": ("プロジェクトの識別子", "Id of the project."),
    "kpi.kpi": ("KPIの識別子", "Id of the KPI."),
    "kpi.version": ("版", "Its version."),
    "kpi.fiscal_year": ("年度(4月の属する年)", "Fiscal year: that of its April."),
    "kpi.from": ("JSONファイル(-: 標準入力)", "A JSON file; - is standard input."),
    "kpi.side": ("どちらの立場か", "The side for which it is done."),
    "kpi.supersedes": ("訂正する提出物の番号", "Number of the filing that this corrects."),
    "kpi.define.help": (
        "定義集を一覧し、定義を1つ表示・検査する(ダイジェスト付き)",
        "List the library of definitions, or check one and print it with its digest.",
    ),
    "kpi.define.library": ("定義集のこの定義を表示", "Print this one of the library."),
    "kpi.define.from": (
        "この定義ファイルを検査(-: 標準入力)",
        "Check the definition in this file; - is standard input.",
    ),
    "kpi.propose.help": (
        "KPIを提案する、または修正案を出す(提案側は同意したものとする)",
        "Propose a KPI or a change of it; the proposing side agrees to it.",
    ),
    "kpi.agree.help": (
        "KPIの版に同意する。双方がそろうと確定し、以後変わらない",
        "Agree to a version; with both sides it is agreed, for good.",
    ),
    "kpi.withdraw.help": ("確定前の提案を取り下げる", "Give up a version that is not agreed yet."),
    "kpi.versions.help": ("KPIの全版と経緯", "Every version of a project's KPIs and how it came about."),
    "kpi.enter.help": (
        "実績値(根拠付き)や、未達理由・改善策を入力する",
        "Enter a value with its evidence, or the words beside a figure.",
    ),
    "kpi.enter.period": ("期間: 2026、2026-Q1、2026-11", "The period: 2026, 2026-Q1 or 2026-11."),
    "kpi.enter.value": ("実績値", "The value."),
    "kpi.enter.evidence": ("根拠(リンク、文書のSHA-256など)", "What it rests on: a link, a document's SHA-256."),
    "kpi.enter.unmet": ("未達理由", "Why a target was missed."),
    "kpi.enter.improvement": ("改善策", "What will be done about it."),
    "kpi.enter.remark": ("備考", "A remark."),
    "kpi.close.help": (
        "年度を締め、計測値を確定する(3月31日を過ぎてから)",
        "Close a fiscal year after its end: its measured figures are settled.",
    ),
    "kpi.evaluate.help": (
        "委員会の評点から支払額を計算して記録する(途中の値もすべて表示)",
        "Record the committee's points and the payment that comes of them, with every value on the way.",
    ),
}

KPI_SAID: Table = {
    "kpi.rollup.added": ("{flows}件の記録を集計しました", "{flows} flows were counted"),
    "kpi.rollup.equal": ("集計表は元の記録と一致しています", "The roll-ups equal the flows"),
    "kpi.rollup.wrong": ("一致しない時間帯・日({n}): {places}", "Hours and days that differ ({n}): {places}"),
    "project.kept": (
        "プロジェクト {project} 第{version}版を記録しました",
        "Project {project}, version {version}, is kept",
    ),
    "project.none": ("プロジェクトは登録されていません", "No project is registered"),
    "project.title": ("プロジェクト", "Projects"),
    "project.col.id": ("識別子", "Id"),
    "project.col.name": ("名称", "Name"),
    "project.col.kind": ("類型", "Kind"),
    "project.col.areas": ("エリア", "Areas"),
    "project.col.organisations": ("組織", "Organisations"),
    "project.col.year": ("1年目", "Year 1"),
    "project.col.version": ("版", "Version"),
    "project.kind.linked": ("データ連携型", "linked"),
    "project.kind.preparing": ("データ連携準備型", "preparing"),
    "kpi.library.title": ("KPIの定義集", "Library of KPIs"),
    "kpi.versions.title": ("{project} のKPI", "KPIs of {project}"),
    "kpi.col.id": ("識別子", "Id"),
    "kpi.col.name": ("指標名", "Name"),
    "kpi.col.unit": ("単位", "Unit"),
    "kpi.col.text": ("定義", "Definition"),
    "kpi.col.version": ("版", "Version"),
    "kpi.col.state": ("状態", "State"),
    "kpi.col.targets": ("目標(1年目 / 2年目)", "Targets (year 1 / 2)"),
    "kpi.col.by": ("提案", "Proposed"),
    "kpi.col.reason": ("理由", "Why"),
    "kpi.col.agreed": ("同意", "Agreed"),
    "kpi.state.proposed": ("提案", "proposed"),
    "kpi.state.negotiated": ("協議中", "negotiated"),
    "kpi.state.agreed": ("確定", "agreed"),
    "kpi.state.withdrawn": ("取下げ", "withdrawn"),
    "kpi.said": (
        "{kpi} 第{version}版: {state}(同意: {sides})",
        "{kpi} version {version}: {state} (agreed by: {sides})",
    ),
    "kpi.digest": ("SHA-256: {digest}", "SHA-256: {digest}"),
    "kpi.entered": ("{kpi} の {period} を記録しました", "{kpi}, {period}: entered"),
    "kpi.filing.status": ("状況報告", "Status report"),
    "kpi.filing.individual": ("個別会資料", "Pack of an individual meeting"),
    "kpi.filing.closing": ("年度締め", "Closing"),
    "kpi.filing.result": ("結果報告", "Result report"),
    "kpi.filing.evaluation": ("評価", "Evaluation"),
    "kpi.filed": (
        "{kind} 第{number}号を記録しました(SHA-256: {digest})",
        "{kind} no. {number} is filed (SHA-256: {digest})",
    ),
}
