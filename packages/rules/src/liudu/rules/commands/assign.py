"""``liudu-rules assign``: which programme shall pay which contract."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import attrs
import click

from liudu.console import Console, with_console
from liudu.rules._source import Node, read_yaml
from liudu.rules.assignment import Assignment, Contract, Programme, best_assignment
from liudu.rules.commands._given import read_utf8

FEN_IN_YUAN = 100


@click.command(short_help="合同怎样申报最划算 · which programme shall pay which contract")
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--divide",
    is_flag=True,
    help="合同签订前可以拆分 · contracts may still be divided before they are signed",
)
@with_console
def command(console: Console, *, case: Path, divide: bool) -> None:
    """合同与项目怎样搭配得到最多 · The lawful combination that brings a subject the most.

    \b
    CASE:
      programmes:
        区算力券: {rate: 0.5, cap_yuan: 2000000, excludes: 算力}
        市算力券: {rate: 0.3, cap_yuan: 8000000, excludes: 算力, contract_min_yuan: 0}
      contracts:
        A: {amount_yuan: 10000000, programmes: [区算力券, 市算力券]}

    excludes 相同的项目不得资助同一份合同（就高不重复） · programmes with the same `excludes` never
    pay one contract together.
    """  # noqa: D301 - the \b keeps click from filling the example
    contracts, programmes = read_case(case)
    found = best_assignment(contracts, programmes, divide=divide)
    console.emit(as_json(found))
    for zh, en in zip(found.reasons("zh"), found.reasons("en"), strict=True):
        console.say(zh=zh, en=en)


def read_case(path: Path) -> tuple[list[Contract], list[Programme]]:
    """Return the contracts and programmes that a YAML file describes.

    Raises
    ------
    OSError, NotUtf8Error, PackError
        With line and column where something does not fit.

    """
    root = read_yaml(read_utf8(path), file=str(path))
    fields = root.fields(needed="programmes contracts")
    programmes = [_programme(name, node) for name, node in fields["programmes"].mapping().items()]
    contracts = [_contract(name, node) for name, node in fields["contracts"].mapping().items()]
    return contracts, programmes


def _programme(name: str, node: Node) -> Programme:
    fields = node.fields(needed="rate cap_yuan", optional="excludes contract_min_yuan")
    least = fields.get("contract_min_yuan")
    return Programme(
        name=name,
        rate=Fraction(fields["rate"].number()),
        cap_fen=_fen(fields["cap_yuan"]),
        excludes=fields["excludes"].text() if "excludes" in fields else "",
        contract_min_fen=_fen(least) if least is not None else 0,
    )


def _contract(name: str, node: Node) -> Contract:
    fields = node.fields(needed="amount_yuan programmes")
    return Contract(
        name=name,
        amount_fen=_fen(fields["amount_yuan"]),
        programmes=tuple(one.text() for one in fields["programmes"].items()),
    )


def _fen(node: Node) -> int:
    fen = Fraction(node.number()) * FEN_IN_YUAN
    if fen.denominator != 1:
        raise node.wrong(en="yuan with two decimals at most", zh="至多两位小数的金额（元）")
    return int(fen)


def as_json(found: Assignment) -> dict[str, object]:
    """Return what machines are told."""
    return {
        "total_fen": found.total_fen,
        "highest_rate_fen": found.highest_rate_fen,
        "undivided_fen": found.undivided_fen,
        "gap_max_fen": found.gap_max_fen,
        "parts": [attrs.asdict(part) for part in found.parts],
        "unpaid": list(_unpaid(found)),
        "reasons": {"zh": list(found.reasons("zh")), "en": list(found.reasons("en"))},
    }


def _unpaid(found: Assignment) -> Iterator[str]:
    paid = {part.contract for part in found.parts}
    yield from (one.name for one in found.contracts if one.name not in paid)
