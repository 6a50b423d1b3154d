"""Read pictures that may be broken, and say what is wrong with them."""

from pathlib import Path

import cv2
import numpy as np

from liudu.inspect.raster import Picture, binary

SIDE_MIN_PX = 32
SIDE_MAX_PX = 8192
BYTES_MAX = 64 * 1024 * 1024


class PictureError(ValueError):
    """A picture that cannot be inspected; the sentence says why."""


def read_binary(path: Path) -> Picture:
    """Read a picture as uint8 of 0 and 255, cut at 127; colour is turned into grey first.

    Raises
    ------
    PictureError
        When the file is absent, empty, too large, no picture, or of a side out of range.

    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise PictureError(f"{path.name} cannot be read: {error.strerror}") from error
    if not 0 < len(data) <= BYTES_MAX:
        raise PictureError(f"{path.name} is empty or larger than {BYTES_MAX >> 20} MiB")
    return _binary(_decoded(data, name=path.name), name=path.name)


def _decoded(data: bytes, *, name: str) -> Picture:
    if truncated(data):
        raise PictureError(f"{name} is truncated")
    try:
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error as error:
        raise PictureError(f"{name} cannot be decoded: {error.err}") from error
    if grey is None:
        raise PictureError(f"{name} is not a picture")
    return np.asarray(grey, np.uint8)


def truncated(data: bytes) -> bool:
    """Tell a PNG or JPEG that has lost its end, which decoders fill up in silence."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-16:]
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in data[-64:]
    return False


def _binary(grey: Picture, *, name: str) -> Picture:
    if not SIDE_MIN_PX <= min(grey.shape) <= max(grey.shape) <= SIDE_MAX_PX:
        height, width = grey.shape
        limits = f"{SIDE_MIN_PX} to {SIDE_MAX_PX}"
        raise PictureError(f"{name} is {width} x {height} px; each side must be {limits}")
    return binary(grey)


def read_pair(test: Path, template: Path) -> tuple[Picture, Picture]:
    """Read a board and its template, which must be of one size."""
    board, model = read_binary(test), read_binary(template)
    height, width = board.shape
    if model.shape != board.shape:
        raise PictureError(
            f"{test.name} is {width} x {height} px, "
            f"its template {model.shape[1]} x {model.shape[0]}: they must be of one size"
        )
    return board, model
