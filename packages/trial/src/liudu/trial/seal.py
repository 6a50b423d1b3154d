"""The seal: data, labels, protocol and scorer, fixed by their hashes before anyone submits."""

import errno
import fcntl
import glob
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np
import orjson
import rfc8785

from liudu.acceptance import Promise
from liudu.contract import CONTRACT, Item, Refusal, item_line, parse_item
from liudu.trial import audit, scorers
from liudu.trial.intake import Piece, check_positive, match_files, read_labels
from liudu.trial.precheck import Files, Notice, TooFewPiecesError, look, shortages
from liudu.trial.progress import Progress, Silence
from liudu.trial.scorers import truth

Entropy = Callable[[int], bytes]

COMMITMENT = "commitment.json"
PROTOCOL = "protocol.json"
ITEMS = "items.jsonl"
DIGESTS = "items.sha256"
PRIVATE = "private"
LABELS = "private/labels.jsonl"
NAMES = "private/names.jsonl"
SALT = "private/salt"
COMMITTED = ("data", "labels", "names", "protocol", "scorer")
SAID_TWICE = ("name", "task", "item_count", "simulated")  # in commitment and protocol alike
ID_BYTES = 8
SWAPS_MAX = 100
FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file, where the file system can
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class SealExistsError(Refusal):
    """The folder of the seal is there already."""

    en = "{path} is there already; a seal is never overwritten. Choose another --out."
    zh = "{path} 已存在；封存绝不覆盖已有内容。请换一个 --out。"


class SealInsideDataError(Refusal):
    """The seal would lie among the pieces."""

    en = "{path} lies inside the data folder {data}: choose an --out beside it."
    zh = "{path} 位于数据文件夹 {data} 之内：请把 --out 放在它的外面。"


class CannotWriteError(Refusal):
    """The seal cannot be written."""

    en = "The seal cannot be written at {path}: {detail}. Nothing was left behind."
    zh = "无法在 {path} 写入封存：{detail}。未留下任何半成品。"


class NoDataFolderError(Refusal):
    """There is no such data folder."""

    en = "There is no folder {path}: give the folder that holds the pieces."
    zh = "找不到文件夹 {path}：请给出存放样本的文件夹。"


class DiskFullError(Refusal):
    """The disk has no room for the seal."""

    machine = True

    en = (
        "No room for the seal at {path}: {needed_mib} MiB are needed, {free_mib} MiB are free. "
        "Nothing was left behind; free some space or choose another --out."
    )
    zh = (
        "{path} 空间不足：封存需要 {needed_mib} MiB，剩余 {free_mib} MiB。"
        "未留下任何半成品；请腾出空间或换一个 --out。"
    )


class ChangedWhileSealingError(Refusal):
    """A file changed between being looked at and being copied."""

    en = "{path} changed while it was being sealed: stop whatever writes there, then seal again."
    zh = "{path} 在封存过程中被改动：请先停止写入，再重新封存。"


class NotASealError(Refusal):
    """The folder holds no seal."""

    en = "{path} is not a seal: {missing} is missing. Make one with `liudu-trial seal`."
    zh = "{path} 不是封存文件夹：缺少 {missing}。请用 liudu-trial seal 制作。"


class SealContractError(Refusal):
    """The seal speaks another version of the contract."""

    en = "{path} was sealed for {found!r}; this program reads {wanted!r}: use a matching version."
    zh = "{path} 按 {found!r} 封存，本程序只支持 {wanted!r}：请换用对应版本。"


class SealAlteredError(Refusal):
    """Something in the seal is not what was committed to."""

    en = (
        "{path}: {count} files are not what was sealed: {shown}. Restore them from a copy; "
        "a trial on an altered seal would prove nothing."
    )
    zh = (
        "{path}：有 {count} 个文件与封存时不一致：{shown}。请从备份恢复；"
        "在被改动的封存上试验毫无意义。"
    )


class NoPrivatePartError(Refusal):
    """The private part of the seal is not here."""

    en = "{path} has no private/ folder: only the owner's copy of the seal can be scored."
    zh = "{path} 没有 private/ 文件夹：只有持有方的封存副本才能评分。"


