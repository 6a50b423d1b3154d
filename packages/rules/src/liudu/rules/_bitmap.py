"""Bitmaps over subjects: one bit a subject, 64 to a word, the lowest bit first."""

import attrs
import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
WORD = 64
SPARSE = 8  # below one bit for eight words, only the words that are not empty are unpacked
SEARCHED = 1 / 32
"""Below this share of bits, numpy's search from bit to bit is the faster. Up to a tenth it would
search still; a tail of ones makes it count through instead, at the pace of memory."""


@attrs.frozen(eq=False)
class Planes:
    """Three values as two bitmaps: where it is true, and where it may be true.

    `true` is a subset of `possible`; between them it is unknown. Kleene's and, or and not
    then need no cross terms: and works on both planes alone, so does or, and not exchanges
    the planes and inverts them.
    """

    true: Words
    possible: Words

    @property
    def is_known(self) -> bool:
        """Whether nothing is unknown here; then both planes are one array."""
        return self.true is self.possible

    def slice(self, words: slice) -> "Planes":
        """Return the planes of a range of words."""
        true = self.true[words]
        return Planes(true, true if self.is_known else self.possible[words])


def word_count(count: int) -> int:
    """Return the words that hold `count` bits."""
    return -(-count // WORD)


def pack(truth: Bools) -> Words:
    """Return the bitmap of booleans, filled up with zeros to whole words."""
    packed = np.packbits(truth, bitorder="little")
    rest = -len(packed) % 8
    if rest:
        packed = np.concatenate([packed, np.zeros(rest, np.uint8)])
    return packed.view(np.uint64)


def unpack(words: Words, count: int) -> Bools:
    """Return the first `count` bits as booleans."""
    bits = np.unpackbits(words.view(np.uint8), count=count, bitorder="little")
    return bits.view(np.bool_)


def rows_of(words: Words) -> Rows:
    """Return the positions of the bits that are set, ascending."""
    size = len(words)
    if size <= SPARSE:
        return np.flatnonzero(unpack(words, size * WORD))
    count = count_bits(words)
    if count * SPARSE < size:
        filled = np.flatnonzero(words)
        place = np.flatnonzero(unpack(words[filled], len(filled) * WORD))
        return filled[place // WORD] * WORD + place % WORD
    if count < size * WORD * SEARCHED:
        return np.flatnonzero(unpack(words, size * WORD))
    tail = max(0, (size * WORD - 10 * count) // (9 * WORD) + 1)  # so that a tenth are ones
    padded = np.concatenate([words, np.full(tail, ~np.uint64(0))])
    return np.flatnonzero(unpack(padded, len(padded) * WORD))[:count]


def count_bits(words: Words) -> int:
    """Return how many bits are set."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def clear_tail(words: Words, count: int) -> None:
    """Clear the bits beyond `count`, in place."""
    rest = count % WORD
    if rest:
        words[-1] &= np.uint64((1 << rest) - 1)


def set_bits(words: Words, rows: Rows, *, to: bool) -> None:
    """Set or clear the bits at some rows, in place."""
    mask = np.zeros(len(words) * WORD, np.bool_)
    mask[rows] = True
    packed = pack(mask)
    if to:
        words |= packed
    else:
        words &= ~packed
