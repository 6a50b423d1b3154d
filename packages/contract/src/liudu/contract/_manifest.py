"""The manifest ``liudu-solution.json``: what a solution declares."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Literal, Self, cast

import attrs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from liudu.contract._problem import Problem, shown
from liudu.contract._refusal import Language, Refusal

CONTRACT = "liudu.trial/1"
MANIFEST_FILE = "liudu-solution.json"
MANIFEST_BYTES_MAX = 256 * 1024
MANIFEST_SCHEMA: Mapping[str, Any] = json.loads(
    files("liudu.contract").joinpath("liudu-solution.schema.json").read_text("utf-8")
)

Mode = Literal["batch", "stream"]
Task = Literal["classify", "detect", "alarm", "value"]
TASKS: tuple[Task, ...] = ("classify", "detect", "alarm", "value")


class ManifestError(Refusal):
    """The manifest breaks rules; `problems` lists each with its JSON path."""

    en: ClassVar[str] = "{file} breaks {problem_count} rule(s) of the contract:"
    zh: ClassVar[str] = "{file} 有 {problem_count} 处不符合合约："

    def say(self, language: Language) -> str:
        """Return the sentence and, below it, one line for each problem."""
        problems = cast("tuple[Problem, ...]", self.facts.get("problems", ()))
        return "\n".join([super().say(language), *(f"  {p.say(language)}" for p in problems)])


class ManifestTooLargeError(ManifestError):
    """No manifest needs this much text."""

    en = "{file} has {size_bytes} bytes: a manifest has at most {size_bytes_max}."
    zh = "{file} 有 {size_bytes} 字节：清单至多 {size_bytes_max} 字节，请删减。"


class ManifestMarkError(ManifestError):
    """The manifest begins with a byte order mark."""

    en = "{file} begins with a byte order mark (BOM): save it as UTF-8 without BOM."
    zh = "{file} 以字节顺序标记（BOM）开头：请另存为不带 BOM 的 UTF-8。"


class ManifestEncodingError(ManifestError):
    """The manifest is not UTF-8."""

    en = "{file} is not UTF-8 (byte {position} is {byte}): save it as UTF-8."
    zh = "{file} 不是 UTF-8（第 {position} 字节为 {byte}）：请另存为 UTF-8。"


class ManifestSyntaxError(ManifestError):
    """The manifest is not JSON."""

    en = "{file} is not JSON: line {line}, column {column}: {what}. Correct it there."
    zh = "{file} 不是合法的 JSON：第 {line} 行第 {column} 列（{what}）。请在此处改正。"


class ManifestKeyTwiceError(ManifestError):
    """A key stands twice, so that readers could disagree on its value."""

    en = '{file} has the key "{key}" twice in one object: keep one of them.'
    zh = "{file} 的同一对象中键 “{key}” 出现了两次：请只保留一个。"


class ManifestNotAnObjectError(ManifestError):
    """The manifest is JSON, but not an object."""

    en = "{file} holds {kind} where an object {{…}} belongs."
    zh = "{file} 的内容是{kind_zh}，而这里应为对象 {{…}}。"


class NoContractError(ManifestError):
    """The manifest does not say which contract it obeys."""

    en = (
        "{file} does not name its contract: this runner speaks {spoken}; "
        'add "contract": "{spoken}".'
    )
    zh = '{file} 没有写明合约：本运行器使用 {spoken}；请加上 "contract": "{spoken}"。'


class ContractVersionError(ManifestError):
    """The manifest obeys a contract that this runner does not speak."""

    en = (
        "{file} is written for {asked}; this runner speaks {spoken}. "
        "Use a runner that speaks {asked}, or rewrite the solution for {spoken}."
    )
    zh = (
        "{file} 是为 {asked} 编写的，而本运行器使用 {spoken}。"
        "请换用支持 {asked} 的运行器，或按 {spoken} 改写方案。"
    )


@attrs.frozen(kw_only=True)
class Runtime:
    """What a solution runs on: ``system`` or ``python`` with the packages it `needs`."""

    use: Literal["system", "python", "oci"] = "system"
    needs: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Resources:
    """What a solution needs at most; memory in MiB over all its processes."""

    cpu: int = 1
    memory_mib: int = 2048
    gpu_count: int = 0
    gpu_type: str | None = None
    gpu_memory_mib: int | None = None


@attrs.frozen(kw_only=True)
class Warmup:
    """Items that a solution wishes to see before the clock runs, and its time for them."""

    items: int = 0
    timeout_s: float = 30.0


@attrs.frozen(kw_only=True)
class Manifest:
    """What a solution declares; see ``docs/reference/contract.md``."""

    name: str
    version: str
    entry: tuple[str, ...]
    mode: Mode
    vendor: str | None = None
    tasks: tuple[Task, ...] = TASKS
    runtime: Runtime = Runtime()
    resources: Resources = Resources()
    warmup: Warmup = Warmup()
    licence: str | None = None
    bom: str | None = None
    description: str | None = None

    @classmethod
    def parse(cls, data: bytes, *, file: str = MANIFEST_FILE) -> Self:
        """Read a manifest.

        Parameters
        ----------
        data
            The file's bytes.
        file
            The name that the sentences use.

        Raises
        ------
        ManifestError
            A subclass when the text or the contract's version is wrong; otherwise one
            error whose `problems` lists every broken rule with its JSON path.

        """
        document = _document(data, file=file)
        _require_contract(document, file=file)
        problems = tuple(_problems(document))
        if problems:
            raise ManifestError(file=file, problem_count=len(problems), problems=problems)
        return cls._of(document)

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Self:
        runtime, resources = document.get("runtime", {}), dict(document.get("resources", {}))
        gpu = {f"gpu_{key}": value for key, value in resources.pop("gpu", {}).items()}
        runtime = {**runtime, "needs": tuple(runtime.get("needs", ()))}
        plain = ("name", "version", "mode", "vendor", "licence", "bom", "description")
        return cls(
            **{key: document[key] for key in plain if key in document},
            entry=tuple(document["entry"]),
            tasks=tuple(document.get("tasks", TASKS)),
            runtime=Runtime(**runtime),
            resources=Resources(**resources, **gpu),
            warmup=Warmup(**document.get("warmup", {})),
        )


def _document(data: bytes, *, file: str) -> dict[str, Any]:
    if len(data) > MANIFEST_BYTES_MAX:
        raise ManifestTooLargeError(
            file=file, size_bytes=len(data), size_bytes_max=MANIFEST_BYTES_MAX
        )
    if data.startswith(b"\xef\xbb\xbf"):
        raise ManifestMarkError(file=file)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestEncodingError(
            file=file, position=error.start + 1, byte=f"0x{data[error.start]:02X}"
        ) from error
    return _parsed(text, file=file)


def _parsed(text: str, *, file: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise ManifestKeyTwiceError(file=file, key=shown(key))
            found[key] = value
        return found

    try:
        document = json.loads(text, object_pairs_hook=unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ManifestSyntaxError(
            file=file, line=error.lineno, column=error.colno, what=error.msg
        ) from error
    except (RecursionError, _ConstantError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ManifestSyntaxError(file=file, line=1, column=1, what=what) from error
    if not isinstance(document, dict):
        en, zh = _kind(document)
        raise ManifestNotAnObjectError(file=file, kind=en, kind_zh=zh)
    return document


class _ConstantError(Exception):
    """NaN or Infinity, which Python's reader would take and JSON does not have."""


