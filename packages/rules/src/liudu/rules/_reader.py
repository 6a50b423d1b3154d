"""A policy pack read from YAML, every error with its place."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from fractions import Fraction
from graphlib import CycleError as GraphCycleError
from graphlib import TopologicalSorter
from typing import TypeVar

import attrs

from liudu.contract import Refusal
from liudu.rules._core import Rounding
from liudu.rules._expression import FUNCTIONS, NAME, Text, Written, names, parse
from liudu.rules._fact import (
    BadRangeError,
    Fact,
    money_scale,
    read_fact,
    read_type,
    read_words,
    written_value,
)
from liudu.rules._kind import Kind
from liudu.rules._lower import CycleError, Setting, UnknownNameError, closest
from liudu.rules._pack import (
    COUNTED,
    SUBJECTS,
    Atom,
    Budget,
    Document,
    Effect,
    Example,
    Group,
    How,
    OtherRule,
    Pack,
    PackRefusedError,
    Parameter,
    Period,
    Provenance,
    Rule,
    Stacking,
)
from liudu.rules._source import Node, PackError, Place, read_yaml

RESERVED = frozenset({"today", "true", "false", "and", "or", "not", "in", "if", "else", *FUNCTIONS})
T = TypeVar("T")


class BadNameError(PackError):
    """A name that expressions could not use."""

    en = "{place}: {name} cannot be a name: lower-case letters, digits and _, and none of {reserved}."  # noqa: E501
    zh = "{place}：{name} 不能用作名称：只用小写字母、数字和下划线，且不得是 {reserved}。"


class NameTwiceError(PackError):
    """One name for two things."""

    en = "{place}: {name} is also a {other}: rename one."
    zh = "{place}：{name} 同时也是 {other}：请改名。"


class UnknownLinkError(UnknownNameError):
    """A rule, fact, group or document is named that the pack does not have."""

    en = "{place}: there is no {name} in this pack{hint_en}; it has {known}."
    zh = "{place}：本政策包中没有 {name}{hint_zh}；现有：{known}。"


def read_pack(text: str, *, file: str = "pack.yaml") -> Pack:
    """Return the pack that a YAML text describes.

    Raises
    ------
    PackRefusedError
        With every error that was found; each names its line and column and what would be
        right.

    """
    reader = _Reader(file)
    with reader.collecting():
        root = read_yaml(text, file=file)
        pack = reader.pack(root)
    if reader.errors:
        raise PackRefusedError(file=file, errors=reader.errors)
    return pack


class _Reader:
    """Reads a pack piece by piece and goes on after an error, to find all of them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[Refusal] = []
        self.taken: dict[str, str] = {}
        self.broken: set[str] = set()  # declared, but not well
        self.fields: dict[str, Node] = {}
        self.facts: dict[str, Fact] = {}
        self.parameters: dict[str, Parameter] = {}

    @contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except Refusal as error:
            self.errors.append(error)

    def pack(self, root: Node) -> Pack:
        fields = root.fields(
            needed="pack version title rules",
            optional="source valid facts documents parameters definitions groups budgets",
        )
        self.fields = fields
        source, period = Provenance(), Period()
        with self.collecting():
            source = _provenance(fields["source"]) if "source" in fields else source
        with self.collecting():
            period = read_period(fields["valid"]) if "valid" in fields else period
        self.facts = self.section("facts", "fact", read_fact)
        self.parameters = self.section("parameters", "parameter", _parameter)
        definitions = self.section("definitions", "definition", lambda _, node: parse(node))
        groups = self.section("groups", "group", self.group, named=False)
        documents = self.section("documents", "document", _document, named=False)
        rules = self.section("rules", "rule", self.rule, named=False)
        budgets = self.section("budgets", "budget", _budget, named=False)
        pack = Pack(
            name=fields["pack"].text(),
            version=_version(fields["version"]),
            title=read_words(fields["title"]),
            source=source,
            period=period,
            facts=self.facts,
            documents=documents,
            parameters=self.parameters,
            definitions=definitions,
            rules=rules,
            groups=groups,
            budgets=budgets,
            digest=_digest(root) if not self.errors else "",
            file=self.file,
        )
        if not pack.rules and not self.errors:
            raise fields["rules"].wrong(en="at least one rule", zh="至少一条规则")
        self.links(pack)
        return pack

    def section(
        self, key: str, kind: str, read: Callable[[str, Node], T], *, named: bool = True
    ) -> dict[str, T]:
        """Read a mapping of things; with `named`, expressions can use their names."""
        found: dict[str, T] = {}
        if key not in self.fields:
            return found
        with self.collecting():
            for name, key_node, node in self.fields[key].entries():
                with self.collecting():
                    self.broken.add(name)
                    if named:
                        self.claim(name, kind, key_node)
                    elif not name.strip():
                        raise key_node.wrong(en="named", zh="有名称的")
                    found[name] = read(name, node)
                    self.broken.discard(name)
        return found

    def claim(self, name: str, kind: str, node: Node) -> None:
        taken = RESERVED | {"subject"} if kind == "fact" else RESERVED  # the column of the ids
        if not NAME.match(name) or name in taken:
            reserved = ", ".join(sorted(taken))
            raise BadNameError(place=node.place, name=name, reserved=reserved)
        if name in self.taken:
            raise NameTwiceError(place=node.place, name=name, other=self.taken[name])
        self.taken[name] = kind

    def rule(self, name: str, node: Node) -> Rule:
        fields = node.fields(
            needed="title clause bureau subject when",
            optional="amount benefit rounding round_to cap group automatic valid windows "
            "payment_months on_payment applied_for source note verified given tests",
        )
        if ("amount" in fields) == ("benefit" in fields):
            raise node.wrong(
                en="a rule with either amount or benefit", zh="规则：amount 与 benefit 二者取一"
            )
        atoms = [self.atom(item) for item in fields["when"].items()]
        if not atoms:
            raise fields["when"].wrong(en="a list of conditions", zh="至少一个条件的列表")
        rule = Rule(
            name=name,
            title=read_words(fields["title"]),
            clause=fields["clause"].text(),
            bureau=fields["bureau"].text(),
            subject=_one_of(fields["subject"], SUBJECTS),
            atoms=tuple(atoms),
            amount=parse(fields["amount"]) if "amount" in fields else None,
            benefit=read_words(fields["benefit"]) if "benefit" in fields else None,
            rounding=_rounding(fields),
            round_to_fen={"fen": 1, "yuan": 100}[_choice(fields, "round_to", ("fen", "yuan"))],
            cap=parse(fields["cap"]) if "cap" in fields else None,
            group=fields["group"].text() if "group" in fields else "",
            automatic=fields["automatic"].truth() if "automatic" in fields else False,
            period=read_period(fields["valid"]) if "valid" in fields else Period(),
            windows=_periods(fields),
            payment_months=_months(fields),
            on_payment=self.effects(fields),
            source=fields["source"].text() if "source" in fields else "",
            note=read_words(fields["note"]) if "note" in fields else None,
            verified=fields["verified"].truth() if "verified" in fields else False,
            examples=self.examples(fields),
            applied_for=fields["applied_for"].text() if "applied_for" in fields else "",
            node=node,
        )
        if "applied_for" in fields:
            with self.collecting():
                self.require_application(rule, fields["applied_for"])
        return rule

    def require_application(self, rule: Rule, node: Node) -> None:
        """Refuse a fact that cannot be the application for a rule."""
        name = rule.applied_for
        if name in self.broken:
            return
        self.require_known(name, self.facts, node)
        kind = self.facts[name].type
        if kind.kind is not Kind.BOOL:
            raise ApplicationKindError(place=node.place, fact=name, kind=kind)
        if rule.application is None:
            raise ApplicationUnreadError(place=node.place, fact=name)
        if rule.automatic:
            raise ApplicationAndAutomaticError(place=node.place)

    def atom(self, node: Node) -> Atom:
        fields = node.fields(needed="atom say", optional="act clause")
        return Atom(
            test=parse(fields["atom"]),
            say=read_words(fields["say"]),
            advice=read_words(fields["act"]) if "act" in fields else None,
            clause=fields["clause"].text() if "clause" in fields else "",
        )

    def effects(self, fields: Mapping[str, Node]) -> tuple[Effect, ...]:
        found: list[Effect] = []
        for name, key, node in fields["on_payment"].entries() if "on_payment" in fields else ():
            with self.collecting():
                found.append(self.effect(name, key, node))
        return tuple(found)

    def effect(self, name: str, key: Node, node: Node) -> Effect:
        self.require_known(name, self.facts, key)
        fact = self.facts[name]
        fields = node.fields(optional=" ".join(How)) if node.is_mapping else {}
        if len(fields) != 1:
            raise node.wrong(
                en="either {becomes: VALUE} or {adds: NUMBER}",
                zh="{becomes: 值} 或 {adds: 数}，二者取一",
            )
        how, value = How(next(iter(fields))), next(iter(fields.values()))
        if how is How.ADDS and fact.type.kind not in COUNTED:
            kinds = {"kind": fact.type, "kind_zh": fact.type.say("zh")}
            raise CannotAddError(place=key.place, fact=name, **kinds)
        return Effect(fact=name, how=how, written=_said(value, fact), place=key.place)

    def examples(self, fields: Mapping[str, Node]) -> tuple[Example, ...]:
        found: list[Example] = []
        common = self.facts_given(fields["given"]) if "given" in fields else {}
        for node in fields["tests"].items() if "tests" in fields else ():
            with self.collecting():
                found.append(self.example(node, common))
        return tuple(found)

    def facts_given(self, node: Node) -> dict[str, int | None]:
        return {key: self.given(key, value) for key, _, value in node.entries()}

    def example(self, node: Node, common: Mapping[str, int | None]) -> Example:
        fields = node.fields(needed="expect", optional="given name on set")
        expect = fields["expect"].fields(
            needed="status", optional="amount_yuan amount_fen missing near after_payment"
        )
        after = self.facts_given(expect["after_payment"]) if "after_payment" in expect else {}
        given = self.facts_given(fields["given"]) if "given" in fields else {}
        settings = {
            key: self.override(key, value)
            for key, _, value in (fields["set"].entries() if "set" in fields else ())
        }
        missing = (
            tuple(sorted(item.text() for item in expect["missing"].items()))
            if "missing" in expect
            else None
        )
        return Example(
            title=fields["name"].text() if "name" in fields else "",
            on=fields["on"].day() if "on" in fields else None,
            settings=settings,
            given={**common, **given},
            common=common,
            status=_one_of(expect["status"], ("eligible", "ineligible", "unknown")),
            amount_fen=_amount(expect),
            missing=missing,
            near=expect["near"].truth() if "near" in expect else None,
            after_payment=after,
            place=node.place,
        )

    def given(self, name: str, node: Node) -> int | None:
        if name in self.broken:
            return None
        self.require_known(name, self.facts, node)
        value = written_value(self.facts[name], node)
        if value is None:
            return None
        try:
            return self.facts[name].encode(value)
        except Refusal as error:
            raise BadGivenError(
                place=node.place, problem_en=error.say("en"), problem_zh=error.say("zh")
            ) from error

    def override(self, name: str, node: Node) -> Setting:
        self.require_known(name, self.parameters, node)
        return self.parameters[name].read(node)

    def require_known(self, name: str, known: Mapping[str, object], node: Node) -> None:
        if name not in known:
            near = closest(name, list(known))
            raise UnknownNameError(
                place=node.place,
                name=name,
                hint_en=f"; did you mean {near}?" if near else "",
                hint_zh=f"；是否指 {near}？" if near else "",
            )

    def links(self, pack: Pack) -> None:
        """Check that what is named exists and that nothing goes in a circle."""
        self.groups(pack)
        for budget in pack.budgets.values():
            for name in budget.rules:
                self.link(name, pack.rules, budget.node)
            for name in (*budget.order, *filter(None, [budget.paid])):
                self.link(name, pack.facts, budget.node)
            with self.collecting():
                _require_money(budget, pack.facts)
        for fact in pack.facts.values():
            if fact.document and fact.node is not None:
                self.link(fact.document, pack.documents, fact.node)
        for document in pack.documents.values():
            for name in document.needs:
                self.link(name, pack.documents, document.node)
        self.circles(pack)

    def group(self, name: str, node: Node) -> Group:
        fields = node.fields(needed="title stack", optional="cap with")
        others: list[OtherRule] = []
        for item in fields["with"].items() if "with" in fields else ():
            with self.collecting():
                others.append(_other_rule(item))
        return Group(
            name=name,
            title=read_words(fields["title"]),
            stack=Stacking(_one_of(fields["stack"], list(Stacking))),
            cap=parse(fields["cap"]) if "cap" in fields else None,
            others=tuple(others),
            node=node,
        )

    def groups(self, pack: Pack) -> None:
        """Check that groups exist and name rules of other packs, each once."""
        for rule in pack.rules.values():
            if rule.group:
                self.link(rule.group, pack.groups, rule.node)
        for group in pack.groups.values():
            self.others(group, pack)

    def others(self, group: Group, pack: Pack) -> None:
        for index, one in enumerate(group.others):
            if one.pack == pack.name:
                error = OwnRuleError(place=one.place, name=one, rule=one.rule, group=group.name)
                self.errors.append(error)
            if one in group.others[:index]:
                self.errors.append(OtherRuleTwiceError(place=one.place, name=one, group=group.name))

    def link(self, name: str, known: Mapping[str, object], node: Node) -> None:
        with self.collecting():
            if name not in known and name not in self.broken:
                near = closest(name, list(known))
                raise UnknownLinkError(
                    place=node.place,
                    name=name,
                    known=", ".join(known) or "-",
                    hint_en=f" (did you mean {near}?)" if near else "",
                    hint_zh=f"（是否指 {near}？）" if near else "",
                )

    def circles(self, pack: Pack) -> None:
        root = self.fields["title"]
        definitions = {
            name: {one for one in names(written.tree) if one in pack.definitions}
            for name, written in pack.definitions.items()
        }
        needs = {name: set(one.needs) for name, one in pack.documents.items()}
        for graph in (definitions, needs):
            try:
                TopologicalSorter(graph).prepare()
            except GraphCycleError as error:
                path = " → ".join(reversed(error.args[1]))
                first = error.args[1][0]
                place = self.place_of(first, pack) or root.place
                self.errors.append(CycleError(place=place, path=path))

    def place_of(self, name: str, pack: Pack) -> Place | None:
        if name in pack.definitions:
            return pack.definitions[name].place()
        return pack.documents[name].node.place if name in pack.documents else None


