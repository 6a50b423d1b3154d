"""Whole statements: the table of facts, the answers of every rule, the counts."""

from collections.abc import Sequence

import attrs

from liudu.contract import Refusal
from liudu.rules._core import facts_of
from liudu.rules._fact import Fact
from liudu.rules._kind import Kind, day_of
from liudu.rules._program import Program, RuleTest
from liudu.rules.sql._dialect import GRAMMARS, Dialect, Grammar, identifier, literal
from liudu.rules.sql._steps import Piece
from liudu.rules.sql._tree import Writer, fact_column


class UnknownRuleError(Refusal):
    """A rule is asked for that does not hold on the day, or not at all."""

    en = "{rule} is no rule of {pack} on {on}; there are {known}."
    zh = "{on} 的 {pack} 中没有规则 {rule}；有效的是 {known}。"


class NoRuleHoldsError(Refusal):
    """There is nothing to ask: no rule holds on the day for that kind of subject."""

    en = "No rule of {pack} holds on {on} for {subject}: choose another day or kind of subject."
    zh = "{pack} 在 {on} 没有对 {subject} 有效的规则：请换一个日期或主体类型。"


class SubjectColumnTakenError(Refusal):
    """The column of the ids is called as a fact is."""

    en = "{subject} is a fact of {pack}: call the column of the ids otherwise (--subject)."
    zh = "{subject} 是 {pack} 的事实：请给主体列另取名称（--subject）。"


class TooWideError(Refusal):
    """One statement would need more than the database takes."""

    en = "{dialect} takes {limit} {what_en}, this needs {count}: write fewer rules at a time (rules=, --rule)."  # noqa: E501
    zh = "{dialect} 最多 {limit} {what_zh}，这里需要 {count}：请分批生成（rules= 或 --rule）。"


@attrs.frozen(kw_only=True)
class Source:
    """Where the facts of the subjects lie.

    Attributes
    ----------
    table
        The table, or ``schema.table``.
    subject
        The column with the id of the subject.
    """

    table: str = "facts"
    subject: str = "subject"


SOURCE = Source()


def answers_sql(
    program: Program,
    *,
    dialect: Dialect,
    source: Source = SOURCE,
    rules: Sequence[str] | None = None,
) -> str:
    """Return the query that says what every rule says of every subject.

    It reads the table that `facts_table_sql` makes and returns one row a subject and rule:

    ``subject``, ``rule``
        Of whom and of what.
    ``status``
        1 eligible, 0 ineligible, -1 unknown, as `Run.status`.
    ``near``
        Whether one step is missing, as `Run.near`.
    ``unmet``
        How many conditions are not known to be true.
    ``amount_fen``
        What the rule alone brings, before groups, caps and budgets, as `Run.amounts`.
    ``conditions``
        One character a condition, in their order: ``1`` true, ``0`` false, ``?`` unknown.
    ``near_fen``
        Where one step is missing, what it would bring, as `near_amounts`; NULL where that is
        not known, and for everybody else.

    All arithmetic is in whole numbers of 64 bits that `compile_pack` has proved not to
    overflow for facts in their declared ranges.

    Parameters
    ----------
    program
        The pack on a day; a what-if is a program with other settings.
    dialect
        The database.
    source
        Where the facts lie.
    rules
        Only these rules; all if there are none.

    Raises
    ------
    NoRuleHoldsError, UnknownRuleError, SubjectColumnTakenError, TooWideError,
    UnwritableTextError

    """
    _require_apart(program, source)
    grammar = GRAMMARS[dialect]
    chosen = _chosen(program, rules)
    _require(dialect, len(chosen), grammar.branches_max, ("rules", "条规则"))
    writer = Writer(grammar)
    pieces = [_RulePieces(rule, writer) for rule in chosen]
    names = sorted(set[str]().union(*(rule.facts for rule in chosen)))
    width = 1 + len(names) + len(writer.steps.known)
    _require(dialect, width, grammar.columns_max, ("columns", "列"))
    columns = [f"{identifier(source.subject, grammar)} AS subject"]
    columns += [_encoded(program.pack.facts[name], grammar) for name in names]
    table = identifier(source.table, grammar)
    steps = [grammar.step.format(name="liudu_0", columns=_lines(columns), source=table)]
    for index, added in enumerate(writer.steps.added):
        name, before = f"liudu_{index + 1}", f"liudu_{index}"
        steps.append(grammar.step.format(name=name, columns=_lines(["*", *added]), source=before))
    last = f"liudu_{len(writer.steps.added)}"
    branches = [one.select(last, grammar) for one in pieces]
    return _head(program) + "WITH " + ",\n".join(steps) + "\n" + "\nUNION ALL\n".join(branches)


