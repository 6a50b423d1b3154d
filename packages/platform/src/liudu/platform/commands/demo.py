"""``liudu demo``: a model city in one command, with one trial that really runs."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Refusal
from liudu.platform.city.decisions import read_pack
from liudu.platform.commands import migrate, start_django
from liudu.platform.commands.machine import strongest_level
from liudu.platform.commands.model_city import PASSWORD, PEOPLE
from liudu.platform.commands.processes import (
    Child,
    Keeper,
    answers,
    liudu_command,
    require_free,
    url_of,
)
from liudu.platform.commands.up import environment_of, platform, say_ended
from liudu.sandbox import Level

OWN: Final = ("liudu.sqlite3", "liudu.sqlite3-wal", "liudu.sqlite3-shm", "private", "demo")


class NotADemoError(Refusal):
    """The folder holds a city that is no demo."""

    en = "{home} holds a platform that is no demo: set LIUDU_HOME to another folder."
    zh = "{home} 里是正式平台的数据，不是演示：请用 LIUDU_HOME 另指一个目录。"


class DemoNeedsSqliteError(Refusal):
    """`--fresh` would have to empty a server's database."""

    en = "--fresh removes a SQLite file; the database of DATABASE_URL is not emptied by a demo: name an empty one."  # noqa: E501
    zh = "--fresh 只会删除 SQLite 文件，不会清空 DATABASE_URL 指向的数据库：请换一个空库。"


@click.command()
@click.option("--host", default="127.0.0.1", help="监听地址 · address to listen at")
@click.option("--port", default=8000, type=click.IntRange(1, 65535), help="端口 · port")
@click.option("--workers", default=2, type=click.IntRange(1, 64), help="试验进程数 · for trials")
@click.option("--web", default=2, type=click.IntRange(1, 64), help="页面进程数 · for pages")
@click.option("--fresh", is_flag=True, help="清空重来 · start anew")
@click.option("--city", type=click.Path(path_type=Path), help="城市数据包 · folder of a city pack")
@click.option("--pieces", default=4000, type=click.IntRange(10, 100_000), help="样品数 · boards")
@click.option("--check", is_flag=True, help="跑到出证书为止 · end once a certificate verifies")
@with_console
def command(  # noqa: PLR0917 - the options of a command
    console: Console,
    host: str,
    port: int,
    workers: int,
    web: int,
    fresh: bool,
    city: Path | None,
    pieces: int,
    check: bool,
) -> None:
    """启动模型城市：八项需求，一次真实的试验 · A model city with one trial that really runs."""
    os.environ["LIUDU_DEMO"] = "1"
    os.environ.setdefault("LIUDU_LEVEL_MIN", "process")  # runs anywhere; certificates say so
    require_free(host=host, port=port)
    folder = _prepared(fresh=fresh, city=city)
    pages, *rest = platform(host=host, port=port, workers=workers, web=web)
    rest.append(
        Child(
            "story",
            liudu_command("demo-story", "--pieces", str(pieces), "--city", str(folder)),
            once=True,
        )
    )
    tell_of_the_sandbox(console, level=strongest_level())
    keeper = _Demo(console, url=url_of(host=host, port=port), check=check, later=rest)
    keeper.run(pages, city=folder, ready=lambda: answers(host=host, port=port))


def _prepared(*, fresh: bool, city: Path | None) -> Path:
    """Bring the database of a demo to this version; return the folder of the city pack."""
    home = Path(os.environ.get("LIUDU_HOME", "var")).absolute()
    if fresh:
        _clear(home)
    start_django()
    migrate()
    from liudu.platform.commands.demo_seed import find_city  # noqa: PLC0415 - after Django
    from liudu.platform.identity.models import Organisation  # noqa: PLC0415

    if Organisation.objects.exists() and not _is_demo(home):
        raise NotADemoError(home=home)
    folder = find_city(city)
    read_pack(folder)  # before anything is started
    return folder


def _is_demo(home: Path) -> bool:
    return (home / "demo" / "accounts.json").is_file()


def _clear(home: Path) -> None:
    """Remove what an earlier demo left; only a demo's folder is cleared."""
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        raise DemoNeedsSqliteError
    if (home / "liudu.sqlite3").exists() and not _is_demo(home):
        raise NotADemoError(home=home)
    for name in OWN:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class _Demo:
    """The processes of a demo: pages first, the rest once the model city is made."""

    def __init__(self, console: Console, *, url: str, check: bool, later: list[Child]) -> None:
        self.console, self.url, self.later = console, url, later
        options = ["--json"] if console.json else []
        self.checking = Child("check", liudu_command("demo-check", url, *options), once=True)
        self.wanted = [self.checking] if check else []
        self.codes: list[int] = []

    def run(self, pages: Child, *, city: Path, ready: Callable[[], bool]) -> None:
        """Run until somebody ends it, or until the check has its answer."""
        self.keeper = Keeper([pages], environment_of(self.console), self._ended)
        self.keeper.run(ready=ready, told=self._told, meanwhile=lambda: self._make(city))
        self.console.say(zh="已停止。", en="Stopped.")
        if self.wanted and self.codes != [0]:
            sys.exit(EXIT_NO)

    def _make(self, city: Path) -> None:
        from liudu.platform import clock  # noqa: PLC0415 - after Django has started
        from liudu.platform.commands.demo_seed import seed  # noqa: PLC0415

        seed(at=clock.now(), city=city)
        self.console.say(zh=f"模型城市已就绪（{city}）。", en=f"The model city is there ({city}).")

    def _told(self) -> None:
        _tell(self.console, url=self.url)
        for child in (*self.later, *self.wanted):
            self.keeper.add(child)

    def _ended(self, child: Child, code: int) -> None:
        say_ended(self.console, child, code)
        if child is self.checking or (self.wanted and child.once and code):
            self.codes.append(code)
            self.keeper.stop()


def tell_of_the_sandbox(console: Console, *, level: Level | None) -> None:
    """Say where trials of the demo are kept apart less well than a platform would ask."""
    if level is not None and level >= Level.BWRAP:
        return
    label = level.label if level is not None else "process"
    console.say(
        zh=f"注意：本机没有可用的 bubblewrap，演示中的试验以较弱的隔离（{label}）运行，证书会写明；"
        "正式试验请先安装，`liudu doctor` 说明办法。",
        en=f"Note: bubblewrap does not start here, so the demo's trials run in a weaker sandbox "
        f"({label}), and their certificates say so. Install it before real ones: `liudu doctor` "
        "tells how.",
    )


def _tell(console: Console, *, url: str) -> None:
    width = max(len(person.email) for person in PEOPLE)
    lines = {
        "zh": [f"\n打开 {url}", f"演示账户（密码都是 {PASSWORD}）："],
        "en": [f"\nOpen {url}", f"Accounts (the password of each is {PASSWORD}):"],
    }
    for person in PEOPLE:
        lines["zh"].append(f"  {person.email:<{width}}  {person.zh}")
        lines["en"].append(f"  {person.email:<{width}}  {person.en}")
    lines["zh"].append("封存与试验在后台进行，约一两分钟。Ctrl-C 停止；再次启动会接着用。")
    lines["en"].append(
        "Sealing and the trial go on in the background, a minute or two. "
        "Ctrl-C stops it; the next start goes on from here."
    )
    console.say(zh="\n".join(lines["zh"]), en="\n".join(lines["en"]))
    console.emit(
        {
            "ready": True,
            "url": url,
            "password": PASSWORD,
            "accounts": {person.email: person.en for person in PEOPLE},
        }
    )
