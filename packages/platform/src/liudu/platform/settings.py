"""Settings of Django: every wish is an environment variable, every default runs on a laptop."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF

env = environ.Env()

HERE = Path(__file__).parent
HOME = Path(env.str("LIUDU_HOME", default="var")).absolute()
PRIVATE = HOME / "private"  # seals, bundles, runs: never below a folder that is served
PRIVATE.mkdir(mode=0o700, parents=True, exist_ok=True)


def _close(database: Path) -> None:
    """Let nobody else read a database file; what SQLite puts beside it gets the same mode."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if database.stat().st_uid == os.geteuid():
        database.chmod(0o600)


def _secret(path: Path) -> str:
    """Return the secret in a file that only its owner reads; it is made when first asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii").strip()


DEBUG = env.bool("LIUDU_DEBUG", default=False)
SECRET_KEY = env.str("LIUDU_SECRET_KEY", default="") or _secret(HOME / "secret")
ALLOWED_HOSTS = env.list("LIUDU_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
HTTPS = env.bool("LIUDU_HTTPS", default=False)  # a proxy in front speaks https
BEHIND_PROXY = env.bool("LIUDU_BEHIND_PROXY", default=HTTPS)
CSRF_TRUSTED_ORIGINS = env.list("LIUDU_ORIGINS", default=[])
WSGI_APPLICATION = "liudu.platform.wsgi.application"
ROOT_URLCONF = "liudu.platform.urls"

CONTEXTS = ["audit", "city", "identity", "needs", "supply", "trials", "funding", "office", "front"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "liudu.platform.web",
    *(f"liudu.platform.{context}" for context in CONTEXTS),
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
    "django_cotton",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "ninja",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "liudu.platform.identity.middleware.name_the_actor",
    "liudu.platform.identity.middleware.keep_the_language",
    "liudu.platform.api.answer_once",
    "liudu.platform.web.middleware.answer_refusals",
    "axes.middleware.AxesMiddleware",
]

_LOADERS: list[Any] = [
    "django_cotton.cotton_loader.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": _LOADERS if DEBUG else [("django.template.loaders.cached.Loader", _LOADERS)],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "django.contrib.auth.context_processors.auth",
                "liudu.platform.web.context.everywhere",
            ],
            "builtins": [
                "django.templatetags.static",
                "django_cotton.templatetags.cotton",
                "liudu.platform.web.templatetags.liudu",
                "liudu.platform.web.templatetags.looks",
            ],
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{HOME}/liudu.sqlite3")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    _close(Path(DATABASES["default"]["NAME"]))
    DATABASES["default"]["OPTIONS"] = {
        # Writers wait for each other from the start instead of failing half way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;"
        ),
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A connection of SQLite keeps its pages in memory, one of PostgreSQL costs a process.
DATABASES["default"]["CONN_MAX_AGE"] = 60
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "trials"]}}
# Shared by all processes of this home: limits of logins and used codes hold across them. Where
# several machines serve one database, name a cache that they share.
CACHES: dict[str, Any] = {
    "default": env.cache_url("LIUDU_CACHE")
    if "LIUDU_CACHE" in env
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(HOME / "cache"),
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "office:mine"
LOGOUT_REDIRECT_URL = "front:home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = env.str("LIUDU_EMAIL_VERIFICATION", default="optional")
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_ADAPTER = "liudu.platform.identity.adapter.Accounts"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no letter to whoever never signed up
# Axes shuts the door to one guesser; this slows many guessers of one account.
ACCOUNT_RATE_LIMITS = {"login_failed": "60/m/ip,30/15m/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Liudu"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the time that was told holds
AXES_USERNAME_CALLABLE = "liudu.platform.identity.lockout.username"
AXES_CLIENT_IP_CALLABLE = "liudu.platform.identity.lockout.client_address"
AXES_LOCKOUT_CALLABLE = "liudu.platform.identity.lockout.locked_out"
AXES_VERBOSE = False

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
USE_I18N = True
LOCALE_PATHS = [HERE / "locale"]  # our words for what Django and allauth say in Chinese
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "liudu.platform.web.pages.csrf_failure"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "style-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 << 20  # of forms; files are streamed to disk
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20
FILE_UPLOAD_TEMP_DIR = None

EMAIL_CONFIG = env.email_url("LIUDU_EMAIL", default="consolemail://")
globals().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("LIUDU_EMAIL_FROM", default="liudu@localhost")

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}

# How long a worker may be silent before its trial is taken from it.
TRIAL_LEASE_S = env.int("LIUDU_TRIAL_LEASE_S", default=60)
TRIAL_ATTEMPTS_MAX = env.int("LIUDU_TRIAL_ATTEMPTS_MAX", default=3)
BUNDLE_BYTES_MAX = env.int("LIUDU_BUNDLE_BYTES_MAX", default=200 << 20)
SEAL_BYTES_MAX = env.int("LIUDU_SEAL_BYTES_MAX", default=2 << 30)
LIST_ROWS_MAX = env.int("LIUDU_LIST_ROWS_MAX", default=20_000)
CERTIFICATE_KEY = Path(env.str("LIUDU_KEY", default=str(HOME / "key.pem")))
# The weakest sandbox that an uploaded program is run in.
LEVEL_MIN = env.str("LIUDU_LEVEL_MIN", default="bwrap")
# Further did:keys whose certificates are ours: former keys, or that of a worker elsewhere.
CERTIFICATE_ISSUERS = env.list("LIUDU_ISSUERS", default=[])
DEMO = env.bool("LIUDU_DEMO", default=False)  # the login page shows the demo's accounts
SOURCE_URL = env.str("LIUDU_SOURCE_URL", default="")  # where readers find the code: in the footer
