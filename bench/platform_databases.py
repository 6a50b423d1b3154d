"""A script of ours run beside a fresh SQLite, and again beside a fresh PostgreSQL."""

import os
import subprocess
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVER = "-c listen_addresses='' -c shared_buffers=512MB -c max_connections=200"


def with_postgresql():
    """The module that starts a PostgreSQL of its own."""
    spec = spec_from_file_location("with_postgresql", ROOT / "scripts" / "with-postgresql.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def from_environment(home):
    """What a process finds that works in this home."""
    plain = {**os.environ, "DJANGO_SETTINGS_MODULE": "liudu.platform.settings", "LIUDU_HOME": home}
    return {**plain, "LIUDU_EMAIL": "memorymail://", "LIUDU_HOSTS": "testserver,127.0.0.1"}


def in_each_database(script, *arguments):
    """Run a script of ours as a process of its own beside each database; yield name and output."""
    with tempfile.TemporaryDirectory(prefix="liudu-bench-") as home:
        yield "sqlite", _run(script, arguments, from_environment(home))
    postgresql = with_postgresql()
    place = postgresql.programs()
    if place is None:
        print("PostgreSQL is not installed: left out")
        return
    with (
        tempfile.TemporaryDirectory(prefix="liudu-bench-") as home,
        postgresql.server(place, settings=SERVER) as url,
    ):
        environment = {**from_environment(home), "DATABASE_URL": url}
        yield "postgresql", _run(script, arguments, environment)


def _run(script, arguments, environment):
    command = [sys.executable, script, *arguments]
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def fill(sizes=None):
    """Set Django up, and fill the empty database of this process with the large city."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    from platform_city import make

    make(**({"sizes": sizes} if sizes else {}))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def session_of(user):
    """The cookie of a user who has logged in; called after `django.setup()`."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session.session_key
