"""Addresses on blockchains.

Case is part of an address in base58 and says nothing in hexadecimal and bech32, so the form of the
address decides, never the chain: chains are many, forms are few.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from rongan_share.wire.malformed import MalformedError
from rongan_share.wire.normalise import ALPHANUMERICS, Context, Normalised, compact

_CHAIN_LENGTHS = range(2, 21)
_CHAINS = MappingProxyType(
    {
        "XBT": "BTC",
        "BITCOIN": "BTC",
        "BITCOINCASH": "BCH",
        "LITECOIN": "LTC",
        "DOGECOIN": "DOGE",
        "MONERO": "XMR",
        "RIPPLE": "XRP",
        "SOLANA": "SOL",
        "ETHEREUM": "ETH",
        "ETHER": "ETH",
        "ERC20": "ETH",
        "USDTERC20": "ETH",
        "USDCERC20": "ETH",
        "TRON": "TRX",
        "TRC20": "TRX",
        "USDTTRC20": "TRX",
        "USDCTRC20": "TRX",
        "TETHER": "USDT",
        "USDCOIN": "USDC",
    }
)
# Coins that live on other coins' chains, where the address tells which.
_TOKEN_COINS = frozenset({"USDT", "USDC", "DAI", "TUSD"})
_TOKEN_CHAINS = MappingProxyType(
    {"ETH": re.compile(r"0x[0-9a-f]{40}"), "TRX": re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")}
)

_ADDRESS_LENGTHS = range(8, 129)
_ADDRESS_ALPHABET = ALPHANUMERICS | frozenset("-_.:")
# A link for payment names its coin first.
_SCHEME = re.compile(r"[A-Za-z]+:")
_HEXADECIMAL = re.compile(r"0x[0-9a-f]+|[0-9a-f]{40,}")
_BARE_ACCOUNT = re.compile(r"[0-9a-f]{40}")
_BECH32 = re.compile(r"[a-z]{1,15}1[ac-hj-np-z02-9]{8,}")
# With a prefix that no base58 address has, also in mixed case, which keyboards make of the first.
_KNOWN_BECH32 = re.compile(r"(?:bc|tb|ltc|bnb|addr|cosmos)1[ac-hj-np-z02-9]{8,}")
_CASH = re.compile(r"[qp][ac-hj-np-z02-9]{41}")
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]{25,110}")


def chain(text: str, context: Context) -> Normalised:
    """Normalises the code of a chain, such as BTC; usual names become the code."""
    code = compact(text, context.field, separators=" -", alphabet=ALPHANUMERICS).upper()
    if len(code) not in _CHAIN_LENGTHS:
        raise MalformedError(context.field, "needs 2 to 20 letters and digits")
    return Normalised(_CHAINS.get(code, code))


def chain_address(text: str, context: Context) -> Normalised:
    """Normalises an address: hexadecimal and bech32 in lower case, everything else as written.

    Source: BIP 173 for bech32; EIP 55, whose capitals are a check and no part of the address.
    """
    typed = compact(text, context.field, separators=" ", alphabet=_ADDRESS_ALPHABET)
    address = _SCHEME.sub("", typed, count=1) if _SCHEME.match(typed) else typed
    if len(address) not in _ADDRESS_LENGTHS or ":" in address:
        raise MalformedError(context.field, "needs 8 to 128 letters and digits")
    lower = address.lower()
    if _BARE_ACCOUNT.fullmatch(lower):
        return Normalised(f"0x{lower}")
    if _HEXADECIMAL.fullmatch(lower) or _is_bech32(address):
        return Normalised(lower)
    known = _BASE58.fullmatch(address)
    return Normalised(address, () if known else ("the form of the address is unknown",))


def settle_chain(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Puts the chain that the form of the address tells in the place of a coin of many chains."""
    coin, address = parts
    if coin in _TOKEN_COINS:
        for code, form in _TOKEN_CHAINS.items():
            if form.fullmatch(address):
                return code, address
    return parts


def _is_bech32(address: str) -> bool:
    lower = address.lower()
    if _KNOWN_BECH32.fullmatch(lower):
        return True
    one_case = address in {lower, address.upper()}
    return one_case and bool(_BECH32.fullmatch(lower) or _CASH.fullmatch(lower))
