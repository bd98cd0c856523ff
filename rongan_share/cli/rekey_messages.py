"""What ``rongan-hub`` says of a change of the hub key, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REKEYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.rekey": (
            "Changes the hub key, under which tokens are stored, while the hub serves.",
            "在服务不中断的情况下更换中心密钥（用于加密存储的令牌）。",
        ),
        "help.rekey_start": (
            "Makes the next hub key and begins to change to it.",
            "生成下一把中心密钥并开始更换。",
        ),
        "help.rekey_status": ("Says how far the change is.", "显示更换进度。"),
        "help.rekey_wait": (
            "Wait until nothing stands under the old key any more.",
            "等待旧密钥下的数据全部改写完毕。",
        ),
        "help.rekey_finish": (
            "Ends the change and destroys the old key.",
            "结束更换并销毁旧密钥。",
        ),
        "hub_key": ("hub key", "中心密钥"),
        "old_hub_key": ("old hub key", "旧中心密钥"),
        "rekey_phase": ("phase", "阶段"),
        "rekey_values": ("values under the new key", "已改用新密钥的数据"),
        "rekey_phase_none": ("no change goes on", "未在更换"),
        "rekey_phase_building": (
            "BUILDING: look-ups under the new key are being made",
            "BUILDING：正在建立新密钥的索引",
        ),
        "rekey_phase_rewriting": (
            "REWRITING: answers come from the new key; old values are being rewritten",
            "REWRITING：查询已使用新密钥，正在改写旧数据",
        ),
        "rekey_phase_rewritten": (
            "REWRITTEN: nothing stands under the old key any more",
            "REWRITTEN：旧密钥下已无数据",
        ),
        "rekey_next_start": ("rongan-hub epoch rekey start", "rongan-hub epoch rekey start"),
        "rekey_next_status": (
            "wait: rongan-hub epoch rekey status --wait; keep both key files until then",
            "请等待：rongan-hub epoch rekey status --wait；此前须保留两个密钥文件",
        ),
        "rekey_next_finish": ("rongan-hub epoch rekey finish", "rongan-hub epoch rekey finish"),
        "rekey_not_written": (
            "something still stands under the old key; see rongan-hub epoch rekey status",
            "旧密钥下仍有数据；请查看 rongan-hub epoch rekey status",
        ),
        "rekey_none": (
            "no change of the hub key goes on, and no old key is left",
            "未在更换中心密钥，也没有遗留的旧密钥",
        ),
        "rekey_destroyed": (
            (
                "the old key was overwritten and removed; destroy its backups too: with one, an "
                "old copy of the store can still be read"
            ),
            "旧密钥已覆写并删除；请一并销毁其备份，否则仍可读取旧的存储副本",
        ),
        "import_while_building": (
            (
                "the hub key is being changed; import once `rongan-hub epoch rekey status` says "
                "REWRITING"
            ),
            "正在更换中心密钥；请待 rongan-hub epoch rekey status 显示 REWRITING 后再导入",
        ),
    }
)
