"""Whether the Python packages that a solution needs are there."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from liudu.contract._manifest import Manifest
from liudu.contract._problem import Problem

_NEED = re.compile(r"(?P<name>[A-Za-z0-9._-]+?)((?P<op>>=|==)(?P<version>[0-9.]+))?")


def missing_needs(manifest: Manifest) -> tuple[Problem, ...]:
    """Return what is missing of ``runtime.needs`` in the Python that runs this.

    Only the numbers of a version are compared: ``2.1rc1`` counts as ``2.1``.
    """
    return tuple(_problems(manifest.runtime.needs))


def _problems(needs: tuple[str, ...]) -> Iterator[Problem]:
    for index, need in enumerate(needs):
        found = _installed(need)
        if found is None or not _fits(need, found):
            en = f"{need} is not there" if found is None else f"{need} is needed, {found} is there"
            zh = f"没有 {need}" if found is None else f"需要 {need}，现有 {found}"
            yield Problem(
                path=f"$.runtime.needs[{index}]",
                en=f"{en}: put the package into the solution, or ask the owner to install it.",
                zh=f"{zh}：请把软件包放进方案，或请数据方安装。",
            )


def _installed(need: str) -> str | None:
    match = _NEED.fullmatch(need)
    try:
        return version(match["name"]) if match is not None else None
    except PackageNotFoundError:
        return None


def _fits(need: str, found: str) -> bool:
    match = _NEED.fullmatch(need)
    if match is None or match["op"] is None:
        return match is not None
    wanted, there = _numbers(match["version"]), _numbers(found)
    return there == wanted if match["op"] == "==" else there >= wanted


def _numbers(text: str) -> tuple[int, ...]:
    release = re.match(r"[0-9]+(\.[0-9]+)*", text)
    numbers = [int(part) for part in release.group().split(".")] if release is not None else []
    while numbers and numbers[-1] == 0:  # 2 and 2.0 are one version
        numbers.pop()
    return tuple(numbers)