def _no_constant(constant: str) -> object:
    raise _ConstantError(f"{constant} is not a JSON number")


def _require_contract(document: Mapping[str, Any], *, file: str) -> None:
    if "contract" not in document:
        raise NoContractError(file=file, spoken=CONTRACT)
    if document["contract"] != CONTRACT:
        raise ContractVersionError(file=file, asked=shown(document["contract"]), spoken=CONTRACT)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(cast("dict[str, Any]", MANIFEST_SCHEMA))


def _problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    worst: dict[str, ValidationError] = {}
    for error in _validator().iter_errors(document):
        # One sentence a place: whoever wrote a text for a number need not hear of its range.
        if error.json_path not in worst or error.validator == "type":
            worst[error.json_path] = error
    for error in worst.values():
        yield from _of_error(error)
    yield from _beyond_schema(document)


def _beyond_schema(document: Mapping[str, Any]) -> Iterator[Problem]:
    runtime = document.get("runtime")
    runtime = runtime if isinstance(runtime, dict) else {}
    if runtime.get("use") == "oci":
        yield Problem(
            path="$.runtime.use",
            en='"oci" is reserved: this runner starts no containers; use "system" or "python".',
            zh="“oci” 为保留值：本运行器不启动容器；请用 “system” 或 “python”。",
        )
    if runtime.get("needs") and runtime.get("use") == "system":
        yield Problem(
            path="$.runtime.needs",
            en='packages are only there with "use": "python": change "use" or remove "needs".',
            zh='只有 "use": "python" 才有软件包：请改 "use" 或去掉 "needs"。',
        )


