# Alone in a sandbox, so with the plainest calls; the paths are targets.
# ruff: noqa: PTH108, PTH119, PTH123, PTH208, PTH116, PTH211, S108
"""What a hostile solution would try; run inside a sandbox, as a program of its own.

    python3 _attacks.py '{"sealed": …}'    prints one JSON object: attack -> [succeeded, detail]

Standard library only, for it is copied into the sandbox and run there alone. Each attack is
tried in a child of its own. The same program run without a sandbox is the control: an attack
that fails there too proves nothing about the sandbox. No attack sends anything beyond the
loopback interface, and none is unlimited: the program limits itself before it begins.
"""

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import platform
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

_MIB = 1 << 20
_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_PTRACE_SEIZE = 0x4206
_PER_ATTACK_S = 10
_ARM = platform.machine() == "aarch64"
_NUMBERS = {"bpf": 280, "keyctl": 219, "clone": 220} if _ARM else {
    "bpf": 321, "keyctl": 250, "clone": 56,
}  # fmt: skip
_IO_URING_SETUP = 425
_MEMORY_GIB = 3

libc = ctypes.CDLL(None, use_errno=True)
Result = tuple[bool, str]


class AttackKind(NamedTuple):
    """One attack: its name for machines, for people, and what it does."""

    name: str
    zh: str
    en: str
    tries: Callable[[dict[str, Any]], Result]


KINDS: list[AttackKind] = []


def _attack(name: str, zh: str, en: str) -> Callable[..., Callable[[dict[str, Any]], Result]]:
    def add(tries: Callable[[dict[str, Any]], Result]) -> Callable[[dict[str, Any]], Result]:
        KINDS.append(AttackKind(name, zh, en, tries))
        return tries

    return add


def _call(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _write_new(folder: str) -> Result:
    path = f"{folder}/.liudu-probe"
    with open(path, "x", encoding="utf-8"):
        pass
    os.unlink(path)
    return True, f"wrote into {os.path.basename(folder) or folder}"


# -- files --------------------------------------------------------------------------------------


@_attack("read_shadow", "读取 /etc/shadow", "read /etc/shadow")
def _(_: dict[str, Any]) -> Result:
    return True, f"{len(_read('/etc/shadow'))} characters"


@_attack("read_sealed_labels", "按路径读取密封标签", "read the sealed labels by path")
def _(about: dict[str, Any]) -> Result:
    return _read(about["sealed"]).strip() == about["token"], "read"


@_attack("stat_sealed_labels", "查看密封标签的大小", "learn the size of the sealed labels")
def _(about: dict[str, Any]) -> Result:
    return True, f"{os.stat(about['sealed']).st_size} bytes"


@_attack(
    "list_home", "列出运行者的主目录", "list the home folder of the account that runs the trial"
)
def _(about: dict[str, Any]) -> Result:
    seen = set(os.listdir(about["home"])) & set(about["home_names"])
    return bool(seen), f"{len(seen)} names"


@_attack(
    "read_through_proc_root",
    "经 /proc/PID/root 读取密封标签",
    "read the sealed labels through /proc/PID/root",
)
def _(about: dict[str, Any]) -> Result:
    for pid in ("1", str(os.getppid()), str(about["host_pid"])):
        with contextlib.suppress(OSError):
            if _read(f"/proc/{pid}/root{about['sealed']}").strip() == about["token"]:
                return True, f"read through pid {pid}"
    return False, "none of 3 ways"


@_attack("see_host_processes", "看到主机上的进程", "see the processes of the host")
def _(about: dict[str, Any]) -> Result:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if about["host_token"] in _read(f"/proc/{pid}/cmdline").split("\0"):
                return True, "saw a process of the runner"
    return False, "saw none of the runner's"


@_attack("write_inputs", "改写输入数据", "write into the inputs")
def _(about: dict[str, Any]) -> Result:
    return _write_new(about["inputs"])


@_attack("write_program", "改写自己的程序目录", "write into its own program folder")
def _(about: dict[str, Any]) -> Result:
    return _write_new(about["app"])


@_attack("write_system", "改写 /usr 或 /etc", "write into /usr or /etc")
def _(_: dict[str, Any]) -> Result:
    with contextlib.suppress(OSError):
        return _write_new("/usr")
    return _write_new("/etc")


@_attack(
    "tune_kernel", "打开 /proc/sys/vm/drop_caches 写入", "open /proc/sys/vm/drop_caches for writing"
)
def _(_: dict[str, Any]) -> Result:
    os.close(os.open("/proc/sys/vm/drop_caches", os.O_WRONLY))
    return True, "opened; nothing was written"


@_attack(
    "link_output_to_labels",
    "把输出做成指向标签的符号链接",
    "make the output a symbolic link to the labels",
)
def _(about: dict[str, Any]) -> Result:
    os.symlink(about["sealed"], about["output"] + "/predictions.jsonl")
    return True, "made; whether it is followed is seen from outside"


# -- network and other processes ----------------------------------------------------------------


@_attack("tcp_to_host", "连接主机回环 TCP 端口", "connect to a TCP port on the host's loopback")
def _(about: dict[str, Any]) -> Result:
    with socket.create_connection(("127.0.0.1", about["tcp_port"]), 1) as connection:
        return connection.recv(64).decode() == about["token"], "answered"


@_attack("udp_to_host", "向主机回环 UDP 端口收发", "exchange UDP with the host's loopback")
def _(about: dict[str, Any]) -> Result:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(1)
        connection.sendto(b"?", ("127.0.0.1", about["udp_port"]))
        return connection.recv(64).decode() == about["token"], "answered"


@_attack("see_network", "看到 lo 之外的网卡", "see a network interface besides lo")
def _(_: dict[str, Any]) -> Result:
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    return bool(others), f"{len(others)} interfaces"


@_attack("abstract_socket", "连接主机的抽象套接字", "connect to an abstract socket of the host")
def _(about: dict[str, Any]) -> Result:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + about["abstract_socket"])
        return connection.recv(64).decode() == about["token"], "answered"


