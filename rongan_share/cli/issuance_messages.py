"""What ``rongan-hub`` says of signing certificates, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUANCE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.signer": (
            (
                "Signs certificates, where hub.toml says that the signer is external. Run it under "
                "a user of its own, who alone may read the authorities' keys."
            ),
            "签发证书，用于 hub.toml 设为外置签发时；应以独立用户运行，仅该用户可读取签发密钥。",
        ),
        "hosts": ("hosts", "主机名"),
        "signing": ("signing at {path}", "签发服务已运行于 {path}"),
        "help.cert_rotate": (
            "Gives the hub a new key and certificate; it serves with them at once.",
            "更换中心自身的密钥和证书，立即生效。",
        ),
        "help.rotate_names": (
            (
                "A DNS name or IP address by which the hub is called; give all, they replace those "
                "of its certificate. Left out, those stay."
            ),
            (
                "客户端连接中心所用的域名或 IP 地址；须全部列出，将取代现有证书中的名称；"
                "默认沿用现有证书。"
            ),
        ),
        "rotate_locks_out": (
            (
                "the new certificate would not bear {host}, by which this command calls the hub; "
                "name it too, or call the hub by a name that stays (--hub)"
            ),
            "新证书不含本命令连接中心所用的 {host}；请一并列出，或用保留的名称连接（--hub）",
        ),
        "dropped": ("dropped", "不再使用"),
        "help.cert_renew": (
            "Gives the operator of --as a new key and certificate.",
            "更换 --as 所指操作员的密钥和证书。",
        ),
    }
)
