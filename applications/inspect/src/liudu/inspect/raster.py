"""The one kind of picture here: uint8 (height, width) of 0 (copper) and 255 (base)."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


BINARY_CUT = 127


def binary(grey: NDArray[np.generic]) -> Picture:
    """Return the picture with all that is lighter than the middle as 255 and the rest as 0."""
    return np.where(grey > BINARY_CUT, np.uint8(255), np.uint8(0))  # type: ignore[operator]


def as_picture(pixels: Any) -> Picture:  # noqa: ANN401 - OpenCV does not say what it returns
    """Return OpenCV's answer as a picture, without a copy."""
    return np.asarray(pixels, np.uint8)


def bordered(picture: Picture, around_px: int) -> Picture:
    """Return the picture with `around_px` pixels on each side that repeat its edge."""
    px = around_px
    return as_picture(cv2.copyMakeBorder(picture, px, px, px, px, cv2.BORDER_REPLICATE))
