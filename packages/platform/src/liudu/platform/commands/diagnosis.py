"""What the facts of a machine mean for the platform: pure."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import attrs

from liudu.contract import Language
from liudu.platform.words import Words

GIB: Final = 1 << 30
DISK_FREE_BYTES_MIN: Final = 5 * GIB
DISK_FREE_BYTES_LEAST: Final = GIB // 2
MEMORY_BYTES_MIN: Final = 2 * GIB
PYTHON_MIN: Final = (3, 11)
SQLITE_MIN: Final = (3, 31, 0)  # what Django 5.2 asks for
POSTGRESQL_MIN: Final = 140000
CLOCK_YEAR_MIN: Final = 2026
QUEUE_LONG: Final = 50
NOT_READY: Final = Words("数据库就绪后可查", "told once the database is ready")


class Grade(StrEnum):
    """How it stands."""

    WELL = "well"
    WARN = "warn"
    BAD = "bad"


@attrs.frozen(kw_only=True)
class Facts:
    """What was measured. None or empty: it could not be had; ``faults`` says why.

    Attributes
    ----------
    level, levels_lacking
        The strongest sandbox level that starts here; what each stronger one lacks (en, zh).
    level_min
        The weakest level that this platform runs trials at.
    database
        ``sqlite`` or ``postgresql``.
    database_version
        As a tuple for SQLite, as a number such as 150004 for PostgreSQL.

    """

    python: tuple[int, ...]
    sqlite: tuple[int, ...]
    level: str | None
    level_value: int
    level_min: str
    level_min_value: int
    levels_lacking: Mapping[str, Words]
    chinese_font: bool
    disk_free_bytes: int
    memory_bytes: int | None
    home: str
    home_fault: str
    private_mode: int | None
    key_mode: int | None
    secret_mode: int | None
    database: str
    database_fault: str
    database_version: int | None
    pending_migrations: int | None
    queue_depth: int | None
    worker_count: int | None
    dead_worker_count: int | None
    city_loaded: bool | None
    clock_year: int
    zone: str
    zone_known: bool
    mail: str
    https: bool
    hosts: Sequence[str]
    debug: bool
    demo: bool = False


@attrs.frozen(kw_only=True)
class Finding:
    """One line of the diagnosis."""

    code: str
    name: Words
    state: Words
    grade: Grade = Grade.WELL
    consequence: Words | None = None
    remedy: Words | None = None
    stops_trials: bool = False

    def as_json(self, language: Language) -> dict[str, Any]:
        """Return what a machine reads."""
        return {
            "code": self.code,
            "grade": self.grade.value,
            "stops_trials": self.stops_trials,
            "state": self.state.say(language),
            "consequence": self.consequence.say(language) if self.consequence else None,
            "remedy": self.remedy.say(language) if self.remedy else None,
        }


def diagnose(facts: Facts) -> list[Finding]:
    """Return what the facts mean, in the order in which one mends them."""
    return [look(facts) for look in LOOKS]


def _home(facts: Facts) -> Finding:
    name = Words("数据目录", "Data folder")
    if facts.home_fault:
        return Finding(
            code="home",
            name=name,
            state=Words(
                f"{facts.home} 不可写（{facts.home_fault}）",
                f"{facts.home} cannot be written to ({facts.home_fault})",
            ),
            grade=Grade.BAD,
            consequence=Words("平台无法启动", "the platform does not start"),
            remedy=Words(
                "用 LIUDU_HOME 指定一个可写的目录", "set LIUDU_HOME to a folder that is yours"
            ),
            stops_trials=True,
        )
    return Finding(code="home", name=name, state=Words(facts.home, facts.home))


def _disk(facts: Facts) -> Finding:
    free = f"{facts.disk_free_bytes / GIB:.1f} GiB"
    name, state = Words("磁盘", "Disk"), Words(f"可用 {free}", f"{free} free")
    if facts.disk_free_bytes >= DISK_FREE_BYTES_MIN:
        return Finding(code="disk", name=name, state=state)
    none = facts.disk_free_bytes < DISK_FREE_BYTES_LEAST
    return Finding(
        code="disk",
        name=name,
        state=state,
        grade=Grade.BAD if none else Grade.WARN,
        consequence=Words(
            "封存与试验会因空间不足而终止；一次上传最多可达 2 GiB",
            "sealing and trials end for want of room; one upload may have 2 GiB",
        ),
        remedy=Words("至少腾出 5 GiB", "free at least 5 GiB"),
        stops_trials=none,
    )


def _memory(facts: Facts) -> Finding:
    name = Words("内存", "Memory")
    if facts.memory_bytes is None:
        return Finding(code="memory", name=name, state=Words("未知", "unknown"))
    size = f"{facts.memory_bytes / GIB:.1f} GiB"
    if facts.memory_bytes >= MEMORY_BYTES_MIN:
        return Finding(code="memory", name=name, state=Words(size, size))
    return Finding(
        code="memory",
        name=name,
        state=Words(size, size),
        grade=Grade.WARN,
        consequence=Words(
            "较大的方案可能因内存不足被终止", "larger solutions may be ended for want of memory"
        ),
        remedy=Words(
            "换用 2 GiB 以上内存的机器，或 `liudu up --workers 1 --web 1`",
            "use a machine with 2 GiB or more, or `liudu up --workers 1 --web 1`",
        ),
    )


def _versions(facts: Facts) -> Finding:
    python, sqlite = (".".join(map(str, part)) for part in (facts.python, facts.sqlite))
    name = Words("Python 与 SQLite", "Python and SQLite")
    state = Words(f"Python {python}，SQLite {sqlite}", f"Python {python}, SQLite {sqlite}")
    if facts.python >= PYTHON_MIN and facts.sqlite >= SQLITE_MIN:
        return Finding(code="versions", name=name, state=state)
    return Finding(
        code="versions",
        name=name,
        state=state,
        grade=Grade.BAD,
        consequence=Words("平台无法运行", "the platform does not run"),
        remedy=Words(
            "Python 3.11 以上，SQLite 3.31 以上", "Python 3.11 or newer, SQLite 3.31 or newer"
        ),
        stops_trials=True,
    )


def _sandbox(facts: Facts) -> Finding:
    name = Words("沙箱", "Sandbox")
    level = facts.level or Words("无", "none").zh
    lacks = "；".join(f"{key}：{lack.zh}" for key, lack in facts.levels_lacking.items())
    lacks_en = "; ".join(f"{key}: {lack.en}" for key, lack in facts.levels_lacking.items())
    if facts.level is None or facts.level_value < facts.level_min_value:
        return Finding(
            code="sandbox",
            name=name,
            state=Words(
                f"级别 {level}，要求至少 {facts.level_min}",
                f"level {facts.level or 'none'}, at least {facts.level_min} is asked for",
            ),
            grade=Grade.BAD,
            consequence=Words(
                "供方方案不可信，平台拒绝在此运行任何试验与规范检查",
                "vendors' code is not trusted: no trial and no conformance check runs here",
            ),
            remedy=Words(lacks or "安装 bubblewrap", lacks_en or "install bubblewrap"),
            stops_trials=True,
        )
    if facts.levels_lacking:
        return Finding(
            code="sandbox",
            name=name,
            state=Words(f"级别 {level}", f"level {level}"),
            grade=Grade.WARN,
            consequence=Words(
                "要求更高级别的需求在此不能试验；证书会写明实际级别",
                "needs that ask for a stronger level are not tried here; certificates say the level",  # noqa: E501
            ),
            remedy=Words(lacks, lacks_en),
        )
    return Finding(code="sandbox", name=name, state=Words(f"级别 {level}", f"level {level}"))


def _font(facts: Facts) -> Finding:
    name = Words("中文字体", "Chinese font")
    if facts.chinese_font:
        return Finding(code="font", name=name, state=Words("有", "found"))
    return Finding(
        code="font",
        name=name,
        state=Words("未找到", "not found"),
        grade=Grade.WARN,
        consequence=Words(
            "PDF 报告与图表中的中文会显示为方框",
            "Chinese in PDF reports and charts is drawn as boxes",
        ),
        remedy=Words(
            "安装 fonts-noto-cjk（Debian/Ubuntu：apt install fonts-noto-cjk）",
            "install fonts-noto-cjk (Debian/Ubuntu: apt install fonts-noto-cjk)",
        ),
    )


def _database(facts: Facts) -> Finding:
    name = Words("数据库", "Database")
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(facts.database, facts.database)
    if facts.database_fault:
        return Finding(
            code="database",
            name=name,
            state=Words(
                f"{kind} 无法连接：{facts.database_fault}",
                f"{kind} cannot be reached: {facts.database_fault}",
            ),
            grade=Grade.BAD,
            consequence=Words("平台无法运行", "the platform does not run"),
            remedy=Words(
                "检查 DATABASE_URL 与数据库服务", "check DATABASE_URL and the database's service"
            ),
            stops_trials=True,
        )
    version = facts.database_version
    if facts.database == "postgresql" and version is not None and version < POSTGRESQL_MIN:
        old = f"PostgreSQL {version // 10000}"
        return Finding(
            code="database",
            name=name,
            state=Words(old, old),
            grade=Grade.BAD,
            consequence=Words("Django 5.2 不支持此版本", "Django 5.2 does not support it"),
            remedy=Words("升级到 PostgreSQL 14 以上", "move to PostgreSQL 14 or newer"),
            stops_trials=True,
        )
    shown = f"{kind} {version // 10000}" if version else kind
    return Finding(code="database", name=name, state=Words(shown, shown))


def _migrations(facts: Facts) -> Finding:
    name = Words("数据库版本", "Database schema")
    if facts.pending_migrations is None:
        return Finding(
            code="migrations",
            name=name,
            state=Words("未知（数据库未连接）", "unknown (no database)"),
            grade=Grade.WARN,
        )
    if not facts.pending_migrations:
        return Finding(code="migrations", name=name, state=Words("最新", "up to date"))
    return Finding(
        code="migrations",
        name=name,
        state=Words(
            f"有 {facts.pending_migrations} 项迁移未执行", f"{facts.pending_migrations} pending"
        ),
        grade=Grade.WARN,
        consequence=Words("在执行之前，页面可能报错", "pages may fail until they are run"),
        remedy=Words("`liudu up` 启动时自动执行", "`liudu up` runs them when it starts"),
    )


def _queue(facts: Facts) -> Finding:
    name = Words("任务队列", "Queue")
    if facts.queue_depth is None:
        return Finding(code="queue", name=name, state=NOT_READY)
    state = Words(
        f"{facts.queue_depth} 项等待，{facts.worker_count} 个进程在岗，{facts.dead_worker_count} 个失联",  # noqa: E501
        f"{facts.queue_depth} waiting, {facts.worker_count} workers alive, {facts.dead_worker_count} silent",  # noqa: E501
    )
    unattended = bool(facts.queue_depth) and not facts.worker_count
    if unattended or facts.queue_depth > QUEUE_LONG or facts.dead_worker_count:
        return Finding(
            code="queue",
            name=name,
            state=state,
            grade=Grade.WARN,
            consequence=Words(
                "封存、规范检查与试验在等待", "sealing, conformance checks and trials wait"
            ),
            remedy=Words(
                "启动 `liudu up` 或另开 `liudu worker`；失联进程的任务会在租约到期后由别的进程接手",
                "start `liudu up`, or another `liudu worker`; what silent ones had is taken over once its lease ends",  # noqa: E501
            ),
        )
    return Finding(code="queue", name=name, state=state)


def _city(facts: Facts) -> Finding:
    name = Words("城市数据", "City")
    if facts.city_loaded is not False:
        return Finding(
            code="city",
            name=name,
            state=Words("已载入", "loaded") if facts.city_loaded else NOT_READY,
        )
    return Finding(
        code="city",
        name=name,
        state=Words("未载入", "none is loaded"),
        grade=Grade.WARN,
        consequence=Words(
            "没有行业与区市可选，需求无法发布",
            "there is no sector to choose, so no need can be published",
        ),
        remedy=Words("`liudu city load cities/suzhou`", "`liudu city load cities/suzhou`"),
    )


def _clock(facts: Facts) -> Finding:
    name = Words("时钟与时区", "Clock and time zone")
    state = Words(f"{facts.clock_year} 年，{facts.zone}", f"year {facts.clock_year}, {facts.zone}")
    if not facts.zone_known:
        return Finding(
            code="clock",
            name=name,
            state=state,
            grade=Grade.BAD,
            consequence=Words(
                "没有时区数据，页面时间无法换算", "without zone data no page can show a time"
            ),
            remedy=Words("安装 tzdata", "install tzdata"),
            stops_trials=True,
        )
    if facts.clock_year < CLOCK_YEAR_MIN:
        return Finding(
            code="clock",
            name=name,
            state=state,
            grade=Grade.WARN,
            consequence=Words(
                "系统时间偏早，证书与审计的时间会是错的",
                "the clock is behind: certificates and audit lines carry a wrong time",
            ),
            remedy=Words(
                "启用时间同步（timedatectl set-ntp true）",
                "let it be set (timedatectl set-ntp true)",
            ),
        )
    return Finding(code="clock", name=name, state=state)


def _keys(facts: Facts) -> Finding:
    name = Words("密钥文件", "Key files")
    modes = {"key.pem": facts.key_mode, "secret": facts.secret_mode, "private": facts.private_mode}
    open_ones = [file for file, mode in modes.items() if mode is not None and mode & 0o077]
    if not open_ones:
        return Finding(code="keys", name=name, state=Words("仅本人可读", "read by its owner only"))
    shown = ", ".join(open_ones)
    return Finding(
        code="keys",
        name=name,
        state=Words(f"他人可读：{shown}", f"others can read {shown}"),
        grade=Grade.WARN,
        consequence=Words(
            "能读到它们的人可以冒签证书、伪造登录或看到封存数据",
            "who reads them can sign certificates, forge logins or see sealed data",
        ),
        remedy=Words("chmod go= 这些文件", f"chmod go= {shown}"),
    )


def _mail(facts: Facts) -> Finding:
    name = Words("邮件", "Mail")
    if facts.mail.endswith("smtp.EmailBackend"):
        return Finding(code="mail", name=name, state=Words("SMTP", "SMTP"))
    return Finding(
        code="mail",
        name=name,
        state=Words("仅打印在日志里", "printed to the log only"),
        grade=Grade.WARN,
        consequence=Words(
            "找回密码与成员邀请的邮件送不出去", "password resets and invitations reach nobody"
        ),
        remedy=Words(
            "设 LIUDU_EMAIL=smtp+tls://用户:密码@主机:587",
            "set LIUDU_EMAIL=smtp+tls://user:password@host:587",
        ),
    )


def _https(facts: Facts) -> Finding:
    name = Words("访问", "Access")
    shown = ", ".join(facts.hosts)
    if facts.debug:
        return Finding(
            code="access",
            name=name,
            state=Words("LIUDU_DEBUG 已开", "LIUDU_DEBUG is on"),
            grade=Grade.WARN,
            consequence=Words("出错页会暴露内部信息", "error pages show the inside to anybody"),
            remedy=Words("正式使用前关闭", "turn it off before real use"),
        )
    if facts.https:
        return Finding(code="access", name=name, state=Words(f"HTTPS，{shown}", f"HTTPS, {shown}"))
    only_local = set(facts.hosts) <= {"localhost", "127.0.0.1", "[::1]"}
    return Finding(
        code="access",
        name=name,
        state=Words(f"HTTP，{shown}", f"HTTP, {shown}"),
        grade=Grade.WELL if only_local else Grade.WARN,
        consequence=Words(
            "只应在本机使用：密码与会话以明文传输",
            "for this machine only: passwords and sessions travel in the open",
        ),
        remedy=Words(
            "前面加 HTTPS 代理，并设 LIUDU_HTTPS=1、LIUDU_HOSTS、LIUDU_ORIGINS",
            "put an HTTPS proxy in front and set LIUDU_HTTPS=1, LIUDU_HOSTS, LIUDU_ORIGINS",
        ),
    )


LOOKS: Final[Sequence[Callable[[Facts], Finding]]] = (
    _home,
    _disk,
    _memory,
    _versions,
    _sandbox,
    _font,
    _database,
    _migrations,
    _queue,
    _city,
    _clock,
    _keys,
    _mail,
    _https,
)
