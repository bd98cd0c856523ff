"""What ``rongan-hub`` says to people of certificates, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from rongan_share.cli.cert_drill.texts import CERTIFICATE_DRILL

if TYPE_CHECKING:
    from collections.abc import Mapping

CERTIFICATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **CERTIFICATE_DRILL,
        "help.cert_list": (
            "Lists certificates that the hub knows, the first to end first.",
            "列出中心已知的证书，按到期时间排序。",
        ),
        "help.cert_holder": (
            "Only those of this partner or operator.",
            "只列出该机构或操作员的证书。",
        ),
        "help.cert_expiring": (
            "Lists certificates that end soon and that no other has followed.",
            "列出即将到期且尚无后继的证书。",
        ),
        "help.enrolment_address": (
            "Where partners will get their first certificate; nowhere if left out.",
            "机构首次领取证书的监听地址；缺省则不开放。",
        ),
        "help.cert_enrolment": (
            "Makes the string with which partner ID gets its first certificate, within 24 hours.",
            "生成机构 ID 首次领取证书所用的登记串，24 小时内有效。",
        ),
        "help.enrolment_out": (
            "Write the string to a new file that only its owner may read; else it is printed.",
            "将登记串写入仅属主可读的新文件；缺省则直接显示。",
        ),
        "enrolment": ("enrolment string", "登记串"),
        "partner_runs": ("the partner runs", "机构执行"),
        "give_enrolment": (
            "Give the string to the partner by a way that nobody else can read.",
            "请以他人无法读取的方式将登记串交给机构。",
        ),
        "help.cert_bundle": (
            "Shows by which roots partners recognise the hub.",
            "显示机构据以识别中心的根证书。",
        ),
        "help.bundle_make": (
            "Makes the first bundle, of the roots that lie in the home.",
            "以主目录中的根证书生成首个信任集合。",
        ),
        "help.bundle_new_root": (
            "Makes a root and both authorities below it in FOLDER; nothing else changes.",
            "在 FOLDER 中生成新的根证书及其下两级签发机构，不影响现有配置。",
        ),
        "help.bundle_add_root": (
            "Adds a root by which the hub is to be recognised; partners learn of it by themselves.",
            "新增识别中心所用的根证书，机构将自动获知。",
        ),
        "help.bundle_switch": (
            "Signs from now on with the authorities in FOLDER; rotate the hub's certificate next.",
            "改由 FOLDER 中的签发机构签发；随后须更换中心证书。",
        ),
        "help.bundle_drop_root": (
            "Drops the root whose digest begins with DIGEST.",
            "移除摘要以 DIGEST 开头的根证书。",
        ),
        "help.root_key": (
            "Key of a root; give that of every root in the new bundle, and of one in the old.",
            "根私钥；须提供新集合中每个根以及旧集合中至少一个根的私钥。",
        ),
        "help.new_root": ("Certificate of the new root, PEM.", "新根证书（PEM）。"),
        "root_certificate": ("root certificate", "根证书"),
        "trust_domain": ("trust domain", "信任域"),
        "issued_time": ("made at", "生成时间"),
        "root": ("root", "根证书"),
        "kept_aside": ("kept aside", "已留存旧文件"),
        "no_such_root": (
            "not the beginning of exactly one root's digest",
            "未能唯一匹配根证书摘要",
        ),
        "root_in_use": (
            "the hub's certificate hangs below this root: rotate it first",
            "中心证书仍由该根签发，请先更换中心证书",
        ),
        "root_not_in_bundle": (
            "this root is not in the bundle: add it first",
            "该根不在集合中，请先新增",
        ),
        "root_in_bundle": (
            "the root is in it already, in version {version}; nothing was changed",
            "该根已在集合（版本 {version}）中，未作改动",
        ),
        "not_below_root": ("not signed by the root beside it", "并非由同目录的根签发"),
        "no_certificate": ("holds no certificate in PEM", "不含 PEM 证书"),
        "enrolling": ("enrolling on {address}", "证书领取服务已运行于 {address}"),
        "help.days": ("Within how many days.", "多少天之内。"),
        "tls_generation": ("listener's files taken up", "监听证书加载次数"),
        "tls_error": ("changed files not used because", "新证书文件未启用的原因"),
        "tls_error_count": ("changed files not used, times", "新证书文件未启用次数"),
        "holder": ("holder", "持有者"),
        "retire_time": ("retires at", "停用时间"),
        "certificate_alarm_count": ("certificates that end soon", "即将到期证书数"),
        "alarm.0": ("CERTIFICATE HAS ENDED", "证书已过期"),
        "alarm.1": ("certificate ends within 1 day", "证书将于 1 天内到期"),
        "alarm.7": ("certificate ends within 7 days", "证书将于 7 天内到期"),
        "alarm.14": ("certificate ends within 14 days", "证书将于 14 天内到期"),
        "alarm.30": ("certificate ends within 30 days", "证书将于 30 天内到期"),
    }
)