class BadOtherRuleError(PackError):
    """A group names something that cannot be a rule of another pack."""

    en = "{place}: {name!r} names no rule of another pack: write pack/rule."
    zh = "{place}：{name!r} 不是其他政策包的规则：请写成 政策包/规则。"


class OwnRuleError(PackError):
    """A group names a rule of its own pack as if it stood in another."""

    en = "{place}: {name} is in this pack: leave it out here, and give the rule {rule} `group: {group}`."  # noqa: E501
    zh = "{place}：{name} 就在本政策包中：请从这里删去，并在规则 {rule} 中写 group: {group}。"


class OtherRuleTwiceError(PackError):
    """A group names one rule of another pack twice."""

    en = "{place}: {name} stands twice in {group}: leave one out."
    zh = "{place}：{name} 在 {group} 中出现两次：请删去一处。"


class CannotAddError(PackError):
    """A payment is to add to a fact that is no number."""

    en = "{place}: {fact} is {kind}, to which nothing can be added: write becomes."
    zh = "{place}：{fact} 的类型是“{kind_zh}”，不能在其上累加：请改写 becomes。"


class ApplicationKindError(PackError):
    """An application that is no yes or no."""

    en = "{place}: {fact} is {kind}, and an application is made or not: name a fact of type bool."
    zh = "{place}：{fact} 是 {kind}，而申请只有提出与未提出：请写 bool 类事实。"


