"""What ``rongan doctor`` says of the way to the hub and of the hub, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASK_OPERATOR = (
    "send request.pem or the serial number to the hub's operator, or enrol with a new string",
    "请将 request.pem 或证书序列号交给中心操作员，或以新的登记串重新登记",
)
COMPARE_CLOCK = (
    "compare this machine's clock with another one and keep it in step (NTP)",
    "请核对本机时钟并启用自动校时（NTP）",
)

NETWORK_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "doctor.address_ok": ("{host} is {places}", "{host} 解析为 {places}"),
        "doctor.name_unknown": (
            "{host} is not known to DNS: {error}",
            "{host} 无法解析：{error}",
        ),
        "doctor.name_unknown.remedy": (
            "compare the name, and this machine's resolver",
            "请核对域名及本机 DNS 设置",
        ),
        "doctor.connection_ok": ("{host}:{port} takes connections", "{host}:{port} 可连接"),
        "doctor.connection_refused": (
            "nobody listens at {host}:{port}",
            "{host}:{port} 无服务监听",
        ),
        "doctor.connection_refused.remedy": (
            "compare the port; else the hub is down",
            "请核对端口；若无误则中心未运行",
        ),
        "doctor.connection_timeout": (
            "{host}:{port} does not answer within {seconds} s",
            "{host}:{port} 在 {seconds} 秒内无应答",
        ),
        "doctor.connection_timeout.remedy": (
            "a firewall on the way drops it: have {host}:{port} opened",
            "多为途中防火墙丢弃：请开通 {host}:{port}",
        ),
        "doctor.connection_failed": (
            "no connection to {host}:{port}: {error}",
            "无法连接 {host}:{port}：{error}",
        ),
        "doctor.connection_failed.remedy": (
            "look at this machine's network and routes",
            "请检查本机网络与路由",
        ),
        "doctor.tls_ok": ("{version}, {cipher}", "{version}，{cipher}"),
        "doctor.tls_old": (
            "{version}, {cipher}; a hub speaks TLS 1.3",
            "{version}，{cipher}；中心应使用 TLS 1.3",
        ),
        "doctor.tls_old.remedy": (
            "something else ends TLS on the way (proxy, load balancer); let it pass through",
            "途中有其他设备终结 TLS（代理、负载均衡）；请改为透传",
        ),
        "doctor.tls_silent": (
            "somebody takes the connection and says nothing",
            "连接已建立但对方无任何应答",
        ),
        "doctor.tls_silent.remedy": (
            "compare the port; a hub that hangs answers rongan-hub health as little",
            "请核对端口；若中心挂起，rongan-hub health 亦无应答",
        ),
        "doctor.no_tls": ("whoever listens there speaks no TLS", "该端口的服务不使用 TLS"),
        "doctor.no_tls.remedy": ("compare host and port", "请核对主机与端口"),
        "doctor.tls_version": (
            "no version of TLS in common",
            "双方没有共同的 TLS 版本",
        ),
        "doctor.tls_version.remedy": (
            "a hub speaks TLS 1.3: update OpenSSL here, or bypass the proxy on the way",
            "中心使用 TLS 1.3：请升级本机 OpenSSL，或绕过途中代理",
        ),
        "doctor.tls_cipher": (
            "no cipher in common",
            "双方没有共同的密码套件",
        ),
        "doctor.tls_cipher.remedy": (
            "a hub takes the ciphers of TLS 1.3: see whether a policy switches them off here",
            "中心使用 TLS 1.3 套件：请检查本机策略是否将其禁用",
        ),
        "doctor.tls_closed": (
            "the connection is closed during the handshake",
            "握手过程中连接被关闭",
        ),
        "doctor.tls_closed.remedy": (
            "compare the port; else a firewall or proxy cuts TLS on the way",
            "请核对端口；否则为途中防火墙或代理切断 TLS",
        ),
        "doctor.tls_failed": ("no handshake: {error}", "握手失败：{error}"),
        "doctor.tls_failed.remedy": (
            "compare the port, and what stands on the way",
            "请核对端口及途中设备",
        ),
        "doctor.hub_certificate_ok": (
            "of {names}, below a root that we trust, valid until {ends}",
            "{names}，属于所信任的根证书，有效期至 {ends}",
        ),
        "doctor.hub_ended": (
            "it ended on {ends}; this machine's clock says {now}",
            "已于 {ends} 到期；本机时钟为 {now}",
        ),
        "doctor.hub_ended.remedy": (
            "compare this machine's clock; if it is right, call the hub's operator",
            "请核对本机时钟；若无误，请联系中心操作员",
        ),
        "doctor.hub_not_begun": (
            "it is valid only from {begins}; this machine's clock says {now}",
            "自 {begins} 起才有效；本机时钟为 {now}",
        ),
        "doctor.hub_not_begun.remedy": COMPARE_CLOCK,
        "doctor.hub_other_name": (
            "it does not bear the name {host}, but {names}",
            "证书名称中没有 {host}，只有 {names}",
        ),
        "doctor.hub_other_name.remedy": (
            "dial the hub by one of its names",
            "请以证书中的名称连接中心",
        ),
        "doctor.hub_other_root": (
            "it hangs below {issuer}, not below a root in roots.pem ({error})",
            "签发机构为 {issuer}，不属于 roots.pem 中的根证书（{error}）",
        ),
        "doctor.hub_other_root.remedy": (
            (
                "compare the address: this may be another hub, or a proxy that looks into TLS; "
                "after a change of the root ask the operator for the new one"
            ),
            "请核对地址：可能是其他中心，或是检查 TLS 的代理；若根证书已更换，请向操作员索取",
        ),
        "doctor.hub_unfit": ("it is unfit: {error}", "证书不合规：{error}"),
        "doctor.hub_unfit.remedy": ("call the hub's operator", "请联系中心操作员"),
    }
)

HUB_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "doctor.accepted": ("accepted by TLS", "TLS 已接受"),
        "doctor.refused_in_tls_as_above": (
            "the hub closes the connection on seeing it, as was to be expected from what is above",
            "中心看到证书后关闭连接，原因如上",
        ),
        "doctor.refused_in_tls_as_above.remedy": (
            "mend what is above",
            "请先处理上述问题",
        ),
        "doctor.refused_in_tls": (
            "the hub closes the connection on seeing it, though nothing is wrong with it here",
            "中心看到证书后关闭连接，但本机未发现问题",
        ),
        "doctor.refused_in_tls.remedy": (
            (
                "the clocks differ, or the hub trusts another authority by now: give the operator "
                "certificate.pem, and rongan-hub doctor --certificate names it"
            ),
            (
                "双方时钟不一致，或中心已更换客户端签发机构：请将 certificate.pem 交给操作员，"
                "用 rongan-hub doctor --certificate 查明"
            ),
        ),
        "doctor.alert_expired": (
            "refused as expired ({alert})",
            "被拒绝：证书过期（{alert}）",
        ),
        "doctor.alert_expired.remedy": COMPARE_CLOCK,
        "doctor.alert_unknown_authority": (
            "refused as signed by an authority that is not trusted there ({alert})",
            "被拒绝：对方不信任其签发机构（{alert}）",
        ),
        "doctor.alert_unknown_authority.remedy": (
            "use the certificate that this hub issued",
            "请使用该中心签发的证书",
        ),
        "doctor.alert_revoked": (
            "refused as revoked ({alert})",
            "被拒绝：证书已吊销（{alert}）",
        ),
        "doctor.alert_revoked.remedy": _ASK_OPERATOR,
        "doctor.alert_other": ("refused: {alert}", "被拒绝：{alert}"),
        "doctor.alert_other.remedy": _ASK_OPERATOR,
        "doctor.hub_silent": (
            "the handshake is done, and nothing comes within {seconds} s",
            "握手完成后 {seconds} 秒内无任何数据",
        ),
        "doctor.hub_silent.remedy": (
            "the hub hangs, or something else listens there; call its operator",
            "中心挂起，或监听者并非中心；请联系操作员",
        ),
        "doctor.no_http2": (
            "whoever listens there speaks TLS but not HTTP/2",
            "该端口使用 TLS，但不是 HTTP/2",
        ),
        "doctor.no_http2.remedy": (
            "compare the port; a proxy on the way must let HTTP/2 through",
            "请核对端口；途中代理须透传 HTTP/2",
        ),
        "doctor.identity_ok": ("{identity}", "{identity}"),
        "doctor.no_partner_port": (
            "a hub answers there, but serves no partners at this port",
            "该端口属于中心，但不是业务端口",
        ),
        "doctor.no_partner_port.remedy": (
            "this may be where it enrols; ask the operator for the port of calls",
            "可能是登记端口；请向操作员查询业务端口",
        ),
        "doctor.no_answer": ("no answer: {error}", "无应答：{error}"),
        "doctor.no_answer.remedy": (
            "try again; else call the hub's operator with the time",
            "请重试；仍无应答请将时间告知中心操作员",
        ),
        "doctor.refused_otherwise": ("refused: {error}", "被拒绝：{error}"),
        "doctor.refused_otherwise.remedy": (
            "docs/errors.md says what it means",
            "含义见 docs/errors.md",
        ),
        "doctor.refused.IDENTITY_UNREADABLE": (
            "IDENTITY_UNREADABLE: the certificate names no caller of this hub ({told})",
            "IDENTITY_UNREADABLE：证书未指明该中心的调用方（{told}）",
        ),
        "doctor.refused.IDENTITY_UNREADABLE.remedy": _ASK_OPERATOR,
        "doctor.refused.CERTIFICATE_NOT_REGISTERED": (
            "CERTIFICATE_NOT_REGISTERED: the hub does not know this certificate",
            "CERTIFICATE_NOT_REGISTERED：中心未登记该证书",
        ),
        "doctor.refused.CERTIFICATE_NOT_REGISTERED.remedy": (
            (
                "enrol into a new directory with a new string; if the hub was restored from a "
                "backup, use the pair in previous/"
            ),
            "请以新的登记串在新目录登记；若中心曾由备份恢复，请使用 previous/ 中的证书",
        ),
        "doctor.refused.CERTIFICATE_REVOKED": (
            "CERTIFICATE_REVOKED: the certificate was revoked",
            "CERTIFICATE_REVOKED：证书已吊销",
        ),
        "doctor.refused.CERTIFICATE_REVOKED.remedy": (
            "ask the operator why, and enrol into a new directory with a new string",
            "请向操作员查明原因，并以新的登记串在新目录登记",
        ),
        "doctor.refused.CERTIFICATE_EXPIRED": (
            "CERTIFICATE_EXPIRED: it is not valid now by the hub's clock, or was retired",
            "CERTIFICATE_EXPIRED：按中心时钟证书不在有效期，或已停用",
        ),
        "doctor.refused.CERTIFICATE_EXPIRED.remedy": (
            "if it was renewed, use the new pair; else compare both clocks",
            "若已续期请使用新证书；否则请核对双方时钟",
        ),
        "doctor.refused.CALLER_UNKNOWN": (
            "CALLER_UNKNOWN: the hub has no such partner",
            "CALLER_UNKNOWN：中心没有该机构",
        ),
        "doctor.refused.CALLER_UNKNOWN.remedy": _ASK_OPERATOR,
        "doctor.refused.CALLER_KIND_REFUSED": (
            "CALLER_KIND_REFUSED: this is the certificate of an operator",
            "CALLER_KIND_REFUSED：这是操作员证书",
        ),
        "doctor.refused.CALLER_KIND_REFUSED.remedy": (
            "use a partner's certificate",
            "请使用机构证书",
        ),
        "doctor.agreement_ok": (
            "version {version}, in force until {ends}, for {purposes}",
            "版本 {version}，有效至 {ends}，用途 {purposes}",
        ),
        "doctor.refused.PARTNER_SUSPENDED": (
            "PARTNER_SUSPENDED: the partner is suspended",
            "PARTNER_SUSPENDED：机构已被暂停",
        ),
        "doctor.refused.PARTNER_SUSPENDED.remedy": (
            "ask the operator why; disputes and withdrawals stay open",
            "请向操作员查明原因；异议与撤回仍可提交",
        ),
        "doctor.refused.PARTNER_TERMINATED": (
            "PARTNER_TERMINATED: the partner has left",
            "PARTNER_TERMINATED：机构已退出",
        ),
        "doctor.refused.PARTNER_TERMINATED.remedy": (
            "call the hub's operator",
            "请联系中心操作员",
        ),
        "doctor.refused.NO_AGREEMENT": (
            "NO_AGREEMENT: no agreement is in force",
            "NO_AGREEMENT：没有生效的协议",
        ),
        "doctor.refused.NO_AGREEMENT.remedy": (
            "two operators of the hub must propose and approve one",
            "须由中心两名操作员提交并批准协议",
        ),
        "doctor.refused.AGREEMENT_EXPIRED": (
            "AGREEMENT_EXPIRED: the agreement has ended ({told})",
            "AGREEMENT_EXPIRED：协议已到期（{told}）",
        ),
        "doctor.refused.AGREEMENT_EXPIRED.remedy": (
            "have it prolonged by the hub",
            "请由中心续签协议",
        ),
        "doctor.refused.AGREEMENT_NOT_STARTED": (
            "AGREEMENT_NOT_STARTED: the agreement begins later ({told})",
            "AGREEMENT_NOT_STARTED：协议尚未开始（{told}）",
        ),
        "doctor.refused.AGREEMENT_NOT_STARTED.remedy": (
            "wait for its first day",
            "请等待生效日",
        ),
        "doctor.roots_ok": ("version {held}, the hub's newest", "版本 {held}，为中心最新版本"),
        "doctor.roots_newer": (
            "version {held}; the hub has version {offered}",
            "版本 {held}；中心已有版本 {offered}",
        ),
        "doctor.roots_newer.remedy": (
            "rongan renew takes them, as every client does within a day",
            "请执行 rongan renew；客户端也会在一天内自动更新",
        ),
    }
)
