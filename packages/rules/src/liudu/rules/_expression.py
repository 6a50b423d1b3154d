"""The language of conditions and amounts: closed, total, and nothing in it is executed.

An expression is parsed by Python's `ast` and walked into the nodes below. What has no node
here is refused with its place and with what would be right.
"""

import ast
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NoReturn

import attrs

from liudu.rules._source import Node, PackError, Place

LENGTH_MAX = 2000
NESTING_MAX = 40
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
NUMBER = re.compile(r"[0-9][0-9_]*(\.[0-9_]+)?\Z")
GLUED = re.compile(r"(?<![A-Za-z0-9_.])[0-9][0-9_.]*[A-Za-z]")
FULL_WIDTH = str.maketrans("（），：＞＜＝＋－＊／“”‘’！", "(),:><=+-*/\"\"''!")
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
FUNCTIONS = {
    "yuan": "yuan(5000)",
    "wan": "wan(500)",
    "fen": "fen(500000)",
    "min": "min(a, b)",
    "max": "max(a, b)",
    "case": 'case(degree, {"博士": yuan(1500), "硕士": yuan(1000)}, otherwise)',
    "tiers": "tiers(invested, {yuan(0): 0, wan(500): wan(50)})",
    "slices": "slices(spent, {yuan(0): 0.3, wan(100): 0.1})",
    "months_after": "months_after(graduated_date, 24)",
    "months_between": "months_between(graduated_date, today)",
    "days_after": "days_after(signed_date, 30)",
}
TABLE_FUNCTIONS = frozenset({"case", "tiers", "slices"})


class BadExpressionError(PackError):
    """An expression that cannot be read at all."""

    en = "{place}: cannot read `{text}`: {problem_en}."
    zh = "{place}：读不懂 `{text}`：{problem_zh}。"


class NotInGrammarError(PackError):
    """Python would understand it; the language of conditions has no such thing."""

    en = "{place}: {what} is not part of the language of conditions; {instead_en}."
    zh = "{place}：条件语言里没有 {what}；{instead_zh}。"


@attrs.frozen
class Expression:
    """A node of the syntax tree; `at` is its offset in the text, in characters."""

    at: int = attrs.field(kw_only=True, eq=False)


@attrs.frozen
class Number(Expression):
    """A number, exact as written."""

    value: Fraction


@attrs.frozen
class Text(Expression):
    """A label or a day in quotes."""

    value: str


@attrs.frozen
class Truth(Expression):
    """``True``, ``true``, ``False`` or ``false``."""

    value: bool


@attrs.frozen
class Name(Expression):
    """A fact, a parameter, a definition or ``today``."""

    name: str


@attrs.frozen
class Not(Expression):
    """``not x``."""

    operand: Expression


@attrs.frozen
class Negative(Expression):
    """``-x``."""

    operand: Expression


@attrs.frozen
class Logic(Expression):
    """``a and b and …`` or ``a or b or …``; `word` is ``and`` or ``or``."""

    word: str
    operands: tuple[Expression, ...]


@attrs.frozen
class Comparison(Expression):
    """``a == b``, ``!=``, ``<``, ``<=``, ``>``, ``>=``."""

    sign: str
    left: Expression
    right: Expression


@attrs.frozen
class Membership(Expression):
    """``x in ("a", "b")`` or ``x not in …``."""

    item: Expression
    members: tuple[Expression, ...]
    negated: bool


@attrs.frozen
class Arithmetic(Expression):
    """``a + b``, ``-``, ``*``, ``/``."""

    sign: str
    left: Expression
    right: Expression


@attrs.frozen
class Conditional(Expression):
    """``a if test else b``."""

    test: Expression
    then: Expression
    otherwise: Expression


@attrs.frozen
class Call(Expression):
    """One of `FUNCTIONS`; `table` is its braces, if any."""

    function: str
    arguments: tuple[Expression, ...]
    table: tuple[tuple[Expression, Expression], ...] = ()


@attrs.frozen(eq=False)
class Written:
    """An expression with its text and its place in the pack."""

    tree: Expression
    text: str
    node: Node

    def place(self, at: Expression | None = None) -> Place:
        """Return the place of a part of the expression in the file."""
        return self.node.place_in((at or self.tree).at)


def parse(node: Node) -> Written:
    """Read the expression that stands at a place of a pack.

    Raises
    ------
    BadExpressionError, NotInGrammarError
        With the line and column in the file, and with what would be right.

    """
    text = node.expression().strip()
    return Written(tree=_Walker(text, node).walk(), text=text, node=node)