class ApplicationUnreadError(PackError):
    """An application that none of the rule's conditions asks for by itself."""

    en = "{place}: no condition of this rule is just {fact}: add `- atom: {fact}`, with what it says and what to do."  # noqa: E501
    zh = "{place}：本规则没有哪个条件就是 {fact}：请加上 - atom: {fact}，并写明 say 和 act。"


class ApplicationAndAutomaticError(PackError):
    """A rule that needs an application and is delivered without one."""

    en = "{place}: a rule is delivered without an application or applied for: leave out automatic or applied_for."  # noqa: E501
    zh = "{place}：规则要么免申即享，要么须申请：automatic 与 applied_for 二者取一。"


def _version(node: Node) -> str:
    value = node.value()
    if value is None or isinstance(value, bool):
        raise node.wrong(en="a version, for example 2026.1", zh="版本，如 2026.1")
    return str(value)


class BadGivenError(PackError):
    """A test gives a value that the fact cannot have."""

    en = "{place}: {problem_en}"
    zh = "{place}：{problem_zh}"


def _said(node: Node, fact: Fact) -> Written:
    """Return what a fact becomes; a label or a day may stand there by itself."""
    value = node.value()
    alone = {Kind.ENUM: value in fact.type.labels, Kind.DATE: isinstance(value, date)}
    if alone.get(fact.type.kind):
        text = node.expression()
        return Written(tree=Text(text, at=0), text=text, node=node)
    return parse(node)


