"""Where the data of the outbreak benchmarks lie, and how a figure is shown."""

import sys

from record import DATA


def data(relative):
    """Return a file of the data folder, or end with a word on where to get it."""
    path = DATA / relative
    if not path.exists():
        sys.exit(f"{relative} is not in {DATA}: set LIUDU_DATA to the folder that holds it.")
    return path


def shown(figure):
    """Write a figure with its interval for a table."""
    if figure["value"] is None:
        return "–"
    low, high = figure["interval"]
    return f"{figure['value']:.4f} [{low:.4f}, {high:.4f}]"
