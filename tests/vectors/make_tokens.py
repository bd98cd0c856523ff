"""Writes tokens.json with OpenSSL's command line, which shares no code with the tokeniser.

Run from anywhere: ``python tests/vectors/make_tokens.py``. Needs ``openssl`` 3 with SM3. The
digests that standards publish are typed in below; a difference stops the script.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

TARGET = Path(__file__).with_name("tokens.json")
COMMAND = "printf %s TEXT | openssl dgst -ALGORITHM -mac HMAC -macopt hexkey:KEY"
ALGORITHMS = {"HMAC_SHA256": "sha256", "HMAC_SM3": "sm3"}
KEY = bytes(range(32))

ALPHABET = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq" * 2
JEFE = b"what do ya want for nothing?"
PUBLISHED = [
    ("GM/T 0042-2015 D.3", "HMAC_SM3", bytes(range(1, 33)), ALPHABET,
     "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a"),
    ("GM/T 0042-2015 D.3", "HMAC_SM3", bytes(range(1, 38)), b"\xcd" * 50,
     "220bf579ded555393f0159f66c99877822a3ecf610d1552154b41d44b94db3ae"),
    ("GM/T 0042-2015 D.3", "HMAC_SM3", b"\x0b" * 32, b"Hi There",
     "c0ba18c68b90c88bc07de794bfc7d2c8d19ec31ed8773bc2b390c9604e0be11e"),
    ("GM/T 0042-2015 D.3", "HMAC_SM3", b"Jefe", JEFE,
     "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882"),
    ("RFC 4231 case 2", "HMAC_SHA256", b"Jefe", JEFE,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
]  # fmt: skip
LONG_KEY = b"\xaa" * 131
"""Longer than a block, so it is hashed first."""

# The published vectors name the texts; the tokens are made anew here.
PUBLISHED_TEXTS = Path(__file__).parents[2] / "vectors" / "identifiers.json"


def hmac_by_openssl(suite: str, key: bytes, message: bytes) -> str:
    """Gives the hexadecimal HMAC that the OpenSSL command line computes."""
    arguments = ["dgst", f"-{ALGORITHMS[suite]}", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}"]
    done = subprocess.run(
        ["openssl", *arguments],
        input=message,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("ascii").split("= ")[1].strip()


def hmac_cases() -> list[dict[str, str]]:
    """Gives the full digests, having compared the published ones."""
    own = [("key longer than a block", suite, LONG_KEY, JEFE, "") for suite in ALGORITHMS]
    cases = []
    for origin, suite, key, message, published in [*PUBLISHED, *own]:
        digest = hmac_by_openssl(suite, key, message)
        if published not in {"", digest}:
            raise SystemExit(f"{origin}: OpenSSL disagrees with the published digest")
        cases.append(
            {
                "origin": origin,
                "suite": suite,
                "key": key.hex(),
                "message": message.hex(),
                "digest": digest,
            }
        )
    return cases


def token_cases() -> list[dict[str, str]]:
    """Gives one token of every type in both suites."""
    vectors = json.loads(PUBLISHED_TEXTS.read_text("utf-8"))["vectors"]
    named = [each["canonical"] for vector in vectors for each in (vector, *vector["aliases"])]
    return [
        {"text": text}
        | {suite: hmac_by_openssl(suite, KEY, text.encode())[:32] for suite in ALGORITHMS}
        for text in dict.fromkeys(named)
    ]


def main() -> None:
    """Writes the file beside this script."""
    content = {
        "source": "RFC 4231; GM/T 0042-2015 D.3; otherwise made here from synthetic identifiers",
        "command": COMMAND,
        "hmac": hmac_cases(),
        "key": KEY.hex(),
        "tokens": token_cases(),
    }
    TARGET.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
