"""Whether the command of a manifest can start what the bundle holds."""

import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from liudu.contract._manifest import Manifest
from liudu.contract._problem import Problem, shown

_INTERPRETERS = frozenset(
    {"python", "python3", "sh", "bash", "dash", "perl", "node", "ruby", "lua", "Rscript"}
)


def entry_problems(manifest: Manifest, *, folder: Path) -> Iterator[Problem]:
    """Yield what would keep the command, or the bill of materials, from being found."""
    command = manifest.entry[0]
    if ".." in PurePosixPath(command).parts:
        yield _problem(
            0,
            en=f"{shown(command)} leads out of the solution: put the file into it.",
            zh=f"{shown(command)} 跳出了方案文件夹：请把文件放进方案里。",
        )
    elif "/" in command:
        yield from _program_problems(folder / command, shown(command))
    elif (folder / command).is_file():
        yield _problem(
            0,
            en=f'{shown(command)} is a file of the solution: write "./{shown(command)}".',
            zh=f'{shown(command)} 是方案中的文件：请写成 "./{shown(command)}"。',
        )
    elif command in _INTERPRETERS:
        yield from _script_problems(manifest, folder=folder)
    if manifest.bom is not None and not (folder / manifest.bom).is_file():
        yield Problem(
            path="$.bom",
            en=f"{shown(manifest.bom)} is not in the solution: add the file or remove the key.",
            zh=f"方案中没有 {shown(manifest.bom)}：请加上该文件，或去掉这一项。",
        )


def _script_problems(manifest: Manifest, *, folder: Path) -> Iterator[Problem]:
    script = next(iter(manifest.entry[1:]), None)
    if script is None:
        yield _problem(
            0,
            en=f"{manifest.entry[0]} alone runs nothing: name the script, as in "
            f'["{manifest.entry[0]}", "main"].',
            zh=f"只有 {manifest.entry[0]}，没有要运行的脚本：请写出脚本名，例如 "
            f'["{manifest.entry[0]}", "main"]。',
        )
    elif not script.startswith("-") and not (folder / script).is_file():
        yield _problem(
            1,
            en=f"{shown(script)} is not in the solution: add the file or correct the name.",
            zh=f"方案中没有 {shown(script)}：请加上该文件，或改正文件名。",
        )


def _program_problems(program: Path, name: str) -> Iterator[Problem]:
    if not program.is_file():
        yield _problem(
            0,
            en=f"{name} is not in the solution: add the file or correct the name.",
            zh=f"方案中没有 {name}：请加上该文件，或改正文件名。",
        )
        return
    if not stat.S_IMODE(program.stat().st_mode) & 0o111:
        yield _problem(
            0,
            en=f"{name} is not executable: chmod +x it and pack it with a tool that keeps the "
            f'mode (zip or tar on Linux or macOS), or start it as ["sh", "{name}"].',
            zh=f"{name} 没有执行权限：请先 chmod +x，并用能保留权限的工具打包"
            f'（Linux 或 macOS 的 zip、tar），或写成 ["sh", "{name}"] 启动。',
        )
    with program.open("rb") as stream:
        first_line = stream.readline(256)
    if first_line.startswith(b"#!") and first_line.endswith(b"\r\n"):
        yield _problem(
            0,
            en=f"the first line of {name} ends with a carriage return, so that its interpreter is "
            "not found: save it with Unix line ends.",
            zh=f"{name} 首行以回车符结尾，系统会找不到解释器：请以 Unix 换行（LF）保存。",
        )


def _problem(index: int, *, en: str, zh: str) -> Problem:
    return Problem(path=f"$.entry[{index}]", en=en, zh=zh)
