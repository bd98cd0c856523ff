"""Single questions of many threads over shared streams of frames.

Read `lanes.py` first (which stream a question takes), then `lane.py` (how one is run), then
`asks.py` (how questions become a frame and its answer becomes theirs).
"""

from partner_sdk.shared.asks import AnsweredFrame
from partner_sdk.shared.lanes import Lanes

__all__ = ["AnsweredFrame", "Lanes"]
