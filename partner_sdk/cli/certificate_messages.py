"""What ``rongan`` says of certificates, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CERTIFICATE_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.enroll": (
            (
                "Turns an enrolment string into credentials in DIRECTORY. "
                "The string is asked for, unless --string-file or RONGAN_ENROLMENT holds it."
            ),
            (
                "以登记串领取证书，存入目录 DIRECTORY。"
                "登记串由提示输入，或取自 --string-file、RONGAN_ENROLMENT。"
            ),
        ),
        "help.enroll_hub": (
            "Where the hub enrols, HOST:PORT; not the port of its other calls.",
            "中心的登记地址，主机:端口；与业务端口不同。",
        ),
        "help.string_file": (
            "File with the enrolment string; - = standard input.",
            "存放登记串的文件；- 表示标准输入。",
        ),
        "help.csr_only": (
            "Only make key and request; the hub's operator issues the certificate.",
            "只生成私钥和申请，证书由中心操作员签发。",
        ),
        "help.partner": (
            "The partner id given by the hub; with --csr-only.",
            "中心分配的机构标识；与 --csr-only 同用。",
        ),
        "help.renew": (
            "Renews the certificate if it is due, and takes the hub's newer roots.",
            "证书到续期时间则续期，并更新中心根证书。",
        ),
        "help.renew_force": (
            "Ask the hub though the certificate is not due.",
            "未到续期时间也向中心申请。",
        ),
        "bad_partner": (
            "1 to 64 characters of a-z, 0-9 and hyphen",
            "应为 1 至 64 个小写字母、数字或连字符",
        ),
        "csr_needs_partner": (
            "--csr-only needs --partner, and nothing else does",
            "--csr-only 须与 --partner 同用",
        ),
        "csr_needs_no_string": (
            "--csr-only asks nobody: leave out --string-file",
            "--csr-only 不访问中心，不能与 --string-file 同用",
        ),
        "enrolment_prompt": ("Enrolment string (not shown)", "登记串（不显示）"),
        "no_string": (
            "no terminal to ask on: give --string-file or RONGAN_ENROLMENT",
            "无终端可输入：请用 --string-file 或 RONGAN_ENROLMENT",
        ),
        "bad_string": (
            "not an enrolment string (rse1.…, as the hub's operator gave it)",
            "不是登记串（应为中心操作员提供的 rse1.…）",
        ),
        "key_exists": (
            "there is a key or request already; it is never replaced",
            "已有私钥或证书申请，不会覆盖",
        ),
        "certificate_exists": (
            (
                "there is a certificate already; rongan renew gets the next one. If its key may be "
                "stolen: enrol into a new directory with a new string, then have the hub's "
                "operator revoke the old serial number"
            ),
            (
                "已有证书；续期请用 rongan renew。若私钥可能被盗：以新登记串登记到新目录，"
                "再请中心操作员吊销旧序列号"
            ),
        ),
        "hub_not_recognised": (
            (
                "this is not the hub that the string names ({cause}); nothing was sent to it. "
                "Compare the address, and ask the hub's operator for another string."
            ),
            "对方不是登记串所指的中心（{cause}），未发送任何内容。请核对地址，或向操作员另索登记串。",
        ),
        "no_root_shown": (
            (
                "no root is shown there; nothing was sent. This may be the port for calls: "
                "enrolment has a port of its own, which the hub's operator names."
            ),
            "对方未出示根证书，未发送任何内容。这可能是业务端口：登记另有端口，请向操作员确认。",
        ),
        "directory_busy": (
            "another process enrols or renews in this directory",
            "另一进程正在此目录登记或续期",
        ),
        "identity": ("certificate of", "证书持有人"),
        "directory": ("credentials", "证书目录"),
        "valid_until": ("valid until", "有效期至"),
        "renewed_from": ("renewed from", "可续期时间"),
        "renewal": ("renewal", "续期"),
        "not_due": ("not due before {due}", "未到续期时间（{due}）"),
        "roots": ("hub's roots", "中心根证书"),
        "roots_replaced": ("replaced by newer ones", "已更新"),
        "roots_unchanged": ("unchanged", "未变"),
        "after_enrolment": (
            "Now: rongan --hub HOST:PORT --credentials {directory} doctor",
            "下一步：rongan --hub 主机:端口 --credentials {directory} doctor",
        ),
        "hint.ENROLMENT_REFUSED": (
            (
                "a string holds for 24 hours, for one key, until another is made; "
                "ask the hub's operator for a new one"
            ),
            "登记串 24 小时内有效，只能用于一个私钥，另行生成后即作废；请向中心操作员索取新的",
        ),
        "hint.RENEWAL_NOT_DUE": (
            (
                "nothing is wrong: try again from the time that is named. If the key may be stolen "
                "do not wait: enrol into a new directory with a new string, then have the hub's "
                "operator revoke the old serial number"
            ),
            (
                "并无异常，请在所示时间之后再试。若私钥可能被盗，请勿等待：以新登记串登记到新目录，"
                "再请中心操作员吊销旧序列号"
            ),
        ),
        "hint.identity": (
            "rongan doctor says more",
            "可用 rongan doctor 查明原因",
        ),
    }
)
