from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from rongan_share.errors import LedgerCorruptError, StartRefusedError
from rongan_share.ledger.environment import FORMAT_VERSION, MAP_BYTES, Ledger, Table
from rongan_share.ledger.sealed import seal

OPEN_ELSEWHERE = """
import sys
from pathlib import Path
from rongan_share.errors import StartRefusedError
from rongan_share.ledger.environment import Ledger
try:
    Ledger(Path(sys.argv[1]))
except StartRefusedError as error:
    sys.exit(f"refused: {error}")
"""
FORKED_FINE, FORKED_WRONG = 0, 1


def content(directory: Path) -> dict[str, bytes]:
    """Reads every file below a directory, to see that nothing was written."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def refused(directory: Path) -> str:
    """Gives the reason of a refusal that must come and must leave no trace."""
    before = content(directory)
    with pytest.raises(StartRefusedError) as caught:
        Ledger(directory)
    assert content(directory) == before
    return str(caught.value)


def test_new_ledger_is_private_and_empty(directory: Path) -> None:
    """A new ledger can be opened and read by its owner alone, and holds nothing but its format."""
    assert all(path.stat().st_mode & 0o077 == 0 for path in [directory, *directory.iterdir()])
    with Ledger(directory) as ledger, ledger.read() as txn:
        assert [table for table in Table if list(txn.scan(table))] == [Table.META]


def test_exception_leaves_nothing_in_any_table(ledger: Ledger) -> None:
    """A write transaction that ends in an exception takes back what it wrote to every table."""

    def fail() -> None:
        with ledger.write() as txn:
            for table in Table:
                txn.put(table, b"key", b"value")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with ledger.read() as txn:
        assert all(txn.get(table, b"key") is None for table in Table)


def test_flipped_bit_in_the_file_is_seen(directory: Path) -> None:
    """LMDB has no checksum: a bit that flips on the disk must still never be answered from."""
    marker = b"a marker that can be found again in the file"
    with Ledger(directory) as ledger, ledger.write() as txn:
        txn.put(Table.JOURNAL, b"\x00" * 7 + b"\x01", marker)
    path = directory / "data.mdb"
    raw = bytearray(path.read_bytes())
    at = bytes(raw).rindex(marker)
    raw[at + 3] ^= 0x10
    path.write_bytes(raw)
    with Ledger(directory) as ledger, ledger.read() as txn:
        with pytest.raises(LedgerCorruptError):
            txn.get(Table.JOURNAL, b"\x00" * 7 + b"\x01")
        with pytest.raises(LedgerCorruptError):
            list(txn.scan(Table.JOURNAL))


def test_sealed_values_are_appended_in_order_only(ledger: Ledger) -> None:
    """A journal value goes to the end or nowhere, so no sequence is ever written twice."""
    key = (5).to_bytes(8, "big")
    with ledger.write() as txn:
        txn.put_sealed(Table.JOURNAL, key, seal(key, b"first"))
    for number in (5, 4):
        late = number.to_bytes(8, "big")
        with pytest.raises(LedgerCorruptError), ledger.write() as txn:
            txn.put_sealed(Table.JOURNAL, late, seal(late, b"second"))
    with ledger.read() as txn:
        assert list(txn.scan(Table.JOURNAL)) == [(key, b"first")]


def test_scan_keeps_to_prefix_and_start(ledger: Ledger) -> None:
    """A walk begins at its start and ends with its prefix; the last key under one is found."""
    keys = [b"a\x00\x01", b"a\x00\x02", b"ab\x00\x01", b"b\x00\x01"]
    with ledger.write() as txn:
        for key in keys:
            txn.put(Table.OBJECTS, key, key)
    with ledger.read() as txn:
        assert [key for key, _ in txn.scan(Table.OBJECTS)] == keys
        assert [key for key, _ in txn.scan(Table.OBJECTS, b"a\x00\x02")] == keys[1:]
        assert [key for key, _ in txn.scan(Table.OBJECTS, prefix=b"a\x00")] == keys[:2]
        assert txn.last_under(Table.OBJECTS, b"a\x00") == (keys[1], keys[1])
        assert txn.last_under(Table.OBJECTS, b"b\x00") == (keys[3], keys[3])
        assert txn.last_under(Table.OBJECTS, b"c\x00") is None
        assert txn.last_under(Table.OBJECTS, b"A") is None
    with ledger.write() as txn:
        txn.delete(Table.OBJECTS, keys[0])
        txn.delete(Table.OBJECTS, b"was never there")
        assert txn.get(Table.OBJECTS, keys[0]) is None


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_may_not_touch_the_ledger(ledger: Ledger) -> None:
    """Every method refuses to work in a child that was forked after the ledger was opened."""
    child = os.fork()
    if child == 0:  # the child must not run pytest's own ending
        os._exit(FORKED_FINE if _all_refuse(ledger) else FORKED_WRONG)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == FORKED_FINE
    with ledger.write() as txn:
        txn.put(Table.META, b"parent", b"goes on")


def _all_refuse(ledger: Ledger) -> bool:
    for attempt in (
        lambda: ledger.read().__enter__(),
        lambda: ledger.write().__enter__(),
        ledger.used_bytes,
        ledger.reclaim_readers,
    ):
        try:
            attempt()
        except StartRefusedError:
            continue
        except BaseException:  # noqa: BLE001 - whatever else comes is the failure looked for
            return False
        return False
    ledger.close()
    return True


def test_second_hub_is_refused(ledger: Ledger, directory: Path) -> None:
    """Another process cannot open the store that a hub holds, and leaves it as it is."""
    before = content(directory)
    command = [sys.executable, "-c", OPEN_ELSEWHERE, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("refused: another hub holds")
    after = content(directory)
    assert after["data.mdb"] == before["data.mdb"]
    with ledger.write() as txn:
        txn.put(Table.META, b"first", b"goes on")


def test_reader_may_look_at_a_served_store(ledger: Ledger, directory: Path) -> None:
    """A process that only reads may open the store beside its hub."""
    with ledger.write() as txn:
        txn.put(Table.META, b"seen", b"yes")
    process = multiprocessing.get_context("spawn").Process(target=_read_beside, args=(directory,))
    process.start()
    process.join()
    assert process.exitcode == 0


def _read_beside(directory: Path) -> None:
    with Ledger(directory, writable=False) as reader, reader.read() as txn:
        assert txn.get(Table.META, b"seen") == b"yes"


def test_closed_ledger_lets_its_directory_go(directory: Path) -> None:
    """Closing gives the directory to the next hub, however the first ended."""
    with pytest.raises(RuntimeError), Ledger(directory):
        raise RuntimeError
    with Ledger(directory):
        pass


def test_directory_without_a_ledger_is_refused(tmp_path: Path) -> None:
    """A directory that holds nothing, or is not there, is refused."""
    assert "holds no ledger" in refused(tmp_path)
    assert "holds no ledger" in refused(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    "foreign",
    [b"", b"SQLite format 3\x00" + bytes(100), bytes(4096)],
    ids=["empty", "sqlite", "zero"],
)
def test_foreign_file_is_refused(tmp_path: Path, foreign: bytes) -> None:
    """A file of another program under our name is refused."""
    (tmp_path / "data.mdb").write_bytes(foreign)
    assert "is not an LMDB file" in refused(tmp_path)


def test_damaged_file_is_refused(directory: Path) -> None:
    """An LMDB file that LMDB cannot read is refused as such."""
    path = directory / "data.mdb"
    raw = bytearray(path.read_bytes())
    raw[20:24] = b"\xff\xff\xff\xff"  # its version
    raw[4096 + 20 : 4096 + 24] = b"\xff\xff\xff\xff"
    path.write_bytes(raw)
    assert "cannot be read" in refused(directory)


def test_other_lmdb_file_is_refused(tmp_path: Path) -> None:
    """An LMDB file of another program is refused."""
    with lmdb.open(str(tmp_path), max_dbs=2) as environment:
        environment.open_db(b"theirs")
    assert "is no ledger" in refused(tmp_path)


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, 65_535])
def test_other_format_is_refused(directory: Path, version: int) -> None:
    """A store of a newer format is refused, naming both formats."""
    with lmdb.open(str(directory), map_size=MAP_BYTES, max_dbs=len(Table)) as environment:
        database = environment.open_db(b"meta")
        with environment.begin(write=True) as txn:
            value = seal(b"format", version.to_bytes(2, "little"))
            txn.put(b"format", value, db=database)
    said = refused(directory)
    assert f"format {version}," in said
    assert f"format {FORMAT_VERSION}" in said


def test_linked_directory_is_refused(directory: Path, tmp_path: Path) -> None:
    """A symbolic link to a ledger is refused, so that nobody swaps the store below the hub."""
    link = tmp_path / "link"
    link.symlink_to(directory)
    assert "symbolic link" in refused(link)


@pytest.mark.parametrize("name", ["data.mdb", "lock.mdb", "hub.lock"])
def test_linked_file_is_refused(directory: Path, tmp_path: Path, name: str) -> None:
    """A symbolic link in place of a file is refused, wherever it points."""
    target = tmp_path / "elsewhere"
    path = directory / name
    if path.exists():
        path.rename(target)
    path.symlink_to(target)
    existed = target.exists()
    assert "symbolic link" in refused(directory)
    assert target.exists() == existed


def test_ledger_is_never_made_over_something(tmp_path: Path) -> None:
    """A new ledger needs an empty directory."""
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(StartRefusedError):
        Ledger.create(tmp_path)
    assert content(tmp_path) == {"file": b"mine"}
