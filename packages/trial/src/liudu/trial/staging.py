"""The folder that a solution sees as ``/in``, made from links and taken away again."""

import contextlib
import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from liudu.contract import Item, Refusal, item_line
from liudu.trial.serving import Terms

CARD_NAME = "trial.json"
ITEMS_NAME = "items.jsonl"
COPIES_NAME = "copies"
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


class PathLeavesFolderError(Refusal):
    """An item names a file outside its folder."""

    en = "Item {item} names {path}, which leaves the folder of the pieces: seal the data again."
    zh = "条目 {item} 指向 {path}，超出了条目文件夹：请重新封存数据。"


class PieceNotThereError(Refusal):
    """An item names a file that is not there."""

    en = "Item {item} names {path}, which is not in {folder}: seal the data again, or restore it."
    zh = "条目 {item} 指向 {path}，但 {folder} 中没有这个文件：请重新封存数据或恢复该文件。"


@attrs.define(kw_only=True)
class Inputs:
    """One ``/in``: the card of the trial, and the pieces that have been shown so far.

    A piece is shown by a hard link, which takes microseconds, whatever its size; where links
    cannot be made (another disk, a file that the solution's uid may not read) all pieces are
    copied beside the folder first and linked from there.

    Attributes
    ----------
    pieces
        The folder that the items' paths are relative to. It is never mounted itself.
    folder
        The ``/in`` that is built; the folder beside it holds copies where links fail.

    """

    pieces: Path
    folder: Path
    _source: Path = attrs.field(init=False)
    _shown: set[str] = attrs.field(init=False, factory=set)

    def __attrs_post_init__(self) -> None:
        self._source = self.pieces

    def prepare(
        self, items: Sequence[Item], *, terms: Terms, files: Mapping[str, bytes] | None = None
    ) -> None:
        """Write the card, make the folders and see to it that `show` will only have to link.

        `files` are shown from the start and need not lie among the pieces.
        """
        _make(self.folder)
        self._put(files or {})
        (self.folder / CARD_NAME).write_bytes(terms.card())
        paths = {
            path: item.id for item in items for path in paths_of(item) if path not in self._shown
        }
        for path, name in paths.items():
            _require_inside(path, item=name)
        for parent in sorted({path.rpartition("/")[0] for path in paths}):
            _make(self.folder / parent)
        if paths and not self._can_link(next(iter(paths))):
            self._copy(paths)

    def list(self, items: Iterable[Item]) -> None:
        """Show all items at once, as a batch needs them."""
        with (self.folder / ITEMS_NAME).open("wb") as file:
            for item in items:
                self.show(item)
                file.write(item_line(item))

    def show(self, item: Item) -> None:
        """Let the files of an item appear; those that it shares with others appear once."""
        source, folder = str(self._source), str(self.folder)  # pathlib costs more than the link
        for path in paths_of(item):
            if path in self._shown:
                continue
            try:
                os.link(f"{source}/{path}", f"{folder}/{path}")
            except FileNotFoundError:
                raise PieceNotThereError(item=item.id, path=path, folder=self.pieces) from None
            self._shown.add(path)

    def _put(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            _make((self.folder / path).parent)
            (self.folder / path).write_bytes(data)
            (self.folder / path).chmod(0o444)
            self._shown.add(path)

    def _can_link(self, path: str) -> bool:
        probe = self.folder / ".probe"
        try:
            if not (self.pieces / path).stat().st_mode & stat.S_IROTH:
                return False
            os.link(self.pieces / path, probe)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            if isinstance(error, FileNotFoundError):
                return True  # `show` names the item that it belongs to
            raise
        probe.unlink()
        return True

    def _copy(self, paths: dict[str, str]) -> None:
        copies = self.folder.with_name(COPIES_NAME)
        for path, name in paths.items():
            target = copies / path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                shutil.copy2(self.pieces / path, target)
            except FileNotFoundError:
                raise PieceNotThereError(item=name, path=path, folder=self.pieces) from None
            target.chmod(0o444)
        self._source = copies


def _make(folder: Path) -> None:
    """Make a folder that the solution's uid can read, whatever our umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        path.chmod(0o755)


def open_to_others(folder: Path) -> None:
    """Let the solution's uid walk through a folder and all below it, whatever our umask."""
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o755)


def paths_of(item: Item) -> Iterator[str]:
    """Yield the files that an item names."""
    if item.path is not None:
        yield item.path
    yield from item.companions.values()


def _require_inside(path: str, *, item: str) -> None:
    if path.startswith("/") or ".." in path.split("/"):
        raise PathLeavesFolderError(item=item, path=path)


@contextmanager
def stage(folder: Path, *, pieces: Path) -> Iterator[tuple[Inputs, Path]]:
    """Make the ``/in`` and ``/out`` of one serving below `folder`, and take them away after it.

    Yields
    ------
    inputs, output
        ``inputs.folder`` is not made yet; `output` is an empty folder.

    """
    clear(folder)
    _make(folder)
    output = folder / "out"
    output.mkdir(mode=0o700)
    try:
        yield Inputs(pieces=pieces, folder=folder / "in"), output
    finally:
        clear(folder)


def clear(folder: Path) -> None:
    """Take a folder away, however deep and unreadable a solution made it; follow no links.

    What Python's own way cannot take away, for want of stack, of descriptors or of rights, the
    command of the system can.
    """
    if not folder.exists():
        return
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(folder)
    if not folder.exists():
        return
    command = ["rm", "-rf", "--one-file-system", "--", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        readable = ["chmod", "-R", "u+rwX", "--", str(folder)]
        subprocess.run(readable, capture_output=True, check=False)
        subprocess.run(command, capture_output=True, check=True)
