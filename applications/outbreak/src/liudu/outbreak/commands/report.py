"""``liudu-outbreak report``: the bulletin of a week as a page, a PDF and a Word document."""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import attrs
import click

from liudu.console import Console, with_console
from liudu.contract import Language, Refusal
from liudu.outbreak.clock import now
from liudu.outbreak.configuration import Configuration, read_configuration
from liudu.outbreak.report import Provenance, Request, Tiles, bulletin, html, pdf, read_tiles, word
from liudu.outbreak.report.model import Bulletin
from liudu.outbreak.report.provisional import Projection, read_projection
from liudu.outbreak.report.tiles import EMPTY, SHIPPED
from liudu.outbreak.series import CALENDARS, Calendar, read_series
from liudu.outbreak.text import Text

QUALITY_KEYS: Final = frozenset({"rows_read", "rows_kept", "rows_rejected", "findings"})
FORMATS: Final = ("html", "pdf", "docx")
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


class NotJsonFileError(Refusal):
    """A file that must hold one JSON object does not."""

    en = "{file} does not hold the JSON that is wanted ({found}). Make it with {command}."
    zh = "{file} 不是所需的 JSON（{found}）。请用 {command} 生成。"


class UnknownFormatError(Refusal):
    """A format that no bulletin has was asked for."""

    en = "There is no format {found!r}: take some of {formats}."
    zh = "没有 {found!r} 这种格式：可用 {formats}。"


@click.command("report")
@click.argument("series", type=FILE)
@click.option("--out", "output", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="输出文件夹 · folder to write to")  # fmt: skip
@click.option("--config", type=FILE, help="配置（YAML）· configuration")
@click.option("--at", metavar="WEEK", help="评估周，默认最后一周 · week to evaluate; the last")
@click.option("--calendar", type=click.Choice(CALENDARS), help="周历 · kind of week")
@click.option("--formats", default=",".join(FORMATS), show_default=True)
@click.option("--place", default="", help="单位或地区名称 · whose bulletin it is")
@click.option("--tiles", help="区县方格图 YAML，或 suzhou · tile grid, or `suzhou`")
@click.option("--quality", type=FILE, help="导入产生的 quality.json · of an import")
@click.option("--backtest", type=FILE, help="`backtest --json` 的结果 · its answer")
@click.option("--nowcast", type=FILE, help="补报预测表 CSV · rows of a nowcast")
@click.option("--provisional", type=click.IntRange(0, 52), default=0, show_default=True,
              help="末几周为暂定数 · so many last weeks may still grow")  # fmt: skip
@click.option("--threshold", type=click.IntRange(0, 100), default=5, show_default=True,
              help="少于此数的病例数隐去 · smaller counts are hidden")  # fmt: skip
@click.option("--simulated", is_flag=True, help="数据是模拟的 · the data are simulated")
@with_console
def command(
    console: Console,
    *,
    series: Path,
    output: Path,
    config: Path | None,
    at: str | None,
    calendar: Calendar | None,
    formats: str,
    place: str,
    tiles: str | None,
    quality: Path | None,
    backtest: Path | None,
    nowcast: Path | None,
    provisional: int,
    threshold: int,
    simulated: bool,
) -> None:
    """生成周报：网页、PDF、Word · Write the bulletin of a week: page, PDF, Word.

    公开前已隐去小数；每个信号一张流行曲线 · Small counts are hidden; a curve for each signal.
    """
    kinds = _formats(formats)
    configuration = read_configuration(config) if config else Configuration()
    if calendar:
        configuration = attrs.evolve(configuration, calendar=calendar)
    table = read_series(
        series, calendar=configuration.calendar, absent=configuration.absent_weeks, at=at
    )
    sources = [path for path in (series, config, quality, backtest, nowcast) if path is not None]
    projection = read_projection(nowcast, columns=table.columns) if nowcast else Projection()
    week = table.index(at) if at else table.counts.shape[1] - 1
    labels = [table.label(index) for index in range(week + 1)]
    made = bulletin(
        Request(
            table=table,
            configuration=configuration,
            week=week,
            made_at=f"{now():%Y-%m-%d %H:%M} UTC",
            place=Text(place, place),
            simulated=simulated,
            tiles=_tiles(tiles),
            quality=_json(quality, command="liudu-outbreak import", keys=QUALITY_KEYS),
            backtest=_json(
                backtest, command="liudu-outbreak backtest --json", keys=frozenset({"detectors"})
            ),
            provisional=max(provisional, projection.last_weeks(labels)),
            projected=projection.medians,
            threshold=threshold,
            provenance=provenance(sources, config=config),
        )
    )
    output.mkdir(parents=True, exist_ok=True)
    files = [write(made, output, kind=kind, language=console.language) for kind in kinds]
    names = [path.name for path in files]
    console.emit({"week": made.week, "signals": len(made.signals), "files": names})
    console.say(zh=made.headline.zh, en=made.headline.en)
    console.say(zh=f"已写入 {output}：{'、'.join(names)}", en=f"Wrote {output}: {', '.join(names)}")


def write(made: Bulletin, folder: Path, *, kind: str, language: Language) -> Path:
    """Write one format and return its path."""
    path = folder / f"bulletin.{kind}"
    path.write_bytes(rendered(made, kind=kind, language=language))
    return path


def rendered(made: Bulletin, *, kind: str, language: Language) -> bytes:
    """Return a bulletin in one format."""
    if kind == "html":
        return html.render(made, language=language).encode()
    if kind == "pdf":
        return pdf.render(made, language=language)
    return word.render(made, language=language)


def _formats(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    for name in found:
        if name not in FORMATS:
            raise UnknownFormatError(found=name, formats=", ".join(FORMATS))
    return found


def _tiles(name: str | None) -> Tiles:
    if not name:
        return EMPTY
    return read_tiles(SHIPPED / "suzhou.yaml" if name == "suzhou" else Path(name))


def provenance(sources: list[Path], *, config: Path | None) -> Provenance:
    """Return digests of the files, versions of the programs, and the settings as they stand."""
    return Provenance(
        files=tuple((path.name, _digest(path)) for path in sources),
        versions=(
            ("liudu-outbreak", version("liudu-outbreak")),
            ("Python", platform.python_version()),
            ("numpy", version("numpy")),
        ),
        configuration=config.read_text(encoding="utf-8").strip() if config else "",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json(path: Path | None, *, command: str, keys: frozenset[str]) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise NotJsonFileError(
            file=path.name, found=type(error).__name__, command=command
        ) from error
    if not isinstance(content, dict) or not keys <= content.keys():
        found = "no " + ", ".join(sorted(keys - set(content if isinstance(content, dict) else ())))
        raise NotJsonFileError(file=path.name, found=found, command=command)
    return content