def counts_sql(
    program: Program,
    *,
    dialect: Dialect,
    source: Source = SOURCE,
    rules: Sequence[str] | None = None,
) -> str:
    """Return the query that counts every rule's answers, as `Run.counts` does.

    Parameters and errors are those of `answers_sql`; the columns are ``rule``, ``eligible``,
    ``ineligible``, ``unknown``, ``near``, ``amount_fen`` and ``near_fen``, which adds up what
    the missing steps would bring where that is known. A rule of which there is no subject has
    no row.
    """
    answers = answers_sql(program, dialect=dialect, source=source, rules=rules)

    def number(test: str, name: str) -> str:
        return f"CAST(sum(CASE WHEN {test} THEN 1 ELSE 0 END) AS BIGINT) AS {name}"

    columns = [
        "rule",
        number("status = 1", "eligible"),
        number("status = 0", "ineligible"),
        number("status = -1", "unknown"),
        number("near", "near"),
        "CAST(sum(amount_fen) AS BIGINT) AS amount_fen",
        "CAST(COALESCE(sum(near_fen), 0) AS BIGINT) AS near_fen",
    ]
    query = f"SELECT {_lines(columns)} FROM (\n{answers}\n) AS answers"  # noqa: S608 - ours
    return f"{query} GROUP BY rule"


def facts_table_sql(program: Program, *, dialect: Dialect, source: Source = SOURCE) -> str:
    """Return the statement that makes the table of facts.

    Money is whole fen, a rate is the rate times the ``denominator`` of its fact, a day is a
    date (in SQLite the text YYYY-MM-DD), an enumeration is its label; NULL is unknown. The
    constraints are the declared ranges, without which results could pass 64 bits; Spark has
    none, so there they are the loader's business.
    """
    _require_apart(program, source)
    grammar = GRAMMARS[dialect]
    key = "" if dialect is Dialect.SPARK else " PRIMARY KEY"
    columns = [f"{identifier(source.subject, grammar)} {grammar.text_type} NOT NULL{key}"]
    columns += [_declared(program.pack.facts[name], grammar) for name in program.facts]
    table = identifier(source.table, grammar)
    return _head(program) + f"CREATE TABLE {table} ({_lines(columns)})"


class _RulePieces:
    """One rule: its conditions as columns, and what follows from them."""

    def __init__(self, rule: RuleTest, writer: Writer) -> None:
        self.rule = rule
        self.tests = [writer.column(atom.test) for atom in rule.atoms]
        self.amount = (
            writer.column(rule.amount) if rule.amount is not None else Piece("0", number=0)
        )

    def select(self, last: str, grammar: Grammar) -> str:
        every = " AND ".join(test.sql for test in self.tests)
        amount = self.amount.sql
        known = f"WHEN {amount} IS NULL THEN -1 " if self.amount.may_be_null else ""
        doubt = f"WHEN ({every}) IS NULL THEN -1 {known}"
        columns = [
            "subject",
            f"{literal(self.rule.rule.name, grammar)} AS rule",
            f"CASE WHEN NOT ({every}) THEN 0 {doubt}ELSE 1 END AS status",
            f"{self.near()} AS near",
            f"{self.unmet()} AS unmet",
            f"CASE WHEN {every} THEN COALESCE({amount}, 0) ELSE 0 END AS amount_fen",
            f"{self.conditions()} AS conditions",
            f"{self.near_amount(grammar)} AS near_fen",
        ]
        # Names and texts of the pack went through `identifier` and `literal`.
        return f"SELECT {_lines(columns)} FROM {last}"  # noqa: S608

    def unmet(self) -> str:
        return " + ".join(f"CASE WHEN {one.sql} THEN 0 ELSE 1 END" for one in self.tests)

    def near(self) -> str:
        tests = [f"({self.unmet()} = 1)"]
        for atom, one in zip(self.rule.atoms, self.tests, strict=True):
            if atom.waits_for_office:
                tests.append(f"({one.sql} IS TRUE)")
            elif not atom.advised:
                tests.append(f"({one.sql} IS NOT FALSE)")
        return "(" + " AND ".join(tests) + ")"

    def near_amount(self, grammar: Grammar) -> str:
        """Write what the missing step would bring; NULL where it turns on what is missing."""
        if self.rule.amount is None:
            return grammar.no_number
        read = facts_of(self.rule.amount)
        tests = [self.near()]
        for atom, one in zip(self.rule.atoms, self.tests, strict=True):
            if read & facts_of(atom.test):
                tests.append(f"({one.sql} IS TRUE)")
        return f"CASE WHEN {' AND '.join(tests)} THEN {self.amount.sql} END"

    def conditions(self) -> str:
        form = "CASE {} WHEN TRUE THEN '1' WHEN FALSE THEN '0' ELSE '?' END"
        return " || ".join(form.format(one.sql) for one in self.tests)


