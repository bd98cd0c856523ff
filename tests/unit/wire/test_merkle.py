from __future__ import annotations

import hashlib

import pytest

from rongan_share.wire.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of

# The inputs and roots by which implementations of RFC 6962 have compared themselves from the start.
CLASSIC_INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CLASSIC_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(300)]


@pytest.mark.parametrize("size", range(1, 9))
def test_classic_roots(size: int) -> None:
    """The eight roots that every implementation of RFC 6962 agrees on."""
    leaves = [leaf_hash(entry) for entry in CLASSIC_INPUTS[:size]]
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    assert frontier.root().hex() == CLASSIC_ROOTS[size - 1]
    assert root_of(leaves).hex() == CLASSIC_ROOTS[size - 1]


def test_empty_tree_has_the_root_of_nothing() -> None:
    """A log without entries has the hash of nothing as its root."""
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == root_of([]) == EMPTY_ROOT


def test_leaf_and_node_hashes_never_meet() -> None:
    """A leaf that imitates a node must not hash like one."""
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"") == hashlib.sha256(b"\x00").digest()


def test_frontier_equals_recursion() -> None:
    """Appending leaf by leaf gives the recursive root at every size up to 300."""
    frontier = Frontier()
    for size, leaf in enumerate(LEAVES, start=1):
        frontier = frontier.append(leaf)
        assert frontier.size == size
        assert len(frontier.roots) == size.bit_count()
        assert frontier.root() == root_of(LEAVES[:size])


def test_append_changes_no_earlier_frontier() -> None:
    """A frontier is a value: a transaction that is given up must not have moved it."""
    before = Frontier().append(LEAVES[0])
    root = before.root()
    before.append(LEAVES[1])
    assert (before.size, before.root()) == (1, root)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 255, 300])
def test_encoded_frontier_goes_on_as_if_never_stored(size: int) -> None:
    """A frontier read back is the same and appends the same."""
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier = frontier.append(leaf)
    parsed = Frontier.parse(frontier.encode())
    assert parsed == frontier
    assert parsed.append(LEAVES[0]).root() == root_of([*LEAVES[:size], LEAVES[0]])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        b"\x01" + bytes(7),
        bytes(8) + bytes(32),
        b"\x03" + bytes(7) + bytes(63),
        b"\x03" + bytes(7) + bytes(96),
        b"\x02" + bytes(7) + bytes(33),
    ],
    ids=["nothing", "short", "no root", "spare root", "cut", "too many", "one byte over"],
)
def test_frontier_that_does_not_fit_is_refused(raw: bytes) -> None:
    """Hashes that do not fit the size are refused, not guessed at."""
    with pytest.raises(ValueError, match="does not fit"):
        Frontier.parse(raw)
