"""What the command says to people, in English and Chinese; the locale chooses."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
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
        "help.enroll": (
            "Makes a key and a certificate request in DIRECTORY.",
            "在目录 DIRECTORY 中生成私钥和证书申请。",
        ),
        "help.csr_only": (
            "Only make key and request; the hub's operator issues the certificate.",
            "只生成私钥和申请，证书由中心操作员签发。",
        ),
        "help.partner": ("The partner id given by the hub.", "中心分配的机构标识。"),
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
        "help.source": ("What kind of file it is.", "文件种类。"),
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
        "help.legal_basis_ref": (
            "Reference of the consent or order behind the rows.",
            "报送所依据的同意书或命令的编号。",
        ),
        "help.skipped": (
            "Write what an OFAC file holds and could not be read, line by line.",
            "将 OFAC 文件中未能读取的内容逐行写入此文件。",
        ),
        "help.batch": (
            "Asks about every row of FILE (CSV: type,value[,business_ref]).",
            "批量查询 CSV 文件 FILE（列：type,value[,business_ref]）。",
        ),
        "help.output": ("Where to write the verdicts (CSV).", "结果文件（CSV）。"),
        "example": ("Example:", "示例："),
        "state": ("state", "结论"),
        "identifier": ("identifier", "标识"),
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
        "frames": ("frames", "帧数"),
        "earlier_frames": ("frames sent earlier", "先前已报送帧数"),
        "repeated_frames": ("frames the hub had already", "中心已有帧数"),
        "added": ("added", "新增"),
        "amended": ("amended", "变更"),
        "withdrawn": ("withdrawn", "撤回"),
        "unchanged": ("unchanged", "未变"),
        "skipped": ("skipped", "未读取"),
        "dry_run": ("checked only, nothing was sent", "仅检查，未报送"),
        "category_unchecked": (
            "without a hub the categories were not looked up",
            "未连接中心，风险类别未核对",
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
        "row_problem": ("line {line}: {column}: {rule}", "第 {line} 行：{column}：{rule}"),
        "file_problem": ("line {line}: {rule}", "第 {line} 行：{rule}"),
        "more_problems": ("and {count} more", "另有 {count} 处"),
        "nothing_sent": (
            "{total} rows break a rule; nothing was sent",
            "{total} 行不合规则，未报送任何内容",
        ),
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
        "bad_output": (
            "neither the input itself nor anything that is no plain file",
            "不能是输入文件本身，也不能是普通文件以外的对象",
        ),
        "bad_partner": (
            "1 to 64 characters of a-z, 0-9 and hyphen",
            "应为 1 至 64 个小写字母、数字或连字符",
        ),
        "only_csr": (
            "add --csr-only: certificates are issued by the hub's operator",
            "请加 --csr-only：证书由中心操作员签发",
        ),
        "key_exists": (
            "there is a key or request already; it is never replaced",
            "已有私钥或证书申请，不会覆盖",
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
