"""Errors that a person can act on, in Chinese and in English."""

from typing import ClassVar, Literal

Language = Literal["zh", "en"]


class Refusal(ValueError):  # noqa: N818 - its kinds are the errors
    """A rule was broken; the sentence names the value, the limit and the way out.

    A subclass stands beside the function that raises it and gives the sentence twice,
    as ``en`` and ``zh``, with the same named fields. The fields are passed as keyword
    arguments, kept in ``facts`` and readable as attributes.

    Attributes
    ----------
    facts
        The values that the sentence names.
    machine
        True for the kinds that tell of this machine (a full disk, a sandbox that does not
        stand) and not of what it was given.

    Examples
    --------
    >>> class TooFewSamplesError(Refusal):
    ...     en = "{sample_count} samples are too few: run at least {sample_count_min}."
    ...     zh = "{sample_count} 件样本不够：至少需要 {sample_count_min} 件。"
    >>> error = TooFewSamplesError(sample_count=1000, sample_count_min=1497)
    >>> str(error)
    '1000 samples are too few: run at least 1497.'
    >>> error.say("zh")
    '1000 件样本不够：至少需要 1497 件。'
    >>> error.sample_count_min
    1497

    """

    en: ClassVar[str] = "Refused."
    zh: ClassVar[str] = "已拒绝。"
    machine: ClassVar[bool] = False

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.say("en"))

    @property
    def code(self) -> str:
        """The name of the broken rule, stable for machines: the class name without ``Error``."""
        return type(self).__name__.removesuffix("Error")

    def __getattr__(self, name: str) -> object:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(name)

    def say(self, language: Language) -> str:
        """Return the sentence in one language."""
        return (self.zh if language == "zh" else self.en).format(**self.facts)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.facts))


def _rebuild(kind: type[Refusal], facts: dict[str, object]) -> Refusal:
    return kind(**facts)
