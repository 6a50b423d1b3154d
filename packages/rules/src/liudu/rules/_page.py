"""A pack as one HTML page: clause left, conditions right, tests below."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from html import escape

from liudu.contract import Language
from liudu.rules._examples import Outcome, run_examples
from liudu.rules._expression import names
from liudu.rules._fact import money_text
from liudu.rules._pack import Effect, How, Pack, Parameter, Period, Rule, Stacking

STYLE = """
:root{--ink:#1c2330;--soft:#5b6678;--line:#d9dfe8;--paper:#fff;--ground:#f5f7fa;--sign:#0b5fa5;
--good:#146c43;--bad:#a61b1b}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);line-height:1.65;
font-family:system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:72rem;margin:0 auto;padding:2rem 1rem}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:0}h3{font-size:1rem;margin:1rem 0 0}
.soft{color:var(--soft);font-size:.92rem}
article,section{background:var(--paper);border:1px solid var(--line);border-radius:.5rem;
padding:1.2rem;margin:1.2rem 0}
.pair{display:grid;grid-template-columns:minmax(14rem,1fr) 2fr;gap:1.5rem;margin-top:.8rem}
blockquote{margin:0;padding:0 0 0 .9rem;border-left:.25rem solid var(--sign)}
ol{margin:0;padding-left:1.4rem}li{margin-bottom:.5rem}
code{font-family:ui-monospace,"Noto Sans Mono CJK SC",monospace;font-size:.88em;
background:var(--ground);padding:.1em .35em;border-radius:.25rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin-top:.6rem}
th,td{border-bottom:1px solid var(--line);padding:.35rem .5rem;text-align:left;vertical-align:top}
th{font-weight:600}.num{text-align:right;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}
.wide{overflow-x:auto}
@media(max-width:44rem){.pair{grid-template-columns:1fr}}
@media print{body{background:#fff}article{break-inside:avoid}}
"""
WORDS: Mapping[str, tuple[str, str]] = {
    "version": ("版本", "Version"),
    "valid": ("有效期", "In force"),
    "unverified": (
        "尚未与正式文本核对：以主管部门公布的原文为准。",
        "Not yet compared with the official text, which prevails.",
    ),
    "source": ("来源", "Source"),
    "amount": ("金额", "Amount"),
    "benefit": ("待遇", "Benefit"),
    "cap": ("上限", "Cap"),
    "held": ("由谁掌握", "Held by"),
    "advice": ("可以", "You can"),
    "tests": ("测试", "Tests"),
    "test": ("情形", "Case"),
    "given": ("与共同已知不同之处", "What differs"),
    "common": ("共同已知", "Known in all"),
    "definitions": ("定义", "Definitions"),
    "expect": ("结论", "Answer"),
    "parameters": ("参数", "Parameters"),
    "name": ("名称", "Name"),
    "today": ("当日值", "That day"),
    "history": ("历次取值", "History"),
    "open": ("待主管部门确定", "for the office to set"),
    "automatic": ("免申即享", "Without an application"),
    "applied_for": ("须申请", "On application"),
    "paid_in": ("发放月份", "Paid in months"),
    "windows": ("申报时间", "Window"),
    "group": ("与同组其他规则", "With the others of its group"),
    "not_in_force": ("当日未生效", "not in force that day"),
    "eligible": ("符合", "eligible"),
    "ineligible": ("不符合", "not eligible"),
    "unknown": ("未知", "unknown"),
    "note": ("说明", "Note"),
    "after_payment": ("发放后记作", "After payment"),
}
STACKING: Mapping[Stacking, tuple[str, str]] = {
    Stacking.HIGHEST: ("就高不重复", "only the highest is paid"),
    Stacking.SUM: ("可以叠加", "all are paid"),
    Stacking.FIRST: ("按顺序只享受一项", "only the first that applies is paid"),
    Stacking.EXCLUSIVE: ("互斥", "only one can apply"),
}


def render_page(pack: Pack, *, on: date, language: Language) -> str:
    """Return a pack as one self-contained HTML page; nothing is loaded from elsewhere.

    Parameters
    ----------
    pack
        The pack; its tests are run, and the page shows how they went.
    on
        The day whose parameter values are shown.
    language
        ``zh`` or ``en``.

    """
    return _Page(pack, on, language).html()


class _Page:
    def __init__(self, pack: Pack, on: date, language: Language) -> None:
        self.pack = pack
        self.on = on
        self.language: Language = language
        self.outcomes = run_examples(pack)

    def word(self, key: str) -> str:
        return WORDS[key][self.language == "en"]

    def html(self) -> str:
        title = escape(self.pack.title.say(self.language))
        lang = "zh-CN" if self.language == "zh" else "en"
        body = "".join(
            [
                self.head(),
                *(self.rule(rule) for rule in self.pack.rules.values()),
                self.definitions(),
                self.parameters(),
            ]
        )
        return (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
        )

    def head(self) -> str:
        pack, source = self.pack, self.pack.source
        facts = [
            f"{self.word('version')} {escape(pack.version)}",
            f"{self.word('valid')} {self.period(pack.period)}",
            escape(" · ".join(filter(None, [source.issuer, source.document]))),
        ]
        if source.url:
            url = escape(source.url, quote=True)
            facts.append(f'{self.word("source")} <a href="{url}" rel="noopener">{url}</a>')
        warning = "" if source.verified else f'<p class="bad">{self.word("unverified")}</p>'
        lines = "<br>".join(filter(None, facts))
        title = escape(pack.title.say(self.language))
        return f'<header><h1>{title}</h1><p class="soft">{lines}</p>{warning}</header>'

    def period(self, period: Period) -> str:
        return f"{period.start or '…'} – {period.end or '…'}"

    def rule(self, rule: Rule) -> str:
        title, clause = escape(rule.title.say(self.language)), escape(rule.clause)
        off = "" if rule.in_force(self.on) else f" ({self.word('not_in_force')})"
        note = ""
        if rule.note is not None:
            note = (
                f'<p class="soft">{self.word("note")}: {escape(rule.note.say(self.language))}</p>'
            )
        atoms = "".join(self.atom(rule, index) for index in range(len(rule.atoms)))
        return (
            f'<article id="{escape(rule.name, quote=True)}"><h2>{title}{off}</h2>'
            f'<div class="pair"><div><blockquote>{clause}</blockquote>'
            f'<p class="soft">{"<br>".join(self.facts_of(rule))}</p>{note}</div>'
            f"<div><ol>{atoms}</ol>{self.money(rule)}{self.effects(rule)}</div></div>{self.tests(rule)}</article>"
        )

    def facts_of(self, rule: Rule) -> list[str]:
        lines = [escape(rule.bureau)]
        if rule.source:
            lines.append(f"{self.word('source')} {escape(rule.source)}")
        if rule.period.start or rule.period.end:
            lines.append(f"{self.word('valid')} {self.period(rule.period)}")
        if rule.automatic:
            lines.append(self.word("automatic"))
        if rule.applied_for:
            label = escape(self.pack.facts[rule.applied_for].label.say(self.language))
            lines.append(f"{self.word('applied_for')}: {label}")
        if rule.payment_months:
            lines.append(f"{self.word('paid_in')} {', '.join(map(str, rule.payment_months))}")
        lines += [f"{self.word('windows')} {self.period(window)}" for window in rule.windows]
        if rule.group:
            group = self.pack.groups[rule.group]
            stack = STACKING[group.stack][self.language == "en"]
            title = escape(group.title.say(self.language))
            lines.append(f"{self.word('group')} ({title}): {stack}")
        return [line for line in lines if line]

    def atom(self, rule: Rule, index: int) -> str:
        atom = rule.atoms[index]
        said = escape(atom.say.say(self.language))
        advice = ""
        if atom.advice is not None:
            text = escape(atom.advice.say(self.language))
            advice = f'<br><span class="soft">{self.word("advice")}: {text}</span>'
        held = self.held(names(atom.test.tree))
        return f"<li>{said} <code>{escape(atom.test.text)}</code>{held}{advice}</li>"

    def held(self, found: Iterable[str]) -> str:
        used = self.through_definitions(found)
        facts = [self.pack.facts[name] for name in used if name in self.pack.facts]
        said = [f"{fact.label.say(self.language)} — {fact.bureau}" for fact in facts if fact.bureau]
        if not said:
            return ""
        return f'<br><span class="soft">{self.word("held")}: {escape("; ".join(said))}</span>'

    def through_definitions(self, found: Iterable[str]) -> list[str]:
        """Return the names, and those in the definitions behind them, each once."""
        used: dict[str, None] = {}
        for name in found:
            used[name] = None
            if name in self.pack.definitions:
                inner = self.through_definitions(names(self.pack.definitions[name].tree))
                used.update(dict.fromkeys(inner))
        return list(used)

    def definitions(self) -> str:
        if not self.pack.definitions:
            return ""
        rows = "".join(
            f"<tr><td><code>{name}</code></td><td><code>{escape(one.text)}</code></td></tr>"
            for name, one in self.pack.definitions.items()
        )
        title = self.word("definitions")
        return f'<section><h2>{title}</h2><div class="wide"><table>{rows}</table></div></section>'

    def money(self, rule: Rule) -> str:
        if rule.amount is None:
            text = rule.benefit.say(self.language) if rule.benefit else ""
            return f"<p><strong>{self.word('benefit')}</strong> {escape(text)}</p>"
        text = f"<p><strong>{self.word('amount')}</strong> <code>{escape(rule.amount.text)}</code>"
        if rule.cap is not None:
            text += f"<br>{self.word('cap')} <code>{escape(rule.cap.text)}</code>"
        return text + "</p>"

    def effects(self, rule: Rule) -> str:
        """Return what a payment changes, as written: 已发放月数 + min(…)."""
        if not rule.on_payment:
            return ""
        lines = "".join(f"<li>{self.effect(one)}</li>" for one in rule.on_payment)
        return f"<p><strong>{self.word('after_payment')}</strong></p><ul>{lines}</ul>"

    def effect(self, one: Effect) -> str:
        label = escape(self.pack.facts[one.fact].label.say(self.language))
        sign = "+" if one.how is How.ADDS else "="
        return f"{label} {sign} <code>{escape(one.written.text)}</code>"

    def tests(self, rule: Rule) -> str:
        mine = [one for one in self.outcomes if one.rule.name == rule.name]
        if not mine:
            return ""
        common = "; ".join(self.given(*pair) for pair in mine[0].example.common.items())
        start = f'<p class="soft">{self.word("common")}: {escape(common)}</p>' if common else ""
        rows = "".join(self.test(one) for one in mine)
        head = "".join(
            f'<th scope="col">{self.word(key)}</th>' for key in ("test", "given", "expect")
        )
        return (
            f'<h3>{self.word("tests")}</h3>{start}<div class="wide"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def test(self, one: Outcome) -> str:
        given = "; ".join(self.differences(one))
        answer = self.word(one.example.status)
        if one.example.amount_fen is not None:
            answer += f" {money_text(one.example.amount_fen, self.language)}"
        if one.example.after_payment:
            after = "; ".join(self.given(*pair) for pair in one.example.after_payment.items())
            answer += f" ({self.word('after_payment')}: {after})"
        mark, style = ("✓", "good") if one.passed else ("✗", "bad")
        found = "; ".join(difference.say(self.language) for difference in one.differences)
        return (
            f"<tr><td>{escape(one.example.title)}</td><td>{escape(given)}</td>"
            f'<td><span class="{style}">{mark}</span> {escape(answer)} {escape(found)}</td></tr>'
        )

    def differences(self, one: Outcome) -> Iterator[str]:
        """Yield the day, the parameters and the facts that only this test has."""
        if one.example.on is not None:
            yield one.example.on.isoformat()
        for name, setting in one.example.settings.items():
            parameter = self.pack.parameters[name]
            yield f"{parameter.label.say(self.language)} {parameter.show(setting, self.language)}"
        common = one.example.common
        for name, number in one.example.given.items():
            if name not in common or common[name] != number:
                yield self.given(name, number)

    def given(self, name: str, number: int | None) -> str:
        fact = self.pack.facts[name]
        value = "?" if number is None else fact.show(number, self.language)
        return f"{fact.label.say(self.language)} {value}"

    def parameters(self) -> str:
        if not self.pack.parameters:
            return ""
        rows = "".join(self.parameter(one) for one in self.pack.parameters.values())
        head = "".join(
            f'<th scope="col">{self.word(key)}</th>' for key in ("name", "today", "history")
        )
        return (
            f'<section><h2>{self.word("parameters")}</h2><div class="wide"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
        )

    def parameter(self, one: Parameter) -> str:
        value = one.on(self.on)
        shown = self.word("open") if value is None else one.show(value, self.language)
        history = "; ".join(f"{day} {one.show(held, self.language)}" for day, held in one.values)
        label = escape(one.label.say(self.language))
        return (
            f"<tr><td>{label} <code>{escape(one.name)}</code></td>"
            f'<td class="num">{escape(shown)}</td><td>{escape(history)}</td></tr>'
        )
