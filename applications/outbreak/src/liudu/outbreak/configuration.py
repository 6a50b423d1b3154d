"""What a bureau sets: detector, budget, excluded periods and fixed rules, for each disease.

.. code-block:: yaml

    calendar: iso
    absent_weeks: zero          # a week without a row had no cases (or: missing)
    disease_column: disease
    budget: {rule: fdr, value: 0.1}
    default:
      detector: hr
      cases_min: 5              # no alarm below 5 cases ...
      cases_weeks: 4            # ... in 4 weeks
      quiet_days: 14            # not raised again within two weeks
      known_outbreaks: exclude  # weeks labelled `outbreak` stay out of baselines
      periods:
        - {from: 2020-W05, to: 2022-W52, treat: exclude, why: COVID-19}
        - {weeks: [2024-W07, 2025-W05], treat: model, why: 春节}
    diseases:
      霍乱: {fixed: {cases: 1}}
      流感: {detector: farrington, options: {threshold: nbPlugin}}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import attrs
import yaml

from liudu.contract import Refusal
from liudu.outbreak.alarms import Budget, Rule
from liudu.outbreak.detectors import UnknownOptionError, detector
from liudu.outbreak.series import CALENDARS, Absent, Calendar

Treatment = Literal["exclude", "model"]


class UnreadableConfigurationError(Refusal):
    """The configuration is not YAML with the names it must have."""

    en = "{file} is not a configuration ({found})."
    zh = "{file} 不是有效的配置（{found}）。"


class UnknownKeyError(Refusal):
    """A key of the configuration is not known."""

    en = "{place} has the key {key!r}, which is not known: it may have {known}."
    zh = "{place} 中的 {key!r} 无法识别：可用的键为 {known}。"


class BadValueError(Refusal):
    """A value of the configuration is not what it must be."""

    en = "{place}: {found!r} is not possible; wanted: {wanted}."
    zh = "{place}：{found!r} 不可用；应为：{wanted}。"


class CannotModelError(Refusal):
    """A period is to be modelled by a detector that has no model."""

    en = "{place}: detector {detector} cannot model a period; exclude it, or take hr or lr."
    zh = "{place}：检测器 {detector} 无法对时段建模；请改为排除，或改用 hr、lr。"


@attrs.frozen(kw_only=True)
class Period:
    """Weeks that are not like others: a pandemic, a holiday, a changed case definition.

    Either from `first` to `last`, or the listed `weeks`; all are names of weeks.
    """

    first: str | None = None
    last: str | None = None
    weeks: tuple[str, ...] = ()
    treat: Treatment = "exclude"
    why: str = ""


@attrs.frozen(kw_only=True)
class Fixed:
    """Raise whenever at least `cases` fall within `weeks` weeks."""

    cases: int = 1
    weeks: int = 1


@attrs.frozen(kw_only=True)
class Plan:
    """How the series of one disease are watched."""

    detector: str = "hr"
    options: tuple[tuple[str, Any], ...] = ()
    cases_min: float = 0.0
    cases_weeks: int = 4
    quiet_days: int = 0
    known_outbreaks: Literal["exclude", "keep"] = "exclude"
    periods: tuple[Period, ...] = ()
    fixed: Fixed | None = None


@attrs.frozen(kw_only=True)
class Configuration:
    """The whole configuration; `plan` gives the one of a disease."""

    calendar: Calendar = "iso"
    absent_weeks: Absent = "missing"
    disease_column: str = "disease"
    budget: Budget = attrs.field(factory=Budget)
    default: Plan = attrs.field(factory=Plan)
    diseases: Mapping[str, Plan] = attrs.field(factory=dict)

    def plan(self, disease: str | None) -> Plan:
        """Return the plan of a disease: its own, else the default."""
        return self.diseases.get(disease or "", self.default)


def read_configuration(path: Path) -> Configuration:
    """Read and check a configuration.

    Raises
    ------
    UnreadableConfigurationError, UnknownKeyError, BadValueError, CannotModelError,
    BudgetRangeError, UnknownDetectorError, UnknownOptionError

    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnreadableConfigurationError(file=path.name, found=type(error).__name__) from error
    return parse_configuration({} if content is None else content, file=path.name)


TOP: Final = ("calendar", "absent_weeks", "disease_column", "budget", "default", "diseases")


def parse_configuration(content: object, *, file: str = "configuration") -> Configuration:
    """Return the configuration of parsed YAML; raises as `read_configuration`."""
    top = _mapping(content, place=file, known=TOP)
    default = _plan(top.get("default", {}), place="default", base=Plan())
    diseases = top.get("diseases", {})
    if not isinstance(diseases, Mapping):
        raise BadValueError(place="diseases", found=diseases, wanted="disease: {…}")
    return Configuration(
        calendar=_one_of(top, "calendar", CALENDARS, place=file, otherwise="iso"),
        absent_weeks=_one_of(
            top, "absent_weeks", get_args(Absent), place=file, otherwise="missing"
        ),
        disease_column=str(top.get("disease_column", "disease")),
        budget=_budget(top.get("budget", {})),
        default=default,
        diseases={
            str(name): _plan(plan, place=str(name), base=default) for name, plan in diseases.items()
        },
    )


