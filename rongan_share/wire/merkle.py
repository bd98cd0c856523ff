"""The hash tree of the audit log (RFC 6962 section 2.1): leaves, frontier, root.

The frontier of a tree of n leaves is the list of the roots of its full subtrees, largest first:
one for each bit set in n. It is all that an append needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

HASH_BYTES = 32
"""Length of every hash of the tree (SHA-256)."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves. Source: RFC 6962 section 2.1."""


def leaf_hash(entry: bytes) -> bytes:
    """Hashes one entry. Source: RFC 6962 section 2.1, prefix 0x00."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hashes two subtrees. Source: RFC 6962 section 2.1, prefix 0x01."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """Roots of the full subtrees of a tree, largest first.

    Attributes:
        size: Number of leaves.
        roots: One hash of 32 bytes for each bit set in size.
    """

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """Returns the frontier with one more leaf hash."""
        roots = list(self.roots)
        right, size = leaf, self.size
        while size & 1:
            right = node_hash(roots.pop(), right)
            size >>= 1
        return Frontier(self.size + 1, (*roots, right))

    def root(self) -> bytes:
        """Returns the root of the tree."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def encode(self) -> bytes:
        """Returns size (u64, little-endian) and the hashes."""
        return self.size.to_bytes(8, "little") + b"".join(self.roots)

    @staticmethod
    def parse(raw: bytes) -> Frontier:
        """Reads what `encode` wrote.

        Raises:
            ValueError: The number of hashes does not fit the size.
        """
        size = int.from_bytes(raw[:8], "little")
        roots = tuple(raw[at : at + HASH_BYTES] for at in range(8, len(raw), HASH_BYTES))
        if len(raw) != 8 + HASH_BYTES * size.bit_count():
            msg = "frontier does not fit its size"
            raise ValueError(msg)
        return Frontier(size, roots)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Returns the root over leaf hashes, by the recursive definition of RFC 6962 section 2.1."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))
