"""The filter, run through an interpreter of classic BPF."""

import errno
import struct

import pytest

from liudu.sandbox import _seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS


def verdict(code: bytes, *, arch: int, number: int, first_argument: int = 0) -> int:
    data = struct.pack("<IIQQ", number, arch, 0, first_argument)
    at, accumulator = 0, 0
    while True:
        kind, true, false, k = struct.unpack_from("HBBI", code, at * 8)
        at += 1
        if kind == 0x20:
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif kind == 0x06:
            return k
        else:
            holds = {0x15: accumulator == k, 0x35: accumulator >= k, 0x45: accumulator & k}[kind]
            at += true if holds else false


@pytest.fixture(params=list(_seccomp.MACHINES))
def machine(request) -> str:
    return request.param


def test_every_named_call_is_denied_and_the_rest_allowed(machine):
    kind = _seccomp.MACHINES[machine]
    code = _seccomp.program(machine)
    denied = set(kind.denied.values())
    for number in range(600):
        expected = EPERM if number in denied else ENOSYS if number in kind.absent else ALLOW
        assert verdict(code, arch=kind.audit_arch, number=number) == expected, number


def test_clone_may_not_make_a_namespace_but_threads_and_processes(machine):
    kind = _seccomp.MACHINES[machine]
    code = _seccomp.program(machine)
    thread = 0x003D0F00
    call = {"arch": kind.audit_arch, "number": kind.clone}
    assert verdict(code, **call, first_argument=thread) == ALLOW
    assert verdict(code, **call, first_argument=17) == ALLOW
    for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x08000000):
        assert verdict(code, **call, first_argument=flag | 17) == EPERM


def test_without_sockets_none_can_be_made(machine):
    kind = _seccomp.MACHINES[machine]
    code = _seccomp.program(machine, sockets=False)
    forbidden = 0x00050000 | errno.EACCES
    assert verdict(code, arch=kind.audit_arch, number=kind.socket) == forbidden
    assert verdict(code, arch=kind.audit_arch, number=kind.socket + 1) == ALLOW


def test_clone3_does_not_exist_for_its_flags_cannot_be_read(machine):
    kind = _seccomp.MACHINES[machine]
    assert verdict(_seccomp.program(machine), arch=kind.audit_arch, number=435) == ENOSYS


def test_a_foreign_instruction_set_is_killed(machine):
    assert verdict(_seccomp.program(machine), arch=0x40000003, number=1) == KILL


def test_the_x32_calls_of_x86_64_are_killed():
    kind = _seccomp.MACHINES["x86_64"]
    code = _seccomp.program("x86_64")
    assert verdict(code, arch=kind.audit_arch, number=0x40000000 | 101) == KILL


def test_a_machine_without_a_table_is_known_as_such():
    assert not _seccomp.supported("riscv64")
