from __future__ import annotations

import pytest

from rongan_share.processes.restarts import EARLY_SECONDS, count_early, pause_before_start


def pauses(*served: float) -> list[float | None]:
    """Returns the pause after each death of a process that served so long, in seconds."""
    early, found = 0, []
    for seconds in served:
        early = count_early(early, served_seconds=seconds)
        found.append(pause_before_start(early))
    return found


def test_early_deaths_in_a_row_end_the_hub() -> None:
    """Each early death is waited for longer, and the third is the last."""
    first, second, third = pauses(0.0, 1.0, EARLY_SECONDS - 0.001)
    assert first is not None
    assert second is not None
    assert 0 < first < second
    assert third is None


def test_old_processes_come_back_at_once() -> None:
    """A process that served long enough is started again at once, however often it dies."""
    assert pauses(*[EARLY_SECONDS] * 5) == [0.0] * 5


@pytest.mark.parametrize("place", range(3))
def test_long_service_clears_the_count(place: int) -> None:
    """Only early deaths in a row count: one long life between them begins anew."""
    served = [0.0, 0.0, 0.0]
    served[place] = EARLY_SECONDS
    assert None not in pauses(*served)
