"""What ``rongan-hub doctor`` says, in English and Chinese; remedies stand beside what they mend."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from rongan_share.cli.doctor.caller_texts import CALLER

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOME: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.doctor": (
            (
                "Checks the hub's home, and the hub if it runs; exit code 1 if anything failed. "
                "With --certificate, says what the hub would say of a client's certificate."
            ),
            (
                "检查中心主目录及运行中的中心，有失败项时退出码为 1；"
                "加 --certificate 则说明中心如何处置某客户端证书。"
            ),
        ),
        "help.doctor_certificate": (
            "A client's certificate, PEM; its key is not needed.",
            "客户端证书（PEM），无需私钥。",
        ),
        "help.doctor_at": (
            "When the call would be made; now if left out, Shanghai's time without a zone.",
            "假定的调用时间，默认当前；未注明时区按上海时间。",
        ),
        "doctor.ok": ("ok", "正常"),
        "doctor.warning": ("warning", "注意"),
        "doctor.failed": ("FAILED", "失败"),
        "doctor.with_remedy": ("{text} -> {remedy}", "{text} → {remedy}"),
        "doctor.bad_time": (
            "a time is 2027-01-31T08:00:00+08:00",
            "时间格式如 2027-01-31T08:00:00+08:00",
        ),
        "doctor.at_needs_certificate": (
            "--at goes with --certificate",
            "--at 须与 --certificate 同用",
        ),
        "doctor.configuration_ok": ("{path} can be read", "{path} 可读"),
        "doctor.configuration_unfit": ("{cause}", "{cause}"),
        "doctor.configuration_unfit.remedy": (
            "mend hub.toml, or name the right home with --home",
            "修正 hub.toml，或用 --home 指定正确的主目录",
        ),
        "doctor.folders_ok": (
            "no folder of the home is open to others",
            "主目录各文件夹均未对他人开放",
        ),
        "doctor.folder_missing": ("{path} is missing", "缺少 {path}"),
        "doctor.folder_missing.remedy": (
            "put it back from a backup; hub.toml names where it is expected",
            "由备份恢复；位置以 hub.toml 为准",
        ),
        "doctor.folder_writable": ("others may write into {path}", "他人可写入 {path}"),
        "doctor.folder_writable.remedy": ("chmod 0700 {path}", "chmod 0700 {path}"),
        "doctor.folder_open": ("others may look into {path}", "他人可查看 {path}"),
        "doctor.folder_open.remedy": ("chmod 0700 {path}", "chmod 0700 {path}"),
        "doctor.keys_ok": (
            "{count} key files can be read by their owner alone",
            "{count} 个密钥文件仅属主可读",
        ),
        "doctor.key_open": ("others may read {path}", "他人可读取 {path}"),
        "doctor.key_open.remedy": (
            "chmod 0600 it, and replace the key if others may have read it",
            "chmod 0600；若可能已被他人读取，请更换密钥",
        ),
        "doctor.root_key_away": (
            "the root key is not on this machine",
            "根私钥不在本机",
        ),
        "doctor.root_key_here": (
            "the root key is still on this machine",
            "根私钥仍在本机",
        ),
        "doctor.root_key_here.remedy": (
            "move {path} to a medium that is kept offline, in two hands",
            "将 {path} 移至离线介质，双人保管",
        ),
        "doctor.listener_ok": (
            "certificate chain, key and client roots of the listener may be used ({path})",
            "监听证书链、私钥与客户端根证书可用（{path}）",
        ),
        "doctor.listener_unfit": ("{cause}", "{cause}"),
        "doctor.listener_unfit.remedy": (
            "put the right files there; a hub that runs goes on with the last good ones",
            "放入正确文件；运行中的中心仍使用上一份有效文件",
        ),
        "doctor.authorities_ok": (
            "the hub's chain hangs below the root, and client certificates below what it trusts",
            "中心证书链属于根证书，客户端签发机构为中心所信任",
        ),
        "doctor.authority_unreadable": ("{cause}", "{cause}"),
        "doctor.authority_unreadable.remedy": (
            "put the file back from a backup",
            "由备份恢复该文件",
        ),
        "doctor.not_below_root": (
            "{path} does not hang below the root that partners trust",
            "{path} 不属于机构所信任的根证书",
        ),
        "doctor.not_below_root.remedy": (
            "put the intermediate of the hub behind its certificate, or give partners the new root",
            "将中心签发机构证书附于其后，或向机构发放新根证书",
        ),
        "doctor.issuer_not_trusted": (
            "{path} signs client certificates and is not among the client roots",
            "{path} 签发客户端证书，却不在客户端根证书之列",
        ),
        "doctor.issuer_not_trusted.remedy": (
            "add it to the client roots; the hub takes them up by itself",
            "将其加入客户端根证书；中心会自动加载",
        ),
        "doctor.date_ok": (
            "{name} is valid until {ends}, {days} days ({path})",
            "{name} 有效期至 {ends}，余 {days} 天（{path}）",
        ),
        "doctor.ends_soon": (
            "{name} ends on {ends}, in {days} days ({path})",
            "{name} 将于 {ends} 到期，余 {days} 天（{path}）",
        ),
        "doctor.ends_soon.remedy": (
            "replace it now, with the old one still valid",
            "请在旧证书失效前更换",
        ),
        "doctor.expired": ("{name} ended on {ends} ({path})", "{name} 已于 {ends} 到期（{path}）"),
        "doctor.expired.remedy": ("replace it", "请更换"),
        "doctor.not_begun": (
            "{name} is valid only from {begins} ({path})",
            "{name} 自 {begins} 起才有效（{path}）",
        ),
        "doctor.not_begun.remedy": (
            "compare the machine's clock with another one",
            "请核对本机时钟",
        ),
    }
)

_STORE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "doctor.writable": ("{path} can be written", "{path} 可写"),
        "doctor.not_writable": ("{path} cannot be written", "{path} 不可写"),
        "doctor.not_writable.remedy": (
            "run this as the hub's own user, or give the files to it",
            "以中心所用账户运行，或将文件归其所有",
        ),
        "doctor.disk_ok": ("{free} GB are free for {path}", "{path} 所在磁盘余 {free} GB"),
        "doctor.disk_short": (
            "only {free} GB are free for {path}",
            "{path} 所在磁盘仅余 {free} GB",
        ),
        "doctor.disk_short.remedy": ("make room, or move to a larger disk", "请清理或扩容"),
        "doctor.disk_full": (
            "{free} GB are free for {path}; a hub without room answers nothing",
            "{path} 所在磁盘余 {free} GB；空间不足时中心不作任何应答",
        ),
        "doctor.disk_full.remedy": ("make room now", "请立即清理空间"),
        "doctor.store_unreadable": ("{cause}", "{cause}"),
        "doctor.store_unreadable.remedy": (
            "name the right data directory in hub.toml, or restore a backup",
            "在 hub.toml 指定正确的数据目录，或恢复备份",
        ),
        "doctor.store_damaged": ("the store is damaged: {cause}", "存储损坏：{cause}"),
        "doctor.store_damaged.remedy": (
            "stop the hub, keep the files, restore a backup",
            "停止中心，保留现有文件，恢复备份",
        ),
        "doctor.key_unfit": ("{cause}", "{cause}"),
        "doctor.key_unfit.remedy": (
            "put the right key file back; without it the hub does not start",
            "放回正确的密钥文件；否则中心无法启动",
        ),
        "doctor.hub_key_ok": ("hub key {number} fits the store", "中心密钥 {number} 与存储相符"),
        "doctor.hub_key_unfit": ("{cause}", "{cause}"),
        "doctor.hub_key_unfit.remedy": (
            "put the right key file back; under another key all would read as not listed",
            "放回正确的密钥文件；密钥不符会使全部查询显示未列入",
        ),
        "doctor.epoch_key_ok": (
            "the key of epoch {number} ({state}) fits the store",
            "令牌期 {number}（{state}）的密钥与存储相符",
        ),
        "doctor.clock_ok": (
            "the clock is not behind the log, whose newest entry is of {newest}",
            "时钟不晚于审计日志，最新记录时间 {newest}",
        ),
        "doctor.clock_behind": (
            "the clock is {seconds} s behind the newest entry of the log, of {newest}",
            "时钟比审计日志最新记录（{newest}）慢 {seconds} 秒",
        ),
        "doctor.clock_behind.remedy": (
            "set the machine's clock, and see that it is kept in step (NTP)",
            "校正本机时钟并启用 NTP",
        ),
        "doctor.clock_set_off": (
            "the hub's clock is set off by {seconds} s",
            "中心时钟偏移 {seconds} 秒",
        ),
        "doctor.clock_set_off.remedy": (
            "for rehearsals only: set clock.offset_seconds to 0 in service",
            "仅供演练：正式运行时将 clock.offset_seconds 设为 0",
        ),
        "doctor.port_open_choice": (
            "hub.toml leaves the port open; name a running hub with --hub",
            "hub.toml 未指定端口；可用 --hub 指定运行中的中心",
        ),
        "doctor.nobody_listens": (
            "nobody listens at {target} ({cause}): the hub does not run",
            "{target} 无人监听（{cause}）：中心未运行",
        ),
        "doctor.somebody_listens": ("at {target} listens: {who}", "{target} 监听者：{who}"),
        "doctor.no_handshake": (
            "who listens at {target} is not this hub: {cause}",
            "{target} 的监听者不是本中心：{cause}",
        ),
        "doctor.no_handshake.remedy": (
            "end what listens there, or give the hub another port; compare root and certificate",
            "结束占用端口的程序或更换端口；并核对根证书与证书",
        ),
        "doctor.host_not_borne": (
            (
                "the certificate does not bear {host}, but {names}; operators and partners cannot "
                "reach it by that name"
            ),
            "证书不含 {host}，只含 {names}；操作员和机构无法以该名称连接中心",
        ),
        "doctor.host_not_borne.remedy": (
            "cert rotate {wanted}, or name it by one of its own with --hub",
            "cert rotate {wanted}，或用 --hub 以证书所含名称连接",
        ),
        "doctor.old_tls": ("the listener agreed to {version}", "监听端接受了 {version}"),
        "doctor.old_tls.remedy": ("this is no hub of this software", "对端不是本软件的中心"),
        "doctor.other_certificate": (
            "the hub shows another certificate than the one in {path}",
            "中心出示的证书与 {path} 不同",
        ),
        "doctor.other_certificate.remedy": (
            "see tls_error in status: files that may not be used are not taken up",
            "查看 status 的 tls_error：不可用的文件不会加载",
        ),
        "doctor.handshake_ok": (
            "a handshake with the hub works: {version}, {cipher}",
            "与中心握手成功：{version}，{cipher}",
        ),
        "doctor.no_credentials": (
            "the hub itself was not asked: name an operator with --as",
            "未询问中心：可用 --as 指定操作员",
        ),
        "doctor.serving_ok": ("the hub serves", "中心正常服务"),
        "doctor.not_serving": ("the hub does not serve: {state}", "中心未在服务：{state}"),
        "doctor.not_serving.remedy": ("look into its log on stderr", "查看其标准错误日志"),
        "doctor.no_answer": ("the hub does not answer: {cause}", "中心无应答：{cause}"),
        "doctor.no_answer.remedy": (
            "see what it says of the credentials: doctor --certificate",
            "用 doctor --certificate 查看对该证书的处置",
        ),
        "doctor.taken_up": (
            "the listener uses its files as they are, taken up {generation} times",
            "监听端正使用现有文件，已加载 {generation} 次",
        ),
        "doctor.not_taken_up": (
            "changed files of the listener are not used: {cause}",
            "监听端的新文件未启用：{cause}",
        ),
        "doctor.not_taken_up.remedy": (
            "put the right files there; the hub takes them up by itself",
            "放入正确文件；中心会自动加载",
        ),
    }
)

DOCTOR: Mapping[str, tuple[str, str]] = MappingProxyType({**_HOME, **_STORE, **CALLER})
"""All of it by key."""