@_attack("path_socket", "连接主机的路径套接字", "connect to a socket of the host by its path")
def _(about: dict[str, Any]) -> Result:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(about["path_socket"])
        return connection.recv(64).decode() == about["token"], "answered"


@_attack("signal_host_process", "向主机进程发信号", "send a signal to a process of the host")
def _(about: dict[str, Any]) -> Result:
    os.kill(about["host_pid"], signal.SIGWINCH)
    return True, "sent; whether it arrived is seen from outside"


@_attack("ptrace_other", "用 ptrace 附着其他进程", "attach to another process by ptrace")
def _(_: dict[str, Any]) -> Result:
    _call(libc.ptrace(_PTRACE_SEIZE, os.getppid(), 0, 0))
    return True, "attached to its parent"


@_attack("read_secret_in_environment", "读取运行者的环境变量", "read the runner's environment")
def _(about: dict[str, Any]) -> Result:
    pairs = [f"{name}={value}" for name, value in os.environ.items()]
    with contextlib.suppress(OSError):  # of the runner's own process
        pairs += _read(f"/proc/{about['host_pid']}/environ").split("\0")
    seen = {hashlib.sha256(pair.encode()).hexdigest() for pair in pairs} & set(
        about["environment_sha256"]
    )
    return bool(seen), f"{len(seen)} variables"


# -- the kernel ---------------------------------------------------------------------------------


@_attack("mount_filesystem", "挂载文件系统", "mount a file system")
def _(about: dict[str, Any]) -> Result:
    if about["control"]:  # in a namespace of its own, so that the machine does not change
        _call(libc.unshare(_CLONE_NEWNS))
        _call(libc.mount(b"none", b"/", b"none", ctypes.c_ulong(1 << 18 | 16384), None))
    _call(libc.mount(b"none", b"/tmp", b"tmpfs", ctypes.c_ulong(0), b"size=4k"))
    return True, "mounted"


@_attack("new_user_namespace", "新建用户命名空间", "make a new user namespace")
def _(_: dict[str, Any]) -> Result:
    flags = ctypes.c_ulong(_CLONE_NEWUSER | signal.SIGCHLD)
    pid = libc.syscall(_NUMBERS["clone"], flags, None, None, None, None)
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
        return True, "by clone"
    _call(libc.unshare(_CLONE_NEWUSER))
    return True, "by unshare"


@_attack("make_device_node", "创建设备节点", "make a device node and open it")
def _(about: dict[str, Any]) -> Result:
    path = f"{about['output']}/device"
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    try:
        os.close(os.open(path, os.O_RDONLY))
    finally:
        os.unlink(path)
    return True, "opened"


@_attack("bpf", "调用 bpf()", "call bpf()")
def _(_: dict[str, Any]) -> Result:
    if libc.syscall(_NUMBERS["bpf"], -1, None, 0) < 0:
        code = ctypes.get_errno()
        if code in {errno.EPERM, errno.ENOSYS, errno.EACCES}:
            raise OSError(code, os.strerror(code))
    return True, "the kernel answered it"


@_attack("io_uring", "调用 io_uring_setup()", "call io_uring_setup()")
def _(_: dict[str, Any]) -> Result:
    os.close(_call(libc.syscall(_IO_URING_SETUP, 4, ctypes.create_string_buffer(120))))
    return True, "made a ring"


