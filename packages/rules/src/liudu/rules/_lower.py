"""From an expression as written to a typed tree of whole numbers, on one day."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from itertools import count, pairwise
from typing import NoReturn, Protocol

import attrs

from liudu.rules._core import (
    INT64_MAX,
    Add,
    Both,
    Choose,
    Compare,
    Constant,
    Contrary,
    Either,
    FactTrue,
    FactValue,
    Fixed,
    Greatest,
    Least,
    MonthsAfter,
    MonthsBetween,
    Multiply,
    OneOf,
    OpenTest,
    OpenValue,
    Quotient,
    Rounding,
    Sign,
    Subtract,
    Test,
    Value,
)
from liudu.rules._expression import (
    FUNCTIONS,
    Arithmetic,
    Call,
    Comparison,
    Conditional,
    Expression,
    Logic,
    Membership,
    Name,
    Negative,
    Not,
    Number,
    Text,
    Truth,
    Written,
    names,
)
from liudu.rules._kind import MONEY_UNITS, Kind, Type, day_number
from liudu.rules._source import PackError

BOOL = Type(Kind.BOOL)
MONEY = Type(Kind.MONEY)
DATE = Type(Kind.DATE)
RATE = Type(Kind.RATE)
LITERAL = Type(Kind.LITERAL)
MONTHS = Type(Kind.COUNT, "months")
DAYS = Type(Kind.COUNT, "days")
IN_CHINESE = {
    "true or false": "真假",
    "a number": "数",
    "money": "金额",
    "money (fen)": "金额",
    "a bare number": "不带单位的数",
    "a constant": "常数",
    "a constant of the same unit": "同一单位的常数",
    "constants as thresholds": "常数作门槛",
    "rates": "比例",
    "rate": "比例",
    "bool": "是否",
    "count": "数量",
    "date": "日期",
    "a day": "日期",
    "a number or a day": "数或日期",
    "numbers or days": "数或日期",
    "a label in quotes": "带引号的选项",
    "an enumeration": "选项类事实",
    "fewer months": "更少的月数",
    "a whole number of months": "整月数",
    "a whole number of days": "整天数",
}
MONTHS_MAX = 1200
STEPS_MAX = 5000
PAIR = 2


class UnknownNameError(PackError):
    """A name that is no fact, parameter or definition."""

    en = "{place}: {name} is not a fact, parameter or definition of this pack{hint_en}."
    zh = "{place}：{name} 不是本政策包的事实、参数或定义{hint_zh}。"


class UnitClashError(PackError):
    """Two things of different kinds or units are added, compared or multiplied."""

    en = "{place}: {left} and {right} do not go together in `{text}`{hint_en}."
    zh = "{place}：`{text}` 中{left_zh}与{right_zh}不能放在一起{hint_zh}。"


class WrongKindError(PackError):
    """An expression is not of the kind that is needed here."""

    en = "{place}: this is {found}, but {wanted} is needed{hint_en}."
    zh = "{place}：这里需要{wanted_zh}，而写的是{found_zh}{hint_zh}。"

    def __init__(self, **facts: object) -> None:
        found, wanted = str(facts.get("found", "")), str(facts.get("wanted", ""))
        chinese = {"found_zh": IN_CHINESE.get(found, f" {found}")}
        chinese["wanted_zh"] = IN_CHINESE.get(wanted, f" {wanted}")
        super().__init__(**{**chinese, **facts})


class UnknownLabelError(PackError):
    """A label that the enumeration does not have."""

    en = "{place}: {label!r} is not one of {labels}."
    zh = "{place}：{label!r} 不在选项 {labels} 之中。"


class NotExhaustiveError(PackError):
    """A case or table that leaves some subjects without a value."""

    en = "{place}: no value for {missing}: add it, or what applies otherwise; `{shape}`."
    zh = "{place}：{missing} 没有对应的值：请补上，或写明其他情形；写法如 `{shape}`。"


class OverflowRiskError(PackError):
    """A result can pass 64 bits, given the declared ranges."""

    en = "{place}: `{text}` can reach {value:.3g}, beyond 64 bits: declare a smaller `max` for {facts}."  # noqa: E501
    zh = "{place}：`{text}` 可能达到 {value:.3g}，超出 64 位：请为 {facts} 声明更小的 max。"


class TooLargeError(PackError):
    """Definitions that unfold into something no person can have meant."""

    en = "{place}: with its definitions this has more than {steps_max} parts: split the rule."
    zh = "{place}：展开定义后超过 {steps_max} 个部分：请拆分这条规则。"


class CycleError(PackError):
    """Definitions, documents or rules that need each other in a circle."""

    en = "{place}: {path} goes in a circle: break it."
    zh = "{place}：{path} 循环依赖：请断开。"


class FactLike(Protocol):
    """What lowering needs to know of a fact."""

    @property
    def type(self) -> Type: ...
    @property
    def denominator(self) -> int: ...
    @property
    def minimum(self) -> int: ...
    @property
    def maximum(self) -> int: ...


class ParameterLike(Protocol):
    """What lowering needs to know of a parameter."""

    @property
    def type(self) -> Type: ...


Setting = Fraction | bool | str | date | None


@attrs.frozen(kw_only=True)
class Scope:
    """The names that an expression may use, on one day.

    `settings` holds each parameter's value on that day: money in fen, a rate as a fraction,
    None where the office has not set it.
    """

    facts: Mapping[str, FactLike]
    parameters: Mapping[str, ParameterLike]
    settings: Mapping[str, Setting]
    definitions: Mapping[str, Written]
    today: date


@attrs.frozen
class Sized:
    """A value over a constant denominator, with its type and its range.

    `low` and `high` bound the integer, before division by the denominator.
    """

    value: Value
    type: Type
    low: int
    high: int
    denominator: int = 1

    @property
    def is_zero(self) -> bool:
        """Whether this is the constant zero, which has every unit."""
        return self.value == Constant(0)


Lowered = Sized | Test


def lower_test(written: Written, scope: Scope) -> Test:
    """Return the test that an expression is.

    Raises
    ------
    PackError
        With the place of what does not fit: an unknown name, a clash of units, a value
        where a condition is needed, an overflow.

    """
    return _Lowering(written, scope).test(written.tree)


def lower_value(written: Written, scope: Scope) -> Sized:
    """Return the value that an expression is; raises as `lower_test` does."""
    return _Lowering(written, scope).value(written.tree)


def lower_as(written: Written, kind: Type, scope: Scope) -> Lowered:
    """Return what an expression is as something of a type; raises as `lower_test` does.

    A label or a day may stand by itself, a bare number is a count or a rate.
    """
    lowering = _Lowering(written, scope)
    if kind.kind is Kind.BOOL:
        return lowering.test(written.tree)
    return lowering.typed(written.tree, kind)


def whole_fen(sized: Sized, rounding: Rounding | None, step: int = 1) -> Value:
    """Return an amount of money as whole fen, or whole multiples of `step` fen."""
    divisor = sized.denominator * step
    if divisor == 1 or rounding is None:
        return sized.value
    return Quotient(sized.value, divisor, rounding, step)


class _Lowering:
    def __init__(
        self,
        written: Written,
        scope: Scope,
        path: tuple[str, ...] = (),
        steps: Iterator[int] | None = None,
    ) -> None:
        self.written = written
        self.scope = scope
        self.path = path
        self.steps = steps or count(1)

    def any(self, tree: Expression) -> Lowered:
        if next(self.steps) > STEPS_MAX:
            raise TooLargeError(place=self.written.place(tree), steps_max=STEPS_MAX)
        return self._any(tree)

    def _any(self, tree: Expression) -> Lowered:
        if isinstance(tree, Name):
            return self._name(tree)
        if isinstance(tree, Conditional):
            return self._conditional(tree)
        if isinstance(tree, Truth | Not | Logic | Comparison | Membership):
            return self._logic(tree)
        return self._number(tree)

    def _logic(self, tree: Truth | Not | Logic | Comparison | Membership) -> Test:
        if isinstance(tree, Truth):
            return Fixed(tree.value)
        if isinstance(tree, Not):
            return Contrary(self.test(tree.operand))
        if isinstance(tree, Comparison):
            return self._comparison(tree)
        if isinstance(tree, Membership):
            return self._membership(tree)
        tests = tuple(self.test(one) for one in tree.operands)
        return Both(tests) if tree.word == "and" else Either(tests)

    def _number(self, tree: Expression) -> Sized:
        if isinstance(tree, Number):
            return self._constant(tree, tree.value, LITERAL)
        if isinstance(tree, Negative):
            one = self.value(tree.operand)
            return self._combine(tree, "-", self._constant(tree, Fraction(0), LITERAL), one)
        if isinstance(tree, Arithmetic):
            return self._arithmetic(tree)
        if isinstance(tree, Call):
            return self._call(tree)
        en = "; a label or a day can only be compared"
        zh = "；选项和日期只能用来比较"
        text = tree.value if isinstance(tree, Text) else self.written.text
        raise WrongKindError(
            place=self.written.place(tree),
            found=repr(text),
            wanted="a number",
            hint_en=en,
            hint_zh=zh,
        )

    def test(self, tree: Expression) -> Test:
        lowered = self.any(tree)
        if isinstance(lowered, Test):
            return lowered
        en = "; compare it: > 0, == …"
        zh = "；请写成比较，如 > 0、== …"
        return self._wrong_kind(tree, lowered, "true or false", en=en, zh=zh)

    def value(self, tree: Expression) -> Sized:
        lowered = self.any(tree)
        if isinstance(lowered, Sized):
            return lowered
        en = "; write `a if condition else b`"
        zh = "；请写成 甲 if 条件 else 乙"
        return self._wrong_kind(tree, lowered, "a number", en=en, zh=zh)

    def typed(self, tree: Expression, kind: Type) -> Sized:
        """Return the value that a tree is, of a type; `UnitClashError` if it is of another."""
        if isinstance(tree, Text):
            return self._text(tree, kind)
        if isinstance(tree, Conditional):
            branches = self.typed(tree.then, kind), self.typed(tree.otherwise, kind)
            return self._choose(tree, self.test(tree.test), *branches)
        found = self.value(tree)
        self._same(tree, Sized(Constant(0), kind, 0, 0), found)
        return found

    def _wrong_kind(
        self, tree: Expression, found: Lowered, wanted: str, *, en: str = "", zh: str = ""
    ) -> NoReturn:
        kind, chinese = "true or false", "真假"
        if isinstance(found, Sized):
            kind, chinese = str(found.type), found.type.say("zh")
        raise WrongKindError(
            place=self.written.place(tree),
            found=kind,
            found_zh=chinese,
            wanted=wanted,
            hint_en=en,
            hint_zh=zh,
        )

    def _name(self, tree: Name) -> Lowered:
        name, scope = tree.name, self.scope
        if name == "today":
            today = day_number(scope.today)
            return Sized(Constant(today), DATE, today, today)
        if name in scope.facts:
            return _fact(name, scope.facts[name])
        if name in scope.parameters:
            return self._parameter(tree)
        if name in scope.definitions:
            return self._definition(tree)
        near = closest(name, [*scope.facts, *scope.parameters, *scope.definitions])
        raise UnknownNameError(
            place=self.written.place(tree),
            name=name,
            hint_en=f"; did you mean {near}?" if near else "",
            hint_zh=f"；是否指 {near}？" if near else "",
        )

    def _definition(self, tree: Name) -> Lowered:
        if tree.name in self.path:
            path = " → ".join((*self.path[self.path.index(tree.name) :], tree.name))
            raise CycleError(place=self.written.place(tree), path=path)
        written = self.scope.definitions[tree.name]
        inner = _Lowering(written, self.scope, (*self.path, tree.name), self.steps)
        return inner.any(written.tree)

    def _parameter(self, tree: Name) -> Lowered:
        kind = self.scope.parameters[tree.name].type
        setting = self.scope.settings.get(tree.name)
        if setting is None:
            if kind.kind is Kind.BOOL:
                return OpenTest(tree.name)
            return Sized(OpenValue(tree.name), kind, 0, 0)
        if isinstance(setting, bool):
            return Fixed(setting)
        if isinstance(setting, date):
            day = day_number(setting)
            return Sized(Constant(day), kind, day, day)
        if isinstance(setting, str):
            code = kind.labels.index(setting)
            return Sized(Constant(code), kind, code, code)
        return self._constant(tree, setting, kind)

    def _constant(self, tree: Expression, value: Fraction, kind: Type) -> Sized:
        number = value.numerator
        return self._checked(tree, Sized(Constant(number), kind, number, number, value.denominator))

    def _checked(self, tree: Expression, sized: Sized) -> Sized:
        """Return it if it and its half stay in 64 bits, whatever the facts."""
        extreme = max(abs(sized.low), abs(sized.high), sized.denominator)
        if extreme > INT64_MAX // 4:
            facts = ", ".join(sorted(set(_fact_names(tree, self.scope)))) or "its facts"
            raise OverflowRiskError(
                place=self.written.place(tree),
                text=self.written.text[:80],
                value=float(extreme),
                facts=facts,
            )
        return sized

    def _common(self, tree: Expression, ones: Sequence[Sized]) -> list[Sized]:
        """Return values over one denominator."""
        denominator = math.lcm(*(one.denominator for one in ones))
        return [self._scaled(tree, one, denominator // one.denominator) for one in ones]

    def _scaled(self, tree: Expression, one: Sized, factor: int) -> Sized:
        if factor == 1:
            return one
        value: Value = Multiply(one.value, Constant(factor))
        if isinstance(one.value, Constant):
            value = Constant(one.value.number * factor)
        scaled = Sized(
            value, one.type, one.low * factor, one.high * factor, one.denominator * factor
        )
        return self._checked(tree, scaled)

    def _unified(self, tree: Expression, ones: Sequence[Sized]) -> tuple[list[Sized], Type]:
        """Return values of one type over one denominator."""
        kind = ones[0].type
        for left, right in pairwise(ones):
            kind = self._same(tree, attrs.evolve(left, type=kind), right)
        return self._common(tree, ones), kind

    def _same(self, tree: Expression, left: Sized, right: Sized) -> Type:
        if left.type == right.type:
            return left.type
        for literal, other in ((left, right), (right, left)):
            if literal.type.kind is Kind.LITERAL:
                numeric = other.type.kind in (Kind.COUNT, Kind.RATE)
                if numeric or (other.type.kind is Kind.MONEY and literal.is_zero):
                    return other.type
        return self._clash(tree, left, right)

    def _clash(self, tree: Expression, left: Sized, right: Sized) -> NoReturn:
        kinds = {left.type.kind, right.type.kind}
        en = zh = ""
        if kinds == {Kind.MONEY, Kind.LITERAL}:
            en = ": say which money, yuan(5000), wan(500) or fen(500000)"
            zh = "：请写明货币单位，如 yuan(5000)、wan(500)、fen(500000)"
        elif Kind.DATE in kinds:
            en = ": write days_after(day, 30) or months_after(day, 6)"
            zh = "：请写 days_after(日期, 30) 或 months_after(日期, 6)"
        raise UnitClashError(
            place=self.written.place(tree),
            text=self.written.text[:80],
            left=str(left.type),
            right=str(right.type),
            left_zh=left.type.say("zh"),
            right_zh=right.type.say("zh"),
            hint_en=en,
            hint_zh=zh,
        )

    def _comparison(self, tree: Comparison) -> Test:
        left, right = self._pair(tree.left, tree.right)
        if left.type.kind is Kind.ENUM and tree.sign not in ("==", "!="):
            en, zh = "; labels have no order: write x in (…)", "；选项没有大小：请写 x in (…)"
            self._wrong_kind(tree.left, left, "a number or a day", en=en, zh=zh)
        (left, right), _ = self._unified(tree, (left, right))
        return Compare(Sign(tree.sign), left.value, right.value)

    def _pair(self, left: Expression, right: Expression) -> tuple[Sized, Sized]:
        """Lower two sides; a text takes its meaning from the other side."""
        if isinstance(left, Text) and not isinstance(right, Text):
            one = self.value(right)
            return self._text(left, one.type), one
        one = self.value(left)
        if isinstance(right, Text):
            return one, self._text(right, one.type)
        return one, self.value(right)

    def _text(self, tree: Text, kind: Type) -> Sized:
        if kind.kind is Kind.ENUM:
            if tree.value not in kind.labels:
                labels = ", ".join(kind.labels)
                raise UnknownLabelError(
                    place=self.written.place(tree), label=tree.value, labels=labels
                )
            code = kind.labels.index(tree.value)
            return Sized(Constant(code), kind, code, code)
        if kind.kind is Kind.DATE:
            try:
                day = day_number(date.fromisoformat(tree.value))
            except ValueError:
                pass
            else:
                return Sized(Constant(day), DATE, day, day)
        raise WrongKindError(
            place=self.written.place(tree),
            found=repr(tree.value),
            wanted=str(kind),
            hint_en="",
            hint_zh="",
        )

    def _membership(self, tree: Membership) -> Test:
        item = self.value(tree.item)
        numbers: list[int] = []
        waiting: list[Test] = []
        for member in tree.members:
            one = self._text(member, item.type) if isinstance(member, Text) else self.value(member)
            (left, right), _ = self._unified(tree, (item, one))
            if isinstance(one.value, OpenValue):
                waiting.append(Compare(Sign.EQUAL, item.value, one.value))
                continue
            if left.denominator != item.denominator or not isinstance(right.value, Constant):
                self._wrong_kind(member, one, "a constant of the same unit")
            numbers.append(right.value.number)
        known = [OneOf(item.value, tuple(sorted(set(numbers))))] if numbers else []
        tests: tuple[Test, ...] = (*known, *waiting)
        test = tests[0] if len(tests) == 1 else Either(tests)
        return Contrary(test) if tree.negated else test

    def _conditional(self, tree: Conditional) -> Lowered:
        test = self.test(tree.test)
        then, otherwise = self.any(tree.then), self.any(tree.otherwise)
        if isinstance(then, Test) or isinstance(otherwise, Test):
            en = "; write (a and b) or (not a and c)"
            zh = "；请写 (甲 and 乙) or (not 甲 and 丙)"
            found = then if isinstance(then, Test) else otherwise
            self._wrong_kind(tree, found, "a number", en=en, zh=zh)
        return self._choose(tree, test, then, otherwise)

    def _choose(self, tree: Expression, test: Test, then: Sized, otherwise: Sized) -> Sized:
        (then, otherwise), kind = self._unified(tree, (then, otherwise))
        low, high = min(then.low, otherwise.low), max(then.high, otherwise.high)
        value = Choose(test, then.value, otherwise.value)
        return Sized(value, kind, low, high, then.denominator)

    def _arithmetic(self, tree: Arithmetic) -> Sized:
        left, right = self.value(tree.left), self.value(tree.right)
        if tree.sign == "*":
            return self._product(tree, left, right)
        if tree.sign == "/":
            return self._division(tree, left, right)
        return self._combine(tree, tree.sign, left, right)

    def _combine(self, tree: Expression, sign: str, left: Sized, right: Sized) -> Sized:
        dates = left.type.kind is right.type.kind is Kind.DATE
        if Kind.ENUM in (left.type.kind, right.type.kind) or (
            Kind.DATE in (left.type.kind, right.type.kind) and not (dates and sign == "-")
        ):
            self._clash(tree, left, right)
        (left, right), kind = self._unified(tree, (left, right))
        if sign == "+":
            value: Value = Add(left.value, right.value)
            low, high = left.low + right.low, left.high + right.high
        else:
            value = Subtract(left.value, right.value)
            low, high = left.low - right.high, left.high - right.low
        kind = DAYS if dates else kind
        if isinstance(left.value, Constant) and isinstance(right.value, Constant):
            value = Constant(low)
        return self._checked(tree, Sized(value, kind, low, high, left.denominator))

    def _product(self, tree: Expression, left: Sized, right: Sized) -> Sized:
        kind = self._product_type(tree, left, right)
        ends = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
        denominator = left.denominator * right.denominator
        if isinstance(left.value, Constant) and isinstance(right.value, Constant):
            number = Fraction(ends[0], denominator)
            return self._constant(tree, number, kind)
        value = Multiply(left.value, right.value)
        return self._checked(tree, Sized(value, kind, min(ends), max(ends), denominator))

    def _product_type(self, tree: Expression, left: Sized, right: Sized) -> Type:
        kinds = (left.type.kind, right.type.kind)
        if Kind.DATE in kinds or Kind.ENUM in kinds or kinds == (Kind.MONEY, Kind.MONEY):
            self._clash(tree, left, right)
        for kind in (Kind.MONEY, Kind.COUNT, Kind.RATE):
            if kind in kinds:
                first, second = (left, right) if left.type.kind is kind else (right, left)
                if kind is second.type.kind is Kind.COUNT and second.type.unit:
                    if first.type.unit:
                        self._clash(tree, left, right)
                    return second.type
                return first.type
        return LITERAL

    def _division(self, tree: Arithmetic, left: Sized, right: Sized) -> Sized:
        if isinstance(right.value, OpenValue):
            kind = self._product_type(tree, left, attrs.evolve(right, type=LITERAL))
            return Sized(right.value, kind, 0, 0)
        constant = isinstance(right.value, Constant) and right.type.kind in (
            Kind.LITERAL,
            Kind.RATE,
            Kind.COUNT,
        )
        if not constant or right.low == 0:
            en = "; divide by a number that is not 0, or multiply the other side"
            zh = "；只能除以不为 0 的常数，或把式子改成乘法"
            self._wrong_kind(tree.right, right, "a constant", en=en, zh=zh)
        inverse = 1 / Fraction(right.low, right.denominator)
        return self._product(tree, left, self._constant(tree, inverse, LITERAL))

    def _call(self, tree: Call) -> Sized:
        steps = {
            "yuan": self._money,
            "wan": self._money,
            "fen": self._money,
            "min": self._extreme,
            "max": self._extreme,
            "case": self._case,
            "tiers": self._tiers,
            "slices": self._slices,
            "months_after": self._months_after,
            "months_between": self._months_between,
            "days_after": self._days_after,
        }
        return steps[tree.function](tree)

    def _require_arguments(self, tree: Call, wanted: int) -> None:
        if len(tree.arguments) != wanted:
            raise WrongKindError(
                place=self.written.place(tree),
                found=f"{tree.function}() with {len(tree.arguments)} arguments",
                wanted=FUNCTIONS[tree.function],
                hint_en="",
                hint_zh="",
            )

    def _money(self, tree: Call) -> Sized:
        self._require_arguments(tree, 1)
        one = self.value(tree.arguments[0])
        if one.type.kind is not Kind.LITERAL or not isinstance(one.value, Constant):
            self._wrong_kind(tree.arguments[0], one, "a bare number")
        fen = Fraction(one.value.number, one.denominator) * MONEY_UNITS[tree.function]
        return self._constant(tree, fen, MONEY)

    def _extreme(self, tree: Call) -> Sized:
        if len(tree.arguments) < PAIR:
            self._require_arguments(tree, PAIR)
        ones, kind = self._unified(tree, [self.value(one) for one in tree.arguments])
        if kind.kind is Kind.ENUM:
            self._wrong_kind(tree, ones[0], "numbers or days")
        values = tuple(one.value for one in ones)
        pick = min if tree.function == "min" else max
        low, high = pick(one.low for one in ones), pick(one.high for one in ones)
        value: Value = Least(values) if pick is min else Greatest(values)
        return Sized(value, kind, low, high, ones[0].denominator)

    def _case(self, tree: Call) -> Sized:
        item = self.value(tree.arguments[0])
        if item.type.kind is not Kind.ENUM:
            self._wrong_kind(tree.arguments[0], item, "an enumeration")
        rows: dict[int, Sized] = {}
        for key, value in tree.table:
            if not isinstance(key, Text):
                self._wrong_kind(key, self.any(key), "a label in quotes")
            rows[self._text(key, item.type).low] = self.value(value)
        left_out = [label for code, label in enumerate(item.type.labels) if code not in rows]
        otherwise = [self.value(one) for one in tree.arguments[1:]]
        if left_out and not otherwise:
            self._not_exhaustive(tree, ", ".join(left_out))
        tests = [OneOf(item.value, (code,)) for code in rows]
        return self._chain(tree, tests, [*rows.values(), *otherwise])

    def _not_exhaustive(self, tree: Call, missing: str) -> NoReturn:
        raise NotExhaustiveError(
            place=self.written.place(tree), missing=missing, shape=FUNCTIONS[tree.function]
        )

    def _chain(self, tree: Expression, tests: Sequence[Test], values: Sequence[Sized]) -> Sized:
        """Return the value of the first true test, else the last value.

        The last row of an exhaustive table needs no test of its own.
        """
        result = values[-1]
        last = len(values) - 1
        for test, value in reversed(list(zip(tests[:last], values[:last], strict=True))):
            result = self._choose(tree, test, value, result)
        return result

    def _thresholds(self, tree: Call, item: Sized) -> list[tuple[Sized, Sized]]:
        rows = [(self.value(key), self.value(value)) for key, value in tree.table]
        for key, _ in rows:
            if not isinstance(key.value, Constant | OpenValue):
                self._wrong_kind(tree, key, "constants as thresholds")
            self._same(tree, item, key)
        return sorted(rows, key=lambda row: Fraction(row[0].low, row[0].denominator))

    def _at_least(self, tree: Expression, item: Sized, threshold: Sized) -> Test:
        (left, right), _ = self._unified(tree, (item, threshold))
        return Compare(Sign.AT_LEAST, left.value, right.value)

    def _tiers(self, tree: Call) -> Sized:
        """Return the value of the highest threshold that is reached."""
        self._require_arguments(tree, 1)
        item = self.value(tree.arguments[0])
        rows = self._thresholds(tree, item)
        if _open_key(rows) is not None:
            _, kind = self._unified(tree, [value for _, value in rows])
            return Sized(_open_key(rows) or Constant(0), kind, 0, 0)
        lowest = Fraction(rows[0][0].low, rows[0][0].denominator)
        if lowest > Fraction(item.low, item.denominator):
            self._not_exhaustive(tree, f"< {lowest}")
        rows.reverse()
        tests = [self._at_least(tree, item, threshold) for threshold, _ in rows[:-1]]
        return self._chain(tree, tests, [value for _, value in rows])

    def _slices(self, tree: Call) -> Sized:
        """Return the sum over slices: each rate applies to what lies in its slice."""
        self._require_arguments(tree, 1)
        item = self.value(tree.arguments[0])
        rows = self._thresholds(tree, item)
        if _open_key(rows) is not None:
            return Sized(_open_key(rows) or Constant(0), item.type, 0, 0)
        total = self._constant(tree, Fraction(0), item.type)
        for index, (threshold, rate) in enumerate(rows):
            if rate.type.kind not in (Kind.LITERAL, Kind.RATE):
                self._wrong_kind(tree, rate, "rates")
            end = rows[index + 1][0] if index + 1 < len(rows) else None
            inside = self._slice(tree, item, threshold, end)
            share = self._product(tree, inside, rate)
            total = self._combine(tree, "+", total, share)
        return total

    def _slice(self, tree: Call, item: Sized, start: Sized, end: Sized | None) -> Sized:
        """Return the part of the item between two thresholds, never negative."""
        if end is not None:
            (item, end), _ = self._unified(tree, (item, end))
            value, low, high = (
                Least((item.value, end.value)),
                min(item.low, end.low),
                min(item.high, end.high),
            )
            item = Sized(value, item.type, low, high, item.denominator)
        over = self._combine(tree, "-", item, start)
        part = Greatest((over.value, Constant(0)))
        return Sized(part, over.type, max(over.low, 0), max(over.high, 0), over.denominator)

    def _months_after(self, tree: Call) -> Sized:
        self._require_arguments(tree, PAIR)
        day, months = self._day(tree.arguments[0]), self._count(tree.arguments[1], "months")
        if max(abs(months.low), abs(months.high)) > MONTHS_MAX:
            en, zh = f"; at most {MONTHS_MAX} months", f"；最多 {MONTHS_MAX} 个月"
            self._wrong_kind(tree.arguments[1], months, "fewer months", en=en, zh=zh)
        low, high = day.low + months.low * 31 - 31, day.high + months.high * 31 + 31
        return Sized(MonthsAfter(day.value, months.value), DATE, low, high)

    def _months_between(self, tree: Call) -> Sized:
        self._require_arguments(tree, PAIR)
        start, end = self._day(tree.arguments[0]), self._day(tree.arguments[1])
        low, high = (end.low - start.high) // 28 - 1, (end.high - start.low) // 28 + 1
        return Sized(MonthsBetween(start.value, end.value), MONTHS, low, high)

    def _days_after(self, tree: Call) -> Sized:
        self._require_arguments(tree, PAIR)
        day, days = self._day(tree.arguments[0]), self._count(tree.arguments[1], "days")
        value = Add(day.value, days.value)
        low, high = day.low + days.low, day.high + days.high
        return self._checked(tree, Sized(value, DATE, low, high))

    def _day(self, tree: Expression) -> Sized:
        day = self._text(tree, DATE) if isinstance(tree, Text) else self.value(tree)
        if day.type.kind is not Kind.DATE:
            self._wrong_kind(tree, day, "a day")
        return day

    def _count(self, tree: Expression, unit: str) -> Sized:
        found = self.value(tree)
        bare = found.type.kind is Kind.LITERAL
        if found.denominator != 1 or not (bare or found.type == Type(Kind.COUNT, unit)):
            self._wrong_kind(tree, found, f"a whole number of {unit}")
        return found


def _open_key(rows: Sequence[tuple[Sized, Sized]]) -> OpenValue | None:
    """Return a threshold that the office has not set: what stands above it is unknown."""
    return next((key.value for key, _ in rows if isinstance(key.value, OpenValue)), None)


def _fact(name: str, fact: FactLike) -> Lowered:
    if fact.type.kind is Kind.BOOL:
        return FactTrue(name)
    return Sized(FactValue(name), fact.type, fact.minimum, fact.maximum, fact.denominator)


def _fact_names(tree: Expression, scope: Scope) -> list[str]:
    found: list[str] = []
    for name in names(tree):
        if name in scope.facts:
            found.append(name)
        elif name in scope.definitions:
            found += [one for one in names(scope.definitions[name].tree) if one in scope.facts]
    return found


def closest(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that was probably meant, or None."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.7)), None)
