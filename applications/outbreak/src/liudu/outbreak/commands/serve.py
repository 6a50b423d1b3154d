"""``liudu-outbreak serve``: the dashboard."""

import secrets
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Refusal
from liudu.outbreak.clock import now
from liudu.outbreak.desk.demo import is_simulated, write_demo
from liudu.outbreak.desk.serving import FolderInUseError, listening, locked, opened, serve
from liudu.outbreak.desk.settings import Site

DEMO_FOLDER: Final = Path("var/outbreak-demo")
PASSWORD_MIN: Final = 8
MAILS: Final = ("console", "off", "file:", "smtp:")
ROLES: Final = ("viewer", "investigator", "administrator")


class NoSuchDataError(Refusal):
    """The data folder is not there."""

    en = (
        "There is no folder {folder}: mend the name, or make it with `liudu-outbreak import FILES "
        "--out {folder}`, or with `mkdir` and a series.csv in it."
    )
    zh = (
        "没有文件夹 {folder}：请检查名称；也可用 `liudu-outbreak import 文件 --out {folder}` 生成，"
        "或用 mkdir 新建后放入 series.csv。"
    )


class UnknownMailError(Refusal):
    """A way to send mail is not known."""

    en = "Mail cannot be sent by {mail!r}: use console, off, file:FOLDER or smtp://HOST:PORT."
    zh = "无法用 {mail!r} 发邮件：可用 console、off、file:文件夹 或 smtp://主机:端口。"


class WeakPasswordError(Refusal):
    """A password is too easy."""

    en = "The password is refused: {why}"
    zh = "密码不可用：{why_zh}"


class DemoOverDataError(Refusal):
    """Simulated data would be mixed with real data."""

    en = "{folder} holds data that are not simulated: name another folder for --demo."
    zh = "{folder} 中已有非模拟数据：请为 --demo 另选文件夹。"


class NoDataFolderError(Refusal):
    """No data folder was named."""

    en = "Say which data: --data FOLDER, or --demo for simulated ones."
    zh = "请指定数据：--data 文件夹，或用 --demo 查看模拟数据。"


@click.command("serve")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False),
              help="数据文件夹 · folder with series.csv or an import")  # fmt: skip
@click.option("--demo", is_flag=True, help="使用模拟数据 · simulated data, marked as such")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8050, show_default=True)
@click.option("--allow-host", multiple=True, help="浏览器可用的主机名 · name that browsers may use")
@click.option("--https", is_flag=True, help="前面有 https 代理 · a proxy in front speaks https")
@click.option("--mail", default="console", show_default=True,
              help="console | off | file:FOLDER | smtp://HOST:PORT")  # fmt: skip
@click.option("--create-user", metavar="NAME", help="创建用户后退出 · make a user and end")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@click.option("--district", multiple=True, help="只可查看的区县 · districts the user may see")
@click.option("--email", default="", help="用户邮箱 · e-mail of the user")
@click.option(
    "--refresh", is_flag=True, help="检测最新一周后退出 · evaluate the newest week and end"
)
@with_console
def command(
    console: Console,
    *,
    data: Path | None,
    demo: bool,
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    https: bool,
    mail: str,
    create_user: str | None,
    role: str,
    district: tuple[str, ...],
    email: str,
    refresh: bool,
) -> None:
    """启动预警工作台 · Serve the dashboard.

    先用 --create-user 创建管理员 · Make an administrator with --create-user first.
    """
    if not mail.startswith(MAILS):
        raise UnknownMailError(mail=mail)
    folder = _folder(data, demo=demo)
    hosts = ("localhost", "127.0.0.1", "[::1]", host, *allow_host)
    site = Site(
        folder=folder.resolve(), hosts=hosts, mail=mail, https=https,
        simulated=is_simulated(folder),
    )  # fmt: skip
    if create_user is not None:
        opened(site, alone=False)
        password = _password(console)
        _make_user(create_user, password=password, role=role, districts=district, email=email)
        console.emit({"user": create_user, "role": role, "districts": list(district)})
        console.say(
            zh=f"已创建用户 {create_user}（{role}）。", en=f"Made user {create_user} ({role})."
        )
        return
    with ExitStack() as held:
        opened(site, alone=_alone(held, site, required=not refresh))
        if demo:
            _demo_users(console)
        if refresh:
            if not _refresh(console):
                sys.exit(EXIT_NO)
            return
        with listening(host=host, port=port) as bound:
            _serve(console, bound, host=host)


