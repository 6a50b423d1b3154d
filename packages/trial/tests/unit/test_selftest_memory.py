"""The attacks are tried once a boot; what is remembered is believed only if it is ours alone."""

import json

import pytest

from liudu.sandbox import Attack, Level, SelfTest
from liudu.trial.selftest_memory import RememberedSelfTest, remembered, tried


class Machine:
    """Counts how often the attacks are tried."""

    def __init__(self, base, *, blocked=True):
        self.folder, self.boot_id, self.count, self.blocked = (
            base / "memory",
            base / "boot",
            0,
            blocked,
        )
        self.boot_id.write_text("first boot")

    def attack(self, level):
        self.count += 1
        attack = Attack(name="a", en="a", zh="甲", blocked=self.blocked, control=True, detail="")
        return SelfTest(level=level, attacks=(attack,), startup_ms=5.0)

    def ask(self, level=Level.BWRAP, *, how=remembered):
        return how(level, folder=self.folder, try_attacks=self.attack, boot_id=self.boot_id)

    @property
    def file(self):
        (file,) = self.folder.iterdir()
        return file


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_the_second_run_of_a_boot_remembers_the_first(machine):
    first, second = machine.ask(), machine.ask()
    assert machine.count == 1
    assert not isinstance(first, RememberedSelfTest)
    assert isinstance(second, RememberedSelfTest)
    assert (second.level, second.attacks) == (first.level, first.attacks)
    assert machine.file.stat().st_mode & 0o777 == 0o600


def test_another_boot_and_another_level_are_tried_anew(machine):
    machine.ask()
    machine.ask(Level.PROCESS)
    machine.boot_id.write_text("second boot")
    machine.ask()
    assert machine.count == 3


def test_a_forced_test_is_tried_and_remembered(machine):
    machine.ask()
    machine.ask(how=tried)
    assert machine.count == 2
    assert isinstance(machine.ask(), RememberedSelfTest)


def test_a_strong_level_that_leaked_is_tried_every_time(tmp_path):
    leaky = Machine(tmp_path, blocked=False)
    leaky.ask()
    leaky.ask()
    assert leaky.count == 2
    assert not list(leaky.folder.iterdir())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.chmod(0o644),
        lambda file: file.write_text("{"),
        lambda file: file.write_text(json.dumps({"level": 0, "attacks": []})),
        lambda file: file.with_suffix(".second").hardlink_to(file),
        lambda file: file.symlink_to(file.rename(file.with_suffix(".moved"))),
        lambda file: file.parent.chmod(0o777),
    ],
)
def test_what_others_may_have_written_is_not_believed(machine, spoil):
    machine.ask()
    spoil(machine.file)
    machine.ask()
    assert machine.count == 2


def test_without_a_boot_id_nothing_is_remembered(machine):
    machine.boot_id.unlink()
    machine.ask()
    machine.ask()
    assert machine.count == 2
