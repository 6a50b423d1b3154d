"""``liudu up``: the pages and the workers, in one tree of processes."""

import os
from collections.abc import Callable

import click

from liudu.console import Console, with_console
from liudu.platform.commands import migrate, start_django
from liudu.platform.commands.processes import (
    Child,
    Keeper,
    answers,
    liudu_command,
    pages_command,
    require_free,
    url_of,
)

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.option("--host", default="127.0.0.1", help="监听地址 · address to listen at")
@click.option("--port", default=8000, type=click.IntRange(1, 65535), help="端口 · port")
@click.option(
    "--workers", default=2, type=click.IntRange(0, 64), help="试验进程数 · processes for trials"
)
@click.option(
    "--web", default=2, type=click.IntRange(1, 64), help="页面进程数 · processes for pages"
)
@with_console
def command(console: Console, host: str, port: int, workers: int, web: int) -> None:
    """启动平台：页面与后台进程 · Start the platform: pages and workers."""
    require_free(host=host, port=port)
    start_django()
    migrate()
    warn_of_names(console, host=host)
    keep(
        console,
        children=platform(host=host, port=port, workers=workers, web=web),
        host=host,
        port=port,
        told=lambda: tell_ready(console, host=host, port=port),
    )


def platform(*, host: str, port: int, workers: int, web: int) -> list[Child]:
    """Return the processes of a platform; the pages come first."""
    pages = Child("pages", pages_command(host=host, port=port, web=web))
    numbers = range(1, workers + 1)
    return [pages, *(Child(f"worker {number}", liudu_command("worker")) for number in numbers)]


def keep(
    console: Console, *, children: list[Child], host: str, port: int, told: Callable[[], None]
) -> None:
    """Run the processes until somebody ends it."""
    keeper = Keeper(
        children, environment_of(console), lambda child, code: say_ended(console, child, code)
    )
    keeper.run(ready=lambda: answers(host=host, port=port), told=told)
    console.say(zh="已停止。", en="Stopped.")


def environment_of(console: Console) -> dict[str, str]:
    """Return the environment of the processes, which speak the language of their keeper."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "LIUDU_LANG": console.language}


def say_ended(console: Console, child: Child, code: int) -> None:
    """Say that a process has ended, and what happens now."""
    if not child.once:
        console.say(
            zh=f"{child.name} 意外退出（{code}），正在重启。",
            en=f"{child.name} died ({code}); it is started again.",
        )
    elif code:
        console.say(
            zh=f"{child.name} 结束，退出码 {code}。",
            en=f"{child.name} ended with exit code {code}.",
        )


def tell_ready(console: Console, *, host: str, port: int) -> None:
    """Say that the pages answer, and where."""
    url = url_of(host=host, port=port)
    console.say(zh=f"已就绪：{url}（Ctrl-C 停止）", en=f"Ready: {url} (Ctrl-C stops it)")
    console.emit({"ready": True, "url": url, "pid": os.getpid()})


def warn_of_names(console: Console, *, host: str) -> None:
    """Say that a machine in the network needs its name told."""
    if host not in LOOPBACK and not os.environ.get("LIUDU_HOSTS"):
        console.say(
            zh="提示：从其他机器访问须设 LIUDU_HOSTS=本机域名或地址；正式使用请在前面加 HTTPS。",
            en="Note: other machines reach it only under the names in LIUDU_HOSTS; for real use put HTTPS in front.",  # noqa: E501
        )
