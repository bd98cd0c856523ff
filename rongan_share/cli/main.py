"""The entry of ``rongan-hub``. It must set TLS before anything loads gRPC, so it imports late."""

from __future__ import annotations

import sys

from rongan_share.processes.tls_policy import force_tls13


def main() -> None:
    """Runs the command and ends the process."""
    force_tls13()
    from rongan_share.cli.commands import run  # noqa: PLC0415 - it loads gRPC

    sys.exit(run())


if __name__ == "__main__":
    main()
