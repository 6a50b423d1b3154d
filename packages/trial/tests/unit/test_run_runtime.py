import pytest

from liudu.contract import Manifest, Resources, Runtime, Warmup
from liudu.sandbox import Level
from liudu.trial.runtime import (
    ItemTimeoutIsSealedError,
    LevelNotHadError,
    NeedsNotMetError,
    NoGpuError,
    TooFewCpusError,
    TooMuchMemoryError,
    WeakerLevelError,
    WrongTaskError,
    choose_level,
    item_timeout_of,
    limits_of,
    require_fit,
    runtime_of,
    warmup_of,
)


def manifest(**options):
    known = {"name": "s", "version": "1", "entry": ("python3",), "mode": "batch"}
    return Manifest(**{**known, **options})


def choose(wish=None, *, sealed=Level.BWRAP, best=Level.LANDLOCK, **options):
    def lack(level, *, language):
        return None if level <= best else f"no {level.label} in {language}"

    known = {"simulated": False, "allow_weaker": False, "best": lambda: best, "lack": lack}
    return choose_level(wish, sealed=sealed, **{**known, **options})


def test_without_a_wish_the_strongest_level_is_taken():
    assert choose(best=Level.BWRAP, sealed=Level.PROCESS).had is Level.BWRAP


def test_a_level_below_the_sealed_one_is_refused_with_what_is_missing():
    with pytest.raises(WeakerLevelError, match="no bwrap in en") as refused:
        choose()
    assert "no bwrap in zh" in refused.value.say("zh")
    assert "--allow-weaker" not in str(refused.value)


def test_the_flag_changes_nothing_for_real_data():
    with pytest.raises(WeakerLevelError):
        choose(allow_weaker=True)


def test_simulated_data_may_run_weaker_when_asked_and_it_is_said():
    with pytest.raises(WeakerLevelError, match="--allow-weaker"):
        choose(simulated=True)
    level = choose(simulated=True, allow_weaker=True)
    assert level.weaker
    assert level.had is Level.LANDLOCK


def test_a_wish_that_the_machine_does_not_give_is_refused():
    with pytest.raises(LevelNotHadError, match="no bwrap in en"):
        choose(Level.BWRAP)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"tasks": ("value",)}, WrongTaskError, "made for value"),
        ({"resources": Resources(gpu_count=2)}, NoGpuError, "2 GPU"),
        ({"resources": Resources(cpu=100_000)}, TooFewCpusError, "100000 CPUs"),
        (
            {"runtime": Runtime(use="python", needs=("numpy>=999",))},
            NeedsNotMetError,
            "numpy>=999",
        ),
    ],
)
def test_what_this_machine_cannot_give_is_refused_before_the_run(options, error, says):
    with pytest.raises(error, match=says):
        require_fit(manifest(**options), task="classify", mode="batch")


def test_what_is_there_is_enough():
    runtime = Runtime(use="python", needs=("numpy>=1",))
    require_fit(manifest(runtime=runtime), task="classify", mode="batch")
    assert runtime_of(manifest(runtime=runtime))
    assert runtime_of(manifest()) == ()


def test_the_owners_limits_hold_and_the_solutions_wish_below_them():
    wish = manifest(resources=Resources(memory_mib=300))
    limits = limits_of(
        wish, protocol_limits={"memory_mib": 512.0, "wall_s": 7.5, "processes": 9.0}, item_count=4
    )
    assert (limits.memory_mib, limits.wall_s, limits.processes) == (300, 7.5, 9)
    assert limits_of(wish, protocol_limits={}, item_count=10).wall_s == 900


def test_more_memory_than_the_owner_allows_is_refused_with_both_figures():
    wish = manifest(resources=Resources(memory_mib=4096))
    with pytest.raises(TooMuchMemoryError, match="4096 MiB, the owner allows 512 MiB"):
        limits_of(wish, protocol_limits={"memory_mib": 512}, item_count=1)


def test_more_memory_than_the_machine_has_is_refused():
    wish = manifest(resources=Resources(memory_mib=10**9))
    with pytest.raises(TooMuchMemoryError, match="this machine has"):
        limits_of(wish, protocol_limits={}, item_count=1)


def test_warm_up_comes_from_the_public_sample_under_fresh_ids():
    items, files = warmup_of(manifest(warmup=Warmup(items=9)), task="classify")
    assert len({item.id for item in items}) == 9
    assert {item.path for item in items} <= set(files)
    assert warmup_of(manifest(), task="classify") == ((), {})


def test_the_owner_says_how_long_an_answer_may_take():
    limits = {"item_timeout_s": 2.0, "memory_mib": 4096}
    assert item_timeout_of(None, protocol_limits=limits, simulated=False) == 2.0
    assert item_timeout_of(None, protocol_limits={}, simulated=False) == 30.0
    assert limits_of(manifest(), protocol_limits=limits, item_count=1).memory_mib == 2048


def test_who_runs_a_sealed_trial_cannot_change_the_time_of_an_answer():
    limits = {"item_timeout_s": 2.0}
    with pytest.raises(ItemTimeoutIsSealedError, match=r"2 s.*item_timeout_s: 60") as refused:
        item_timeout_of(60.0, protocol_limits=limits, simulated=False)
    assert "60 秒" in refused.value.say("zh")
    assert item_timeout_of(60.0, protocol_limits=limits, simulated=True) == 60.0
