"""Writes identifiers.json: identifiers of every type with their tokens in both suites.

Run from anywhere: ``python vectors/make_vectors.py``; ``--check`` only says if the file is current.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rongan_share.wire.identifiers import Canonical, aliases_of, canonicalise
from rongan_share.wire.tokens import EPOCH_KEY_BYTES, Tokenizer
from rongan_share.wire.vocabulary import IdentifierType, Suite

TARGET = Path(__file__).with_name("identifiers.json")
KEY = bytes(range(EPOCH_KEY_BYTES))
"""An epoch key that nobody may use for anything else."""

SAMPLES: tuple[tuple[IdentifierType, tuple[str, ...]], ...] = (
    (IdentifierType.CN_RID, ("110105 19491231 002x",)),
    (IdentifierType.CN_RID, ("110105491231002",)),
    (IdentifierType.CN_FPR, ("911840199003070014",)),
    (IdentifierType.CN_FPR, ("USA110114122501",)),
    (IdentifierType.PASSPORT, ("chn", "e12345678")),
    (IdentifierType.CN_HMT_PERMIT, ("H12345678 01",)),
    (IdentifierType.NATIONAL_ID, ("HKG", "A123456(3)")),
    (IdentifierType.TAX_ID, ("COL", "900123456-7")),
    (IdentifierType.CN_USCC, ("91110000600037341L",)),
    (IdentifierType.CN_ORG, ("60003734-1",)),
    (IdentifierType.CN_LICENCE, ("110108000000016",)),
    (IdentifierType.LEI, ("300300SYNTHETIC00198",)),
    (IdentifierType.PAN, ("6222 0204 0200 0000 016",)),
    (IdentifierType.ACCT, ("102100099996", "6222020402000000016")),
    (IdentifierType.ACCT, ("6222020402000000016",)),
    (IdentifierType.ACCT_NAME, ("6222020402000000016", "張 三")),
    (IdentifierType.IBAN, ("GB82 WEST 1234 5698 7654 32",)),
    (IdentifierType.WALLET, ("支付宝", "2088 1234 5678 9012")),
    (IdentifierType.CRYPTO_ADDR, ("XBT", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")),
    (IdentifierType.CRYPTO_ADDR, ("ETH", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")),
    (IdentifierType.CRYPTO_ADDR, ("USDT", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")),
    (IdentifierType.MERCHANT, ("898110158120001",)),
    (IdentifierType.BIC, ("ICBKCNBJXXX",)),
    (IdentifierType.MSISDN, ("０１３８－００１３－８０００",)),
    (IdentifierType.MSISDN, ("+86 138 0013 8000",)),
    (IdentifierType.PHONE, ("(010) 6600-0114",)),
    (IdentifierType.SHORT, ("+86 95588",)),
    (IdentifierType.ORG_NAME, ("中国工商银行股份有限公司",)),
    (IdentifierType.ORG_NAME, ("Acme Co., Ltd.",)),
    (IdentifierType.ORG_NAME, ("Grupo Sample, S.A. de C.V.",)),
    (IdentifierType.ORG_NAME, ("臺灣銀行股份有限公司",)),
    (IdentifierType.PERSON_NAME, ("NORIEGA, Manuel Antonio",)),
    (IdentifierType.PERSON_NAME, ("張三",)),
    (IdentifierType.PERSON_NAME, ("阿里·买买提",)),
    (IdentifierType.PERSON_NAME, ("김 철수",)),
    (IdentifierType.NAME_ID, ("张三", "11010519491231002X")),
    (IdentifierType.NAME_DOB, ("張三", "1949年12月31日")),
    (IdentifierType.IMEI, ("49-015420-323751-8",)),
    (IdentifierType.MAC, ("00-00-5E-00-53-AF",)),
    (IdentifierType.DEVFP, ("{550E8400-E29B-41D4-A716-446655440000}",)),
    (IdentifierType.IP, ("::ffff:8.8.8.8",)),
    (IdentifierType.IP, ("2001:4860:4860:0:0:0:0:8888",)),
    (IdentifierType.DOMAIN, ("工商银行.中国.",)),
    (IdentifierType.URL, ("HTTPS://Pay.Example:443/login?utm_source=x&id=1#top",)),
    (IdentifierType.EMAIL, ("John.Smith@Example.COM",)),
    (IdentifierType.SOCIAL, ("微信", "@WXID_abc-123")),
    (IdentifierType.IMO, ("IMO 9074729",)),
)
"""Standards' and usual samples, and made-up ones; where each comes from says README.md."""


def document() -> dict[str, Any]:
    """Gives the content of the file."""
    return {
        "command": "python vectors/make_vectors.py",
        "key": KEY.hex(),
        "vectors": [_vector(canonicalise(kind, *parts), parts) for kind, parts in SAMPLES],
    }


def _vector(canonical: Canonical, parts: tuple[str, ...]) -> dict[str, Any]:
    aliases = [
        {"type": alias.type.name, "weak": alias.weak} | _tokens(alias)
        for alias in aliases_of(canonical)
    ]
    return {
        "type": canonical.type.name,
        "parts": list(parts),
        "weak": canonical.weak,
        **_tokens(canonical),
        "aliases": aliases,
    }


def _tokens(canonical: Canonical) -> dict[str, Any]:
    tokens = {suite.name: Tokenizer(suite, KEY).token(canonical).hex() for suite in Suite}
    return {"canonical": canonical.text, "tokens": tokens}


def page() -> str:
    """Gives the file as text."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Writes or checks the file; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write vectors/identifiers.json.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if stale")
    if not parser.parse_args().check:
        TARGET.write_text(page(), encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == page():
        return 0
    print("vectors/identifiers.json is stale: run vectors/make_vectors.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
