"""Pictures drawn in code, in the plainest format that there is."""

from collections.abc import Callable

Grey = Callable[[int, int], int]


def pgm(*, width: int, height: int, grey: Grey) -> bytes:
    """Return a binary PGM (P5) of `width` by `height` pixels; `grey(x, y)` is 0 to 255.

    Every imaging library reads it, and so do a shell and thirty lines of C.
    """
    pixels = bytes(grey(x, y) for y in range(height) for x in range(width))
    return b"P5\n%d %d\n255\n" % (width, height) + pixels


def board(*, level: int) -> Grey:
    """Return an even ground with faint stripes, so that no two columns are quite the same."""
    return lambda x, y: level + (x + 3 * y) % 8


def hole(ground: Grey, *, box: tuple[int, int, int, int], level: int) -> Grey:
    """Return a ground with an even rectangle in it."""
    x1, y1, x2, y2 = box
    return lambda x, y: level if x1 <= x < x2 and y1 <= y < y2 else ground(x, y)