def _mapping(content: object, *, place: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise BadValueError(place=place, found=content, wanted="key: value")
    for key in content:
        if key not in known:
            raise UnknownKeyError(place=place, key=key, known=", ".join(known))
    return content


def _one_of(
    content: Mapping[str, Any], key: str, wanted: tuple[str, ...], *, place: str, otherwise: str
) -> Any:  # noqa: ANN401 - the caller names the literal
    found = content.get(key, otherwise)
    if found not in wanted:
        raise BadValueError(place=f"{place}, {key}", found=found, wanted=" | ".join(wanted))
    return found


def _number(
    content: Mapping[str, Any], key: str, *, place: str, otherwise: float, least: float = 0.0
) -> float:
    found = content.get(key, otherwise)
    if isinstance(found, bool) or not isinstance(found, int | float) or not found >= least:
        raise BadValueError(place=f"{place}, {key}", found=found, wanted=f"≥ {least:g}")
    return float(found)


def _budget(content: object) -> Budget:
    read = _mapping(content, place="budget", known=("rule", "value", "alpha_max"))
    rule = cast("Rule", _one_of(read, "rule", get_args(Rule), place="budget", otherwise="alpha"))
    standard = {"alpha": 0.01, "fdr": 0.1, "count": 20.0}[rule]
    return Budget(
        rule=rule,
        value=_number(read, "value", place="budget", otherwise=standard),
        alpha_max=_number(read, "alpha_max", place="budget", otherwise=0.05),
    )


PLAN: Final = tuple(field.name for field in attrs.fields(Plan))


def _plan(content: object, *, place: str, base: Plan) -> Plan:
    read = _mapping(content, place=place, known=PLAN)
    name = str(read.get("detector", base.detector))
    method = detector(name)
    inherited = dict(base.options) if name == base.detector else {}
    options = read.get("options", inherited)
    for option, value in _mapping_of_options(options, place=place).items():
        if option not in method.options:
            raise UnknownOptionError(
                detector=name, option=option, options=", ".join(method.options) or "–"
            )
        _check_option(option, value, place=place)
    periods = base.periods
    if "periods" in read:
        periods = _periods(read["periods"], place=place)
    if not method.modelled and any(period.treat == "model" for period in periods):
        raise CannotModelError(place=place, detector=name)
    known = ("exclude", "keep")
    return Plan(
        detector=name,
        options=tuple(sorted(options.items())),
        cases_min=_number(read, "cases_min", place=place, otherwise=base.cases_min),
        cases_weeks=int(
            _number(read, "cases_weeks", place=place, otherwise=base.cases_weeks, least=1)
        ),
        quiet_days=int(_number(read, "quiet_days", place=place, otherwise=base.quiet_days)),
        known_outbreaks=_one_of(
            read, "known_outbreaks", known, place=place, otherwise=base.known_outbreaks
        ),
        periods=periods,
        fixed=_fixed(read["fixed"], place=place) if "fixed" in read else base.fixed,
    )


def _mapping_of_options(options: object, *, place: str) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        raise BadValueError(place=f"{place}, options", found=options, wanted="option: value")
    return options


WORDS: Final = {"threshold": ("nbPlugin", "delta", "muan"), "compat": ("R", None)}
SWITCHES: Final = ("bounds",)
REALS: Final = (
    "weights_threshold", "trend_sd", "trend_p_max", "alpha", "percentile", "drift", "limit",
    "sd_min", "cases_min",
)  # fmt: skip
AT_LEAST_ONE: Final = ("years", "periods", "baseline_weeks", "weeks_max", "window_weeks")


def _check_option(option: str, value: object, *, place: str) -> None:
    """Refuse an option that is neither the number, nor the word, nor the switch it must be."""
    at = f"{place}, options, {option}"
    if option in WORDS:
        if value not in WORDS[option]:
            wanted = " | ".join(str(word) for word in WORDS[option])
            raise BadValueError(place=at, found=value, wanted=wanted)
    elif option in SWITCHES:
        if not isinstance(value, bool):
            raise BadValueError(place=at, found=value, wanted="true | false")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise BadValueError(place=at, found=value, wanted="≥ 0")
    elif option not in REALS and (value != int(value) or value < int(option in AT_LEAST_ONE)):
        least = int(option in AT_LEAST_ONE)
        raise BadValueError(place=at, found=value, wanted=f"{least}, {least + 1}, {least + 2} …")


def _fixed(content: object, *, place: str) -> Fixed | None:
    if content is None:
        return None
    read = _mapping(content, place=f"{place}, fixed", known=("cases", "weeks"))
    return Fixed(
        cases=int(_number(read, "cases", place=f"{place}, fixed", otherwise=1, least=1)),
        weeks=int(_number(read, "weeks", place=f"{place}, fixed", otherwise=1, least=1)),
    )


def _periods(content: object, *, place: str) -> tuple[Period, ...]:
    if not isinstance(content, list):
        raise BadValueError(place=f"{place}, periods", found=content, wanted="- {from: …, to: …}")
    return tuple(_period(entry, place=f"{place}, periods") for entry in content)


def _period(content: object, *, place: str) -> Period:
    read = _mapping(content, place=place, known=("from", "to", "weeks", "treat", "why"))
    weeks = read.get("weeks", [])
    span = "from" in read and "to" in read
    if not isinstance(weeks, list) or span == bool(weeks):
        raise BadValueError(place=place, found=dict(read), wanted="from + to | weeks: […]")
    return Period(
        first=str(read["from"]) if span else None,
        last=str(read["to"]) if span else None,
        weeks=tuple(str(week) for week in weeks),
        treat=_one_of(read, "treat", get_args(Treatment), place=place, otherwise="exclude"),
        why=str(read.get("why", "")),
    )
