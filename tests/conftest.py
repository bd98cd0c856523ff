"""What every test shares: TLS 1.3 alone, as in the hub's own process, set before gRPC is loaded."""

from __future__ import annotations

from rongan_share.processes.tls_policy import force_tls13

force_tls13()
