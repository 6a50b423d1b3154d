"""``liudu worker``: seals data, checks bundles and runs trials from the queue."""

import click

from liudu.console import Console, with_console
from liudu.platform.commands import require_migrated, start_django


@click.command()
@click.option("--once", is_flag=True, help="队列空了就退出 · end when the queue is empty")
@with_console
def command(console: Console, once: bool) -> None:
    """运行一个后台进程 · Run one worker."""
    start_django(quiet=False)
    require_migrated()
    from liudu.platform.trials.work import run_worker  # noqa: PLC0415 - after Django has started

    count = run_worker(once=once)
    console.say(zh=f"已停止，完成 {count} 项任务。", en=f"Stopped after {count} tasks.")
    console.emit({"tasks": count})
