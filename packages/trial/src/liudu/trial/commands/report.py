"""``liudu-trial report``: a page, a PDF and a certificate from a finished run."""

import os
from pathlib import Path
from shlex import quote

import click

from liudu.console import Console, with_console
from liudu.trial import clock, keys
from liudu.trial.report import Written, write_report


@click.command("report", short_help="报告与证书 · the report and the certificate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--seal",
    type=click.Path(path_type=Path),
    help="封存目录（移动过时指定） · where the seal lies now",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="写到哪里，默认试验目录 · where to write it"
)
@click.option("--no-certificate", is_flag=True, help="不签发证书 · make no certificate, use no key")
@click.option(
    "--no-pictures",
    is_flag=True,
    help="不附样本图片，便于发给供方 · leave the sealed pictures out, for a vendor's eyes",
)
@click.option("--no-pdf", is_flag=True, help="只要网页 · the page only")
@with_console
def command(
    console: Console,
    *,
    run: Path,
    seal: Path | None,
    out: Path | None,
    no_certificate: bool,
    no_pictures: bool,
    no_pdf: bool,
) -> None:
    """把一次试验写成报告，并签发证书 · Write the report of a run, and sign its certificate.

    RUN 是 run 命令生成的目录 · is the folder that `liudu-trial run` wrote.
    """
    key, made = (None, False)
    path = keys.key_path(os.environ)
    if not no_certificate:
        key, made = keys.load_or_make(path)
    written = write_report(
        run,
        language=console.language,
        seal=seal,
        into=out,
        key=key,
        at=clock.now(),
        pictures=not no_pictures,
        as_pdf=not no_pdf,
        progress=console,
    )
    console.emit(answer(written, key=key))
    if key is not None and made:
        console.say(
            zh=f"已新建签名密钥 {path}（只有您能读）。公布它的名字，别人才认得您的证书：{key.did}",
            en=f"A signing key was made: {path} (only you can read it). "
            f"Publish its name, so that others know your certificates: {key.did}",
        )
    _say(console, written)


def answer(written: Written, *, key: keys.Key | None) -> dict[str, object]:
    """Return what was written, for machines."""
    return {
        "verdict": written.verdict,
        "html": str(written.html),
        "pdf": str(written.pdf) if written.pdf else None,
        "certificate": str(written.certificate) if written.certificate else None,
        "certificate_digest": written.certificate_digest,
        "issuer": key.did if key else None,
    }


def _say(console: Console, written: Written) -> None:
    report = written.report
    console.say(
        zh=f"{report.verdict_text.zh}：{report.headline.zh}",
        en=f"{report.verdict_text.en}: {report.headline.en}",
    )
    console.say(zh=f"  网页  {written.html}", en=f"  page         {written.html}")
    if written.pdf:
        console.say(zh=f"  PDF   {written.pdf}", en=f"  PDF          {written.pdf}")
    if written.certificate:
        console.say(zh=f"  证书  {written.certificate}", en=f"  certificate  {written.certificate}")
        shown = quote(str(written.certificate))
        console.say(
            zh=f"任何人都能离线核验：liudu-trial verify {shown}",
            en=f"Anybody can check it offline: liudu-trial verify {shown}",
        )
