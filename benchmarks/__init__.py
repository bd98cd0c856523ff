"""Benchmarks: the hub as a process, loaded with seeded listings, measured beside its peers.

``python -m benchmarks`` runs all rows. Start reading at ``__main__.py``; ``world.py`` makes what is
measured, ``peers.py`` and ``peer_postgres.py`` what it is compared with, one ``rows_*.py`` each
family of rows.
"""

from __future__ import annotations

import os

# Peers are started while channels are open; nothing of gRPC lives on in those children.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
