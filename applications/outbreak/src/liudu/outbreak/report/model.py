"""What a bulletin says, in both languages, before it is set on a page or on paper."""

import attrs

from liudu.contract import Language
from liudu.outbreak.text import Text


@attrs.frozen(kw_only=True)
class Chart:
    """A drawing in both languages and what it shows, in words."""

    name: str
    alt: Text
    zh: str
    en: str

    def svg(self, language: Language) -> str:
        """Return the SVG in one language."""
        return self.zh if language == "zh" else self.en


@attrs.frozen(kw_only=True)
class Table:
    """Rows under heads; columns from `numeric_from` on hold numbers."""

    caption: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    numeric_from: int = 1


@attrs.frozen(kw_only=True)
class SignalPart:
    """One signal: what, where, how unusual, its curve and its last weeks."""

    rank: int
    priority: int
    name: Text
    sentence: Text
    remarks: tuple[Text, ...]
    chart: Chart
    table: Table


@attrs.frozen(kw_only=True)
class Bulletin:
    """The whole bulletin.

    Attributes
    ----------
    facts
        Number and what it counts, for the head of the page.
    evaluation
        Detectors on series with known outbreaks; its first row is the silent detector.
    threshold
        Counts from 1 to below it are hidden; 0 hides nothing.

    """

    title: Text
    week: str
    made_at: str
    simulated: bool
    headline: Text
    lead: Text
    facts: tuple[tuple[Text, Text], ...]
    ranking: Table | None
    signals: tuple[SignalPart, ...]
    map: Chart | None
    map_table: Table | None
    evaluation: Table | None
    quality: Table | None
    quality_lead: Text | None
    methods: tuple[tuple[Text, Text], ...]
    record: tuple[tuple[Text, Text], ...]
    threshold: int
