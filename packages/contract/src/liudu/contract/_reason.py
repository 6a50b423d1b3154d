"""How a run can end."""

from enum import StrEnum


class Reason(StrEnum):
    """The reason code of a run's end; exactly one for every run.

    Only `INFRA` is the runner's fault: it is retried and never costs the vendor an attempt.
    """

    OK = "ok"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OOM = "oom"
    BAD_OUTPUT = "bad_output"
    MISSING_ITEMS = "missing_items"
    SANDBOX_VIOLATION = "sandbox_violation"
    INFRA = "infra"
