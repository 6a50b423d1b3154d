"""The system calls that a solution does not get, as a classic BPF program.

A list of what is forbidden: the whole program runs in namespaces of its own already, and the
list takes away the parts of the kernel that have nothing to do with computing and much to do
with breaking out. Numbers are from the kernel's syscall tables.
"""

import errno
import platform
import struct
from typing import NamedTuple

_NEW = {  # since 2019 the numbers are the same on all machines
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443,
    "memfd_secret": 447, "statmount": 457, "listmount": 458, "open_tree_attr": 467,
}  # fmt: skip

_X86_64 = {
    "ptrace": 101, "syslog": 103, "uselib": 134, "personality": 135, "pivot_root": 155,
    "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166,
    "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171,
    "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179,
    "lookup_dcookie": 212, "clock_settime": 227, "mbind": 237, "set_mempolicy": 238,
    "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "migrate_pages": 256, "unshare": 272, "move_pages": 279, "perf_event_open": 298,
    "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321,
    "userfaultfd": 323, **_NEW,
}  # fmt: skip

_AARCH64 = {
    "lookup_dcookie": 18, "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51,
    "quotactl": 60, "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104,
    "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116,
    "ptrace": 117, "reboot": 142, "sethostname": 161, "setdomainname": 162,
    "settimeofday": 170, "add_key": 217, "request_key": 218, "keyctl": 219, "swapon": 224,
    "swapoff": 225, "mbind": 235, "set_mempolicy": 237, "migrate_pages": 238,
    "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262,
    "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268,
    "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273,
    "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294, **_NEW,
}  # fmt: skip


class Machine(NamedTuple):
    """What a filter must know about a kind of machine."""

    audit_arch: int
    clone: int
    socket: int
    absent: tuple[int, ...]  # answered as if the kernel did not have them
    denied: dict[str, int]


_CLONE3 = 435  # its flags lie in memory that a filter cannot read, so libc must use clone
# Memory in these is nobody's resident set, so it could not be measured or limited:
# memfd_create and shmget. Programs have a way without.
MACHINES = {
    "x86_64": Machine(0xC000003E, 56, 41, (_CLONE3, 319, 29), _X86_64),
    "aarch64": Machine(0xC00000B7, 220, 198, (_CLONE3, 279, 194), _AARCH64),
}

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000
_CLONE_NEW = 0x7E020000  # CLONE_NEW*: mount, cgroup, uts, ipc, user, pid, net


def program(machine: str | None = None, *, sockets: bool = True) -> bytes:
    """Return the filter for a kind of machine, as ``struct sock_filter[]``.

    A foreign instruction set kills the process (SIGSYS); clone3 and the uncounted kinds of
    memory answer ENOSYS; new namespaces and the denied calls answer EPERM. Without ``sockets``
    no socket can be made (EACCES): for levels without a network namespace, where UDP and the
    sockets of the host's services, such as a session bus, would be within reach.

    Raises
    ------
    KeyError
        If there is no table for the machine; `supported` tells.

    """
    kind = MACHINES[machine or platform.machine()]
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, kind.audit_arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if kind is MACHINES["x86_64"]:
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL_PROCESS)]
    for number in kind.absent:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    code += [
        (_EQUAL, 0, 4, kind.clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _CLONE_NEW),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    if not sockets:
        code += [(_EQUAL, 0, 1, kind.socket), (_RETURN, 0, 0, _ERRNO | errno.EACCES)]
    for number in sorted(kind.denied.values()):
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def supported(machine: str | None = None) -> bool:
    """Tell whether there is a table for this kind of machine."""
    return (machine or platform.machine()) in MACHINES
