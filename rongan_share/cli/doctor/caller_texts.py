"""What ``rongan-hub doctor --certificate`` says, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLIENT_SEES = "the client sees UNAVAILABLE without a reason"
_CLIENT_SEES_ZH = "客户端只见 UNAVAILABLE，无原因"

CALLER: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "doctor.caller_names": (
            "serial {serial}, names {names}, issued by {issuer}",
            "序列号 {serial}，名称 {names}，签发者 {issuer}",
        ),
        "doctor.caller_trusted": (
            "signed by an authority that the listener trusts",
            "由监听端信任的机构签发",
        ),
        "doctor.caller_other_authority": (
            f"TLS refuses it, {_CLIENT_SEES}: {{issuer}} is not among the client roots",
            f"TLS 拒绝，{_CLIENT_SEES_ZH}：{{issuer}} 不在客户端根证书之列",
        ),
        "doctor.caller_other_authority.remedy": (
            "have a certificate issued by this hub",
            "请由本中心签发证书",
        ),
        "doctor.caller_same_name": (
            f"TLS refuses it, {_CLIENT_SEES}: another authority of the name {{issuer}} signed it",
            f"TLS 拒绝，{_CLIENT_SEES_ZH}：由同名的另一机构 {{issuer}} 签发",
        ),
        "doctor.caller_same_name.remedy": (
            "have a certificate issued by this hub; ask where this one is from",
            "请由本中心签发证书，并查明此证书来源",
        ),
        "doctor.caller_dates_ok": (
            "valid at {at}: {begins} to {ends}",
            "在 {at} 有效：{begins} 至 {ends}",
        ),
        "doctor.caller_expired": (
            f"TLS refuses it, {_CLIENT_SEES}: expired on {{ends}}",
            f"TLS 拒绝，{_CLIENT_SEES_ZH}：已于 {{ends}} 过期",
        ),
        "doctor.caller_expired.remedy": (
            "issue a new one; the partner's agreement is not touched by that",
            "签发新证书；协议不受影响",
        ),
        "doctor.caller_not_begun": (
            f"TLS refuses it, {_CLIENT_SEES}: valid only from {{begins}}",
            f"TLS 拒绝，{_CLIENT_SEES_ZH}：自 {{begins}} 起才有效",
        ),
        "doctor.caller_not_begun.remedy": (
            "compare the clocks of both machines with a third",
            "请核对双方时钟",
        ),
        "doctor.caller_no_client": (
            f"TLS refuses it, {_CLIENT_SEES}: it may not be used by a client",
            f"TLS 拒绝，{_CLIENT_SEES_ZH}：该证书不可用于客户端",
        ),
        "doctor.caller_no_client.remedy": (
            "use the partner's own certificate, not that of a server",
            "请使用机构自己的客户端证书，而非服务器证书",
        ),
        "doctor.caller_key": (
            f"TLS refuses it, {_CLIENT_SEES}: its key is none that the listener can verify",
            f"TLS 拒绝，{_CLIENT_SEES_ZH}：监听端无法验证此类密钥",
        ),
        "doctor.caller_key.remedy": (
            "make a request with a P-256 key",
            "请用 P-256 密钥重新申请",
        ),
        "doctor.caller_claims": ("it names {kind} {holder}", "所指为 {kind} {holder}"),
        "doctor.caller_registered": ("registered, state {state}", "已登记，状态 {state}"),
        "doctor.caller_standing_ok": (
            "the partner is active and its agreement in force",
            "机构正常，协议有效",
        ),
        "doctor.caller_let_in": (
            "the hub lets it in; a call may still need more of the agreement",
            "中心准许进入；具体调用仍须符合协议",
        ),
        "doctor.registered_instead": (
            "; registered for it are: {serials}",
            "；该主体已登记的证书：{serials}",
        ),
        "doctor.refused.IDENTITY_UNREADABLE": (
            "the certificate names no caller by the rules",
            "证书名称不合规则，无法识别调用方",
        ),
        "doctor.refused.IDENTITY_UNREADABLE.remedy": (
            "have one issued by this hub: cert issue",
            "请由本中心签发：cert issue",
        ),
        "doctor.refused.CALLER_UNKNOWN": (
            "the hub knows nobody of that name, or a disabled operator",
            "中心没有此调用方，或该操作员已停用",
        ),
        "doctor.refused.CALLER_UNKNOWN.remedy": (
            "register the partner: partner add",
            "请登记机构：partner add",
        ),
        "doctor.refused.CERTIFICATE_NOT_REGISTERED": (
            "this very certificate is not registered",
            "此证书未登记",
        ),
        "doctor.refused.CERTIFICATE_NOT_REGISTERED.remedy": (
            "let the partner use the one that is, or issue a new one: cert issue",
            "请机构使用已登记的证书，或重新签发：cert issue",
        ),
        "doctor.refused.CERTIFICATE_REVOKED": ("it was revoked", "已吊销"),
        "doctor.refused.CERTIFICATE_REVOKED.remedy": (
            "revoked for ever; issue a new one: cert issue",
            "吊销不可撤回；请重新签发：cert issue",
        ),
        "doctor.refused.CERTIFICATE_EXPIRED": (
            "it is not valid then, or its time beside its successor is over",
            "届时无效，或与新证书并存的期限已过",
        ),
        "doctor.refused.CERTIFICATE_EXPIRED.remedy": (
            "let the partner use its successor, or issue a new one: cert issue",
            "请机构使用新证书，或重新签发：cert issue",
        ),
        "doctor.refused.PARTNER_SUSPENDED": (
            "the partner is suspended; it may only take back and look at what is its own",
            "机构已暂停，仅可撤回并查看自己的内容",
        ),
        "doctor.refused.PARTNER_SUSPENDED.remedy": ("partner resume", "partner resume"),
        "doctor.refused.PARTNER_TERMINATED": ("the partner has left for ever", "机构已永久退出"),
        "doctor.refused.PARTNER_TERMINATED.remedy": (
            "nothing: this cannot be undone",
            "不可撤回",
        ),
        "doctor.refused.NO_AGREEMENT": ("there is no agreement in force", "没有生效的协议"),
        "doctor.refused.NO_AGREEMENT.remedy": (
            "agreement propose, and another operator: agreement approve",
            "agreement propose 提交，另一人 agreement approve 复核",
        ),
        "doctor.refused.AGREEMENT_NOT_STARTED": (
            "the agreement has not begun then",
            "届时协议尚未生效",
        ),
        "doctor.refused.AGREEMENT_NOT_STARTED.remedy": (
            "wait for its day, or propose another version",
            "等待生效日，或提交新版协议",
        ),
        "doctor.refused.AGREEMENT_EXPIRED": ("the agreement is over then", "届时协议已到期"),
        "doctor.refused.AGREEMENT_EXPIRED.remedy": (
            "propose a version with a later end: agreement propose",
            "提交延期的新版协议：agreement propose",
        ),
    }
)
"""Texts by key; remedies stand beside what they mend."""