def _chosen(program: Program, rules: Sequence[str] | None) -> list[RuleTest]:
    if not program.rules:
        subject = program.subject or "*"
        raise NoRuleHoldsError(pack=program.pack.name, on=program.on, subject=subject)
    if not rules:
        return list(program.rules.values())
    for name in rules:
        if name not in program.rules:
            known = ", ".join(program.rules)
            raise UnknownRuleError(
                rule=name, pack=program.pack.name, on=program.on, known=known or "-"
            )
    return [program.rules[name] for name in rules]


def _require_apart(program: Program, source: Source) -> None:
    # Databases do not tell upper from lower case here.
    if source.subject.lower() in program.pack.facts:
        raise SubjectColumnTakenError(subject=source.subject, pack=program.pack.name)


def _require(dialect: Dialect, count: int, limit: int, what: tuple[str, str]) -> None:
    if count > limit:
        raise TooWideError(
            dialect=dialect, count=count, limit=limit, what_en=what[0], what_zh=what[1]
        )


def _encoded(fact: Fact, grammar: Grammar) -> str:
    """Return a fact's column in the engine's encoding."""
    column = identifier(fact.name, grammar)
    if fact.type.kind is Kind.ENUM:
        cases = " ".join(
            f"WHEN {literal(label, grammar)} THEN {code}"
            for code, label in enumerate(fact.type.labels)
        )
        column = f"CASE {column} {cases} END"
    elif fact.type.kind is Kind.DATE:
        column = grammar.day_number.format(column)
    if fact.type.kind is not Kind.BOOL:
        column = f"CAST({column} AS BIGINT)"
    return f"{column} AS {fact_column(fact.name)}"


def _declared(fact: Fact, grammar: Grammar) -> str:
    kind, column = fact.type.kind, identifier(fact.name, grammar)
    types = {
        Kind.BOOL: grammar.truth_type,
        Kind.DATE: grammar.day_type,
        Kind.ENUM: grammar.text_type,
    }
    declared = f"{column} {types.get(kind, 'BIGINT')}"
    if not grammar.has_checks:
        return declared
    if kind is Kind.ENUM:
        labels = ", ".join(literal(label, grammar) for label in fact.type.labels)
        return f"{declared} CHECK ({column} IN ({labels}))"
    if kind is Kind.BOOL:
        whole = grammar.truth_type == "INTEGER"
        return f"{declared} CHECK ({column} IN (0, 1))" if whole else declared
    low, high = str(fact.minimum), str(fact.maximum)
    if kind is Kind.DATE:
        low, high = (f"'{day_of(number)}'" for number in (fact.minimum, fact.maximum))
    return f"{declared} CHECK ({column} BETWEEN {low} AND {high})"


def _head(program: Program) -> str:
    pack = program.pack
    named = " ".join(f"{pack.name} {pack.version}".split())
    return f"-- {named}, {program.on}, {program.digest}\n"


def _lines(columns: Sequence[str]) -> str:
    return "\n  " + ",\n  ".join(columns) + "\n"
