"""What the end of a solution most often means, told from its exit code and its last words."""

import re

from liudu.contract._manifest import Manifest

NOT_STARTED = frozenset({126, 127})  # what a shell answers: not executable, not found


def hint(stderr: str) -> tuple[str, str]:
    """Return advice in English and Chinese, both empty when nothing is recognised."""
    module = re.search(r"No module named '([\w.]+)'", stderr)
    if module is not None:
        return _module_hint(module.group(1).split(".")[0])
    found = (advice for pattern, advice in _WORDS if re.search(pattern, stderr, re.IGNORECASE))
    return next(found, ("", ""))


def command_hint(manifest: Manifest) -> tuple[str, str]:
    """Return why the entry of a manifest may not have started."""
    command, use = manifest.entry[0], manifest.runtime.use
    en = (
        f'"{command}" could not be started: with "use": "{use}" there are the programs of /usr '
        "and the solution's own files; a script's first line must name one of them."
    )
    zh = (
        f'"{command}" 无法启动："use": "{use}" 时只有 /usr 中的程序和方案自带的文件可用；'
        "脚本首行的解释器也须在其中。"
    )
    return en, zh


def _module_hint(module: str) -> tuple[str, str]:
    needs = f'"runtime": {{"use": "python", "needs": ["{module}"]}}'
    return (
        f"The Python package {module} is not there: declare {needs}, or put it into the solution.",
        f"缺少 Python 软件包 {module}：请声明 {needs}，或把它放进方案。",
    )


_WORDS: tuple[tuple[str, tuple[str, str]], ...] = (
    (
        r"network is unreachable|name resolution|getaddrinfo|connection refused",
        (
            "It tried to reach the network, which no trial has: pack models and data into it.",
            "方案尝试访问网络，而试验中没有网络：请把模型和数据打进方案包。",
        ),
    ),
    (
        r"read-only file system|permission denied",
        (
            "It tried to write where it may not: only LIUDU_OUT and /tmp are writable.",
            "方案试图写入不可写的位置：只有 LIUDU_OUT 和 /tmp 可写。",
        ),
    ),
    (
        r"no space left|disk quota",
        (
            "It filled its temporary folder: /tmp is small; work on one item at a time.",
            "方案写满了临时文件夹：/tmp 空间有限，请逐个处理条目。",
        ),
    ),
    (
        r"memoryerror|cannot allocate memory",
        (
            "It ran out of memory: raise resources.memory_mib, or use less.",
            "内存不足：请提高 resources.memory_mib，或减少占用。",
        ),
    ),
    (
        r"no such file or directory",
        (
            "A file was not there: take the folders from LIUDU_IN and LIUDU_OUT.",
            "找不到文件：文件夹请取自 LIUDU_IN 和 LIUDU_OUT。",
        ),
    ),
)
