"""What the kernel says of processes: whose children they are, what they listen on."""

from __future__ import annotations

from pathlib import Path

_LISTENING, _ENDED = "0A", "Z"


def children_of(pid: int) -> dict[str, int]:
    """Lists the live children of a process by the last word of their command line."""
    found: dict[str, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            state, parent = _state_of(folder)
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid and state != _ENDED and len(words) > 1:
            found[words[-2].decode()] = int(folder.name)
    return found


def lives(pid: int) -> bool:
    """Says whether a process goes on; one that nobody has reaped does not."""
    try:
        return _state_of(Path(f"/proc/{pid}"))[0] != _ENDED
    except (FileNotFoundError, ProcessLookupError):
        return False


def _state_of(folder: Path) -> tuple[str, int]:
    # The name in brackets may hold anything; what follows it is the state and the parent.
    state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
    return state, int(parent)


def listeners_on(port: int) -> int:
    """Counts the sockets that listen on a port of this machine."""
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            count += state == _LISTENING and int(local.rpartition(":")[2], 16) == port
    return count


def sockets_of(pid: int) -> int:
    """Counts the sockets that a process has open."""
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += str(descriptor.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


def resident_bytes(pid: int) -> int:
    """Returns the memory of a process that is its own, files that it has mapped left out."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    message = f"no memory is told of process {pid}"
    raise LookupError(message)
