"""Landlock by system calls: files and TCP of the host out of reach, without any privilege."""

from __future__ import annotations

import ctypes
import os
import struct

TYPE_CHECKING = False  # typing itself would cost 5 ms of every start
if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same number on all machines
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1, 2, 4, 8, 1 << 14
_IOCTL_DEV = 1 << 15
_BIND_AND_CONNECT_TCP = 3
_SCOPE_ABSTRACT_SOCKET_AND_SIGNAL = 3
_ACCESS_COUNT = {1: 13, 2: 14, 3: 15, 4: 15}  # kinds of file access that an ABI knows; 5: 16
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

libc = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def abi() -> int:
    """Return the Landlock version of the kernel, 0 where there is none or it is switched off."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    except OSError:
        return 0


def all_access(version: int) -> int:
    """Return the bits of all kinds of file access that an ABI version knows."""
    return (1 << _ACCESS_COUNT.get(version, 16)) - 1


def ruleset(version: int) -> bytes:
    """Return ``struct landlock_ruleset_attr`` with everything forbidden that a version can."""
    attributes = struct.pack("=Q", all_access(version))
    if version >= 4:  # noqa: PLR2004 - TCP came with ABI 4
        attributes += struct.pack("=Q", _BIND_AND_CONNECT_TCP)
    if version >= 6:  # noqa: PLR2004 - abstract sockets and signals came with ABI 6
        attributes += struct.pack("=Q", _SCOPE_ABSTRACT_SOCKET_AND_SIGNAL)
    return attributes


def restrict(*, read_only: Iterable[str], writable: Iterable[str]) -> None:
    """Forbid this process and all below it every file but those given, TCP, and signals out.

    ``no_new_privs`` must be set before. Paths that are absent are passed over.
    """
    version = abi()
    attributes = ruleset(version)
    rules = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    every = all_access(version)
    for paths, access in ((read_only, _EXECUTE | _READ_FILE | _READ_DIR), (writable, every)):
        for path in paths:
            _allow(rules, path, access & every)
    _call(_RESTRICT_SELF, rules, ctypes.c_uint32(0))
    os.close(rules)


def _allow(rules: int, path: str, access: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib costs 10 ms of start-up here
        access &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
    _call(_ADD_RULE, rules, _RULE_PATH_BENEATH, struct.pack("=Qi", access, beneath), 0)
    os.close(beneath)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install_filter(code: bytes) -> None:
    """Apply a seccomp program to this process and all below it."""
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = _Program(len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_program), 0, 0):
        code_number = ctypes.get_errno()
        raise OSError(code_number, os.strerror(code_number))
