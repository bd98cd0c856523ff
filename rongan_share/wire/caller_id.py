"""The form of partner and operator ids, the same in names, certificates, commands and requests."""

from __future__ import annotations

import re

CALLER_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
"""1 to 64 of a-z, 0-9 and hyphen, with no hyphen at either end."""
