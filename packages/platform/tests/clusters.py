"""A PostgreSQL of a test's own that can be stopped and started again."""

import importlib.util
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

SETTINGS = "-c listen_addresses='' -c fsync=off"  # what was committed outlives the server
SCRIPT = Path(__file__).parents[3] / "scripts" / "with-postgresql.py"


class Cluster:
    """A PostgreSQL that can be stopped and started again."""

    def __init__(self, module, url):
        self.module, self.url = module, url
        self.folder = Path(url.partition("host=")[2])

    def control(self, *what):
        """Run pg_ctl."""
        settings = f"-k {self.folder} {SETTINGS}"
        subprocess.run(
            [
                *(self.module.programs() / "pg_ctl", "-D", self.folder / "data", "-w"),
                *("-l", self.folder / "log", "-o", settings, *what),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **self.module.as_nobody(self.folder),
        )


@contextmanager
def fresh_cluster():
    """Give a cluster, or skip the test where PostgreSQL is not installed."""
    spec = importlib.util.spec_from_file_location("with_postgresql", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with module.server(module.programs(), settings=SETTINGS) as url:
        yield Cluster(module, url)
