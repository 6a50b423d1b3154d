"""Scorers: pure functions from true and given answers to evidence, each with name and version.

The digest of a scorer is over its name, its version and its source text, so that a seal fixes
the very rule by which it will be scored.
"""

import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import rfc8785

from liudu.acceptance import Promise
from liudu.trial.scorers import alarm, classify, detect, value
from liudu.trial.scorers.scored import Scored

_SCORERS: dict[str, ModuleType] = {
    "classify": classify,
    "detect": detect,
    "alarm": alarm,
    "value": value,
}


def scorer_of(task: str) -> ModuleType:
    """Return the scorer of a task: a module with NAME, VERSION, `options` and `score`."""
    return _SCORERS[task]


def card(promise: Promise) -> dict[str, Any]:
    """Return name, version and options, as the protocol holds them."""
    scorer = scorer_of(promise.task)
    return {"name": scorer.NAME, "version": scorer.VERSION, "options": scorer.options(promise)}


def digest(task: str) -> str:
    """Return ``sha256:…`` over name, version and source text of the task's scorer."""
    scorer = scorer_of(task)
    source = Path(str(scorer.__file__)).read_text(encoding="utf-8")
    content = {"name": scorer.NAME, "version": scorer.VERSION, "source": source}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()


__all__ = ["Scored", "alarm", "card", "classify", "detect", "digest", "scorer_of", "value"]
