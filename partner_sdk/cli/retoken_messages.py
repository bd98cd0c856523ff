"""What ``rongan`` says of tokens of the next epoch, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RETOKEN_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.retoken": (
            "Add no listings: give those of FILE their tokens of the epoch that is opening.",
            "不新增名单：为 FILE 中已报送的名单补报新令牌期（正在开启）的令牌。",
        ),
        "bad_retoken_use": (
            "--retoken is not for --explain, --dry-run, --skipped or --legal-basis-ref",
            "--retoken 不能与 --explain、--dry-run、--skipped、--legal-basis-ref 同用",
        ),
        "next_epoch": ("next epoch", "新令牌期"),
        "epochs": ("epochs asked in", "查询所用令牌期"),
        "rows_earlier": ("  done by earlier runs", "  先前已处理"),
        "retokened": ("  have their next tokens", "  已有新令牌"),
        "left_out": ("  left out, see the file", "  未处理，见文件"),
        "retoken_none": (
            "no epoch is opening; there is nothing to do",
            "当前没有正在开启的令牌期，无需处理",
        ),
        "retoken_over": (
            "epoch {epoch} opens no more; {done} of {rows} rows were done",
            "令牌期 {epoch} 已不在开启中；已处理 {done} / {rows} 行",
        ),
        "retoken_unreadable": (
            "cannot be read; --restart sends every row again, which does no harm",
            "无法读取；可用 --restart 全部重发，不影响已有结果",
        ),
    }
)
