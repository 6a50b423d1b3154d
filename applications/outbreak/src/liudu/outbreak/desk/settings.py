"""Django set up for one data folder: no settings module, no environment."""

import secrets
from pathlib import Path
from typing import Any, Final

import attrs
import django
from django.conf import settings

HERE: Final = Path(__file__).parent
DESK: Final = "desk"
DATABASE: Final = "desk.sqlite3"
DAY_S: Final = 86_400


@attrs.frozen(kw_only=True)
class Site:
    """Where the desk stands.

    Attributes
    ----------
    folder
        The data folder; the desk keeps its own files in ``desk`` within it.
    hosts
        Names that browsers may call it by.
    mail
        ``console``, ``off``, ``file:FOLDER`` or ``smtp://HOST:PORT``.
    https
        A proxy in front speaks https: cookies are then sent over nothing else.

    """

    folder: Path
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    mail: str = "console"
    https: bool = False
    simulated: bool = False

    @property
    def own(self) -> Path:
        """The folder of the desk's own files."""
        return self.folder / DESK

    @property
    def database(self) -> Path:
        """The database file."""
        return self.own / DATABASE


def secret(path: Path) -> str:
    """Return the secret in a file that only its owner reads; it is made when first asked for."""
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")


def configure(site: Site) -> None:
    """Configure and start Django."""
    site.own.mkdir(parents=True, exist_ok=True)
    site.own.chmod(0o700)
    settings.configure(**values(site))
    django.setup()


def values(site: Site) -> dict[str, Any]:
    """Return the settings of a site."""
    return {
        "DEBUG": False,
        "SECRET_KEY": secret(site.own / "secret"),
        "ALLOWED_HOSTS": list(site.hosts),
        "ROOT_URLCONF": "liudu.outbreak.desk.urls",
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.staticfiles",
            "liudu.outbreak.desk.apps.Desk",
        ],
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "whitenoise.middleware.WhiteNoiseMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "liudu.outbreak.desk.middleware.speak",
            "liudu.outbreak.desk.middleware.guard",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        "DATABASES": {"default": _database(site)},
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [HERE / "templates"],
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "liudu.outbreak.desk.middleware.context",
                    ],
                    "builtins": ["liudu.outbreak.desk.templatetags.words"],
                },
            }
        ],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"django.contrib.auth.password_validation.{name}"}
            for name in ("MinimumLengthValidator", "CommonPasswordValidator")
        ],
        "STATIC_URL": "static/",
        "WHITENOISE_USE_FINDERS": True,
        "WHITENOISE_AUTOREFRESH": False,
        "LOGIN_URL": "/login",
        "LOGIN_REDIRECT_URL": "/",
        "LOGOUT_REDIRECT_URL": "/login",
        "SESSION_COOKIE_AGE": DAY_S // 2,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SECURE": site.https,
        "CSRF_COOKIE_SECURE": site.https,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if site.https else None,
        "SECURE_REFERRER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "DENY",
        "CSRF_FAILURE_VIEW": "liudu.outbreak.desk.pages.csrf_failure",
        "USE_TZ": True,
        "TIME_ZONE": "Asia/Shanghai",
        "USE_I18N": False,
        "DATA_UPLOAD_MAX_MEMORY_SIZE": 1 << 20,
        "LIUDU_SITE": site,
        **_mail(site.mail),
    }


def _database(site: Site) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": site.database,
        "OPTIONS": {
            # Writers wait for each other from the start instead of failing half way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _mail(wish: str) -> dict[str, Any]:
    kind, _, rest = wish.partition(":")
    backends = {"console": "console", "off": "dummy", "file": "filebased", "smtp": "smtp"}
    answer: dict[str, Any] = {
        "EMAIL_BACKEND": f"django.core.mail.backends.{backends[kind]}.EmailBackend",
        "DEFAULT_FROM_EMAIL": "liudu-outbreak@localhost",
    }
    if kind == "file":
        answer["EMAIL_FILE_PATH"] = rest
    if kind == "smtp":
        host, _, port = rest.removeprefix("//").partition(":")
        answer |= {"EMAIL_HOST": host, "EMAIL_PORT": int(port or 25)}
    return answer
