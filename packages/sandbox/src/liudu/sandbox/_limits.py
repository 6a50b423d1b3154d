"""What a run may use, and which folders it is shown."""

import os
from pathlib import Path
from typing import Any

from attrs import field, frozen, validators

_POSITIVE: Any = validators.gt(0)


@frozen(kw_only=True)
class Limits:
    """What one run may use.

    Attributes
    ----------
    memory_mib
        Memory of the whole process tree, watched from outside; the run is killed above it.
        The address space of each process is limited too, at `address_space_mib`.
    cpu_s
        CPU seconds of the whole tree, and of each process by RLIMIT_CPU; None: `wall_s` times
        the number of CPUs.
    wall_s
        Seconds from the start of the command to the kill.
    processes
        Processes and threads at one time.
    open_files
        Open files of each process.
    output_mib
        Bytes in the output folder, and of any one file written.
    tmp_mib, shm_mib
        Size of /tmp and /dev/shm. At the weaker levels: of the run's own temporary folder.
    stdout_kib, stderr_kib
        What is kept of the two streams; the rest is read and thrown away.

    """

    memory_mib: int = field(default=2048, validator=_POSITIVE)
    cpu_s: float | None = field(default=None, validator=validators.optional(_POSITIVE))
    wall_s: float = field(default=600.0, validator=_POSITIVE)
    processes: int = field(default=64, validator=validators.ge(8))
    open_files: int = field(default=256, validator=validators.ge(16))
    output_mib: int = field(default=200, validator=_POSITIVE)
    tmp_mib: int = field(default=64, validator=_POSITIVE)
    shm_mib: int = field(default=16, validator=_POSITIVE)
    stdout_kib: int = field(default=64, validator=validators.ge(0))
    stderr_kib: int = field(default=64, validator=validators.ge(0))

    @property
    def address_space_mib(self) -> int:
        """RLIMIT_AS of each process: far above `memory_mib`, for mapped is not used.

        Thread stacks, malloc arenas and the buffers of numerical libraries are mapped per CPU
        and mostly never touched. The tree's real memory is what `memory_mib` limits; this one
        only stops a process that grows faster than it is looked at.
        """
        return 2 * self.memory_mib + 1024 + 64 * (os.cpu_count() or 1)

    @property
    def cpu_total_s(self) -> float:
        """CPU seconds of the whole tree."""
        return self.cpu_s if self.cpu_s is not None else self.wall_s * (os.cpu_count() or 1)


@frozen(kw_only=True)
class Mounts:
    """The folders a run is shown; all else is hidden or, at the weaker levels, forbidden.

    Attributes
    ----------
    app
        The solution, read-only.
    inputs
        What it works on, read-only.
    output
        The only folder that it can write to and that stays: an empty folder made for this run.
        When the runner is root, it is given to the slot's uid.
    read_only
        Runtimes, shown at their own paths; their ``bin`` folders come first in PATH.

    """

    app: Path = field(converter=Path)
    inputs: Path = field(converter=Path)
    output: Path = field(converter=Path)
    read_only: tuple[Path, ...] = ()


@frozen(kw_only=True)
class Paths:
    """What the folders are called inside the sandbox."""

    app: str
    inputs: str
    output: str
    tmp: str
