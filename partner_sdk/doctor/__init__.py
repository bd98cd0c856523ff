"""Why a hub cannot be called: the cause of a refused handshake or call, step by step.

Read `examine.py` first (the order of the steps), then `own_files.py`, `network.py`, `calling.py`.
"""

from partner_sdk.doctor.examine import examine
from partner_sdk.doctor.findings import Finding, State

__all__ = ["Finding", "State", "examine"]
