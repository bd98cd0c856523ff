"""Words that sources use for our columns, types and vocabularies, in Chinese and English.

Names of columns are compared without blanks, punctuation and case.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMN_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "op": ("操作", "操作类型", "操作标志", "operation", "action"),
        "reference": (
            *("编号", "案件编号", "案号", "记录编号", "名单编号", "参考号", "流水号"),
            *("caseid", "caseno", "casenumber", "recordid", "refno", "ref", "id"),
        ),
        "type": ("类型", "标识类型", "证件类型", "号码类型", "identifiertype", "idtype", "kind"),
        "value": (
            *("标识", "标识值", "号码", "值", "证件号", "证件号码"),
            *("identifier", "identifiervalue", "idnumber", "number"),
        ),
        "category": ("类别", "风险类别", "风险类型", "名单类别", "riskcategory", "risktype"),
        "severity": ("等级", "风险等级", "风险级别", "级别", "level", "risklevel"),
        "evidence": ("证据", "证明标准", "核实状态", "认定状态", "status"),
        "source_class": ("来源", "来源类别", "来源类型", "数据来源", "source"),
        "original_source": ("原始来源", "来源文件", "发布文件", "document"),
        "legal_basis": ("法律依据", "依据", "报送依据", "basis"),
        "event_date": ("日期", "发生日期", "事件日期", "案发日期", "认定日期", "date", "eventtime"),
        "expiry_date": (
            *("有效期", "有效期至", "到期日", "到期日期", "失效日期", "截止日期"),
            *("expiry", "expires", "expirydate", "validuntil", "enddate"),
        ),
        "flags": ("标记", "标志", "flag"),
    }
)
"""What sources call our columns, besides our own name for them."""

TYPE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CN_RID": (
            *("身份证", "身份证号", "身份证号码", "居民身份证", "居民身份证号码", "公民身份号码"),
            *("idcard", "idcardno", "idcardnumber"),
        ),
        "MSISDN": (
            *("手机", "手机号", "手机号码", "移动电话", "联系电话", "涉案手机号"),
            *("mobile", "mobileno", "mobilenumber", "mobilephone", "phone", "phonenumber"),
        ),
        "CN_USCC": ("信用代码", "统一社会信用代码", "社会信用代码", "creditcode", "uscc"),
        "PAN": ("卡号", "银行卡", "银行卡号", "涉案卡号", "card", "cardno", "cardnumber"),
        "ORG_NAME": (
            *("企业名称", "单位名称", "公司名称", "机构名称", "商户名称", "企业", "单位", "公司"),
            *("company", "companyname", "orgname", "organisation", "organization"),
        ),
        "DOMAIN": ("域名", "网站", "网站域名", "domain", "domainname", "website", "site"),
        "PASSPORT": (*("护照", "护照号", "护照号码", "passport", "passportno", "passportnumber"),),
        "CN_FPR": ("永久居留证", "永久居留身份证", "外国人永久居留身份证号码"),
        "CN_HMT_PERMIT": ("通行证", "通行证号", "港澳台通行证", "来往内地通行证"),
        "TAX_ID": ("税号", "纳税人识别号", "taxid", "taxno", "taxnumber"),
        "CN_ORG": ("组织机构代码", "机构代码"),
        "CN_LICENCE": ("营业执照", "营业执照号", "注册号", "工商注册号"),
        "LEI": ("法人识别编码", "leicode"),
        "ACCT": (
            *("账号", "帐号", "账户", "银行账号", "银行帐号", "银行账户", "收款账号", "涉案账号"),
            *("account", "accountno", "accountnumber", "acct", "acctno", "bankaccount"),
        ),
        "IBAN": ("国际银行账号", "ibanno", "ibannumber"),
        "BIC": ("swift", "swiftcode", "swift代码", "swiftbic", "bicswift", "biccode"),
        "MERCHANT": ("商户号", "商户编号", "merchantid", "merchantno", "mid"),
        "PHONE": (
            *("固定电话", "座机", "电话", "办公电话", "传真", "传真号", "传真号码"),
            *("telephone", "telephoneno", "tel", "landline", "fax", "faxno", "faxnumber"),
        ),
        "PERSON_NAME": (
            *("姓名", "户名", "持卡人", "法定代表人", "法人姓名", "客户姓名", "账户名", "账户名称"),
            *("name", "fullname", "personname", "accountname", "holder", "cardholder"),
        ),
        "IMEI": ("imei号", "imei码", "设备串号", "手机串号"),
        "MAC": ("mac地址", "macaddress", "物理地址"),
        "DEVFP": ("设备指纹", "devicefingerprint", "deviceid", "设备标识", "设备号"),
        "IP": ("ip地址", "ipaddress", "ipaddr", "登录ip", "ipv4", "ipv6", "loginip"),
        "URL": ("网址", "链接", "涉案网址", "网页地址", "网站地址", "url", "link", "weburl"),
        "CRYPTO_ADDR": ("钱包地址", "虚拟币地址", "数字货币地址", "walletaddress"),
        "IMO": ("imo号", "imono", "imonumber"),
        "EMAIL": ("邮箱", "电子邮箱", "邮箱地址", "电子邮件", "email", "mail", "emailaddress"),
    }
)
"""What sources call identifier types, as the name of a column or as a text in one."""

PREFIXED_WORDS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("SOCIAL", "WECHAT"): ("微信", "微信号", "微信账号", "涉案微信", "wechat", "wechatid"),
        ("SOCIAL", "QQ"): ("qq", "qq号", "qq号码", "qq账号", "涉案qq"),
        ("SOCIAL", "DOUYIN"): ("抖音", "抖音号"),
        ("SOCIAL", "WEIBO"): ("微博", "微博账号", "weibo"),
        ("SOCIAL", "TELEGRAM"): ("电报", "telegram", "telegramid"),
        ("WALLET", "ALIPAY"): ("支付宝", "支付宝号", "支付宝账号", "支付宝账户", "alipay"),
        ("WALLET", "WECHATPAY"): ("财付通", "财付通账号", "微信支付账号", "tenpay"),
    }
)
"""What sources call identifiers whose first part the name of the column says, by type and part."""

SUFFIXES = frozenset({"网址", "姓名", "账号", "帐号", "卡号", "域名", "邮箱", "座机", "传真", "qq"})
"""Words of two characters that a longer name may end with and still mean the same."""

SHAPED_TYPES = (
    *("CN_RID", "MSISDN", "CN_USCC", "IBAN", "LEI", "PAN"),
    *("EMAIL", "URL", "IP", "MAC", "DOMAIN"),
)
"""Types that a value alone betrays, the most telling first."""

VALUE_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "op": {"新增": "ADD", "增加": "ADD", "变更": "AMEND", "修改": "AMEND", "撤回": "WITHDRAW"},
        "severity": {"低": "1", "中": "2", "高": "3", "绝对禁止": "4", "low": "1", "high": "3"},
        "evidence": {
            "线索": "LEAD",
            "待核实": "TO_BE_VERIFIED",
            "已核实": "VERIFIED",
            "有权机关认定": "AUTHORITY_DETERMINED",
        },
        "source_class": {
            "同业": "PEER_DOMESTIC",
            "境内同业": "PEER_DOMESTIC",
            "境外同业": "PEER_OVERSEAS",
            "公安": "POLICE",
            "法院": "COURT",
            "监管": "REGULATOR",
            "企业": "ENTERPRISE",
            "模型": "MODEL",
        },
        "legal_basis": {
            "同意": "CONSENT",
            "法定义务": "LEGAL_DUTY",
            "反电信网络诈骗法": "ANTI_TELECOM_FRAUD_LAW",
            "反洗钱法": "AML_LAW",
            "公开记录": "PUBLIC_RECORD",
        },
        "expiry_date": {"长期": "", "永久": "", "长期有效": ""},
    }
)
"""What texts in a source mean, by our column; a text that is not here is never shown."""

PLACEHOLDERS = frozenset(
    {
        *("-", "--", "—", "/", "\\", "无", "暂无", "不详", "未知", "空", "没有"),
        *("N/A", "n/a", "NA", "NULL", "null", "None", "none", "nil", "#N/A"),
    }
)
"""Texts that people write into a cell of which they know nothing."""

DATE_PATTERNS = (
    *("YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD", "YYYYMMDD", "YYYY年MM月DD日"),
    *("YYYY-M-D", "YYYY/M/D", "YYYY.M.D", "YYYY年M月D日"),
    *("YYYY-MM-DD hh:mm:ss", "YYYY/MM/DD hh:mm:ss", "YYYY/M/D hh:mm:ss", "YYYY-MM-DDThh:mm:ss"),
    *("DD/MM/YYYY", "MM/DD/YYYY", "DD.MM.YYYY", "DD-MM-YYYY", "MM-DD-YYYY"),
)
"""Date formats that are tried, the strictest first."""
