"""What ``rongan-hub`` says of epochs, in English and Chinese."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCHS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help.epoch": ("Epochs: keys and suites of tokens.", "管理令牌期：令牌的密钥与算法。"),
        "help.epoch_open": (
            "Makes the key of the next epoch and opens it beside the current one.",
            "生成下一令牌期的密钥，并与当前令牌期并行开启。",
        ),
        "help.epoch_suite": (
            "How its tokens are made; as in the current epoch if left out.",
            "令牌算法；默认与当前令牌期相同。",
        ),
        "help.epoch_yes": (
            "Open it although agreements in force do not grant the suite.",
            "即使有生效协议未包含该算法也照常开启。",
        ),
        "epoch_ungranted": (
            (
                "agreements in force without {suite}: {partners}. These partners could add nothing "
                "from now on, and ask nothing once the epoch is promoted. Let agreements that "
                "grant it be approved first, or give --yes; nothing was changed"
            ),
            (
                "生效协议未包含 {suite} 的机构：{partners}。开启后这些机构无法新增名单，"
                "转为当前后也无法查询。请先批准包含该算法的协议，或加 --yes；未作改动"
            ),
        ),
        "epoch_without_suite": ("agreement without suite", "协议未包含该算法"),
        "help.epoch_status": (
            "Shows every epoch, whose listings lack tokens of the opening one, and the next step.",
            "显示各令牌期、各机构尚缺的新令牌数以及下一步。",
        ),
        "help.epoch_promote": (
            "Makes the opening epoch the one that questions are asked in.",
            "将开启中的令牌期转为当前令牌期，此后查询均使用新令牌。",
        ),
        "help.epoch_waive": (
            (
                "Accept that so many listings lack a token and are found no more; two operators "
                "must name the same number."
            ),
            "接受指定条数的名单缺少新令牌（此后查询不到）；须两名操作员给出同一数字。",
        ),
        "help.epoch_close": (
            "Closes the epoch that was left and destroys its key.",
            "关闭已停用的令牌期并销毁其密钥。",
        ),
        "suite": ("suite", "算法"),
        "key_file": ("key file", "密钥文件"),
        "epoch_opened": (
            (
                "partners now contribute with both tokens and send their old rows again: rongan "
                "contribute --retoken FILE; see rongan-hub epoch status"
            ),
            (
                "机构此后须同时提交两期令牌，并补送原有名单：rongan contribute --retoken FILE；"
                "进度见 rongan-hub epoch status"
            ),
        ),
        "epoch_is_opening": (
            "epoch {epoch} is opening already; see rongan-hub epoch status",
            "令牌期 {epoch} 已在开启中；请查看 rongan-hub epoch status",
        ),
        "no_epoch_opening": (
            "no epoch is opening; open one: rongan-hub epoch open",
            "没有开启中的令牌期；请先执行 rongan-hub epoch open",
        ),
        "no_epoch_closing": (
            "no epoch is closing, and no key of a closed one is left",
            "没有待关闭的令牌期，也没有遗留的旧密钥",
        ),
        "epoch_promoted": (
            (
                "questions are asked in this epoch from now on; when no partner uses the old one "
                "any more: rongan-hub epoch close"
            ),
            "此后查询均使用新令牌期；确认各机构均已切换后执行 rongan-hub epoch close",
        ),
        "epoch_waived": (
            "not promoted yet: another operator must give --waive {count} too",
            "尚未转为当前：须另一名操作员同样执行 --waive {count}",
        ),
        "epoch_lacks": (
            (
                "live listings without a token of this epoch: {count}; their holders send them "
                "(rongan contribute --retoken FILE), or two operators accept it (--waive {count})"
            ),
            (
                "仍有 {count} 条有效名单缺少新令牌：请其机构补送"
                "（rongan contribute --retoken FILE），或由两名操作员确认放弃（--waive {count}）"
            ),
        ),
        "key_destroyed": (
            "the key was overwritten and removed; remove it from your backups of keys too",
            "密钥已覆写并删除；请一并从密钥备份中删除",
        ),
        "key_gone": ("the key file was not there any more", "密钥文件已不存在"),
        "epoch_progress": ("listings with a new token", "已有新令牌的名单"),
        "epoch_lacking_of": ("{partner} lacks {count}", "{partner} 尚缺 {count} 条"),
        "epoch_waiver": ("accepted", "已确认放弃"),
        "epoch_waived_by": (
            "{count} by {operator}; another operator must do so too",
            "{operator} 已确认 {count} 条，尚须另一名操作员确认",
        ),
        "epoch_next_open": ("rongan-hub epoch open", "rongan-hub epoch open"),
        "epoch_next_promote": ("rongan-hub epoch promote", "rongan-hub epoch promote"),
        "epoch_next_close": ("rongan-hub epoch close", "rongan-hub epoch close"),
        "epoch_next_retoken": (
            "partners send what lacks: rongan contribute --retoken FILE (or --waive {count})",
            "由机构补送：rongan contribute --retoken FILE（或 --waive {count}）",
        ),
        "epoch_look_ups": (
            "waiting for look-ups of the opening epoch, which are being made",
            "新令牌期的索引正在建立，请稍候",
        ),
        "help.epoch_drill": (
            "Rehearses changes of epoch and hub key on a hub of its own in a temporary folder.",
            "在临时目录的独立中心上演练令牌期与中心密钥的更换。",
        ),
        "help.drill_tokens": ("Tokens of the long batch.", "批量查询的令牌数。"),
        "help.drill_listings": ("Listings.", "名单条数。"),
        "help.drill_workers": ("Workers of that hub.", "该中心的工作进程数。"),
        "help.drill_rate": ("Calls a second beside it.", "并行的每秒查询次数。"),
        "drill.listings": ("listings", "名单条数"),
        "drill.lacking": ("lacking before the promotion", "转换前尚缺"),
        "drill.batch_tokens": ("tokens answered in the batch", "批量已答令牌数"),
        "drill.batch_listed": ("of them listed", "其中命中"),
        "drill.batch_frames": ("frames by epoch", "各令牌期帧数"),
        "drill.batch_across_switch": ("batch ran across the switch", "批量跨越了转换"),
        "drill.batch_failure": ("batch failed by", "批量失败原因"),
        "drill.calls": ("calls", "查询次数"),
        "drill.failed_calls": ("failed calls", "失败次数"),
        "drill.first_failure": ("first failure", "首个失败"),
        "drill.slowest_call_ms": ("slowest call in ms", "最慢查询（毫秒）"),
        "drill.promote_seconds": ("promote command in seconds", "转换命令耗时（秒）"),
        "drill.same_verdicts": ("same verdicts after it", "转换前后结论一致"),
        "drill.rekey_seconds": ("change of the hub key in seconds", "更换中心密钥耗时（秒）"),
        "drill.rekey_values": ("values under the new hub key", "已改用新密钥的数据"),
        "drill.rekey_batch_tokens": ("tokens answered beside it", "更换期间批量已答令牌数"),
        "drill.rekey_across_change": ("that batch ran across the change", "该批量跨越了更换"),
        "drill.rekey_failure": ("that batch failed by", "该批量失败原因"),
        "drill.seconds": ("seconds in all", "总耗时（秒）"),
        "drill.passed": ("passed", "演练通过"),
        "opening_epoch": ("opening epoch", "开启中的令牌期"),
        "import_while_opening": (
            (
                "an epoch is opening and an import carries one token a listing: import before "
                "`rongan-hub epoch open` or after `epoch promote`, or let the partner contribute"
            ),
            (
                "有令牌期正在开启，而批量导入每条只含一个令牌：请在 rongan-hub epoch open 之前"
                "或 epoch promote 之后导入，或由机构自行提交"
            ),
        ),
    }
)
