"""What holds for every package of the workspace."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    path.parent
    for folder in ("packages", "applications")
    for path in (ROOT / folder).glob("*/pyproject.toml")
)


def test_liudu_is_a_namespace_that_no_package_owns():
    assert [path for package in PACKAGES for path in package.glob("src/liudu/__init__.py")] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_has_a_readme_types_and_a_licence(package):
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]

    assert project["license"] == "Apache-2.0"
    assert (package / "README.md").stat().st_size > 0
    assert list(package.glob("src/liudu/*/py.typed"))


def test_the_layer_contracts_cover_every_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

    assert sorted(settings["root_packages"]) == sorted(
        f"liudu.{package.name}" for package in PACKAGES
    )
