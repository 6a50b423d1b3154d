"""From an owner's archive to a seal: files only, no database."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import attrs
import orjson
from django.conf import settings

from liudu.acceptance import Promise
from liudu.contract import Refusal
from liudu.platform.trials import archives, places
from liudu.platform.words import Words
from liudu.trial.intake import Piece, read_labels
from liudu.trial.precheck import Notice
from liudu.trial.seal import Seal, open_seal, seal

# These say figures and kinds of features; the others name files, which stay with the owner.
NAMELESS: Final = frozenset({"Leak", "LeakRemoved", "TooFewPieces"})
_WITHOUT_NAMES: Final[Mapping[str, Words]] = {
    "TooFewPieces": Words(
        "有一项目标的独立样本不够：即使零错误，这批数据也无法证明它。",
        "One target has too few independent pieces: these data cannot show it even without an "
        "error.",
    ),
    "WrongExtension": Words(
        "部分图片的扩展名与内容不符，已按内容封存。",
        "Some pictures have an extension that does not fit; they are sealed by their content.",
    ),
    "BlankPictures": Words(
        "部分样本是相同的空白图片，请检查相机或导出；如属正常，请用 cluster 列归为一簇。",
        "Some pieces are identical blank pictures: check the camera or the export, or give them "
        "one value in the column cluster.",
    ),
    "ExactDuplicates": Words(
        "部分样本完全相同却不在同一簇，会被当作独立样本，结论会过于乐观；请用 cluster 列归簇。",
        "Some pieces are identical but not in one cluster; they count as independent and the "
        "verdict is too kind. Give them one value in the column cluster.",
    ),
    "NearDuplicates": Words(
        "部分样本几乎相同却不在同一簇，会被当作独立样本，结论会过于乐观；请用 cluster 列归簇。",
        "Some pieces are nearly identical but not in one cluster; they count as independent and "
        "the verdict is too kind. Give them one value in the column cluster.",
    ),
    "": Words(
        "封存前检查发现一处需要留意的情况。",
        "The check before sealing found something worth a look.",
    ),
}


# Whose way out is an option of the command line or is left to the reader.
_ON_THE_PAGE: Final[Mapping[str, Words]] = {
    "NotUtf8": Words(
        "labels.csv 不是 UTF-8 编码。如由中文版 Excel 保存，请在「labels.csv 的编码」中选择 "
        "GB18030 / GBK 后重新上传；否则请另存为“CSV UTF-8”。",
        "labels.csv is not UTF-8. If a Chinese Excel saved it, choose GB18030 / GBK as its "
        "encoding and upload again; otherwise save it as “CSV UTF-8”.",
    ),
}
_MORE_TO_DO: Final[Mapping[str, Words]] = {
    "NoPositive": Words(
        "请改正标签，或在需求的验收指标中改写要找的标签，然后重新上传。",
        " Correct the labels, or name the label to be found in the targets of the need, and upload "
        "again.",
    ),
}
_NOTHING: Final = Words("", "")


@attrs.frozen(kw_only=True)
class Sealed:
    """What may be told of a seal: counts and digests, no name and no label.

    Attributes
    ----------
    counts
        Pieces by kind: ``positive`` and ``negative`` where the promise tells them apart.
    notices
        ``{"code", "zh", "en"}``, what the owner should know.

    """

    digest: str
    piece_count: int
    counts: Mapping[str, int]
    size_bytes: int
    simulated: bool
    notices: Sequence[Mapping[str, str]]


def seal_upload(
    seal_key: str,
    *,
    promise: Promise,
    name: str,
    at: datetime,
    simulated: bool,
    encoding: str,
) -> Sealed:
    """Seal the archive of a seal's upload. Done once, it answers the same again.

    Parameters
    ----------
    name
        What reports and certificates call the need.
    encoding
        Of the labels: empty for UTF-8, or ``gb18030``.

    Raises
    ------
    Refusal
        `Refusal.machine` tells whether the platform failed or the data are refused.

    """
    into, plain = places.seal_of(seal_key), places.plain_of(seal_key)
    if into.exists():  # a worker died between sealing and telling of it
        return _told(open_seal(into), pieces=None, promise=promise)
    shutil.rmtree(plain, ignore_errors=True)
    try:
        data, labels = archives.unpack(
            places.upload_of(seal_key), into=plain, size_bytes_max=settings.SEAL_BYTES_MAX
        )
        sealed = seal(
            data,
            labels=labels,
            promise=promise,
            into=into,
            at=at,
            name=name,
            simulated=simulated,
            encoding=encoding or None,
        )
        pieces = read_labels(labels, task=promise.task, encoding=encoding or None)
        return _told(sealed, pieces=pieces, promise=promise)
    finally:
        shutil.rmtree(plain, ignore_errors=True)


def _told(sealed: Seal, *, pieces: Sequence[Piece] | None, promise: Promise) -> Sealed:
    secret = _words_of(pieces, promise=promise) if pieces is not None else frozenset()
    counts = kinds(pieces, promise=promise) if pieces is not None else _kinds_sealed(sealed)
    return Sealed(
        digest=sealed.digest,
        piece_count=len(sealed.items),
        counts=counts,
        size_bytes=sum(path.stat().st_size for path in (sealed.folder / "items").iterdir()),
        simulated=sealed.simulated,
        notices=[without_names(notice, secret=secret) for notice in sealed.notices],
    )


def kinds(pieces: Iterable[Piece], *, promise: Promise) -> dict[str, int]:
    """Count pieces by kind; only positive and not are told apart, classes are not named."""
    counted = Counter(
        "positive"
        if piece.boxes
        or piece.event
        or (piece.label is not None and piece.label == promise.positive)
        else "negative"
        for piece in pieces
    )
    if promise.task == "value" or (promise.task == "classify" and promise.positive is None):
        return {"all": counted.total()}
    return {"positive": counted["positive"], "negative": counted["negative"]}


def _kinds_sealed(sealed: Seal) -> dict[str, int]:
    """Count the kinds of what is sealed already."""
    rows = [orjson.loads(line) for line in (sealed.folder / "private/labels.jsonl").open("rb")]
    pieces = [
        Piece(
            line=0,
            label=row.get("label"),
            event=row.get("event") or "",
            boxes=tuple(row.get("boxes") or ()),
        )
        for row in rows
    ]
    return kinds(pieces, promise=sealed.promise)


def _words_of(pieces: Iterable[Piece], *, promise: Promise) -> frozenset[str]:
    """Return what no notice may say: file names, and every class but the promised one."""
    words: set[str] = set()
    for piece in pieces:
        words |= {piece.name, Path(piece.name).name, piece.label or "", piece.event, piece.series}
        words |= {box.label for box in piece.boxes}
    return frozenset(words - {"", promise.positive or ""})


def without_names(notice: Notice, *, secret: frozenset[str]) -> dict[str, str]:
    """Return a notice as the database keeps it."""
    zh, en = notice.zh, notice.en
    if notice.code not in NAMELESS or any(word in zh or word in en for word in secret):
        words = _WITHOUT_NAMES.get(notice.code, _WITHOUT_NAMES[""])
        zh, en = words.zh, words.en
    return {"code": notice.code, "zh": zh, "en": en}


def keep_refusal(seal_key: str, refusal: Refusal) -> None:
    """Keep why data were refused where only the owner's page reads it, and drop the data."""
    plain, upload = str(places.plain_of(seal_key)), str(places.upload_of(seal_key))
    said: dict[str, Any] = {}
    for language in ("zh", "en"):
        text = refusal.say(language)
        if refusal.code in _ON_THE_PAGE:
            text = _ON_THE_PAGE[refusal.code].say(language)
        text += _MORE_TO_DO.get(refusal.code, _NOTHING).say(language)
        said[language] = text.replace(f"{plain}/", "").replace(plain, "zip").replace(upload, "zip")
    path = places.refusal_of(seal_key)
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps(said))
    drop_upload(seal_key)


def refusal_kept(seal_key: str) -> Mapping[str, str] | None:
    """Return why data were refused, by language; None where nothing is kept."""
    path = places.refusal_of(seal_key)
    return orjson.loads(path.read_bytes()) if path.is_file() else None


def drop_upload(seal_key: str) -> None:
    """Remove the owner's archive and whatever was unpacked from it."""
    remove(places.upload_of(seal_key))
    remove(places.plain_of(seal_key))


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
