"""What the network sees of a candidate: 48×48 pixels of the template, the board and the box."""

import cv2
import numpy as np
from numpy.typing import NDArray

from liudu.inspect.difference import Candidates
from liudu.inspect.raster import Picture

CROP_PX = 48
WINDOW_MIN_PX = 56
WINDOW_FACTOR = 1.6  # a long candidate is shown with that much of its surroundings


def windows(candidates: Candidates) -> NDArray[np.float32]:
    """Return the square window of each candidate, shape (n, 3): centre x, centre y, side."""
    box = candidates.astype(np.float32)
    side = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) * WINDOW_FACTOR
    centre_x, centre_y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    return np.stack([centre_x, centre_y, np.maximum(side, WINDOW_MIN_PX)], axis=1)


def crops(
    aligned: Picture, test: Picture, candidates: Candidates, *, rim_px: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Cut and scale the window of each candidate.

    Parameters
    ----------
    aligned, test
        The registered template and the board, uint8 of 0 and 255.
    candidates
        Shape (n, 4).
    rim_px
        Extra pixels on each side, so that training can shift the crop.

    Returns
    -------
    pictures
        uint8 (n, 3, side, side), side = 48 + 2 rim: template, board, candidate box.
    windows
        float32 (n, 3), see `windows`.

    """
    side = CROP_PX + 2 * rim_px
    seen = cv2.merge([aligned, test])
    where = windows(candidates)
    pictures = np.zeros((len(candidates), 3, side, side), np.uint8)
    for picture, box, (x, y, window) in zip(pictures, candidates, where, strict=True):
        scale = CROP_PX / float(window)
        left, top = side / 2 - scale * float(x), side / 2 - scale * float(y)
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        cut = cv2.warpAffine(seen, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
        picture[:2] = cut.transpose(2, 0, 1)
        corner = np.floor(box[:2] * scale + (left, top)).astype(int)
        opposite = np.ceil(box[2:] * scale + (left, top)).astype(int)
        x1, y1, x2, y2 = np.clip([*corner, *opposite], 0, side)
        picture[2, y1:y2, x1:x2] = 255
    return pictures, where
