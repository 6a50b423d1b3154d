"""How strong the wall around a solution is."""

from enum import IntEnum

from liudu.contract import Refusal


class Level(IntEnum):
    """The strength of the isolation, ordered from weak to strong.

    `PROCESS`, `LANDLOCK` and `BWRAP` are built. The other three are names that a protocol may
    use; asking for one of them is refused with what is missing.
    """

    PROCESS = 1
    LANDLOCK = 2
    BWRAP = 3
    GVISOR = 4
    OCI = 5
    SITE = 6

    @property
    def label(self) -> str:
        """The name in protocols, results and certificates: ``bwrap`` for `BWRAP`."""
        return self.name.lower()

    @classmethod
    def named(cls, label: str) -> "Level":
        """Return the level called ``label``.

        Raises
        ------
        UnknownLevelError
            If there is no level of that name.

        """
        try:
            return cls[label.upper()]
        except KeyError:
            known = ", ".join(level.label for level in cls)
            raise UnknownLevelError(label=label, known=known) from None

    def __str__(self) -> str:
        return self.label


BUILT = (Level.PROCESS, Level.LANDLOCK, Level.BWRAP)


class UnknownLevelError(Refusal):
    """Somebody asked for a level that does not exist."""

    en = "There is no sandbox level {label!r}: choose one of {known}."
    zh = "没有名为 {label!r} 的沙箱级别，请从这些级别中选择：{known}。"


class LevelNotBuiltError(Refusal):
    """A level that is named, but has no driver."""

    en = (
        "The sandbox level {label} has no driver yet ({missing_en}): "
        "use bwrap, the strongest level that is built."
    )
    zh = "沙箱级别 {label} 尚无驱动（{missing_zh}）：请改用 bwrap，即目前已实现的最强级别。"


_MISSING = {
    Level.GVISOR: ("runsc and a driver for it", "缺少 runsc 及其驱动"),
    Level.OCI: ("a container runtime and a driver for it", "缺少容器运行时及其驱动"),
    Level.SITE: ("a runner at the data owner's site", "缺少部署在数据方现场的执行器"),
}


def require_built(level: Level) -> None:
    """Refuse a level that is only a name.

    Raises
    ------
    LevelNotBuiltError
        If the level has no driver.

    """
    if level not in BUILT:
        missing_en, missing_zh = _MISSING[level]
        raise LevelNotBuiltError(label=level.label, missing_en=missing_en, missing_zh=missing_zh)
