"""TLS 1.3 and nothing older, set before gRPC is loaded.

gRPC's Python API cannot name a least version. An ECDSA certificate together with a cipher list
that holds only an RSA suite leaves no suite of TLS 1.2 to agree on, while those of TLS 1.3 are not
governed by the list.
"""

from __future__ import annotations

import os

CIPHER_VARIABLE = "GRPC_SSL_CIPHER_SUITES"
"""Environment variable that gRPC reads once in each process."""

NO_TLS12_SUITE = "ECDHE-RSA-AES256-GCM-SHA384"
"""A TLS 1.2 suite that no ECDSA certificate can serve."""


def force_tls13() -> None:
    """Makes this process refuse everything below TLS 1.3; call it before anything imports grpc."""
    os.environ[CIPHER_VARIABLE] = NO_TLS12_SUITE
