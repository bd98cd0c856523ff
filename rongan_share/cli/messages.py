"""What ``rongan-hub`` says to people, in English and Chinese; the locale chooses."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from partner_sdk.cli.messages import choose_text
from rongan_share.cli.certificate_messages import CERTIFICATES
from rongan_share.cli.doctor.texts import DOCTOR
from rongan_share.cli.epoch_messages import EPOCHS
from rongan_share.cli.issuance_messages import ISSUANCE
from rongan_share.cli.rekey_messages import REKEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

_HELP: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "help": ("Runs a hub and administers it.", "运行并管理风险信息共享中心。"),
        "help.home": ("The hub's home; ./hub if left out.", "中心主目录，默认 ./hub。"),
        "help.operator": (
            "Who acts; its files lie in operators/OPERATOR of the home.",
            "操作员名，证书位于主目录的 operators/OPERATOR。",
        ),
        "help.hub": (
            "Address of the hub; what hub.toml says if left out.",
            "中心地址，默认取自 hub.toml。",
        ),
        "help.as_json": ("Print JSON.", "以 JSON 输出。"),
        "help.init": (
            "Makes a hub: certificates, keys, configuration, store and first epoch.",
            "新建中心：证书、密钥、配置、存储和首个令牌期。",
        ),
        "help.trust_domain": (
            "Authority of every name in its certificates.",
            "证书名称所属的信任域。",
        ),
        "help.address": (
            "Where it will listen; port 0 takes a free one at every start.",
            "监听地址；端口 0 表示每次启动任取空闲端口。",
        ),
        "help.operators": (
            "An operator; at least two, because one proposes and another approves.",
            "操作员；至少两名，以便经办复核。",
        ),
        "help.hub_names": (
            "A DNS name or IP address by which it is called.",
            "客户端连接中心所用的域名或 IP 地址。",
        ),
        "help.suite": ("How tokens of the first epoch are made.", "首个令牌期的算法。"),
        "help.clock_offset": (
            "For rehearsals only: sets the hub's clock off. Every start notes it in the audit log.",
            "仅供演练：中心时钟的偏移秒数，每次启动均记入审计日志。",
        ),
        "help.serve": (
            "Serves until SIGTERM or SIGINT; a second signal ends it at once.",
            "运行中心，收到 SIGTERM 或 SIGINT 后停止；再次收到则立即结束。",
        ),
        "help.workers": (
            "Processes that answer calls; what hub.toml says if left out.",
            "处理请求的进程数；缺省时以 hub.toml 为准。",
        ),
        "help.health": (
            "Says whether the hub serves; exit code 0 if it does, else 3.",
            "检查中心是否正常服务；正常时退出码为 0，否则为 3。",
        ),
        "help.credentials": (
            "Folder of any client's credentials; --as, or probe in the home, if left out.",
            "任一客户端的凭证目录；默认取 --as 的凭证，未指定则取主目录的 probe。",
        ),
        "help.status": ("Says how a running hub is.", "显示运行状态。"),
        "help.partner": ("Institutions that share through the hub.", "管理参与机构。"),
        "help.partner_add": (
            "Registers ID; it can do nothing before it has an agreement and a certificate.",
            "登记机构 ID；签订协议并取得证书后方可使用。",
        ),
        "help.partner_import": (
            "Registers all institutions of a CSV file; given again, it does what is left.",
            "按 CSV 文件批量登记机构、协议及证书；可重复执行，只补做未完成部分。",
        ),
        "help.encoding": (
            "How the file is written: utf-8 or gb18030 (gbk).",
            "文件编码：utf-8 或 gb18030（gbk）。",
        ),
        "help.agreements": (
            "Folder of templates: NAME.toml, an agreement without partner, for NAME in the file.",
            "协议模板目录：文件中的 NAME 对应 NAME.toml（不含 partner 的协议）。",
        ),
        "help.partner_folders": (
            "Folder with one ID/request.pem for each; certificate and roots are put beside it.",
            "机构目录：每家一个 ID/request.pem，证书与根证书写入同一目录。",
        ),
        "help.dry_run": ("Only check, and say what would be done.", "仅校验并显示将执行的操作。"),
        "help.kind": ("What kind of institution it is.", "机构类别。"),
        "help.english_name": ("Its English name.", "机构英文名称。"),
        "help.credit_code": ("Its unified social credit code.", "统一社会信用代码。"),
        "help.region": ("Its division code, 6 digits.", "行政区划代码（6 位）。"),
        "help.contact": (
            "How to reach whoever answers for it there; a desk rather than a person.",
            "联系方式；宜填部门而非个人。",
        ),
        "help.partner_list": ("Lists all partners.", "列出全部机构。"),
        "help.partner_suspend": (
            "Stops a partner at once; its listings stay, marked.",
            "立即暂停机构；其名单保留并加标记。",
        ),
        "help.partner_resume": ("Ends a suspension.", "恢复被暂停的机构。"),
        "help.display_name": ("Its name for people.", "机构名称。"),
        "help.reason": ("Why, for the audit log.", "原因，记入审计日志。"),
        "help.agreement": (
            "What a partner may do: one operator proposes, another approves.",
            "管理合作协议：一人经办，另一人复核。",
        ),
        "help.agreement_propose": (
            "Writes a new version down, from a TOML file as agreement show prints it.",
            "由 TOML 文件（格式同 agreement show 的输出）提交新版协议。",
        ),
        "help.agreement_file": ("The agreement.", "协议文件。"),
        "help.agreement_approve": (
            "Puts VERSION in force; its proposer is refused.",
            "复核通过 VERSION 版协议；不得由经办人本人复核。",
        ),
        "help.all_proposed": (
            "Approve every version that another operator has proposed, after showing them.",
            "逐份显示后，复核通过他人提交的全部待复核协议。",
        ),
        "help.yes": ("Do not ask.", "不再询问确认。"),
        "help.agreement_show": ("Prints a version.", "显示协议。"),
        "help.agreement_version": ("Which; the newest if left out.", "版本号，默认最新版。"),
        "help.cert": ("Certificates of partners, operators and of the hub.", "管理各方证书。"),
        "help.cert_issue": (
            "Has the hub issue a certificate for the key of a request.",
            "由中心依证书申请签发证书。",
        ),
        "help.cert_partner": ("Whom the certificate names.", "证书所属机构。"),
        "help.csr": ("The partner's request, PEM.", "机构的证书申请（PEM）。"),
        "help.cert_out": (
            "Where to write certificate and intermediate, PEM; a new file.",
            "证书链（PEM）的输出文件，不得已存在。",
        ),
        "help.roots_out": (
            "Where to copy the roots by which the partner recognises the hub.",
            "根证书（供机构识别中心）的副本文件。",
        ),
        "help.cert_revoke": ("Shuts a certificate out for ever.", "永久吊销证书。"),
        "help.import": (
            (
                "Imports the listings of FILE, their tokens given, for a partner: CSV, Parquet, or "
                "a folder of packed columns. All become visible at once, or none. Say the same "
                "again to go on after a break. Works on the hub's machine, serving or not."
            ),
            (
                "为机构批量导入 FILE 中的名单（令牌已算好）：CSV、Parquet 或列文件夹。"
                "全部同时生效，否则全不生效；中断后重复同一命令即可续传。"
                "须在中心所在机器上运行，中心运行与否均可。"
            ),
        ),
        "help.import_for": ("Whose listings they are.", "名单所属机构。"),
        "help.import_format": ("How FILE is written.", "文件格式。"),
        "help.import_dry_run": ("Only checks every row.", "只检查，不导入。"),
        "help.import_abandon": (
            "Drops what is staged of FILE and not visible yet.",
            "丢弃 FILE 已暂存但未生效的部分。",
        ),
        "help.import_consent": (
            "The hub holds the references of rows whose legal basis is CONSENT.",
            "法律依据为 CONSENT 的记录，其同意凭证由中心留存。",
        ),
        "help.audit": (
            "Reads the audit log in the home, whether the hub runs or not.",
            "读取主目录中的审计日志，中心运行与否均可。",
        ),
        "help.audit_verify": (
            "Re-derives the whole log; exit code 1 if it does not hold.",
            "重新推导并核验全部审计日志；不符时退出码为 1。",
        ),
        "help.audit_tail": ("Shows the last entries.", "显示最近的审计记录。"),
        "help.count": ("How many.", "条数。"),
    }
)

_RESULTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "home": ("home", "主目录"),
        "configuration": ("configuration", "配置"),
        "operator": ("operator", "操作员"),
        "roots": ("roots for partners", "机构所需根证书"),
        "root_key": ("root key", "根私钥"),
        "keep_offline": ("(keep it offline)", "（请离线保管）"),
        "epoch": ("epoch", "令牌期"),
        "next": ("next", "下一步"),
        "hub_failed": ("the hub stopped: {cause}", "中心已停止：{cause}"),
        "serving": ("serving on {address} {hub_id}", "中心已运行于 {address} {hub_id}"),
        "hub_id": ("hub", "中心标识"),
        "version": ("version", "版本"),
        "started_time": ("started", "启动时间"),
        "list_sequence": ("list sequence", "名单序号"),
        "served_sequence": ("look-ups answer up to", "查询已含至序号"),
        "frozen_sequence": ("columns frozen up to", "列文件已含至序号"),
        "frozen_time": ("columns frozen at", "列文件写入时间"),
        "tail_count": ("listings since, in memory", "其后变更（内存中）"),
        "listing_count": ("listings", "名单条数"),
        "partner_count": ("partners", "机构数"),
        "entry_count": ("audit entries", "审计记录数"),
        "root_hash": ("root", "根哈希"),
        "generation": ("generation", "变更代次"),
        "compacted_rows": ("rows no longer kept", "已清除行数"),
        "compacted_bytes": ("bytes freed by that", "由此释放字节数"),
        "compacted_time": ("journal compacted at", "日志压缩时间"),
        "store_bytes": ("store in bytes", "存储字节数"),
        "clock_offset_seconds": ("clock offset in seconds", "时钟偏移秒数"),
        "partner": ("partner", "机构"),
        "name": ("name", "名称"),
        "state": ("state", "状态"),
        "agreement_version": ("agreement", "协议版本"),
        "number": ("number", "编号"),
        "reason": ("reason", "原因"),
        "proposer": ("proposed by", "经办人"),
        "approver": ("approved by", "复核人"),
        "entry_index": ("audit entry", "审计序号"),
        "serial": ("serial number", "证书序列号"),
        "expiry_time": ("valid until", "有效期至"),
        "certificate": ("certificate", "证书"),
        "give_both": (
            "Give certificate and roots to the partner.",
            "请将证书和根证书交给机构。",
        ),
        "size": ("entries", "记录数"),
        "result": ("result", "结果"),
        "verified": ("verified", "核验通过"),
        "first_bad_entry": (
            "entry {index} is the first bad one: {rule}",
            "首条异常记录 {index}：{rule}",
        ),
        "time": ("time", "时间"),
        "caller": ("caller", "调用方"),
        "method": ("method", "方法"),
        "decision": ("decision", "结果"),
        "details": ("details", "明细"),
        "rows_read": ("rows read", "读取行数"),
        "import_added": ("listings made", "新增名单"),
        "import_would_add": ("listings it would make", "将新增名单"),
        "import_unchanged": ("rows that live already", "已存在的行"),
        "import_taken_up": ("of them staged before", "其中此前已暂存"),
        "import_abandoned": ("staged rows dropped", "已丢弃暂存行"),
        "import_dry_run": ("nothing was imported", "未导入任何内容"),
        "import_repeated": ("this file was imported before", "该文件此前已导入"),
        "import_before": ("listings made before", "此前已新增名单"),
        "import_interrupted": (
            "broken off; the same command goes on, --abandon drops what is staged",
            "已中断；重复同一命令即可续传，--abandon 丢弃已暂存部分",
        ),
        "partner_interrupted": (
            "broken off; the same command does what is left",
            "已中断；重复同一命令即可补做未完成部分",
        ),
        "unknown_partner": ("the hub has no partner {partner}", "中心没有机构 {partner}"),
        "no_agreement": ("{partner} has no agreement in force", "机构 {partner} 没有生效的协议"),
        "agreement_not_started": (
            "the agreement of {partner} begins on {startDay}",
            "机构 {partner} 的协议自 {startDay} 起生效",
        ),
        "agreement_expired": (
            "the agreement of {partner} ended on {endDay}",
            "机构 {partner} 的协议已于 {endDay} 到期",
        ),
        "scope_not_granted": (
            "the agreement of {partner} does not allow {scope} {value}",
            "机构 {partner} 的协议不含 {scope} {value}",
        ),
        "partner_is_suspended": ("{partner} is suspended", "机构 {partner} 已暂停"),
        "partner_has_left": ("{partner} has left for ever", "机构 {partner} 已永久退出"),
        "epoch_not_open": (
            "the tokens are of epoch {epoch}, in use is epoch {currentEpoch} ({currentSuite})",
            "令牌属于令牌期 {epoch}，当前令牌期为 {currentEpoch}（{currentSuite}）",
        ),
        "import_changed": (
            "this is not the file of which rows are staged; drop them with --abandon",
            "文件与已暂存的不是同一份；请用 --abandon 丢弃后重试",
        ),
        "sequences": ("sequences", "名单序号"),
        "rows_per_second": ("rows a second", "每秒行数"),
        "progress_import": ("importing", "导入"),
        "progress_rate": ("{rate} rows/s", "{rate} 行/秒"),
        "progress_verify": ("verifying", "核验"),
        "damaged": (
            "the store is damaged in table {table} at key {key_hex}",
            "存储损坏：表 {table}，键 {key_hex}",
        ),
        "bad_hub": ("the hub is named as HOST:PORT", "中心地址应为 主机:端口"),
        "bad_address": ("an address is HOST:PORT", "地址应为 主机:端口"),
        "missing_hub": (
            "hub.toml leaves the port open; name the hub: --hub HOST:PORT or RONGAN_HUB",
            "hub.toml 未指定端口，请指定中心：--hub 主机:端口 或 RONGAN_HUB",
        ),
        "missing_operator": (
            "say who acts: --as OPERATOR or RONGAN_HUB_OPERATOR",
            "请指定操作员：--as 操作员 或 RONGAN_HUB_OPERATOR",
        ),
        "kind": ("kind", "类别"),
        "english_name": ("English name", "英文名称"),
        "credit_code": ("credit code", "统一社会信用代码"),
        "region": ("region", "行政区划"),
        "contact": ("contact", "联系方式"),
        "rows": ("rows", "行数"),
        "partners_added": ("partners added", "新登记机构"),
        "agreements_proposed": ("agreements proposed", "提交协议"),
        "certificates_registered": ("certificates registered", "登记证书"),
        "rows_done_before": ("rows done before", "此前已完成行数"),
        "nothing_done": ("Nothing was done.", "未执行任何操作。"),
        "row_refused": (
            "line {line}: {cause}; what came before it is done: give the file again",
            "第 {line} 行：{cause}；此前各行已完成，请重新执行",
        ),
        "agreements_approved": ("agreements approved", "复核通过"),
        "agreements_refused": ("refused by the hub", "被中心拒绝"),
        "own_proposals": ("your own, left to others", "本人提交（须他人复核）"),
        "approve_question": ("Approve these {count}?", "复核通过以上 {count} 份？"),
        "proposals_alike": (
            "{count} proposals that say the same",
            "内容相同的待复核协议 {count} 份",
        ),
        "nothing_approved": ("nothing was approved", "未复核通过任何协议"),
        "some_refused": ("{count} were not approved", "{count} 份未能通过"),
        "json_needs_yes": (
            "--json cannot ask: give --yes too",
            "--json 无法询问，请同时给出 --yes",
        ),
        "no_folder": ("there is no such folder", "目录不存在"),
        "one_or_all": (
            "name PARTNER and VERSION, or give --all-proposed",
            "请指定 PARTNER 和 VERSION，或使用 --all-proposed",
        ),
        "progress_compare": ("comparing", "比对"),
        "progress_partners": ("working", "执行"),
        "progress_read": ("reading", "读取"),
        "progress_approve": ("approving", "复核"),
        "file_exists": ("exists already and is kept", "文件已存在，不会覆盖"),
    }
)

_TABLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {**_HELP, **_RESULTS, **ISSUANCE, **CERTIFICATES, **EPOCHS, **REKEYS, **DOCTOR}
)


def say(key: str, **values: object) -> str:
    """Gives a text in the language of the locale, with its values filled in."""
    return choose_text(_TABLE[key], **values)
