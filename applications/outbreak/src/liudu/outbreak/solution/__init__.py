"""What is tried: the detectors behind the stream mode of the contract."""

from liudu.outbreak.solution.stream import Settings, Watcher, serve

__all__ = ["Settings", "Watcher", "serve"]
