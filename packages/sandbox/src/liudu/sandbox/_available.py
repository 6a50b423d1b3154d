"""Which levels this machine can give, and what to install or set where it cannot."""

import functools
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from attrs import frozen

from liudu.contract import Language, Reason
from liudu.sandbox import _landlock, _seccomp
from liudu.sandbox._level import BUILT, Level, require_built
from liudu.sandbox._limits import Limits, Mounts
from liudu.sandbox._outcome import Outcome
from liudu.sandbox._start import run

_BWRAP_MIN = (0, 8)
_LANDLOCK_ABI_MIN = 3
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_USERNS_CLONE = Path("/proc/sys/kernel/unprivileged_userns_clone")
_USERNS_MAX = Path("/proc/sys/user/max_user_namespaces")


@frozen
class _Lack:
    """What a machine lacks for a level, and what to do about it."""

    en: str
    zh: str

    def say(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


_NO_TABLE = _Lack(
    "There is no system call table for {machine}: use an x86_64 or aarch64 machine.",
    "没有 {machine} 的系统调用表：请使用 x86_64 或 aarch64 机器。",
)
_NO_BWRAP = _Lack(
    "bubblewrap is not installed: apt-get install bubblewrap (or your system's package).",
    "未安装 bubblewrap：请执行 apt-get install bubblewrap（或安装本系统的对应软件包）。",
)
_NO_PRLIMIT = _Lack(
    "prlimit is not in /usr/bin: install util-linux.",
    "/usr/bin 中没有 prlimit：请安装 util-linux。",
)
_OLD_BWRAP = _Lack(
    "bubblewrap {version} is too old: install 0.8 or later.",
    "bubblewrap {version} 版本过旧：请安装 0.8 或更高版本。",
)
_SET_APPARMOR = _Lack(
    "AppArmor forbids user namespaces to ordinary programs (Ubuntu 24.04 and later): add a "
    "profile for bwrap with `userns,` (package apparmor-profiles, bwrap-userns-restrict), or set "
    "kernel.apparmor_restrict_unprivileged_userns=0.",
    "AppArmor 禁止普通程序使用用户命名空间（Ubuntu 24.04 及以后）：请为 bwrap 添加含 `userns,` 的"
    "配置（软件包 apparmor-profiles 的 bwrap-userns-restrict），"
    "或设置 kernel.apparmor_restrict_unprivileged_userns=0。",
)
_SET_CLONE = _Lack(
    "The kernel forbids user namespaces to ordinary users: set kernel.unprivileged_userns_clone=1.",
    "内核禁止普通用户使用用户命名空间：请设置 kernel.unprivileged_userns_clone=1。",
)
_SET_MAX = _Lack(
    "The kernel allows no user namespaces: set user.max_user_namespaces above 0.",
    "内核不允许用户命名空间：请把 user.max_user_namespaces 设为大于 0。",
)
_BWRAP_FAILS = _Lack(
    "bubblewrap does not start here: {failure} In a container, allow user namespaces "
    "(docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined).",
    "bubblewrap 在此无法启动：{failure} 若在容器中，请放行用户命名空间"
    "（docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined）。",
)
_NO_LANDLOCK = _Lack(
    "The kernel has no Landlock or has it switched off: use Linux 6.2 or later with "
    "`landlock` in the lsm= boot parameter.",
    "内核没有 Landlock 或未启用：请使用 Linux 6.2 或更高版本，并在启动参数 lsm= 中加入 landlock。",
)
_OLD_LANDLOCK = _Lack(
    "Landlock ABI {abi} does not cover the truncation of files: use Linux 6.2 or later (ABI 3).",
    "Landlock ABI {abi} 管不到文件截断：请使用 Linux 6.2 或更高版本（ABI 3）。",
)
_FAILS = _Lack("It does not start here: {failure}", "在此无法启动：{failure}")


def _filled(lack: _Lack, **facts: object) -> _Lack:
    return _Lack(lack.en.format(**facts), lack.zh.format(**facts))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _bwrap_version(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0)


def _trial_run(level: Level) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="liudu-probe-") as name:
        base = Path(name)
        base.chmod(0o755)
        for folder in ("app", "in", "out"):
            (base / folder).mkdir()
            (base / folder).chmod(0o755)  # whatever our umask
        mounts = Mounts(app=base / "app", inputs=base / "in", output=base / "out")
        return run(["true"], mounts=mounts, level=level, limits=Limits(wall_s=10))


def _userns_lack(failure: str) -> _Lack:
    if _number(_APPARMOR) == 1:
        return _SET_APPARMOR
    if _number(_USERNS_CLONE) == 0:
        return _SET_CLONE
    if _number(_USERNS_MAX) == 0:
        return _SET_MAX
    return _filled(_BWRAP_FAILS, failure=failure)


def _bwrap_lack() -> _Lack | None:
    program = shutil.which("bwrap")
    if program is None:
        return _NO_BWRAP
    if not os.access("/usr/bin/prlimit", os.X_OK):
        return _NO_PRLIMIT
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if _bwrap_version(said.stdout) < _BWRAP_MIN:
        return _filled(_OLD_BWRAP, version=said.stdout.strip().removeprefix("bubblewrap "))
    outcome = _trial_run(Level.BWRAP)
    return None if outcome.reason is Reason.OK else _userns_lack(outcome.failure)


def _landlock_lack() -> _Lack | None:
    version = _landlock.abi()
    if version == 0:
        return _NO_LANDLOCK
    if version < _LANDLOCK_ABI_MIN:
        return _filled(_OLD_LANDLOCK, abi=version)
    outcome = _trial_run(Level.LANDLOCK)
    return None if outcome.reason is Reason.OK else _filled(_FAILS, failure=outcome.failure)


@functools.cache
def _lack(level: Level) -> _Lack | None:
    if level is not Level.PROCESS and not _seccomp.supported():
        return _filled(_NO_TABLE, machine=platform.machine())
    return {
        Level.PROCESS: lambda: None,
        Level.LANDLOCK: _landlock_lack,
        Level.BWRAP: _bwrap_lack,
    }[level]()


def available(level: Level, *, language: Language = "en") -> str | None:
    """Say why this machine does not give a level and what to install or set; None if it does.

    Found out by starting a command at the level, once in the life of the process.

    Raises
    ------
    LevelNotBuiltError
        If the level is only a name.

    """
    require_built(level)
    lack = _lack(level)
    return None if lack is None else lack.say(language)


def best_level() -> Level:
    """Return the strongest level that starts on this machine; `selftest` tells what it holds."""
    return max(level for level in BUILT if available(level) is None)
