"""``liudu-trial verify``: who signed, what was proved, at which level, and was it altered."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click
import yaml

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Language, Refusal
from liudu.trial import certificate, clock, keys, recheck
from liudu.trial.progress import Progress
from liudu.trial.verdict import target_sentence

MARKS = {"yes": ("✓", "green"), "no": ("✗", "red"), "unknown": ("?", "yellow")}
VERDICTS = {
    "passed": ("通过", "passed"),
    "failed": ("未通过", "failed"),
    "undecided": ("尚无定论", "undecided"),
}


class BadTrustFileError(Refusal):
    """The file of trusted issuers cannot be read."""

    en = (
        "{file} is not a list of issuers ({found}). Wanted, as YAML or JSON: "
        "issuers: {{did:key:z6Mk…: Name}}."
    )
    zh = (
        "{file} 不是信任名单（{found}）。应写成 YAML 或 JSON："
        "issuers: {{did:key:z6Mk…: 签发方名称}}。"
    )


def read_trust(path: Path) -> dict[str, str]:
    """Return the names of the trusted issuers by their did:key.

    Raises
    ------
    BadTrustFileError, liudu.trial.keys.NotADidKeyError

    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadTrustFileError(file=path.name, found=type(error).__name__) from error
    issuers = content.get("issuers") if isinstance(content, dict) else None
    if not isinstance(issuers, dict) or not issuers:
        raise BadTrustFileError(file=path.name, found="no issuers")
    for did in issuers:
        keys.public_key_of(str(did))
    return {str(did): str(name) for did, name in issuers.items()}


def verify_file(
    path: Path,
    *,
    issuer: str | None = None,
    trust: Path | None = None,
    run: Path | None = None,
    seal: Path | None = None,
    solution: Path | None = None,
    production: bool = False,
    progress: Progress | None = None,
) -> certificate.Verification:
    """Check a certificate file, and that it speaks of the run, seal and solution at hand."""
    document = certificate.read(path)
    if issuer is not None:
        keys.public_key_of(issuer)
    verification = certificate.verify(
        document,
        at=clock.now(),
        issuer=issuer,
        trust=read_trust(trust) if trust else None,
        production=production,
    )
    found = [
        *recheck.of_run(run),
        *recheck.of_seal(seal, progress=progress),
        *recheck.of_solution(solution),
    ]
    compared = [
        certificate.compare(name, claimed=_at(verification.subject, name), found=value)
        for name, value in found
    ]
    return attrs.evolve(verification, checks=(*verification.checks, *compared))


def _at(subject: Mapping[str, Any], name: str) -> object:
    value: object = subject
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


@click.command("verify")
@click.argument("cert", type=click.Path(path_type=Path))
@click.option("--issuer", metavar="DID", help="必须由谁签发 · who must have signed it")
@click.option(
    "--trust", type=click.Path(path_type=Path), help="信任名单 · file with the issuers you trust"
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="试验目录，重算摘要 · recompute the run's digests",
)
@click.option(
    "--seal",
    type=click.Path(path_type=Path),
    help="封存目录，重算摘要 · recompute the seal's digests",
)
@click.option(
    "--solution", type=click.Path(path_type=Path), help="方案，重算摘要 · recompute its digest"
)
@click.option(
    "--production",
    is_flag=True,
    help="用于真实决策：拒绝模拟数据、弱沙箱、未通过 · refuse what may not carry a decision",
)
@with_console
def command(
    console: Console,
    *,
    cert: Path,
    issuer: str | None,
    trust: Path | None,
    run: Path | None,
    seal: Path | None,
    solution: Path | None,
    production: bool,
) -> None:
    """核验证书，不联网 · Check a certificate without the network.

    0 可信 · 1 被改动、不被信任或摘要不符 · 2 不是证书.
    """
    verification = verify_file(
        cert,
        issuer=issuer,
        trust=trust,
        run=run,
        seal=seal,
        solution=solution,
        production=production,
        progress=console,
    )
    console.emit(verification.to_json())
    for zh, en in zip(lines(verification, "zh"), lines(verification, "en"), strict=True):
        console.say(zh=zh, en=en)
    if not verification.accepted:
        sys.exit(EXIT_NO)


def lines(verification: certificate.Verification, language: Language) -> list[str]:
    """Return what is said to people: first the answer, then what it certifies, then each check."""
    zh = language == "zh"
    if not verification.intact:
        head = (
            "✗ 证书不可信：签名无效。"
            if zh
            else "✗ Do not trust this certificate: its signature fails."
        )
        return [click.style(head, fg="red", bold=True), *_checks(verification, language)]
    if verification.accepted:
        head = click.style(
            "✓ 证书完好。" if zh else "✓ The certificate is intact.", fg="green", bold=True
        )
    else:
        head = "✗ 签名有效，但不符合您的要求。" if zh else "✗ Signed, but not what you asked for."
        head = click.style(head, fg="red", bold=True)
    return [
        head,
        "",
        *_certified(verification.subject, zh=zh),
        "",
        *_checks(verification, language),
    ]


def _checks(verification: certificate.Verification, language: Language) -> list[str]:
    found = []
    for check in verification.checks:
        mark, colour = MARKS[check.answer]
        found.append(f"  {click.style(mark, fg=colour)} {plain(check.say(language))}")
    return found


def _certified(subject: Mapping[str, Any], *, zh: bool) -> list[str]:
    solution, level = subject["solution"], subject["level"]
    verdict = str(subject["verdict"])
    said = VERDICTS.get(verdict, (verdict, verdict))[0 if zh else 1]
    name = f"{solution.get('name')} {solution.get('version')}"
    need = _at(subject, "need.name")
    found = [
        f"  方案 {name} 在「{need}」上的试验：{said}"
        if zh
        else f"  {name} tried on “{need}”: {said}"
    ]
    if subject["simulated"]:
        found.append("  ⚠ 模拟数据" if zh else "  ⚠ SIMULATED DATA")
    found += [f"  · {_target(entry, zh=zh)}" for entry in subject["targets"]]
    asked, had = level.get("asked"), level.get("had")
    found.append(
        f"  沙箱级别 {had}（要求 {asked}）" if zh else f"  sandbox level {had} (asked: {asked})"
    )
    return [plain(line) for line in found]


def _target(entry: Mapping[str, Any], *, zh: bool) -> str:
    figures = {"point": None, "lower": None, "upper": None, **entry}
    try:
        return target_sentence(figures, "zh" if zh else "en")
    except (KeyError, TypeError, ValueError, AttributeError):
        # Signed by somebody whose metrics or figures are unknown here: repeat what it says.
        return f"{entry['metric']} {entry['op']} {entry.get('limit')}: {entry['answer']}"


def plain(text: str) -> str:
    """Return the text without control characters: a certificate comes from a stranger."""
    return "".join(character if character.isprintable() else "�" for character in text)
