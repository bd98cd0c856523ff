"""The entry of the signer that a hub runs itself. Only the supervisor starts it.

It stands up here because it reaches the issuing keys, which nothing in `processes` may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rongan_share.processes.child_main import run
from rongan_share.processes.job import Report, State

if TYPE_CHECKING:
    from rongan_share.processes.child_main import Supervision
    from rongan_share.processes.job import Job


def sign(job: Job, supervision: Supervision) -> None:
    """Signs until the hub stops."""
    # Nothing heavy is imported until the supervisor's pipe is watched.
    from rongan_share.ca.serving import SignerServer  # noqa: PLC0415 - see above
    from rongan_share.cli.rehearsal import issue_clock  # noqa: PLC0415 - likewise
    from rongan_share.ledger.environment import Ledger  # noqa: PLC0415 - likewise

    settings = job.settings
    clock = issue_clock(settings.clock.offset_seconds)
    with Ledger(settings.data_directory, writable=False) as ledger:
        server = SignerServer(settings, ledger, clock)
        supervision.report(Report(state=State.PREPARED))
        supervision.serve.wait()
        with server:
            supervision.report(Report(state=State.SERVING))
            supervision.stop.wait()


if __name__ == "__main__":
    run(sign)
