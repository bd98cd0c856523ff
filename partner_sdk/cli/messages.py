"""What the command says to people, in English and Chinese; the locale chooses."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING

from partner_sdk.cli.certificate_messages import CERTIFICATE_TEXTS
from partner_sdk.cli.doctor_messages import DOCTOR_TEXTS
from partner_sdk.cli.retoken_messages import RETOKEN_TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **RETOKEN_TEXTS,
        **CERTIFICATE_TEXTS,
        **DOCTOR_TEXTS,
        "help": (
            "Asks a hub for verdicts and shares listings with it.",
            "向风险信息共享中心查询、报送风险名单。",
        ),
        "help.hub": ("Address of the hub, HOST:PORT.", "中心地址，主机:端口。"),
        "help.credentials": (
            "Folder with certificate.pem, key.pem and roots.pem.",
            "存放 certificate.pem、key.pem、roots.pem 的目录。",
        ),
        "help.json": ("Print JSON.", "以 JSON 输出。"),
        "help.check": (
            "Asks about one subject, known by pairs of TYPE and VALUE.",
            "查询一个主体，以若干对“类型 值”表示。",
        ),
        "help.purpose": ("Why it is asked.", "查询目的。"),
        "help.channel": ("Where the question arose.", "业务渠道。"),
        "help.categories": (
            "Categories asked for, such as A1,E4; all that the agreement shows if left out.",
            "查询的风险类别，如 A1,E4；不填则为协议许可的全部。",
        ),
        "help.detail": ("How much to show.", "结果详细程度。"),
        "help.contribute": (
            "Shares the listings of FILE; run again after a break, it goes on where it ended.",
            "报送文件 FILE 中的风险名单；中断后重新执行即可续传。",
        ),
        "help.source": (
            "What kind of file it is; if left out, what mapping or file name say, else CSV.",
            "文件种类；不填则依映射文件或文件名判断，默认 CSV。",
        ),
        "help.mapping": (
            "TOML file that says what the columns of FILE mean.",
            "说明 FILE 各列含义的 TOML 映射文件。",
        ),
        "help.explain": (
            "Print a guessed mapping of FILE, ready to be checked and saved; send nothing.",
            "输出对 FILE 列映射的推测，核对后可保存使用；不报送。",
        ),
        "help.dry_run": ("Check the file, send nothing.", "只检查文件，不报送。"),
        "help.frame_rows": ("Rows sent at once.", "每帧行数。"),
        "help.restart": (
            "Forget an earlier upload of the file and send all of it.",
            "放弃此文件先前的报送进度，全部重新报送。",
        ),
        "help.severity": (
            "Severity of an OFAC listing; the category's default if left out.",
            "OFAC 名单的风险等级；不填则用类别默认值。",
        ),
        "help.alt": (
            "Aliases of an OFAC list; alt.csv beside FILE if left out; none = without aliases.",
            "OFAC 别名文件；不填则用 FILE 旁的 alt.csv；填 none 表示不读别名。",
        ),
        "help.legal_basis_ref": (
            "Reference of the consent or order behind the rows.",
            "报送所依据的同意书或命令的编号。",
        ),
        "help.skipped": (
            "Write what an OFAC file holds and could not be read, line by line.",
            "将 OFAC 文件中未能读取的内容逐行写入此文件。",
        ),
        "help.batch": (
            "Asks about every row of FILE (CSV: type,value[,business_ref][,subject]).",
            "批量查询 CSV 文件 FILE（列：type,value[,business_ref][,subject]）。",
        ),
        "help.usage": (
            "Shows what was spent of the quotas and what is left.",
            "显示额度的已用和剩余情况。",
        ),
        "help.listing": ("What this institution shares now.", "本机构当前共享的名单。"),
        "help.listing_list": (
            "Lists your own live listings by reference, expired ones too; no identifiers are kept.",
            "列出本机构的有效名单记录（含已过期的）。中心不存标识明文，记录以编号（reference）识别。",
        ),
        "help.listing_category": (
            "Only these categories, such as A2,G2.",
            "只列出这些风险类别，如 A2,G2。",
        ),
        "help.listing_output": (
            "Write the listings into this file (CSV).",
            "将名单写入此文件（CSV）。",
        ),
        "help.output": ("Where to write the verdicts (CSV).", "结果文件（CSV）。"),
        "explain_head": (
            "A guess. Check every line, save it, then: rongan contribute FILE --mapping THIS.toml",
            "以下为推测，请逐行核对后保存，再执行 rongan contribute FILE --mapping 本文件.toml",
        ),
        "explain_encoding": (
            "encoding {encoding}, sure {sure} of 100",
            "编码 {encoding}，把握 {sure}/100",
        ),
        "explain_columns": ("columns:", "各列："),
        "explain_column": ("column {position}", "第 {position} 列"),
        "explain_matched": (
            "{name}: {meaning}, sure {sure} of 100",
            "{name}：{meaning}，把握 {sure}/100",
        ),
        "explain_left_out": ("{name}: left out", "{name}：未采用"),
        "explain_seems": (
            "{name}: {meaning}? NOT TAKEN, see the end",
            "{name}：似为 {meaning}，未采用，见文末",
        ),
        "explain_not_taken": (
            "!! NOT TAKEN: {count} more ways to name a subject; see the end",
            "!! 另有 {count} 处标识未采用，见文末",
        ),
        "not_taken.type_and_value": (
            "not taken, type and value are columns; take both out above, or map the file twice",
            "未采用：已按 type、value 两列映射；可删去上文两列改用此段，或另写映射再报一次",
        ),
        "not_taken.no_type": (
            "not taken, cells of no one type; write its type here, or name a column for type",
            "未采用：内容不属同一类型；请填写类型，或另指定 type 列",
        ),
        "not_taken.other_cells": (
            "not taken, some cells are of no such type; look at them first",
            "未采用：部分内容不是该类型，请先核对",
        ),
        "not_taken.mixed_cards": (
            "not taken, some cells are card numbers (PAN), which are another type than accounts",
            "未采用：部分内容是银行卡号（PAN），与账号类型不同，须分列",
        ),
        "not_taken.needs_parts": (
            "not taken, the type has several parts; name a column for each, or the first as prefix",
            "未采用：该类型由几部分组成；请逐一列出各列，首部分固定时可写 prefix",
        ),
        "not_taken.name_alone": (
            "not taken, a name alone would list everybody of that name (WEAK)",
            "未采用：仅凭姓名会波及同名者（WEAK）",
        ),
        "not_taken.joined_too": (
            "not taken, may stand beside the number; every row must have both parts",
            "未采用：可与号码并用；每行两部分须齐全",
        ),
        "not_taken.name_hidden": (
            "not taken, its header is not shown for it holds digits; write it here",
            "未采用：列名含数字而不显示，请自行填写",
        ),
        "explain_no_header": (
            "the first line does not look like a header; no name is shown, no column is matched",
            "首行不像表头：不显示列名，未作匹配",
        ),
        "explain_kinds": ("first rows, kinds of cells only:", "前几行（仅显示内容种类）："),
        "explain_row": ("line {line}: {kinds}", "第 {line} 行：{kinds}"),
        "explain_missing": (
            "{column}: not found; name its column, or give a constant",
            "{column}：未找到，请指定列或常量",
        ),
        "explain_unknown": (
            "{column}: holds texts that are not understood; add [values.{column}] or [dates]",
            "{column}：有无法识别的内容，请补充 [values.{column}] 或 [dates]",
        ),
        "explain_sure": ("sure {sure} of 100", "把握 {sure}/100"),
        "bad_mapping_use": (
            "--mapping and --explain are not for --source ofac, nor for each other",
            "--mapping、--explain 不能与 --source ofac 同用，也不能互相同用",
        ),
        "example": ("Example:", "示例："),
        "state": ("state", "结论"),
        "identifier": ("identifier", "标识"),
        "matched": ("tokens met in one record", "同一记录中相遇的令牌数"),
        "suspect": ("SUSPECT", "存疑"),
        "severity": ("severity", "风险等级"),
        "categories": ("categories", "风险类别"),
        "confidence": ("confidence", "可信度"),
        "sources": ("sources", "来源"),
        "expiry": ("holds until", "有效期至"),
        "no_end": ("no end set", "未设期限"),
        "flags": ("flags", "标记"),
        "coverage": ("consulted", "已查询类别"),
        "not_granted": ("not granted", "未获授权"),
        "quota": ("quota left", "剩余额度"),
        "quota_line": (
            "{burst} at once, {day} today, {month} this month",
            "即时 {burst}，本日 {day}，本月 {month}",
        ),
        "entry": ("audit entry", "审计序号"),
        "sequence": ("list sequence", "名单序号"),
        "rows": ("rows", "行数"),
        "sent_rows": ("rows sent, aliases included", "报送行数（含别名）"),
        "listed_in": ("listed in", "命中类别"),
        "subjects": ("subjects", "主体数"),
        "subject_state": ("subject state", "主体结论"),
        "subjects_apart": (
            "subjects whose rows do not stand together",
            "各行不相邻的主体",
        ),
        "listings": ("listings", "名单记录数"),
        "usage.query": ("questions, tokens", "查询（令牌数）"),
        "usage.contribution": ("contributions, rows", "报送（行数）"),
        "usage.burst": ("limit at once", "即时上限"),
        "usage_spent": (
            "{date}: {day} of {day_limit} today, {month} of {month_limit} this month",
            "{date}：本日 {day} / {day_limit}，本月 {month} / {month_limit}",
        ),
        "usage_rate": ("{burst}, {rate} restored a second", "{burst}，每秒恢复 {rate}"),
        "frames": ("frames", "帧数"),
        "earlier_frames": ("frames sent earlier", "先前已报送帧数"),
        "repeated_frames": ("frames the hub had already", "中心已有帧数"),
        "several_lines": ("records of several lines", "跨多行的记录"),
        "added": ("added", "新增"),
        "amended": ("amended", "变更"),
        "withdrawn": ("withdrawn", "撤回"),
        "unchanged": ("unchanged", "未变"),
        "entities": ("entities", "实体数"),
        "entities_listed": ("  with rows", "  有名单行"),
        "entities_without": ("  without", "  无名单行"),
        "alias_names": ("aliases in their file", "别名文件中的别名数"),
        "identifiers": ("identifiers seen", "识别到的标识"),
        "identifiers_read": ("  read", "  读取"),
        "derived": ("rows derived from those read", "由已读标识派生的行"),
        "duplicates": ("  twice in their entity", "  同一实体内重复"),
        "records": ("records read", "读取记录数"),
        "rows_read": ("rows read", "读取行数"),
        "rows_twice": ("  less repeated ones", "  减去重复行"),
        "rows_aliases": ("  and aliases added", "  加上别名行"),
        "rows_to_send": ("rows to send", "待报送行数"),
        "by_type": ("rows by type", "各类型行数"),
        "suspects": ("suspect among them", "其中存疑"),
        "skipped": ("skipped", "未读取"),
        "identifiers_skipped": ("  skipped", "  未读取"),
        "skipped_why": ("skipped, and why", "未读取的原因"),
        "dry_run": ("checked only, nothing was sent", "仅检查，未报送"),
        "category_unchecked": (
            "not checked, no hub was named: categories, agreement, the taxonomy's caps",
            "未指定中心，未核对：风险类别、协议、分类表的各项上限",
        ),
        "written": ("written to", "已写入"),
        "key": ("private key", "私钥"),
        "request": ("certificate request", "证书申请"),
        "give_request": (
            "Give the request to the hub's operator. The key stays here.",
            "请将证书申请交给中心操作员。私钥留存本机。",
        ),
        "State.LISTED": ("LISTED", "LISTED 命中"),
        "State.NOT_LISTED": ("NOT_LISTED within what was consulted", "NOT_LISTED 查询范围内未命中"),
        "State.NOT_ENTITLED": ("NOT_ENTITLED by the agreement", "NOT_ENTITLED 协议未授权"),
        "State.INDETERMINATE": ("INDETERMINATE; this is no clearance", "INDETERMINATE 无法判断"),
        "error": ("error", "错误"),
        "refused": ("refused", "被拒绝"),
        "unreachable": (
            "the hub cannot be reached or cannot answer now",
            "无法连接中心或中心暂不能应答",
        ),
        "call_id": ("call id for the hub's operator", "呼叫编号（供中心操作员查询）"),
        "at_line": ("line {number}", "第 {number} 行"),
        "at_row": ("row {number}", "第 {number} 条记录"),
        "colon": (": ", "："),
        "more_problems": ("and {count} more", "另有 {count} 处"),
        "one_problem": ("1 problem", "1 处不合规则"),
        "problems": ("{count} problems", "{count} 处不合规则"),
        "in_one_row": (" in 1 row", "（共 1 行）"),
        "in_rows": (" in {count} rows", "（共 {count} 行）"),
        "undone.sent": ("; nothing was sent", "，未报送任何内容"),
        "undone.imported": ("; nothing was imported", "，未导入任何内容"),
        "undone.done": ("; nothing was done", "，未执行任何操作"),
        "missing_hub": (
            "name the hub: --hub HOST:PORT or RONGAN_HUB",
            "请指定中心：--hub 主机:端口 或 RONGAN_HUB",
        ),
        "missing_credentials": (
            "name the credentials: --credentials DIR or RONGAN_CREDENTIALS",
            "请指定证书目录：--credentials 目录 或 RONGAN_CREDENTIALS",
        ),
        "bad_hub": ("the hub is named as HOST:PORT", "中心地址应为 主机:端口"),
        "bad_pairs": ("needs pairs of TYPE and VALUE", "应为成对的“类型 值”"),
        "bad_categories": (
            "names no category; leave the option out to ask for all",
            "未写明风险类别；如需全部类别请省略此选项",
        ),
        "bad_output": (
            "neither the input itself nor anything that is no plain file",
            "不能是输入文件本身，也不能是普通文件以外的对象",
        ),
        "file_changed": (
            "the file changed since its upload began; put it back, rename it, or use --restart",
            "文件自开始报送后已变更；请恢复原文件、将新文件改名，或使用 --restart",
        ),
        "state_unreadable": (
            "the upload's state cannot be read; --restart begins anew",
            "报送进度文件无法读取；可用 --restart 重新开始",
        ),
        "file_busy": (
            "another command is uploading this file",
            "另一命令正在报送此文件",
        ),
        "progress_check": ("checking", "检查"),
        "progress_send": ("sending", "报送"),
        "progress_ask": ("asking", "查询"),
    }
)


def say(key: str, **values: object) -> str:
    """Gives a text in the language of the locale, with its values filled in."""
    return choose_text(_TABLE[key], **values)


def choose_text(texts: tuple[str, str], **values: object) -> str:
    """Chooses between English and Chinese by the locale, and fills the values in."""
    english, chinese = texts
    return (chinese if _speaks_chinese() else english).format(**values)


def _speaks_chinese() -> bool:
    settings = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next(filter(None, settings), "").lower().startswith("zh")