def _alone(held: ExitStack, site: Site, *, required: bool) -> bool:
    """Take the folder; a detection on its own may run beside a server."""
    try:
        held.enter_context(locked(site))
    except FolderInUseError:
        if required:
            raise
        return False
    return True


def _folder(data: Path | None, *, demo: bool) -> Path:
    if data is None and not demo:
        raise NoDataFolderError
    if data is not None and not demo and not data.is_dir():
        raise NoSuchDataError(folder=data)
    folder = data or DEMO_FOLDER
    if demo and not is_simulated(folder):
        if folder.exists() and any(folder.iterdir()):
            raise DemoOverDataError(folder=folder)
        write_demo(folder, at=now().date())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _password(console: Console) -> str:
    """Ask for a password; with ``--json`` it is the first line of standard input."""
    if console.json:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("密码 Password", hide_input=True, confirmation_prompt=True))


def _make_user(
    name: str, *, password: str, role: str, districts: tuple[str, ...], email: str
) -> None:
    from django.contrib.auth.password_validation import validate_password  # noqa: PLC0415
    from django.core.exceptions import ValidationError  # noqa: PLC0415

    from liudu.outbreak.desk.services import create_user  # noqa: PLC0415 - Django is configured now

    try:
        validate_password(password)
    except ValidationError as error:
        why = " ".join(error.messages)
        raise WeakPasswordError(
            why=why, why_zh=f"至少 {PASSWORD_MIN} 个字符，且不能是常见密码。"
        ) from error
    create_user(
        name, password=password, role=role, districts=districts, at=now(), by="command line",
        email=email,
    )  # fmt: skip


def _demo_users(console: Console) -> None:
    from liudu.outbreak.desk.models import Member  # noqa: PLC0415 - Django is configured now
    from liudu.outbreak.desk.services import create_user  # noqa: PLC0415

    if Member.objects.exists():
        return
    password = secrets.token_urlsafe(9)
    for role in ROLES:
        create_user(role, password=password, role=role, districts=(), at=now(), by="demo")
    console.say(
        zh=f"演示用户：viewer、investigator、administrator；密码：{password}（只显示这一次）",
        en=f"Demo users: viewer, investigator, administrator; password: {password} (shown once)",
    )
    _refresh(console)


def _refresh(console: Console) -> bool:
    """Evaluate the newest week; return whether that went well."""
    from liudu.outbreak.desk.services import begin_run  # noqa: PLC0415 - Django is configured now
    from liudu.outbreak.desk.watching import detect_newest  # noqa: PLC0415

    console.say(zh="正在检测最新一周……", en="Evaluating the newest week…")
    run = begin_run(at=now(), by="command line")
    detect_newest(run)
    console.emit({"state": run.state, "week": run.week, "raised": run.raised,
                  "repeated": run.repeated, "message": run.message_en})  # fmt: skip
    if run.state == "failed":
        console.say(zh=run.message_zh, en=run.message_en)
    else:
        console.say(
            zh=f"{run.week}：新信号 {run.raised} 个，已知信号仍持续 {run.repeated} 个。",
            en=f"{run.week}: {run.raised} new signals, {run.repeated} known ones seen again.",
        )
    return bool(run.state == "done")


def _serve(console: Console, bound: socket.socket, *, host: str) -> None:
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 - Django is configured now

    from liudu.outbreak.desk.models import Member  # noqa: PLC0415

    port = bound.getsockname()[1]
    if not Member.objects.exists():
        console.say(
            zh="还没有用户：另开一个终端，运行 liudu-outbreak serve --data … --create-user "
            "名称 --role administrator",
            en="There are no users yet: in another terminal run liudu-outbreak serve --data … "
            "--create-user NAME --role administrator",
        )
    console.say(
        zh=f"工作台已就绪：http://{host}:{port}/ （Ctrl-C 停止）",
        en=f"The desk is up: http://{host}:{port}/ (Ctrl-C stops it)",
    )
    serve(bound, application=get_wsgi_application())
