"""``liudu demo-story``: what takes its time in the demo, done while the pages are up already.

Boards are simulated and a solution is packed by ``liudu-inspect``, as a vendor and an owner would
do at home; then everything goes through the same services and the same queue as anybody's.
"""

import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any, Final

import click

from liudu.console import Console, with_console
from liudu.contract import Refusal
from liudu.platform.commands import start_django
from liudu.platform.commands.processes import find

PIECES: Final = 4000  # three misses may happen and 0.5 % is still shown at 95 %
SEED: Final = 20261120
WAIT_S: Final = 600.0
POLL_S: Final = 0.5


class NoInspectError(Refusal):
    """The application that packs a solution is not installed."""

    machine = True
    en = "liudu-inspect is not installed, so no trial runs in this demo: install the package liudu-inspect and start the demo again."  # noqa: E501
    zh = "未安装 liudu-inspect，本次演示没有真实试验：请安装 liudu-inspect 后重新启动演示。"


class StoryStuckError(Refusal):
    """Something that the demo waits for did not happen."""

    machine = True
    en = "The demo stopped at {step}: {reason}. The page of the trial and `liudu doctor` say more."
    zh = "演示停在「{step}」：{reason}。详情见试验页面与 `liudu doctor`。"


@click.command(hidden=True)
@click.option("--pieces", default=PIECES, type=click.IntRange(10, 100_000))
@click.option("--city", type=click.Path(path_type=Path), required=True)
@with_console
def command(console: Console, pieces: int, city: Path) -> None:
    """Deliver one benefit, seal boards and try a solution on them, unless that was done before."""
    start_django()
    from liudu.platform.commands.demo_seed import boards_need  # noqa: PLC0415 - after Django

    _funded(console, city)
    if boards_need().trials.exists():
        return
    program = find("liudu-inspect")
    if program is None:
        raise NoInspectError
    _version_checked(_packed(program))
    _data_sealed(_simulated(program, pieces=pieces))
    key = _started()
    console.say(
        zh=f"试验已排队：/trials/{key}/，可以看着它跑。",
        en=f"The trial is queued: /trials/{key}/ shows it run.",
    )


def _funded(console: Console, city: Path) -> None:
    """Load the policies and let one find who is due what."""
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started
    from liudu.platform.commands.demo_funding import fund  # noqa: PLC0415

    if (city / "policies").is_dir():
        fund(at=clock.now(), city=city)
        console.say(
            zh="政策已载入，模拟的毕业生续租补贴已比对并通知：/funding/",
            en="Policies are loaded; simulated rent renewals are matched and notified: /funding/",
        )


def _folder() -> Path:
    from django.conf import settings  # noqa: PLC0415 - after Django has started

    folder: Path = settings.HOME / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(step: str, *command_line: str) -> None:
    told = subprocess.run(command_line, capture_output=True, text=True, check=False)
    if told.returncode:
        raise StoryStuckError(step=step, reason=(told.stderr or told.stdout).strip()[-400:])


def _simulated(program: str, *, pieces: int) -> Path:
    """Return a zip with simulated boards and their labels."""
    boards, archive = _folder() / "boards", _folder() / "boards.zip"
    shutil.rmtree(boards, ignore_errors=True)
    options = ("--pieces", str(pieces), "--defect-rate", "0.4", "--seed", str(SEED))
    _run("simulate", program, "simulate", str(boards), "--task", "classify", *options)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(boards.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(boards))
    shutil.rmtree(boards)
    return archive


def _packed(program: str) -> Path:
    """Return a zip with the solution."""
    solution = _folder() / "solution"
    shutil.rmtree(solution, ignore_errors=True)
    _run("pack", program, "pack", str(solution), "--task", "classify")
    archive = shutil.make_archive(str(_folder() / "solution"), "zip", solution)
    shutil.rmtree(solution)
    return Path(archive)


def _version_checked(archive: Path) -> None:
    """Upload the bundle; a worker checks it."""
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started
    from liudu.platform.commands.demo_seed import acting  # noqa: PLC0415
    from liudu.platform.commands.model_city import SOLUTIONS  # noqa: PLC0415
    from liudu.platform.supply import services as supply  # noqa: PLC0415
    from liudu.platform.supply.models import Solution  # noqa: PLC0415

    solution = Solution.objects.select_related("vendor__organisation").get(name=SOLUTIONS[0][1])
    if not solution.versions.exists():
        with archive.open("rb") as file:
            supply.upload_version(
                by=acting(solution.vendor.organisation),
                at=clock.now(),
                solution=solution,
                file_name=archive.name,
                chunks=iter(lambda: file.read(1 << 20), b""),
            )
    archive.unlink()


def _data_sealed(archive: Path) -> None:
    """Upload the boards; a worker seals them."""
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started
    from liudu.platform.commands.demo_seed import acting, boards_need  # noqa: PLC0415
    from liudu.platform.trials import services as trials  # noqa: PLC0415

    need = boards_need()
    if not need.seals.exists():
        with archive.open("rb") as file:
            trials.seal_data(
                by=acting(need.owner), at=clock.now(), need=need, stream=file, simulated=True
            )
    archive.unlink()


def _started() -> str:
    """Offer the version once it conforms and the data are sealed; return the trial's key."""
    from liudu.platform import clock  # noqa: PLC0415 - after Django has started
    from liudu.platform.commands.demo_seed import acting, boards_need  # noqa: PLC0415
    from liudu.platform.commands.model_city import SOLUTIONS  # noqa: PLC0415
    from liudu.platform.supply import services as supply  # noqa: PLC0415
    from liudu.platform.supply.models import Solution, Version  # noqa: PLC0415
    from liudu.platform.trials import services as trials  # noqa: PLC0415
    from liudu.platform.trials.models import Seal  # noqa: PLC0415

    solution = Solution.objects.select_related("vendor__organisation").get(name=SOLUTIONS[0][1])
    version = _until("check", solution.versions.order_by("-pk"), Version.State.CONFORMS)
    need = boards_need()
    _until("seal", need.seals.order_by("-pk"), Seal.State.SEALED)
    offer = supply.offer_version(
        by=acting(solution.vendor.organisation), at=clock.now(), need=need, version=version
    )
    return trials.start_trial(by=acting(need.owner), at=clock.now(), offer=offer).key


def _until(step: str, rows: Any, wanted: str) -> Any:  # noqa: ANN401 - rows of either kind
    """Wait until the newest row is as wanted, and return it."""
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        row = rows.all().first()
        if row.state == wanted:
            return row
        if row.state == "refused":
            raise StoryStuckError(step=step, reason=row.reason_en or row.reason_zh)
        time.sleep(POLL_S)
    raise StoryStuckError(step=step, reason=f"nothing happened for {WAIT_S:.0f} s")