def names(tree: Expression) -> Iterator[str]:
    """Yield the names in an expression, in order, with repetitions."""
    if isinstance(tree, Name):
        yield tree.name
    for child in children(tree):
        yield from names(child)


def children(tree: Expression) -> list[Expression]:
    """Return the direct parts of a node."""
    parts: list[Expression] = []
    for value in attrs.astuple(tree, recurse=False):
        parts += _expressions(value)
    return parts


def _expressions(value: object) -> list[Expression]:
    if isinstance(value, Expression):
        return [value]
    if isinstance(value, tuple):
        return [part for item in value for part in _expressions(item)]
    return []


class _Walker:
    """From Python's tree to ours; every kind of node that is allowed has a method."""

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self.node = node
        # A line break is a space here; a condition may run over several lines of YAML.
        self.line = text.replace("\n", " ")

    def walk(self) -> Expression:
        self._require_readable()
        try:
            tree = ast.parse(self.line, mode="eval")
        except SyntaxError as error:
            self._bad(max((error.offset or 1) - 1, 0), en=str(error.msg), zh="语法有误")
        except (ValueError, RecursionError, MemoryError):
            self._bad(0, en="it nests too deep", zh="嵌套太深")
        return self._expression(tree.body, 0)

    def _require_readable(self) -> None:
        if not self.text:
            self._bad(0, en="it is empty", zh="内容为空")
        if len(self.text) > LENGTH_MAX:
            en = f"it is longer than {LENGTH_MAX} characters: name a part in `definitions`"
            self._bad(0, en=en, zh=f"超过 {LENGTH_MAX} 字：请把一部分写进 definitions")
        if "\\" in self.text or "\x00" in self.text or "#" in self.text:
            at = next(i for i, letter in enumerate(self.text) if letter in "\\\x00#")
            self._bad(at, en="a backslash, # or zero byte", zh="含有反斜线、# 或空字节")
        glued = GLUED.search(self.text)
        if glued:
            en = f"a number is glued to a letter in {glued[0]}: put a space between, decimals only"
            self._bad(glued.start(), en=en, zh=f"{glued[0]} 中数字与字母相连：请分开，只用十进制")

    def _bad(self, at: int, *, en: str, zh: str) -> NoReturn:
        plain = self.text.translate(FULL_WIDTH)
        if plain != self.text:
            en += f"; with half-width punctuation it would be `{plain}`"
            zh += f"；若改用半角标点，就是 `{plain}`"
        place = self.node.place_in(at)
        raise BadExpressionError(
            place=place, text=self.text[:80], problem_en=en, problem_zh=zh
        ) from None

    def _refuse(self, node: ast.AST, what: str, *, en: str, zh: str) -> NoReturn:
        place = self.node.place_in(self._at(node))
        raise NotInGrammarError(place=place, what=what, instead_en=en, instead_zh=zh)

    def _at(self, node: ast.AST) -> int:
        """Python counts columns in UTF-8 bytes; people and editors count characters."""
        column = int(getattr(node, "col_offset", 0))
        return len(self.line.encode()[:column].decode(errors="ignore"))

    def _expression(self, node: ast.AST, depth: int) -> Expression:
        if depth > NESTING_MAX:
            self._bad(self._at(node), en="it nests too deep", zh="嵌套太深")
        step = _STEPS.get(type(node))
        if step is None:
            what = type(node).__name__
            en = "use facts, parameters, and or not, comparisons, + - * /, and " + ", ".join(
                FUNCTIONS
            )
            self._refuse(node, what, en=en, zh="可用：事实、参数、and or not、比较、+ - * / 和函数")
        return step(self, node, depth + 1)

    def constant(self, node: ast.Constant, depth: int) -> Expression:
        del depth
        at = self._at(node)
        if isinstance(node.value, bool):
            return Truth(node.value, at=at)
        if isinstance(node.value, str):
            return Text(node.value, at=at)
        written = ast.get_source_segment(self.line, node) or ""
        if isinstance(node.value, int | float) and NUMBER.match(written):
            return Number(Fraction(written.replace("_", "")), at=at)
        en = 'write numbers as 1000 or 0.25, labels as "博士"'
        return self._refuse(node, written, en=en, zh='数请写 1000 或 0.25，选项请写 "博士"')

    def name(self, node: ast.Name, depth: int) -> Expression:
        del depth
        if node.id in ("true", "false"):
            return Truth(node.id == "true", at=self._at(node))
        if not NAME.match(node.id):
            en = (
                f'names are lower-case letters, digits and _; a label stands in quotes: "{node.id}"'
            )
            zh = f'名称只用小写字母、数字和下划线；选项要加引号："{node.id}"'
            self._refuse(node, node.id, en=en, zh=zh)
        return Name(node.id, at=self._at(node))

    def unary(self, node: ast.UnaryOp, depth: int) -> Expression:
        operand = self._expression(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return Not(operand, at=self._at(node))
        if isinstance(node.op, ast.USub):
            return Negative(operand, at=self._at(node))
        sign = "+" if isinstance(node.op, ast.UAdd) else "~"
        return self._refuse(node, sign, en="write `not` for the contrary", zh="取反请写 not")

    def logic(self, node: ast.BoolOp, depth: int) -> Expression:
        operands = tuple(self._expression(value, depth) for value in node.values)
        word = "and" if isinstance(node.op, ast.And) else "or"
        return Logic(word, operands, at=self._at(node))

    def comparison(self, node: ast.Compare, depth: int) -> Expression:
        parts: list[Expression] = []
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            parts.append(self._one_comparison(node, left, op, right, depth))
            left = right
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts), at=self._at(node))

    def _one_comparison(
        self, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int
    ) -> Expression:
        at = self._at(left)
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
                en = 'after `in` stands a list in parentheses: x in ("a", "b")'
                self._refuse(node, "in", en=en, zh='in 之后要写括号列表：x in ("甲", "乙")')
            members = tuple(self._expression(one, depth) for one in right.elts)
            item = self._expression(left, depth)
            return Membership(item, members, isinstance(op, ast.NotIn), at=at)
        if type(op) not in COMPARISONS:
            self._refuse(node, "is", en="write == or !=", zh="请写 == 或 !=")
        sign = COMPARISONS[type(op)]
        return Comparison(
            sign, self._expression(left, depth), self._expression(right, depth), at=at
        )

    def arithmetic(self, node: ast.BinOp, depth: int) -> Expression:
        sign = ARITHMETIC.get(type(node.op))
        if sign is None:
            what = {ast.BitAnd: "&", ast.BitOr: "|", ast.Mod: "%", ast.Pow: "**"}.get(
                type(node.op), type(node.op).__name__
            )
            en = "write `and`, `or`, 0.2 for 20 %, and + - * /"
            self._refuse(node, what, en=en, zh="请写 and、or；20% 写成 0.2；算术只有 + - * /")
        left, right = self._expression(node.left, depth), self._expression(node.right, depth)
        return Arithmetic(sign, left, right, at=self._at(node))

    def conditional(self, node: ast.IfExp, depth: int) -> Expression:
        test, then, otherwise = (
            self._expression(part, depth) for part in (node.test, node.body, node.orelse)
        )
        return Conditional(test, then, otherwise, at=self._at(node))

    def call(self, node: ast.Call, depth: int) -> Expression:
        function = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if function not in FUNCTIONS:
            en, zh = "there are only " + ", ".join(FUNCTIONS), "只有 " + "、".join(FUNCTIONS)
            self._refuse(node, f"{function}()", en=en, zh=zh)
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            shape = FUNCTIONS[function]
            self._refuse(node, "name=value or *", en=f"write {shape}", zh=f"请写 {shape}")
        arguments: list[Expression] = []
        table: tuple[tuple[Expression, Expression], ...] = ()
        for position, argument in enumerate(node.args):
            if isinstance(argument, ast.Dict) and function in TABLE_FUNCTIONS and position == 1:
                table = self._table(argument, depth)
            else:
                arguments.append(self._expression(argument, depth))
        if function in TABLE_FUNCTIONS and not table:
            shape = FUNCTIONS[function]
            self._refuse(
                node, f"{function}() without a table", en=f"write {shape}", zh=f"请写 {shape}"
            )
        return Call(function, tuple(arguments), table, at=self._at(node))

    def _table(self, node: ast.Dict, depth: int) -> tuple[tuple[Expression, Expression], ...]:
        rows: list[tuple[Expression, Expression]] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self._refuse(node, "**", en="write each row out", zh="请逐行写出")
            rows.append((self._expression(key, depth), self._expression(value, depth)))
        return tuple(rows)


_STEPS: dict[type[ast.AST], Callable[[_Walker, Any, int], Expression]] = {
    ast.Constant: _Walker.constant,
    ast.Name: _Walker.name,
    ast.UnaryOp: _Walker.unary,
    ast.BoolOp: _Walker.logic,
    ast.Compare: _Walker.comparison,
    ast.BinOp: _Walker.arithmetic,
    ast.IfExp: _Walker.conditional,
    ast.Call: _Walker.call,
}