def _digest(root: Node) -> str:
    text = json.dumps(root.canonical(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _provenance(node: Node) -> Provenance:
    fields = node.fields(optional="issuer document published url verified")
    return Provenance(
        issuer=fields["issuer"].text() if "issuer" in fields else "",
        document=fields["document"].text() if "document" in fields else "",
        published=fields["published"].day() if "published" in fields else None,
        url=fields["url"].text() if "url" in fields else "",
        verified=fields["verified"].truth() if "verified" in fields else False,
    )


def read_period(node: Node) -> Period:
    """Return a period written as ``{from: DAY, to: DAY}``, both days included."""
    fields = node.fields(optional="from to")
    start = fields["from"].day() if "from" in fields else None
    end = fields["to"].day() if "to" in fields else None
    if start is not None and end is not None and start > end:
        raise BadRangeError(place=node.place, low=start, high=end)
    return Period(start=start, end=end)


def _periods(fields: Mapping[str, Node]) -> tuple[Period, ...]:
    items = fields["windows"].items() if "windows" in fields else ()
    return tuple(read_period(item) for item in items)


def _months(fields: Mapping[str, Node]) -> tuple[int, ...]:
    if "payment_months" not in fields:
        return ()
    node = fields["payment_months"]
    months = [item.whole() for item in node.items()]
    if any(not 1 <= month <= 12 for month in months):  # noqa: PLR2004 - months of the year
        raise node.wrong(en="a list of months, 1 to 12", zh="月份列表，1 至 12")
    return tuple(sorted(set(months)))


def _one_of(node: Node, words: Sequence[str]) -> str:
    word = node.text()
    if word not in words:
        raise node.wrong(en="one of " + ", ".join(words), zh="以下之一：" + "、".join(words))
    return word


def _choice(fields: Mapping[str, Node], key: str, words: Sequence[str]) -> str:
    return _one_of(fields[key], words) if key in fields else words[0]


def _rounding(fields: Mapping[str, Node]) -> Rounding | None:
    return Rounding(_one_of(fields["rounding"], list(Rounding))) if "rounding" in fields else None


def _amount(expect: Mapping[str, Node]) -> int | None:
    if "amount_yuan" in expect and "amount_fen" in expect:
        raise expect["amount_fen"].wrong(
            en="left out where there is amount_yuan", zh="与 amount_yuan 二者取一"
        )
    if "amount_yuan" in expect:
        fen = expect["amount_yuan"].number() * 100
        if fen != fen.to_integral_value():
            raise expect["amount_yuan"].wrong(en="an amount with whole fen", zh="精确到分的金额")
        return int(fen)
    return expect["amount_fen"].whole() if "amount_fen" in expect else None


def _parameter(name: str, node: Node) -> Parameter:
    fields = node.fields(needed="type label values", optional="labels unit min max step source")
    declared = {key: one for key, one in fields.items() if key != "values"}
    if "labels" in fields:
        declared["values"] = fields["labels"]
    kind = read_type(declared)
    bare = Parameter(
        name=name,
        type=kind,
        label=read_words(fields["label"]),
        values=(),
        scale=money_scale(fields, kind.kind),
        source=fields["source"].text() if "source" in fields else "",
        node=node,
    )
    slider = _slider(bare, fields)
    return attrs.evolve(
        bare,
        values=_dated(bare, fields["values"]),
        low=slider.get("low"),
        high=slider.get("high"),
        step=slider.get("step"),
    )


def _dated(parameter: Parameter, node: Node) -> tuple[tuple[date, Setting], ...]:
    if not node.is_mapping:
        raise node.wrong(
            en="days with values, {2026-01-01: 0.2}; null where nobody has set it",
            zh="生效日与值，如 {2026-01-01: 0.2}；尚未确定的写 null",
        )
    values: list[tuple[date, Setting]] = []
    for _, key, value in node.entries():
        values.append((key.day(), parameter.read(value)))
    return tuple(sorted(values, key=lambda pair: pair[0]))


def _slider(parameter: Parameter, fields: Mapping[str, Node]) -> dict[str, Fraction]:
    names_of = {"min": "low", "max": "high", "step": "step"}
    found = {
        ours: Fraction(fields[key].number()) * parameter.scale
        for key, ours in names_of.items()
        if key in fields
    }
    if "step" in found and found["step"] <= 0:
        raise fields["step"].wrong(en="more than 0", zh="大于 0 的数")
    if "low" in found and "high" in found and found["low"] > found["high"]:
        raise BadRangeError(
            place=fields["min"].place,
            low=parameter.show(found["low"]),
            high=parameter.show(found["high"]),
        )
    return found


def _other_rule(node: Node) -> OtherRule:
    text = node.text()
    pack, _, rule = text.partition("/")
    if not pack or not rule or "/" in rule or len(text.split()) != 1:
        raise BadOtherRuleError(place=node.place, name=text)
    return OtherRule(pack=pack, rule=rule, place=node.place)


def _budget(name: str, node: Node) -> Budget:
    fields = node.fields(needed="title rules limit per", optional="paid order split")
    per = _one_of(fields["per"], ("programme", "subject", "subject_year"))
    needed = "order" if per == "programme" else "paid"
    if needed not in fields:
        raise node.wrong(
            en=f"given with {needed}"
            + (": the facts that decide who is served first" if needed == "order" else ""),
            zh=f"预算，须写明 {needed}"
            + ("（按哪些事实决定先后）" if needed == "order" else "（哪个事实记录已付金额）"),
        )
    return Budget(
        name=name,
        title=read_words(fields["title"]),
        rules=_distinct(fields["rules"]),
        limit=parse(fields["limit"]),
        per=per,
        paid=fields["paid"].text() if "paid" in fields else "",
        order=tuple(item.text() for item in fields["order"].items()) if "order" in fields else (),
        split=fields["split"].truth() if "split" in fields else False,
        node=node,
    )


def _require_money(budget: Budget, facts: Mapping[str, Fact]) -> None:
    """Refuse a fact that says in months, or in yes and no, what was paid."""
    paid = facts.get(budget.paid)
    if paid is not None and paid.type.kind is not Kind.MONEY:
        raise budget.node.wrong(
            en=f"given with paid: a fact of money, and {budget.paid} is {paid.type}",
            zh=f"预算，paid 须为金额类事实，而 {budget.paid} 是{paid.type.say('zh')}",
        )


def _distinct(node: Node) -> tuple[str, ...]:
    """Return some names, none of them twice: a rule would be paid twice."""
    found = [item.text() for item in node.items()]
    if len(set(found)) != len(found):
        raise node.wrong(en="a list of names, none of them twice", zh="不重复的名称列表")
    return tuple(found)


def _document(name: str, node: Node) -> Document:
    fields = node.fields(needed="label bureau", optional="needs working_days")
    return Document(
        name=name,
        label=read_words(fields["label"]),
        bureau=fields["bureau"].text(),
        needs=tuple(item.text() for item in fields["needs"].items()) if "needs" in fields else (),
        working_days=fields["working_days"].whole() if "working_days" in fields else None,
        node=node,
    )
