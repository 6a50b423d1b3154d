"""One tree of processes: pages and workers, watched, restarted, stopped together."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

import attrs

from liudu.contract import Refusal

POLL_S: Final = 0.2
STOP_S: Final = 25.0
READY_S: Final = 60.0
BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
STEADY_S: Final = 60.0  # who lived this long starts again at once
PAGES_STARTS_MAX: Final = 5
PR_SET_PDEATHSIG: Final = 1


class PortTakenError(Refusal):
    """Somebody else listens where the pages should be."""

    machine = True
    en = "{host}:{port} is in use: stop the program that holds it, or choose another (--port {other})."  # noqa: E501
    zh = "{host}:{port} 已被占用：请停止占用它的程序，或换一个端口（--port {other}）。"


class BadHostError(Refusal):
    """The address cannot be listened at."""

    en = "This machine cannot listen at {host}:{port} ({reason}): name an address of its own, or a port from 1024 up."  # noqa: E501
    zh = "本机无法监听 {host}:{port}（{reason}）：请填写本机地址，或使用 1024 以上的端口。"


class PagesDownError(Refusal):
    """The process of the pages does not start."""

    machine = True
    en = "The pages do not start (exit code {code}): its words stand above. `liudu doctor` says what this machine lacks."  # noqa: E501
    zh = "页面进程无法启动（退出码 {code}）：原因见上文。`liudu doctor` 会说明本机缺什么。"


def require_free(*, host: str, port: int) -> None:
    """Refuse a port that is taken or an address that is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            reason = error.strerror or str(error)
            if "in use" in reason.lower():
                raise PortTakenError(host=host, port=port, other=port + 1) from error
            raise BadHostError(host=host, port=port, reason=reason) from error


def url_of(*, host: str, port: int) -> str:
    """Return the address that a browser on this machine opens."""
    shown = {"0.0.0.0": "localhost", "::": "localhost", "127.0.0.1": "localhost"}.get(host, host)  # noqa: S104 - compared, not listened at
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def pages_command(*, host: str, port: int, web: int) -> list[str]:
    """Return the command that serves the pages."""
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    memory = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat must not wait for a disk
    fast = ["--worker-tmp-dir", str(memory)] if os.access(memory, os.W_OK) else []
    return [
        *(sys.executable, "-m", "gunicorn", "liudu.platform.wsgi:application"),
        *("--bind", bind, "--workers", str(web), "--worker-class", "gthread", "--threads", "4"),
        *("--timeout", "120", "--graceful-timeout", "10", "--log-level", "warning", *fast),
        # Longer than people and proxies wait: who is served late is not cut off meanwhile.
        *("--keep-alive", "75"),
    ]


def liudu_command(*arguments: str) -> list[str]:
    """Return the command that runs `liudu` with the interpreter that runs this."""
    return [sys.executable, "-m", "liudu.platform.cli", *arguments]


@attrs.define(eq=False)
class Child:
    """One process, started again when it dies unless it is to run once."""

    name: str
    command: Sequence[str]
    once: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    fault_count: int = 0
    again_s: float | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it, in a session of its own, so that Ctrl-C reaches the keeper only."""
        self.process = subprocess.Popen(
            list(self.command),
            env=dict(environment),
            start_new_session=True,
            preexec_fn=_dying_with_parent(),  # noqa: PLW1509 - the keeper has no threads
        )
        self.started_s, self.again_s = time.monotonic(), None

    def ended(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self.process.poll() if self.process else None


def _dying_with_parent() -> Callable[[], None] | None:
    """Return what lets the kernel end a process whose keeper is killed, where that can be had."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask


@attrs.define(eq=False)
class Keeper:
    """Starts processes, looks after them, stops them."""

    children: list[Child]
    environment: Mapping[str, str]
    ended: Callable[[Child, int], None]
    stopping: bool = False

    def run(
        self,
        *,
        ready: Callable[[], bool],
        told: Callable[[], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Run until SIGTERM or Ctrl-C; `told` is called once `ready` holds.

        Parameters
        ----------
        meanwhile
            Done here while the first processes start; what it raises stops all of them.

        Raises
        ------
        PagesDownError
            If the first child, the pages, dies again and again.

        """
        before = {number: signal.signal(number, self._stop) for number in _STOPPERS}
        try:
            for child in self.children:
                child.start(self.environment)
            meanwhile()
            is_told = False
            while not self.stopping:
                if not is_told and ready():
                    is_told = True
                    told()
                for child in list(self.children):
                    self._look_after(child)
                time.sleep(POLL_S)
        finally:
            self._stop_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def add(self, child: Child) -> None:
        """Start one more."""
        self.children.append(child)
        child.start(self.environment)

    def stop(self) -> None:
        """End `run` soon."""
        self.stopping = True

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stopping = True

    def _look_after(self, child: Child) -> None:
        code = child.ended()
        if code is None:
            return
        if child.once:
            child.process = None
            self.ended(child, code)
            return
        now_s = time.monotonic()
        if child.again_s is None:
            lived_s = now_s - child.started_s
            child.fault_count = 0 if lived_s > STEADY_S else child.fault_count + 1
            self._give_up(child, code)
            wait_s = BACKOFF_S[min(child.fault_count, len(BACKOFF_S)) - 1]
            child.again_s = now_s + (wait_s if child.fault_count else 0.0)
            self.ended(child, code)
        elif now_s >= child.again_s:
            child.start(self.environment)

    def _give_up(self, child: Child, code: int) -> None:
        if child is self.children[0] and child.fault_count >= PAGES_STARTS_MAX:
            raise PagesDownError(code=code)

    def _stop_all(self) -> None:
        """Ask all to end, wait, and kill those who do not."""
        living = [child.process for child in self.children if child.process]
        for process in living:
            if process.poll() is None:
                process.terminate()
        until_s = time.monotonic() + STOP_S
        for process in living:
            try:
                process.wait(max(0.1, until_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill_group(process.pid)
                process.wait()


_STOPPERS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def answers(*, host: str, port: int) -> bool:
    """Return whether somebody takes connections there."""
    meant = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened at
    try:
        with socket.create_connection((meant, port), timeout=0.5):
            return True
    except OSError:
        return False


def find(program: str) -> str | None:
    """Return a program beside the interpreter or on the path."""
    beside = Path(sys.executable).with_name(program)
    return str(beside) if beside.is_file() else shutil.which(program)
