"""What the running Python needs inside a sandbox."""

import site
import sys
from pathlib import Path

_ALWAYS_SHOWN = Path("/usr")


def _links_of(program: Path) -> list[Path]:
    """Return the program and every link that it leads through, unresolved."""
    chain = [program]
    while chain[-1].is_symlink() and len(chain) < 20:  # noqa: PLR2004 - more is a loop
        chain.append(chain[-1].parent / chain[-1].readlink())
    return chain


def _below(path: Path, other: Path) -> bool:
    return path != other and path.is_relative_to(other)


def python_runtime() -> tuple[Path, ...]:
    """Return the folders to show read-only so that this very Python runs inside.

    They are the environment (`sys.prefix`), the installation behind it (`sys.base_prefix`) and
    every folder that a link of the program leads through. Given as `Mounts.read_only`, the
    ``bin`` of the first one comes first in PATH, so that ``python3`` is this interpreter with
    its packages. Packages installed as editable are not: their sources lie elsewhere.

    Below /usr nothing is needed: it is shown always.
    """
    folders = [Path(sys.prefix), Path(sys.base_prefix)]
    folders += [link.parent.parent for link in _links_of(Path(sys.executable))]
    folders += [Path(folder) for folder in site.getsitepackages()]
    plain = dict.fromkeys(Path(*folder.absolute().parts) for folder in folders)
    kept = [folder for folder in plain if not folder.is_relative_to(_ALWAYS_SHOWN)]
    kept = [folder for folder in kept if folder.is_dir() and folder != Path("/")]
    return tuple(folder for folder in kept if not any(_below(folder, other) for other in kept))