@attrs.frozen(kw_only=True, eq=False)
class Seal:
    """A sealed data set.

    Attributes
    ----------
    folder
        Where it lies; `Item` paths are relative to it.
    commitment
        What may be published before anyone submits.
    protocol
        The promise and the rules of the trial.
    items
        The pieces in the order in which they are shown.
    notices
        What the owner should know; only right after sealing.

    """

    folder: Path
    commitment: Mapping[str, Any]
    protocol: Mapping[str, Any]
    items: tuple[Item, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def promise(self) -> Promise:
        """The promise as it was sealed."""
        return Promise.from_mapping(self.protocol["promise"])

    @property
    def simulated(self) -> bool:
        """Whether the data come from a generator."""
        return bool(self.commitment["simulated"])

    @property
    def digest(self) -> str:
        """The digest of the commitment: the name of the seal."""
        return _sha256(canonical(self.commitment))

    def labels(self) -> truth.Truth:
        """Read the true answers from the private part."""
        rows = [orjson.loads(line) for line in self._private(LABELS).splitlines()]
        return _truth(rows, task=self.protocol["task"], classes=self.protocol["classes"])

    def names(self) -> dict[str, str]:
        """Return where each item came from: id to path below the owner's data folder."""
        rows = (orjson.loads(line) for line in self._private(NAMES).splitlines())
        return {row["id"]: row["file"] for row in rows}

    def _private(self, name: str) -> bytes:
        path = self.folder / name
        if not path.is_file():
            raise NoPrivatePartError(path=self.folder)
        return path.read_bytes()


def canonical(value: object) -> bytes:
    """Return canonical JSON after RFC 8785."""
    return rfc8785.dumps(cast("Any", value))


def seal(
    data: Path,
    *,
    labels: Path,
    promise: Promise,
    into: Path,
    at: datetime,
    name: str | None = None,
    simulated: bool = False,
    encoding: str | None = None,
    strict: bool = False,
    entropy: Entropy = os.urandom,
    ignored: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Seal:
    """Seal a folder of data.

    Nothing is written at `into` before everything is there: a full disk, Ctrl-C or a loss of
    power leave no half seal. The owner's files are copied, never linked or touched.

    Parameters
    ----------
    data
        The folder with the pieces; ``simulated.json`` in it marks data from a generator.
    labels
        The labels file, see `liudu.trial.intake.read_labels`.
    promise
        What solutions will be held to.
    into
        The folder to make; must not exist.
    at
        When; also the one mtime of everything that a solution sees.
    name
        What the trial is called; the name of the data folder otherwise.
    simulated
        Mark the data as simulated even without ``simulated.json``.
    encoding
        Of the labels, see `read_labels`.
    strict
        Refuse data that cannot show the promise, instead of a notice.
    entropy
        Where randomness comes from: called with a number of bytes.
    ignored
        More files that may lie in the data folder without being pieces.
    progress
        Who looks on.

    Raises
    ------
    Refusal
        See the classes of this module, of `intake` and of `precheck`.

    """
    progress = progress or Silence()
    if into.exists() or into.is_symlink():
        raise SealExistsError(path=into)
    if not data.is_dir():
        raise NoDataFolderError(path=data)
    if into.resolve().is_relative_to(data.resolve()):
        raise SealInsideDataError(path=into, data=data)
    pieces = read_labels(labels, task=promise.task, encoding=encoding)
    if promise.task == "classify" and promise.positive is not None:
        check_positive(pieces, positive=(promise.positive,))
    short = shortages(pieces, promise=promise)
    if short and strict:
        raise TooFewPiecesError(
            lines_en="\n".join(one.en for one in short), lines_zh="\n".join(one.zh for one in short)
        )
    paths = match_files(pieces, data=data, ignored=(labels, *ignored))
    with progress.stage(zh="检查文件", en="Checking files", total=len(paths)) as advance:
        facts = audit.inspect_files(list(paths.values()), advance=advance)
    files = {written: facts[path] for written, path in paths.items()}
    findings = look(pieces, files, labels=labels, positive=promise.positive)
    order = _in_order(pieces, task=promise.task, entropy=entropy)
    with _workshop(into, needed=sum(f.size for f in facts.values())) as folder:
        writer = _Writer(folder=folder, entropy=entropy, keep_extension=findings.keep_extension)
        items = writer.items([pieces[index] for index in order], files, progress=progress)
        writer.finish(
            items,
            promise=promise,
            at=at,
            name=name or data.resolve().name,
            simulated=simulated or (data / "simulated.json").is_file(),
        )
    return attrs.evolve(open_seal(into, verify=False), notices=(*findings.notices, *short))


def _in_order(pieces: Sequence[Piece], *, task: str, entropy: Entropy) -> list[int]:
    rng = np.random.default_rng(int.from_bytes(entropy(32), "big"))
    if task == "alarm":
        return _series_in_time(pieces, rng=rng)
    order = rng.permutation(len(pieces))
    if any(piece.cluster is not None for piece in pieces):
        _part_neighbours(order, truth.codes(_clusters(pieces)), rng=rng)
    return [int(index) for index in order]


def _series_in_time(pieces: Sequence[Piece], *, rng: np.random.Generator) -> list[int]:
    series: dict[str, list[int]] = {}
    for index, piece in enumerate(pieces):
        series.setdefault(piece.series, []).append(index)
    numeric = all(piece.t.isdecimal() for piece in pieces)
    shuffled = [list(series.values())[k] for k in rng.permutation(len(series))]
    return [
        index
        for steps in shuffled
        for index in sorted(steps, key=lambda i: (int(pieces[i].t) if numeric else 0, pieces[i].t))
    ]


def _part_neighbours(
    order: np.ndarray[Any, Any], cluster: np.ndarray[Any, Any], *, rng: np.random.Generator
) -> None:
    """Swap pieces until no two neighbours share a cluster, where that can be had."""

    def clashes(place: int) -> bool:
        around = [p for p in (place - 1, place + 1) if 0 <= p < len(order)]
        return any(cluster[order[p]] == cluster[order[place]] for p in around)

    shown = cluster[order]
    for place in (np.flatnonzero(shown[1:] == shown[:-1]) + 1).tolist():
        for other in rng.integers(len(order), size=SWAPS_MAX).tolist():
            if not clashes(place):
                break
            order[[place, other]] = order[[other, place]]
            if clashes(place) or clashes(other):
                order[[place, other]] = order[[other, place]]


def _clusters(pieces: Sequence[Piece]) -> list[object]:
    """Return what each piece belongs to; a piece without a cluster is one by itself."""
    return [p.cluster if p.cluster is not None else (i,) for i, p in enumerate(pieces)]


@contextmanager
def _workshop(into: Path, *, needed: int) -> Iterator[Path]:
    """Yield a folder beside `into` that takes its name when all went well, and goes otherwise."""
    folder = into.with_name(f".{into.name}.{os.getpid()}.unfinished")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        _clear_killed(into)
        _require_room(into, needed=needed)
        folder.mkdir(mode=0o755)
        yield folder
        _sync(folder)
        if into.exists():
            raise SealExistsError(path=into)
        folder.rename(into)
        _sync(into.parent)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise _disk_full(into, needed=needed) from error
        raise CannotWriteError(path=into, detail=str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear_killed(into: Path) -> None:
    """Take away what an earlier sealing left that was killed outright: it holds labels."""
    for folder in into.parent.glob(f".{glob.escape(into.name)}.*.unfinished"):
        pid = folder.name.split(".")[-2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _require_room(into: Path, *, needed: int) -> None:
    if needed > shutil.disk_usage(into.parent).free:
        raise _disk_full(into, needed=needed)


def _disk_full(into: Path, *, needed: int) -> DiskFullError:
    mib, free = 1 << 20, shutil.disk_usage(into.parent).free
    return DiskFullError(path=into, needed_mib=-(-needed // mib), free_mib=free // mib)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@attrs.define(kw_only=True)
class _Writer:
    """Writes one seal into a folder that nobody else sees yet."""

    folder: Path
    entropy: Entropy
    keep_extension: bool
    ids: set[str] = attrs.field(factory=set)
    digests: dict[str, str] = attrs.field(factory=dict)  # name in items/ to digest
    companions: dict[tuple[str, str], str] = attrs.field(factory=dict)

    def token(self) -> str:
        """Return a random name that was not given before."""
        while (token := self.entropy(ID_BYTES).hex()) in self.ids:
            pass
        self.ids.add(token)
        return token

    def items(
        self, pieces: Sequence[Piece], files: Files, *, progress: Progress
    ) -> tuple[tuple[Item, Piece], ...]:
        (self.folder / "items").mkdir(mode=0o755)
        series = {name: self.token() for name in dict.fromkeys(p.series for p in pieces)}
        steps: dict[str, int] = {}
        made = []
        with progress.stage(zh="封存样本", en="Sealing pieces", total=len(pieces)) as advance:
            for piece in pieces:
                data = dict(piece.data)
                if piece.series:
                    steps[piece.series] = steps.get(piece.series, -1) + 1
                    data |= {"series": series[piece.series], "step": steps[piece.series]}
                made.append((self._item(piece, files, data=data), piece))
                advance(1)
        return tuple(made)

    def _item(self, piece: Piece, files: Files, *, data: Mapping[str, object]) -> Item:
        token = self.token()
        path = None
        if piece.file is not None:
            extension = files[piece.file].extension if self.keep_extension else ""
            path = self._put(files[piece.file], name=token + extension)
        companions = {
            role: self._shared(files[written]) for role, written in piece.companions.items()
        }
        return Item(id=token, path=path, companions=companions, data=data)

    def _shared(self, facts: audit.FileFacts) -> str:
        key = (facts.digest, facts.extension)
        if key not in self.companions:
            self.companions[key] = self._put(facts, name=self.token() + facts.extension)
        return self.companions[key]

    def _put(self, facts: audit.FileFacts, *, name: str) -> str:
        target = self.folder / "items" / name
        _copy(facts.path, target)
        if audit.digest_of(target) != facts.digest:
            raise ChangedWhileSealingError(path=facts.path)
        self.digests[name] = facts.digest
        return f"items/{name}"

    def finish(
        self,
        items: Sequence[tuple[Item, Piece]],
        *,
        promise: Promise,
        at: datetime,
        name: str,
        simulated: bool,
    ) -> None:
        """Write everything beside the pieces, the commitment last."""
        pieces = [piece for _, piece in items]
        salt = self.entropy(32).hex()
        labels = b"".join(_label_line(item, piece) for item, piece in items)
        names = b"".join(_name_line(item, piece) for item, piece in items)
        protocol = _protocol(pieces, promise=promise, name=name, simulated=simulated)
        listed = b"".join(item_line(item) for item, _ in items)
        digests = "".join(f"{self.digests[n]}  {n}\n" for n in sorted(self.digests)).encode()
        (self.folder / "private").mkdir(mode=0o700)
        self._write(SALT, salt.encode(), mode=0o600)
        self._write(LABELS, labels, mode=0o600)
        self._write(NAMES, names, mode=0o600)
        self._write(ITEMS, listed)
        self._write(DIGESTS, digests)
        self._write(PROTOCOL, _pretty(protocol))
        commitment = {
            "contract": CONTRACT,
            "name": name,
            "task": promise.task,
            "item_count": len(items),
            "created_at": at.isoformat().replace("+00:00", "Z"),
            "simulated": simulated,
            "digests": {
                "data": _data_digest(digests, listed),
                "labels": _salted(salt, labels),
                "names": _salted(salt, names),
                "protocol": _salted(salt, canonical(protocol)),
                "scorer": scorers.digest(promise.task),
            },
        }
        self._write(COMMITMENT, _pretty(commitment))
        self._one_mtime(at)

    def _write(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    def _one_mtime(self, at: datetime) -> None:
        moment = (at.timestamp(), at.timestamp())
        with os.scandir(self.folder / "items") as entries:
            for entry in entries:
                os.utime(entry.path, moment)
        for name in ("items", ITEMS, DIGESTS, PROTOCOL, COMMITMENT):
            os.utime(self.folder / name, moment)


def _copy(source: Path, target: Path) -> None:
    """Copy the bytes and nothing else; share the blocks where the file system can."""
    with source.open("rb") as old, target.open("xb") as new:
        os.fchmod(new.fileno(), stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
        try:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, audit.CHUNK)


def _protocol(
    pieces: Sequence[Piece], *, promise: Promise, name: str, simulated: bool
) -> dict[str, Any]:
    declared = promise.task == "alarm" or any(p.cluster is not None for p in pieces)
    return {
        "contract": CONTRACT,
        "name": name,
        "task": promise.task,
        "promise": promise.to_json(),
        "scorer": scorers.card(promise),
        "mode": promise.mode,
        "window": promise.window,
        "limits": dict(promise.limits),
        "level": promise.level,
        "missing": promise.missing,
        "positive": promise.positive,
        "classes": _classes(pieces),
        "item_count": len(pieces),
        "cluster_count": len(set(_clusters_of(pieces, task=promise.task))) if declared else None,
        "simulated": simulated,
    }


def _classes(pieces: Iterable[Piece]) -> list[str]:
    named = {p.label for p in pieces if p.label is not None}
    return sorted(named | {box.label for p in pieces for box in p.boxes})


def _clusters_of(pieces: Sequence[Piece], *, task: str) -> list[object]:
    if task != "alarm":
        return _clusters(pieces)
    return [p.cluster if p.cluster is not None else (p.series,) for p in pieces]


def _label_line(item: Item, piece: Piece) -> bytes:
    row: dict[str, object] = {"id": item.id, "cluster": piece.cluster}
    if piece.label is not None:
        row["label"] = piece.label
    elif piece.value is not None:
        row["value"] = piece.value
    elif piece.series:
        row |= {"series": piece.series, "t": piece.t, "event": piece.event}
    else:
        row["boxes"] = [{"box": list(true.box), "label": true.label} for true in piece.boxes]
    if piece.label is not None or piece.series:
        # Only text: then orjson with sorted keys is RFC 8785, thirty times as fast.
        return orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    return canonical(row) + b"\n"


def _name_line(item: Item, piece: Piece) -> bytes:
    row = {"id": item.id, "file": piece.name}
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _pretty(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _salted(salt: str, content: bytes) -> str:
    return _sha256(bytes.fromhex(salt) + content)


def _data_digest(digests: bytes, items: bytes) -> str:
    return _sha256(digests + hashlib.sha256(items).hexdigest().encode())


def open_seal(path: Path, *, verify: bool = True, progress: Progress | None = None) -> Seal:
    """Open a seal and hold every part of it against its digest.

    The labels are hashed but not read; only `Seal.labels` reads them. Without the private part
    (a copy that was handed on) data and item list are verified, the rest cannot be.

    Parameters
    ----------
    path
        The folder.
    verify
        False only right after sealing, when everything was hashed a moment ago.
    progress
        Who looks on.

    Raises
    ------
    NotASealError, SealContractError, SealAlteredError

    """
    for needed in (COMMITMENT, PROTOCOL, ITEMS, DIGESTS, "items"):
        if not (path / needed).exists():
            raise NotASealError(path=path, missing=needed)
    commitment, protocol = _commitment(path), _json(path, PROTOCOL)
    if verify:
        looking = progress or Silence()
        altered = _altered(path, commitment, protocol=protocol, progress=looking)
        if altered:
            shown = ", ".join(altered[:10]) + (", …" if len(altered) > 10 else "")  # noqa: PLR2004
            raise SealAlteredError(path=path, count=len(altered), shown=shown)
    with (path / ITEMS).open("rb") as lines:
        items = tuple(parse_item(line, line_number=n) for n, line in enumerate(lines, 1))
    return Seal(folder=path, commitment=commitment, protocol=protocol, items=items)


def _json(path: Path, name: str) -> dict[str, Any]:
    try:
        value = orjson.loads((path / name).read_bytes())
    except orjson.JSONDecodeError as error:
        raise SealAlteredError(path=path, count=1, shown=name) from error
    if not isinstance(value, dict):
        raise SealAlteredError(path=path, count=1, shown=name)
    return value


def _commitment(path: Path) -> dict[str, Any]:
    """Read the commitment; refuse one that lacks a part."""
    commitment = _json(path, COMMITMENT)
    found = commitment.get("contract")
    if found != CONTRACT:
        raise SealContractError(path=path, found=found, wanted=CONTRACT)
    digests = commitment.get("digests")
    whole = isinstance(digests, dict) and all(
        isinstance(digests.get(part), str) for part in COMMITTED
    )
    if not whole or not isinstance(commitment.get("simulated"), bool):
        raise SealAlteredError(path=path, count=1, shown=COMMITMENT)
    return commitment


def _altered(
    path: Path, commitment: Mapping[str, Any], *, protocol: Mapping[str, Any], progress: Progress
) -> list[str]:
    """Return the names of all files that are not what was sealed, are missing or were added."""
    sealed = commitment["digests"]
    digests, items = (path / DIGESTS).read_bytes(), (path / ITEMS).read_bytes()
    altered = _altered_items(path, digests, progress=progress)
    if _data_digest(digests, items) != sealed["data"]:
        altered += [f"{ITEMS} / {DIGESTS}"]
    if any(commitment.get(part) != protocol.get(part) for part in SAID_TWICE):
        altered += [f"{COMMITMENT} / {PROTOCOL}"]
    if (path / PRIVATE).is_dir():
        altered += _altered_private(path, sealed, protocol=protocol)
    return altered


def _altered_items(path: Path, digests: bytes, *, progress: Progress) -> list[str]:
    listed = {}
    for line in digests.decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    present = {entry.name for entry in os.scandir(path / "items")}
    altered = [f"items/{name}" for name in sorted(present ^ listed.keys())]
    with progress.stage(zh="核对封存", en="Verifying the seal", total=len(listed)) as advance:
        for name in sorted(present & listed.keys()):
            whole = path / "items" / name
            if whole.is_symlink() or audit.digest_of(whole) != listed[name]:
                altered.append(f"items/{name}")
            advance(1)
    return altered


def _altered_private(
    path: Path, sealed: Mapping[str, str], *, protocol: Mapping[str, Any]
) -> list[str]:
    """Hold the private part against its digests; without the salt nothing could be held."""
    missing = [name for name in (SALT, LABELS, NAMES) if not (path / name).is_file()]
    if missing:
        return missing
    try:
        salt = bytes.fromhex((path / SALT).read_text(encoding="ascii")).hex()
    except ValueError:
        return [SALT]
    parts = {
        LABELS: ("labels", (path / LABELS).read_bytes()),
        NAMES: ("names", (path / NAMES).read_bytes()),
        PROTOCOL: ("protocol", canonical(protocol)),
    }
    return [
        name
        for name, (kind, content) in parts.items()
        if _salted(salt, content) != sealed.get(kind)
    ]


def _truth(rows: Sequence[Mapping[str, Any]], *, task: str, classes: Sequence[str]) -> truth.Truth:
    ids = tuple(row["id"] for row in rows)
    cluster = _cluster_codes(rows)
    if task == "classify":
        code = truth.class_codes([row["label"] for row in rows], classes=classes)
        return truth.ClassTruth(ids=ids, classes=tuple(classes), code=code, cluster=cluster)
    if task == "value":
        value = np.array([row["value"] for row in rows], float)
        return truth.ValueTruth(ids=ids, value=value, cluster=cluster)
    if task == "alarm":
        return _steps(rows, ids=ids)
    boxes = [(i, true) for i, row in enumerate(rows) for true in row["boxes"]]
    return truth.BoxTruth(
        ids=ids,
        classes=tuple(classes),
        piece=np.array([i for i, _ in boxes], np.int64),
        box=np.array([true["box"] for _, true in boxes], float).reshape(-1, 4),
        code=truth.class_codes([true["label"] for _, true in boxes], classes=classes),
        cluster=cluster,
    )


def _cluster_codes(rows: Sequence[Mapping[str, Any]]) -> np.ndarray[Any, Any] | None:
    if all(row["cluster"] is None for row in rows):
        return None
    named = enumerate(row["cluster"] for row in rows)
    return truth.codes([name if name is not None else (index,) for index, name in named])


def _steps(rows: Sequence[Mapping[str, Any]], *, ids: tuple[str, ...]) -> truth.StepTruth:
    events = [(r["series"], r["event"]) for r in rows]
    known = {name: code for code, name in enumerate(dict.fromkeys(e for e in events if e[1]))}
    clusters = [r["cluster"] if r["cluster"] is not None else (r["series"],) for r in rows]
    return truth.StepTruth(
        ids=ids,
        series=truth.codes([r["series"] for r in rows]),
        event=np.array([known.get(event, -1) for event in events], np.int64),
        cluster=truth.codes(clusters),
    )
