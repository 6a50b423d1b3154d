"""A run folder, read without changing it, and refused if it is not a whole result."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np
import orjson
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.trial.journal import JOURNAL_NAME, State

Json = Mapping[str, Any]


class NotARunError(Refusal):
    """The folder holds no run."""

    en = "{folder} is not a run: it has no {file}. Name the folder that `liudu-trial run` wrote."
    zh = "{folder} 不是试验目录：里面没有 {file}。请指定 `liudu-trial run` 生成的文件夹。"


class UnfinishedRunError(Refusal):
    """The run stopped before its result; there is nothing to report."""

    en = (
        "{folder} stopped at «{state}» ({at}) and has no result. "
        "Run `liudu-trial run` again with the same folder: it resumes there."
    )
    zh = (
        "{folder} 停在「{state}」（{at}），还没有结果。"
        "请用同一个文件夹再次运行 `liudu-trial run`，会接着做。"
    )


class BrokenRunError(Refusal):
    """The run broke off through no fault of the solution; there is nothing to report."""

    en = (
        "{folder} broke off ({at}): {why} No attempt was used up. "
        "Run `liudu-trial run` again with the same folder."
    )
    zh = (
        "{folder} 已中断（{at}）：{why_zh}不计入尝试次数。"
        "请用同一个文件夹再次运行 `liudu-trial run`。"
    )


class AlteredRunError(Refusal):
    """A file of the run is not the one that the run wrote."""

    en = "{file} is not as the run left it ({found}). Restore it, or run the trial again."
    zh = "{file} 与试验结束时不一致（{found_zh}）。请恢复原文件，或重新运行试验。"


@attrs.frozen(kw_only=True)
class RunFolder:
    """What a complete run left.

    Attributes
    ----------
    folder
        Where it lies.
    result
        The content of ``result.json``.
    asked
        The content of ``run.json``.
    timings
        Seconds at which each item was sent and answered, shape (n, 2), or None in batch mode.

    """

    folder: Path
    result: Json
    asked: Json
    timings: NDArray[np.float64] | None


def read_run(folder: Path) -> RunFolder:
    """Read a run and make sure that it is complete and as it was left.

    Raises
    ------
    NotARunError, UnfinishedRunError, AlteredRunError

    """
    if not (folder / JOURNAL_NAME).is_file():
        raise NotARunError(folder=str(folder), file=JOURNAL_NAME)
    last = _last_state(folder / JOURNAL_NAME)
    result_path = folder / "result.json"
    if last.get("event") == State.BROKEN:
        raise _broken(folder, last)
    if last.get("event") != State.COMPLETE or not result_path.is_file():
        state, at = last.get("event", "–"), last.get("at", "–")
        raise UnfinishedRunError(folder=str(folder), state=state, at=at)
    content = result_path.read_bytes()
    result = _mapping(content, file="result.json")
    _refuse_other_bytes(content, claimed=last.get("result"), file="result.json")
    predictions = (result.get("digests") or {}).get("predictions")
    if predictions:
        found = _read(folder / "predictions.jsonl")
        _refuse_other_bytes(found, claimed=predictions, file="predictions.jsonl")
    run = folder / "run.json"
    asked = _mapping(run.read_bytes(), file="run.json") if run.is_file() else {}
    timings = _timings(folder / "timings.npy")
    return RunFolder(folder=folder, result=result, asked=asked, timings=timings)


def _broken(folder: Path, last: Json) -> BrokenRunError:
    why = last.get("why")
    said = why if isinstance(why, Mapping) else {}
    reason = str(last.get("reason", "–"))
    return BrokenRunError(
        folder=str(folder),
        at=last.get("at", "–"),
        why=said.get("en", reason),
        why_zh=said.get("zh", reason),
    )


def _last_state(journal: Path) -> Json:
    known = set(State)
    last: Json = {}
    for line in journal.read_bytes().split(b"\n"):
        try:
            event = orjson.loads(line)
        except ValueError:
            continue  # a line that a crash cut in two never counted
        if isinstance(event, dict) and event.get("event") in known:
            last = event
    return last


def _mapping(content: bytes, *, file: str) -> Json:
    try:
        value = orjson.loads(content)
    except ValueError as error:
        raise AlteredRunError(file=file, found="not JSON", found_zh="不是 JSON") from error
    if not isinstance(value, dict):
        raise AlteredRunError(file=file, found="no JSON object", found_zh="不是 JSON 对象")
    return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AlteredRunError(file=path.name, found="it is gone", found_zh="文件不见了") from error


def _refuse_other_bytes(content: bytes, *, claimed: object, file: str) -> None:
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if claimed is not None and claimed != found:
        raise AlteredRunError(
            file=file,
            found=f"its digest is {found}, it was {claimed}",
            found_zh=f"摘要应为 {claimed}，实际是 {found}",
        )


def _timings(path: Path) -> NDArray[np.float64] | None:
    if not path.is_file():
        return None
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise AlteredRunError(file=path.name, found="not an array", found_zh="不是数组") from error
    if found.ndim != 2 or found.shape[1] != 2 or found.dtype.kind != "f":  # noqa: PLR2004
        raise AlteredRunError(
            file=path.name, found=f"shape {found.shape}", found_zh=f"形状是 {found.shape}"
        )
    return cast("NDArray[np.float64]", found)
