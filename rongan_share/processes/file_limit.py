"""How many files a worker may have open: each connection is one, and many systems allow 1,024."""

from __future__ import annotations

import logging
import resource

OWN_FILES = 256
"""Files of a worker besides its connections, with room: store, columns, pipes, listeners."""

MOST_FILES = 1 << 20
"""More is never asked for."""

_log = logging.getLogger(__name__)


def raise_file_limit(streams: int) -> None:
    """Takes as many files as the system lets this process have.

    Args:
        streams: Streams that shall be served at once; fewer files than that are told of in the log.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft not in (hard, resource.RLIM_INFINITY) and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft != resource.RLIM_INFINITY and soft < streams + OWN_FILES:
        _log.warning("open files limit=%d needed=%d", soft, streams + OWN_FILES)
