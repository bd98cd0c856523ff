"""A hub without its log, for the row `audit_on_vs_off`: it is started by benchmarks alone.

``python -m benchmarks.unaudited_hub HOME`` writes its port on standard output and serves until
standard input ends. It is one worker with two parts replaced: entries are not made (no commitments,
no hash of the leaf), and the commit writes neither entry, nonce, business references nor
disclosure. Quota is debited and the transaction is durable as ever. The product has no switch for
this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rongan_share.processes.tls_policy import force_tls13

if TYPE_CHECKING:
    from rongan_share.ledger.proposal import Placement, Proposal
    from rongan_share.model.quota import QuotaState

_GRACE_SECONDS = 1.0


def leave_out_audit() -> None:
    """Replaces what makes entries, and what writes them, in this process."""
    from rongan_share.gate import walk  # noqa: PLC0415 - gRPC reads the TLS policy at import
    from rongan_share.ledger import committer, group  # noqa: PLC0415 - see above

    class UnauditedGroup(group.Group):
        """Places an item with its debit and its effects alone."""

        def _apply(
            self, proposal: Proposal, placement: Placement, *, spent: QuotaState | None
        ) -> None:
            charge = proposal.charge
            if charge is not None and spent is not None and charge.cost:
                payer = charge.partner_number, charge.meter
                self._spent[payer] = spent
                self._owed.add(payer)
            for write in proposal.writes:
                write(self._txn, placement)

    def no_entry(*_: object, **_named: object) -> Callable[[Placement], bytes]:
        return lambda _placement: b""

    # By name, because the modules do not offer them for replacement, and should not.
    vars(walk)["entry_maker"] = no_entry
    vars(committer)["Group"] = UnauditedGroup


def main(home: Path) -> None:
    """Serves until standard input ends."""
    force_tls13()
    leave_out_audit()
    from rongan_share.clock import SystemClock  # noqa: PLC0415 - see above
    from rongan_share.config import load_settings  # noqa: PLC0415 - see above
    from rongan_share.ledger.environment import Ledger  # noqa: PLC0415 - see above
    from rongan_share.processes.interpreter import settle_interpreter  # noqa: PLC0415 - see above
    from rongan_share.processes.worker import Worker  # noqa: PLC0415 - see above

    settings, clock = load_settings(home), SystemClock()
    with Ledger(settings.data_directory) as ledger:
        worker = Worker(settings, ledger, clock=clock, started=clock.now())
        worker.prepare()
        worker.listen()
        worker.serve()
        settle_interpreter()
        sys.stdout.write(f"{worker.port}\n")
        sys.stdout.flush()
        sys.stdin.read()
        worker.drain(_GRACE_SECONDS)
        worker.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