@_attack("keyctl", "访问内核密钥环", "reach the kernel's key rings")
def _(_: dict[str, Any]) -> Result:
    _call(libc.syscall(_NUMBERS["keyctl"], 0, -3, 1))
    return True, "got the session key ring"


@_attack("become_root", "变为 root", "become root")
def _(_: dict[str, Any]) -> Result:
    os.setuid(0)
    return os.getuid() == 0, "uid 0"


# -- resources ----------------------------------------------------------------------------------


@_attack("fork_bomb", "进程炸弹超过上限", "make more processes than the limit")
def _(about: dict[str, Any]) -> Result:
    wanted = about["processes"] + 16
    children: list[int] = []
    try:
        while len(children) < wanted:
            pid = os.fork()
            if pid == 0:
                time.sleep(_PER_ATTACK_S)
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(children) > about["processes"], f"{len(children)} processes were made"


@_attack("allocate_memory", "申请超过上限的内存", "use more memory than the limit")
def _(about: dict[str, Any]) -> Result:
    small = bytearray(64 * _MIB)  # the control: a small block must be had
    small[::4096] = b"x" * len(small[::4096])
    block = bytearray(about["memory_mib"] * _MIB)
    for start in range(0, len(block), 4096):
        block[start] = 1
    return True, f"{len(block) // _MIB} MiB used"


@_attack("uncounted_memory", "占用不计入进程的内存", "take memory that no process is charged for")
def _(_: dict[str, Any]) -> Result:
    with contextlib.suppress(OSError):
        os.close(os.memfd_create("probe"))
        return True, "by memfd_create"
    segment = _call(libc.shmget(0, ctypes.c_size_t(4096), 0o1600))
    libc.shmctl(segment, 0, None)
    return True, "by shmget"


@_attack("fill_tmp", "写满临时空间", "fill /tmp and other scratch places beyond the cap")
def _(about: dict[str, Any]) -> Result:
    places = ["/tmp", "/dev/shm", "/dev", "/var/tmp", "/run", "/"]
    caps = {"/dev/shm": about["shm_mib"]}
    for place in places[:1] if about["control"] else places:
        cap_mib = caps.get(place, about["tmp_mib"])
        if _fill(place, cap_mib + 16) > cap_mib:
            return True, f"more than {cap_mib} MiB in {place}"
    return False, "every place is capped or closed"


def _fill(place: str, wanted_mib: int) -> int:
    """Write files of 4 MiB until it is enough or refused; remove them; return the MiB written."""
    made: list[str] = []
    try:
        while len(made) * 4 < wanted_mib:
            path = f"{place}/.liudu-fill-{os.getpid()}-{len(made)}"
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            made.append(path)
            try:
                if os.write(fd, bytes(4 * _MIB)) < 4 * _MIB:
                    break
            finally:
                os.close(fd)
        else:
            return len(made) * 4
    except OSError:
        pass
    finally:
        for path in made:
            os.unlink(path)
    return max(len(made) - 1, 0) * 4


@_attack("leave_daemon", "运行结束后留下守护进程", "leave a daemon behind")
def _(about: dict[str, Any]) -> Result:
    sleeping = ["python3", "-c", "import time; time.sleep(60)"]
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            os.closerange(3, 64)
            os.execvp("python3", [*sleeping, about["daemon"]])  # noqa: S606
        os._exit(0)
    os.wait()
    return True, "started; whether it lives on is seen from outside"


# -- the program --------------------------------------------------------------------------------


def _limit_itself(about: dict[str, Any]) -> None:
    """Never be unlimited, whatever starts this program."""
    for kind, value in (
        (resource.RLIMIT_AS, 6144 * _MIB),
        (resource.RLIMIT_FSIZE, 256 * _MIB),
        (resource.RLIMIT_CPU, 60),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (soft, hard))


def _try(kind: AttackKind, about: dict[str, Any]) -> Result:
    """Try one attack in a child, so that none can spoil the next."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer: Result = kind.tries(about)
        except BaseException as error:  # noqa: BLE001 - a refusal of any kind is the answer
            answer = (False, f"{type(error).__name__}: {str(error)[:70]}")
        os.write(write_fd, json.dumps(answer).encode())
        os._exit(0)
    os.close(write_fd)
    readable, _, _ = select.select([read_fd], [], [], _PER_ATTACK_S)
    heard = os.read(read_fd, 4096) if readable else b""
    os.close(read_fd)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not heard:
        return True, "gave no answer, which counts as not blocked"
    succeeded, detail = json.loads(heard)
    return succeeded, detail


def main() -> None:
    """Try the attacks that are named; print what came of each."""
    about = json.loads(sys.argv[1])
    _limit_itself(about)
    wanted = set(about["attacks"])
    results = {kind.name: _try(kind, about) for kind in KINDS if kind.name in wanted}
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main()
