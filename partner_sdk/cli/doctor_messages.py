"""What ``rongan doctor`` says, in English and Chinese; remedies stand beside what they mend."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from partner_sdk.cli.doctor_hub_messages import COMPARE_CLOCK, HUB_TEXTS, NETWORK_TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_PUT_BACK = (
    "put the file back from a backup, or enrol into a new directory",
    "请由备份恢复该文件，或在新目录重新登记",
)

_STEPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.doctor": (
            (
                "Goes the way of a call step by step and names what stands in its way; exit code "
                "1 if a cause was found, 3 if the hub was not reached."
            ),
            "按一次调用的步骤逐项检查并指出原因；发现原因时退出码为 1，未连上中心时为 3。",
        ),
        "doctor.ok": ("ok", "正常"),
        "doctor.warning": ("warning", "注意"),
        "doctor.failed": ("FAILED", "失败"),
        "doctor.not_checked": ("not checked", "未检查"),
        "doctor.with_remedy": ("{text} -> {remedy}", "{text} → {remedy}"),
        "doctor.left_out": ("an earlier step tells why", "原因见前面的步骤"),
        "doctor.files": ("own files", "本机文件"),
        "doctor.dates": ("own certificate's dates", "本机证书有效期"),
        "doctor.authority": ("own certificate's authority", "本机证书签发机构"),
        "doctor.address": ("hub's name", "中心域名"),
        "doctor.connection": ("connection", "网络连接"),
        "doctor.tls": ("TLS", "TLS 握手"),
        "doctor.hub_certificate": ("hub's certificate", "中心证书"),
        "doctor.acceptance": ("own certificate at the hub", "中心接受本机证书"),
        "doctor.identity": ("who we are to the hub", "中心认定的身份"),
        "doctor.agreement": ("agreement", "协议"),
        "doctor.roots": ("hub's roots", "中心根证书"),
    }
)

_FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "doctor.files_ok": ("{identity} ({path})", "{identity}（{path}）"),
        "doctor.files.FILE_MISSING": ("{path} is missing", "缺少 {path}"),
        "doctor.files.FILE_MISSING.remedy": (
            "name the right directory, or enrol: rongan enroll",
            "请指定正确的目录，或先登记：rongan enroll",
        ),
        "doctor.files.FILE_UNREADABLE": ("{path} cannot be read", "{path} 无法读取"),
        "doctor.files.FILE_UNREADABLE.remedy": (
            "run this as the files' owner",
            "请以文件属主的账户运行",
        ),
        "doctor.files.KEY_OPEN_TO_OTHERS": (
            "group or others may read {path}",
            "同组或其他用户可读取 {path}",
        ),
        "doctor.files.KEY_OPEN_TO_OTHERS.remedy": (
            "chmod 600 {path}; if others may have read it, ask for the certificate's revocation",
            "chmod 600 {path}；若可能已被他人读取，请申请吊销证书",
        ),
        "doctor.files.KEY_ENCRYPTED": ("{path} is encrypted", "{path} 已加密"),
        "doctor.files.KEY_ENCRYPTED.remedy": (
            "decrypt it into a file of mode 0600; the SDK takes no passphrase",
            "请解密为权限 0600 的文件；SDK 不支持口令",
        ),
        "doctor.files.KEY_MALFORMED": ("{path} holds no private key", "{path} 不是私钥"),
        "doctor.files.KEY_MALFORMED.remedy": _PUT_BACK,
        "doctor.files.KEY_UNSUPPORTED": (
            "{path} is neither P-256, P-384 nor RSA of 2048 bits or more",
            "{path} 不是 P-256、P-384 或 2048 位以上的 RSA 私钥",
        ),
        "doctor.files.KEY_UNSUPPORTED.remedy": (
            "enrol into a new directory; rongan makes a key that fits",
            "请在新目录重新登记，由 rongan 生成合适的私钥",
        ),
        "doctor.files.CERTIFICATE_MALFORMED": (
            "{path} holds no certificate",
            "{path} 不是证书",
        ),
        "doctor.files.CERTIFICATE_MALFORMED.remedy": _PUT_BACK,
        "doctor.files.ROOTS_MALFORMED": ("{path} holds no root", "{path} 不是根证书"),
        "doctor.files.ROOTS_MALFORMED.remedy": _PUT_BACK,
        "doctor.files.KEY_MISMATCH": (
            "{path} does not belong to the certificate beside it",
            "{path} 与同目录的证书不匹配",
        ),
        "doctor.files.KEY_MISMATCH.remedy": _PUT_BACK,
        "doctor.files.IDENTITY_UNREADABLE": (
            "{path} does not hold exactly one URI name",
            "{path} 中的 URI 名称不是恰好一个",
        ),
        "doctor.files.IDENTITY_UNREADABLE.remedy": (
            "it is no certificate of a hub; name the right file",
            "该证书不是由中心签发，请使用正确的文件",
        ),
        "doctor.own_dates_ok": (
            "valid until {ends}, {days} days; renewed from {due}",
            "有效期至 {ends}，余 {days} 天；{due} 起可续期",
        ),
        "doctor.own_due": (
            "valid until {ends}, {days} days; may be renewed since {due}",
            "有效期至 {ends}，余 {days} 天；自 {due} 起已可续期",
        ),
        "doctor.own_ends_soon": (
            "it ends on {ends}, in {days} days, and was not renewed",
            "将于 {ends} 到期，余 {days} 天，尚未续期",
        ),
        "doctor.own_ends_soon.remedy": (
            "rongan renew, and see why no client did it",
            "请执行 rongan renew，并查明客户端未自动续期的原因",
        ),
        "doctor.own_ended": ("it ended on {ends}", "已于 {ends} 到期"),
        "doctor.own_ended.remedy": (
            (
                "ask the hub's operator for an enrolment string and enrol into a new directory; "
                "this machine's clock says {now}"
            ),
            "请向中心操作员索取登记串并在新目录登记；本机时钟为 {now}",
        ),
        "doctor.own_not_begun": (
            "it is valid only from {begins}, and this machine's clock says {now}",
            "自 {begins} 起才有效，而本机时钟为 {now}",
        ),
        "doctor.own_not_begun.remedy": COMPARE_CLOCK,
        "doctor.own_authority_ok": (
            "signed by {issuer}, below a root that we trust",
            "由 {issuer} 签发，属于所信任的根证书",
        ),
        "doctor.own_no_client": (
            "the certificate is not one for a client",
            "该证书不是客户端证书",
        ),
        "doctor.own_no_client.remedy": _PUT_BACK,
        "doctor.own_self_signed": ("the certificate is signed by itself", "该证书为自签名证书"),
        "doctor.own_self_signed.remedy": (
            "put the certificate that the hub issued in its place",
            "请换上中心签发的证书",
        ),
        "doctor.own_chain_broken": (
            "what follows the certificate in its file did not sign it ({issuer} did)",
            "证书文件中附带的并非其签发机构（签发者为 {issuer}）",
        ),
        "doctor.own_chain_broken.remedy": _PUT_BACK,
        "doctor.own_other_authority": (
            "signed by {issuer}, which is not below the roots in roots.pem: another hub's",
            "由 {issuer} 签发，不属于 roots.pem 中的根证书，应是其他中心的证书",
        ),
        "doctor.own_other_authority.remedy": (
            "use certificate and roots of the same hub",
            "请使用同一中心的证书与根证书",
        ),
    }
)

DOCTOR_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {**_STEPS, **_FILES, **NETWORK_TEXTS, **HUB_TEXTS}
)
