"""Networks and payment providers by one code each, and wallets that a provider keeps.

People write the same platform in Chinese, in Latin letters and by nickname; without one code for
all of them a listed account would read as not listed. A platform outside the tables keeps the name
that it was given, in upper case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import (
    ALPHANUMERICS,
    Context,
    Normalised,
    compact,
    unify_punctuation,
)

_CODE_LENGTH = 32
_DROPPED = str.maketrans("", "", " -_.")


def _table(words: str) -> Mapping[str, str]:
    """Reads lines of a code and what else it is called."""
    lines = [line.split() for line in words.strip().splitlines()]
    return MappingProxyType({name: names[0] for names in lines for name in names})


NETWORKS = _table("""
QQ 腾讯QQ QQ号 QQ号码
WECHAT 微信 微信号 WEIXIN WX
WEIBO 微博 新浪微博 SINAWEIBO
DOUYIN 抖音 抖音号
KUAISHOU 快手 快手号
XIAOHONGSHU 小红书 REDNOTE
DINGTALK 钉钉
TELEGRAM TG 电报
FACEBOOK FB 脸书
TWITTER X 推特
""")
"""Social networks: what people call them, in upper case, and our code."""

PROVIDERS = _table("""
ALIPAY 支付宝
WECHATPAY 微信支付 微信 财付通 TENPAY WECHAT WEIXINPAY WXPAY
ECNY 数字人民币 DCEP
UNIONPAY 云闪付 银联
JDPAY 京东支付
""")
"""Payment providers: what people call them, in upper case, and our code."""

_WALLET_LENGTHS = range(4, 65)
_WALLET_ALPHABET = ALPHANUMERICS | frozenset("@._+-")
_NUMBER = re.compile(r"\+?[0-9]+")
_SIGNS_OF_NUMBERS = str.maketrans("", "", " -()")
_CHINESE_MOBILE = re.compile(r"(?:\+86|0086|86)(?P<mobile>1[3-9][0-9]{9})")


def code_of(text: str, context: Context, names: Mapping[str, str]) -> Normalised:
    """Normalises the name of a platform to its code.

    Args:
        text: The name as typed.
        context: Names the part.
        names: Names in upper case, and the code of each.
    """
    name = unify_punctuation(text, context.field).upper().translate(_DROPPED)
    code = names.get(name, name)
    if not 0 < len(code) <= _CODE_LENGTH or not ALPHANUMERICS.issuperset(code):
        raise MalformedError(
            context.field, f"needs a code of 1 to {_CODE_LENGTH} letters and digits"
        )
    return Normalised(code)


def wallet_provider(text: str, context: Context) -> Normalised:
    """Normalises the name of a payment provider to one code, such as ALIPAY."""
    return code_of(text, context, PROVIDERS)


def wallet_number(text: str, context: Context) -> Normalised:
    """Normalises what a provider knows a wallet by: a number, a mobile, a mail address.

    Lower case; a number loses dashes and brackets, which are part of anything else.
    """
    folded = unify_punctuation(text, context.field).lower()
    number = number_alone(folded) or compact(
        folded, context.field, separators=" ", alphabet=_WALLET_ALPHABET
    )
    if len(number) not in _WALLET_LENGTHS:
        raise MalformedError(context.field, "needs 4 to 64 letters and digits")
    return Normalised(number)


def number_alone(folded: str) -> str | None:
    """Gives the digits of what is a number, or None.

    A Chinese mobile loses its country, as platforms show it; any other number its ``+``.

    Args:
        folded: What a platform knows somebody by, dashes folded.
    """
    number = folded.translate(_SIGNS_OF_NUMBERS)
    # A sign in front is part of it: so are groups told from persons.
    if not _NUMBER.fullmatch(number) or folded.startswith("-"):
        return None
    mobile = _CHINESE_MOBILE.fullmatch(number)
    return mobile["mobile"] if mobile else number.removeprefix("+")