def _of_error(error: ValidationError) -> Iterator[Problem]:
    path, schema = error.json_path, cast("Mapping[str, Any]", error.schema)
    hint_en, hint_zh = _hint(error)
    if error.validator == "required":
        yield from _missing(error, path=path)
    elif error.validator == "additionalProperties":
        yield from _unknown(error, path=path, known=tuple(schema["properties"]))
    else:
        en, zh = _sentences(error)
        yield Problem(path=path, en=f"{en} {hint_en}".strip(), zh=f"{zh}{hint_zh}")


def _hint(error: ValidationError) -> tuple[str, str]:
    """Return what belongs at the place of an error; a ``$ref`` leaves that one level up."""
    schema: Any = MANIFEST_SCHEMA
    for step in error.absolute_path:
        schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
    return schema.get("description", ""), schema.get("x-zh", "")


def _missing(error: ValidationError, *, path: str) -> Iterator[Problem]:
    for key in cast("list[str]", error.validator_value):
        if key not in cast("Mapping[str, Any]", error.instance):
            about = error.schema["properties"][key]  # type: ignore[index]
            yield Problem(
                path=f"{path}.{key}",
                en=f"is missing. {about['description']}",
                zh=f"缺少这一项。{about['x-zh']}",
            )


def _unknown(error: ValidationError, *, path: str, known: tuple[str, ...]) -> Iterator[Problem]:
    for key in cast("Mapping[str, Any]", error.instance):
        if key not in known:
            yield Problem(
                path=f"{path}.{shown(key)}",
                en=f"is not a key of the contract: remove it, or use one of {', '.join(known)}.",
                zh=f"合约中没有这个键：请删去，或改用 {'、'.join(known)} 之一。",
            )


_KINDS = {
    "string": ("a text", "文本"),
    "array": ("a list", "列表"),
    "object": ("an object", "对象"),
    "integer": ("a whole number", "整数"),
    "number": ("a number", "数字"),
}


def _kind(value: object) -> tuple[str, str]:
    if value is None or isinstance(value, bool):
        return _json(value), f" {_json(value)}"
    python: Mapping[type, str] = {str: "string", list: "array", dict: "object"}
    return _KINDS[python.get(type(value), "number")]


def _sentences(error: ValidationError) -> tuple[str, str]:
    """Say what is wrong; the hint that follows says what belongs there."""
    value, limit = shown(_json(error.instance)), error.validator_value
    if error.validator == "type":
        return _type_sentences(error.instance, value=value, wanted=str(limit))
    if error.validator in _LENGTHS:
        en, zh = _LENGTHS[str(error.validator)]
        count = len(cast("str", error.instance))
        return en.format(count, limit), zh.format(count, limit)
    if error.validator in _BOUNDS:
        en, zh = _BOUNDS[str(error.validator)]
        return f"{value} is {en} {limit}.", f"{value} {zh} {limit}。"
    en, zh = _PLAIN.get(str(error.validator), ("does not fit.", "不合要求。"))
    if error.validator == "pattern" and str(error.instance).startswith("/"):
        en, zh = "is an absolute path.", "是绝对路径。"
    return f"{value} {en}", f"{value} {zh}"


def _type_sentences(instance: object, *, value: str, wanted: str) -> tuple[str, str]:
    (is_en, is_zh), (en, zh) = _kind(instance), _KINDS[wanted]
    if isinstance(instance, bool) or instance is None:  # "true is true" says nothing
        return f"{value} is not {en}.", f"{value} 不是{zh}。"
    return f"{value} is {is_en}, not {en}.", f"{value} 是{is_zh}，不是{zh}。"


_PLAIN = {"uniqueItems": ("holds an entry twice.", "中有重复项。")}
_LENGTHS = {
    "minLength": (
        "is {0} characters long, at least {1} are needed.",
        "长 {0} 个字符，至少 {1} 个。",
    ),
    "maxLength": ("is {0} characters long, at most {1} are taken.", "长 {0} 个字符，至多 {1} 个。"),
    "minItems": ("has {0} entries, at least {1} are needed.", "有 {0} 项，至少 {1} 项。"),
    "maxItems": ("has {0} entries, at most {1} are taken.", "有 {0} 项，至多 {1} 项。"),
}
_BOUNDS = {
    "minimum": ("below the least value", "小于最小值"),
    "maximum": ("above the greatest value", "大于最大值"),
    "exclusiveMinimum": ("not above", "不大于"),
}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
