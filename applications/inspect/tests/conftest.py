import cv2
import numpy as np
import pytest

from liudu.inspect.network import load
from liudu.inspect.pack import WEIGHTS

SIDE_PX = 160


@pytest.fixture(scope="session")
def network():
    return load(WEIGHTS)


@pytest.fixture
def board():
    """Three traces, a pad and a plane: black copper on white."""
    picture = np.full((SIDE_PX, SIDE_PX), 255, np.uint8)
    for x in (30, 56, 82):
        cv2.line(picture, (x, 0), (x, SIDE_PX), 0, 10)
    cv2.circle(picture, (122, 40), 20, 0, -1)
    cv2.rectangle(picture, (102, 90), (SIDE_PX, SIDE_PX), 0, -1)
    return picture
