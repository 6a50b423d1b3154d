"""Detectors of unusual rises, each over many series at once."""

from liudu.outbreak.detectors._accumulating import cusum, glr
from liudu.outbreak.detectors._detection import Detection, Flag, Law
from liudu.outbreak.detectors._farrington import (
    UnknownThresholdError,
    farrington,
    farrington_original,
)
from liudu.outbreak.detectors._harmonic import harmonic
from liudu.outbreak.detectors._ladder import (
    DETECTORS,
    Detector,
    UnknownDetectorError,
    UnknownOptionError,
    detect,
    detector,
)
from liudu.outbreak.detectors._likelihood import likelihood_ratio
from liudu.outbreak.detectors._reference import bayes, ears, moving_percentile, recent, rki
from liudu.outbreak.detectors._weeks import (
    YEAR_CALENDAR_WEEKS,
    YEAR_COUNTED_WEEKS,
    ShapeError,
    WeekOutsideError,
)

__all__ = [
    "DETECTORS",
    "YEAR_CALENDAR_WEEKS",
    "YEAR_COUNTED_WEEKS",
    "Detection",
    "Detector",
    "Flag",
    "Law",
    "ShapeError",
    "UnknownDetectorError",
    "UnknownOptionError",
    "UnknownThresholdError",
    "WeekOutsideError",
    "bayes",
    "cusum",
    "detect",
    "detector",
    "ears",
    "farrington",
    "farrington_original",
    "glr",
    "harmonic",
    "likelihood_ratio",
    "moving_percentile",
    "recent",
    "rki",
]
