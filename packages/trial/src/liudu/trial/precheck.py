"""What is looked at before anything is sealed: refused where it would lie, told where it might."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import Promise, Target, piece_name, samples_needed
from liudu.contract import Language, Refusal
from liudu.trial import audit
from liudu.trial.audit import FileFacts
from liudu.trial.intake import Piece, shorten
from liudu.trial.verdict import figure, sign

EXTENSION_AUROC_MAX = 0.6
EXAMPLES_MAX = 3  # pairs in one notice; the counts say how many there are

Files = Mapping[str, FileFacts]

_ZH: Mapping[str, str] = {
    "companions": "配套文件",
    "extension": "扩展名",
    "file size": "文件大小",
    "folder": "所在文件夹",
    "metadata": "元数据",
    "picture format": "图片格式",
    "picture mode": "色彩模式",
    "picture size": "图片尺寸",
    "row order": "行序",
}


class BrokenFilesError(Refusal):
    """Files that cannot be read, or pictures that cannot be decoded."""

    en = (
        "{count} files cannot be read or decoded: {shown}. Copy them again from their source, or "
        "remove them together with their rows."
    )
    zh = "有 {count} 个文件无法读取或解码：{shown}。请从来源重新拷贝，或连同标签行一起移除。"


class BoxOutsideError(Refusal):
    """A true box leaves its picture."""

    en = (
        "{labels}, line {line}: the box {box} leaves the picture {file} ({width}×{height} px); "
        "correct the corners, or the picture was scaled after it was labelled."
    )
    zh = (
        "{labels} 第 {line} 行：框 {box} 超出图片 {file}（{width}×{height} 像素）；"
        "请改正坐标，或检查图片是否在标注后缩放过。"
    )


class ContradictingDuplicatesError(Refusal):
    """The same content carries different labels."""

    en = (
        "{first} and {second} are the same, byte for byte, but labelled {first_label} and "
        "{second_label} ({count} such pairs): no solution can be right on both. Decide which "
        "label is true."
    )
    zh = (
        "{first} 与 {second} 逐字节相同，标签却是 {first_label} 与 {second_label}"
        "（共 {count} 对）：没有解决方案能同时答对。请先裁定哪个标签正确。"
    )


class TooFewPiecesError(Refusal):
    """The data cannot show the promise, and the owner asked to be strict."""

    en = "These data cannot show the promise:\n{lines_en}"
    zh = "这些数据不足以证明承诺：\n{lines_zh}"


@attrs.frozen(kw_only=True)
class Notice:
    """Something that the owner should know; nothing is refused for it."""

    code: str
    zh: str
    en: str

    def say(self, language: Language) -> str:
        """Return the sentence in one language."""
        return self.zh if language == "zh" else self.en


@attrs.frozen(kw_only=True)
class Findings:
    """What the look before sealing found."""

    notices: tuple[Notice, ...]
    keep_extension: bool


def look(pieces: Sequence[Piece], files: Files, *, labels: Path, positive: str | None) -> Findings:
    """Look over pieces and files before they are sealed.

    Parameters
    ----------
    pieces
        What the labels say.
    files
        For each path as written in the labels, what was found in the file.
    labels
        The labels file, to be named in sentences.
    positive
        The kind that a miss is counted on, if the task has one.

    Raises
    ------
    BrokenFilesError, BoxOutsideError, ContradictingDuplicatesError

    """
    _refuse_broken(files)
    _refuse_boxes_outside(pieces, files, labels=labels)
    with_file = [piece for piece in pieces if piece.file is not None]
    notices = [*_wrong_extensions(files), *_twins(with_file, files)]
    answers = _positives(with_file, positive=positive)
    keep = True
    if with_file:
        keep = _extension_is_silent(with_file, files, answers)
        notices += _leaks(with_file, files, answers, extension_kept=keep)
    return Findings(notices=tuple(notices), keep_extension=keep)


def _refuse_broken(files: Files) -> None:
    broken = [f"{name} ({facts.flaw})" for name, facts in files.items() if facts.flaw]
    if broken:
        raise BrokenFilesError(count=len(broken), shown=shorten(broken))


def _refuse_boxes_outside(pieces: Sequence[Piece], files: Files, *, labels: Path) -> None:
    for piece in pieces:
        picture = files[piece.file].picture if piece.file and piece.boxes else None
        if picture is None:
            continue
        for true in piece.boxes:
            if true.box[2] > picture.width or true.box[3] > picture.height:
                raise BoxOutsideError(
                    labels=labels,
                    line=piece.line,
                    box=",".join(f"{corner:g}" for corner in true.box),
                    file=piece.file,
                    width=picture.width,
                    height=picture.height,
                )


def _wrong_extensions(files: Files) -> list[Notice]:
    wrong = [
        f"{name} ({facts.picture.format})"
        for name, facts in files.items()
        if facts.picture and facts.extension != Path(name).suffix.lower()
    ]
    if not wrong:
        return []
    return [
        Notice(
            code="WrongExtension",
            zh=f"{len(wrong)} 张图片的扩展名与内容不符，已按内容封存：{shorten(wrong)}。",
            en=f"{len(wrong)} pictures have an extension that does not fit their content; "
            f"they are sealed under the right one: {shorten(wrong)}.",
        )
    ]


def _twins(pieces: Sequence[Piece], files: Files) -> list[Notice]:
    exact = _exact_twins(pieces, files)
    _refuse_contradictions(pieces, exact)
    apart = [(i, j) for i, j in exact if _are_apart(pieces[i], pieces[j])]
    blank = [(i, j) for i, j in apart if _is_blank(pieces[i], files)]
    alike = [(i, j) for i, j in apart if not _is_blank(pieces[i], files)]
    near = _near_twins(pieces, files, known=set(exact))
    return [
        *_blank_notice(pieces, blank),
        *_twin_notice(pieces, alike, code="ExactDuplicates", zh="完全相同", en="identical"),
        *_twin_notice(pieces, near, code="NearDuplicates", zh="几乎相同", en="nearly identical"),
    ]


def _is_blank(piece: Piece, files: Files) -> bool:
    picture = files[piece.file or ""].picture
    return picture is not None and picture.is_blank


def _exact_twins(pieces: Sequence[Piece], files: Files) -> list[tuple[int, int]]:
    groups: dict[object, list[int]] = defaultdict(list)
    for index, piece in enumerate(pieces):
        handed_out = sorted((k, files[v].digest) for k, v in piece.companions.items())
        public = sorted((k, repr(v)) for k, v in piece.data.items())
        groups[(files[piece.file or ""].digest, *handed_out, *public)].append(index)
    return [(group[0], other) for group in groups.values() for other in group[1:]]


def _refuse_contradictions(pieces: Sequence[Piece], twins: Sequence[tuple[int, int]]) -> None:
    wrong = [(i, j) for i, j in twins if _answer(pieces[i]) != _answer(pieces[j])]
    if wrong:
        first, second = (pieces[k] for k in wrong[0])
        raise ContradictingDuplicatesError(
            first=first.file,
            second=second.file,
            first_label=_answer(first),
            second_label=_answer(second),
            count=len(wrong),
        )


def _answer(piece: Piece) -> object:
    if piece.label is not None:
        return piece.label
    boxes = sorted((b.label, *b.box) for b in piece.boxes)
    return piece.value if piece.value is not None else boxes


def _are_apart(first: Piece, second: Piece) -> bool:
    return first.cluster is None or first.cluster != second.cluster


def _near_twins(
    pieces: Sequence[Piece], files: Files, *, known: set[tuple[int, int]]
) -> list[tuple[int, int]]:
    hashed = [
        (index, picture.hash)
        for index, piece in enumerate(pieces)
        if (picture := files[piece.file or ""].picture)
    ]
    if len(hashed) < 2:  # noqa: PLR2004 - a pair needs two
        return []
    bits = np.frombuffer(b"".join(h for _, h in hashed), np.uint64).reshape(len(hashed), -1)
    pairs = [(hashed[i][0], hashed[j][0]) for i, j in audit.near_duplicates(bits)]
    digests = [files[piece.file or ""].digest for piece in pieces]
    return [
        (i, j)
        for i, j in pairs
        if digests[i] != digests[j] and (i, j) not in known and _are_apart(pieces[i], pieces[j])
    ]


def _blank_notice(pieces: Sequence[Piece], twins: Sequence[tuple[int, int]]) -> list[Notice]:
    if not twins:
        return []
    alike = sorted({index for pair in twins for index in pair})
    shown = shorten([str(pieces[i].file) for i in alike], shown_max=EXAMPLES_MAX)
    return [
        Notice(
            code="BlankPictures",
            zh=f"{len(alike)} 件样本是相同的空白图片（每个像素都一样）：{shown}。请检查相机或导出；"
            "若并非出错，请在 cluster 列写上同一个值，否则它们会被当作独立样本。",
            en=f"{len(alike)} pieces are identical blank pictures (one value in every pixel): "
            f"{shown}. Check the camera or the export; if that is no mistake, give them one value "
            "in the column cluster, otherwise they count as independent.",
        )
    ]


def _twin_notice(
    pieces: Sequence[Piece], twins: Sequence[tuple[int, int]], *, code: str, zh: str, en: str
) -> list[Notice]:
    if not twins:
        return []
    pairs = [f"{pieces[i].file} = {pieces[j].file}" for i, j in twins]
    shown = shorten(pairs, shown_max=EXAMPLES_MAX)
    involved = len({index for pair in twins for index in pair})
    return [
        Notice(
            code=code,
            zh=f"{len(twins)} 对样本（涉及 {involved} 件）{zh}，却不在同一簇：{shown}。若是同一件，"
            "请在 cluster 列写上同一个值，否则它们会被当作独立样本，结论会过于乐观。",
            en=f"{len(twins)} pairs among {involved} pieces are {en} but not in one cluster: "
            f"{shown}. If they are one piece, give them one value in the column cluster; otherwise "
            "they count as independent and the verdict is too kind.",
        )
    ]


def _positives(pieces: Sequence[Piece], *, positive: str | None) -> NDArray[np.bool_]:
    values = [piece.value for piece in pieces if piece.value is not None]
    middle = float(np.median(values)) if values else 0.0
    return np.array(
        [
            bool(piece.boxes)
            or (piece.label is not None and piece.label == positive)
            or (piece.value is not None and piece.value > middle)
            for piece in pieces
        ],
        bool,
    )


def _extension_is_silent(pieces: Sequence[Piece], files: Files, answers: NDArray[np.bool_]) -> bool:
    """Say whether extensions may stay: one for all, or much the same share of positives in each."""
    extensions = [files[piece.file or ""].extension for piece in pieces]
    if len(set(extensions)) == 1 or answers.all() or not answers.any():
        return len(set(extensions)) == 1
    return audit.separation_of_categories(extensions, answers) <= EXTENSION_AUROC_MAX


def _leaks(
    pieces: Sequence[Piece], files: Files, answers: NDArray[np.bool_], *, extension_kept: bool
) -> list[Notice]:
    stays = audit.leaks(_features_that_stay(pieces, files), positive=answers)
    gone = [leak.feature for leak in audit.leaks(_features_that_go(pieces), positive=answers)]
    gone += [] if extension_kept else ["extension"]
    return [*_leak_notice(stays), *_removed_notice(gone)]


def _leak_notice(leaks: Sequence[audit.Leak]) -> list[Notice]:
    if not leaks:
        return []
    zh = "、".join(f"{_ZH.get(k.feature, k.feature)}（{k.auroc:.2f}）" for k in leaks)
    en = ", ".join(f"{leak.feature} ({leak.auroc:.2f})" for leak in leaks)
    return [
        Notice(
            code="Leak",
            zh=f"不看内容，仅凭以下一项就能区分正类与其他样本（括号内为 AUROC）：{zh}。"
            "请对所有样本用同样的方式拍摄、裁剪、编码并清除元数据，否则试验测到的可能不是本事。",
            en=f"Each of these alone tells positive from other pieces without a look at the "
            f"content (AUROC): {en}. Take, crop, encode and strip all pieces alike, or the trial "
            "may measure something else than skill.",
        )
    ]


def _removed_notice(features: Sequence[str]) -> list[Notice]:
    if not features:
        return []
    zh = "、".join(_ZH.get(feature, feature) for feature in features)
    return [
        Notice(
            code="LeakRemoved",
            zh=f"原数据的{zh}会透露答案，封存时已去除。",
            en=f"In the original data {', '.join(features)} would have told the answer; "
            "sealing removed it.",
        )
    ]


def _features_that_stay(pieces: Sequence[Piece], files: Files) -> dict[str, Sequence[object]]:
    facts = [files[piece.file or ""] for piece in pieces]
    pictures = [f.picture for f in facts]
    features: dict[str, Sequence[object]] = {
        "file size": [f.size for f in facts],
        "picture format": [p and p.format for p in pictures],
        "picture size": [p and (p.width, p.height) for p in pictures],
        "picture mode": [p and p.mode for p in pictures],
        "metadata": [p and p.has_metadata for p in pictures],
        "companions": [tuple(sorted(piece.companions)) for piece in pieces],
    }
    names = sorted({name for piece in pieces for name in piece.data})
    for name in names:
        features[f"data.{name}"] = [piece.data.get(name) for piece in pieces]
    return features


def _features_that_go(pieces: Sequence[Piece]) -> dict[str, Sequence[object]]:
    return {
        "row order": list(range(len(pieces))),
        "folder": [str(Path(piece.file or "").parent) for piece in pieces],
    }


def shortages(pieces: Sequence[Piece], *, promise: Promise) -> tuple[Notice, ...]:
    """Return a notice for each ratio target that these pieces cannot show even without an error.

    Trials that hang together (one cluster, one picture, one series) are counted once: that is
    the least that a verdict on clusters asks for.
    """
    return tuple(
        notice
        for target in promise.targets
        if target.rule.kind == "ratio"
        for notice in _shortage(pieces, promise=promise, target=target)
    )


def _shortage(pieces: Sequence[Piece], *, promise: Promise, target: Target) -> list[Notice]:
    groups = _trials(pieces, promise=promise, target=target)
    if groups is None:
        return []
    limit = target.limit if target.rule.event_is_bad else 1 - target.limit
    needed = samples_needed(limit=limit, confidence=target.confidence)
    name, have = min(groups.items(), key=lambda item: item[1], default=("", 0))
    if have >= needed:
        return []
    zh, en = piece_name(target.rule, task=promise.task)
    which = f" ({name})" if target.every_class else ""
    limit_said = f"{sign(target.op)} {figure(target.limit, ratio=True)}"
    return [
        Notice(
            code="TooFewPieces",
            zh=f"{target.rule.zh} {limit_said}：独立的{zh}{which}只有 {have}，"
            f"即使零错误也至少需要 {needed}；这批数据无法证明该目标。",
            en=f"{target.rule.en} {limit_said}: {have} independent trials ({en}{which}), "
            f"but at least {needed} are needed even without an error; these data cannot show it.",
        )
    ]


def _trials(pieces: Sequence[Piece], *, promise: Promise, target: Target) -> dict[str, int] | None:
    """Count independent trials of a target, by class where every class must keep it."""
    if target.rule.unit == "flagged":  # how many that will be depends on the solution
        return None
    groups: dict[str, set[object]] = defaultdict(set)
    for index, piece in enumerate(pieces):
        own = (piece.series,) if promise.task == "alarm" else (index,)
        for kind in _kinds(piece, promise=promise, unit=target.rule.unit):
            cluster = own if piece.cluster is None else piece.cluster
            groups[kind if target.every_class else ""].add(cluster)
    return {kind: len(clusters) for kind, clusters in groups.items()}


def _kinds(piece: Piece, *, promise: Promise, unit: str) -> list[str]:
    """Return the class of each trial that a piece gives to a metric of this unit."""
    if promise.task == "detect" and unit == "positive":
        return [box.label for box in piece.boxes]
    positive = bool(piece.boxes or piece.event) or (
        piece.label is not None and piece.label == promise.positive
    )
    if unit in {"positive", "negative"} and positive != (unit == "positive"):
        return []
    return [piece.label or ""]
