"""The platform's settings, with a home of its own and what makes tests fast."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

HOME_OF_TESTS = tempfile.mkdtemp(prefix="liudu-tests-")
atexit.register(shutil.rmtree, HOME_OF_TESTS, ignore_errors=True)
os.environ["LIUDU_HOME"] = HOME_OF_TESTS
(Path(HOME_OF_TESTS) / "static").mkdir()
os.environ.setdefault("LIUDU_EMAIL", "memorymail://")

from liudu.platform.settings import *  # noqa: E402, F403 - after the environment

# What makes passwords safe makes tests slow.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Each client of a test sets up the middleware anew, and would look at every static file again.
WHITENOISE_AUTOREFRESH = True

# As it is used: a file that several connections write, not a memory that they share.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": f"{HOME_OF_TESTS}/test.sqlite3"}  # noqa: F405
