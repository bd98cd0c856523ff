"""One stream of a lane, as the lane's two threads see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.v1.verdict_service_pb2 import StreamVerdictsResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from partner_sdk.channels import ChannelSet
    from partner_sdk.streams import AnswerStream


class LaneStream:
    """One stream of a lane, from its opening to its end.

    Attributes:
        fresh_until: When it takes no new frame any more.
        channels: What it was opened on; once they are retired, the next stream takes others.
        over: It has ended, or is to end.
        drawn: The number of the last frame that gRPC took to send, 0 = none.
        complete: It takes no frame any more by our own choice.
    """

    def __init__(self, fresh_until: float, channels: ChannelSet) -> None:
        self.fresh_until = fresh_until
        self.channels = channels
        self.over = False
        self.drawn = 0
        self.complete = False
        self.responses: AnswerStream[StreamVerdictsResponse] | None = None

    def takes_no_more(self, now: float) -> bool:
        """Tells whether the next frame belongs on another stream."""
        return now >= self.fresh_until or self.channels.retired

    def begin(self, responses: AnswerStream[StreamVerdictsResponse]) -> None:
        """Takes the answers that gRPC gives; a stream that is over by now is ended at once."""
        self.responses = responses
        if self.over:
            responses.cancel()

    def answers(self) -> Iterator[StreamVerdictsResponse]:
        """Yields answers until the hub ends the stream."""
        responses = self.responses
        while responses is not None:
            try:
                message = next(responses)
            except StopIteration:
                return
            yield message

    def cancel(self) -> None:
        """Ends it from this side."""
        self.over = True
        if self.responses is not None:
            self.responses.cancel()
