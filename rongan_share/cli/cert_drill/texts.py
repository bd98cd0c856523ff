"""What ``rongan-hub cert drill`` says, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CERTIFICATE_DRILL: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.cert_drill": (
            "Rehearses every change of certificates on the running hub while it is asked.",
            "在运行中的中心上演练各类证书更换，期间持续查询。",
        ),
        "help.drill_checker": (
            "Approves an agreement of one day; without it no questions are asked.",
            "复核一日协议的操作员；缺省则不做查询。",
        ),
        "help.drill_enrolment": (
            "Where the hub enrols; what hub.toml says if left out.",
            "证书领取服务地址，默认取自 hub.toml。",
        ),
        "help.drill_own_hub": (
            "Rehearse on a hub of its own in a temporary folder, with the root too.",
            "改在临时目录的独立中心上演练，并包含根证书更换。",
        ),
        "help.drill_root_key": (
            "Key of the root: rolls it, for good; only on a hub without other partners.",
            "根私钥：真实更换根证书，仅限尚无其他机构的中心。",
        ),
        "help.drill_new_root": (
            "New folder for the root that follows; needed with --root-key.",
            "存放新根证书的新目录；与 --root-key 同时给出。",
        ),
        "drill.both_or_none": (
            "give both --root-key and --new-root, or neither; --own-hub needs none",
            "--root-key 与 --new-root 须同时给出；使用 --own-hub 时均无需给出",
        ),
        "drill.not_its_partner": (
            "a partner {partner} is here that no drill made",
            "机构 {partner} 并非由演练创建",
        ),
        "drill.goes_on": (
            "another drill goes on; if none does, suspend its partner {partner}",
            "另一演练正在进行；如并非如此，请先停用机构 {partner}",
        ),
        "drill.has_partners": (
            "the root is not rolled on a hub with partners: {partners}",
            "中心已有其他机构，不演练根证书更换：{partners}",
        ),
        "drill.root_stays": (
            "changes the root for good; see --root-key and --own-hub",
            "将真实更换根证书；参见 --root-key 与 --own-hub",
        ),
        "drill.not_in_time": ("not in time {cause}", "未按时生效 {cause}"),
        "drill.step": ("step", "步骤"),
        "drill.result": ("result", "结果"),
        "drill.step_seconds": ("seconds", "秒"),
        "drill.found": ("found", "说明"),
        "drill.held": ("held", "通过"),
        "drill.failed": ("FAILED", "未通过"),
        "drill.skipped": ("skipped", "跳过"),
        "drill.step.enrolment": ("partner enrolled", "机构领取证书"),
        "drill.step.hub_certificate": ("hub's certificate", "更换中心证书"),
        "drill.step.renewal": ("partner's certificate", "更换机构证书"),
        "drill.step.trust_bundle": ("next root trusted", "新增信任根"),
        "drill.step.client_authority": ("clients' authority", "更换机构签发者"),
        "drill.step.root": ("root", "更换根证书"),
        "drill.step.revocation": ("revocation", "吊销"),
        "drill.step.leaving": ("partner left", "机构退出"),
        "drill.cause": ("because:", "原因："),
        "drill.serial": ("serial", "序列号"),
        "drill.before": ("before it", "原序列号"),
        "drill.state": ("which is", "其状态"),
        "drill.by_string": ("by a string", "凭登记串"),
        "drill.shown_after_seconds": ("shown by all after s", "全部生效（秒）"),
        "drill.taken_after_seconds": ("taken by the client after s", "客户端采用（秒）"),
        "drill.renewed": ("renewed", "经续期"),
        "drill.version": ("bundle", "信任集合版本"),
        "drill.both_let_in": ("old and new let in", "新旧均可接入"),
        "drill.unary_seconds": ("calls refused after s", "调用被拒（秒）"),
        "drill.frames_seconds": ("frames after s", "帧被拒（秒）"),
        "drill.idle_stream_seconds": ("idle stream after s", "空闲流结束（秒）"),
        "drill.revoked": ("certificates revoked", "已吊销证书数"),
        "drill.calls_per_second": ("calls a second", "每秒查询次数"),
        "drill.frames": ("frames of the running stream", "持续流已答帧数"),
        "drill.longest_between_frames_ms": (
            "longest between two frames in ms",
            "帧间最长间隔（毫秒）",
        ),
        "drill.stream_failure": ("stream failed by", "持续流失败原因"),
        "drill.total_seconds": ("seconds in all", "总耗时（秒）"),
    }
)
