"""What could betray the answer, or count one piece twice: looked for before anything is sealed."""

import hashlib
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

PICTURE_FORMATS: Mapping[str, str] = {
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".pbm": "PPM",
    ".pgm": "PPM",
    ".png": "PNG",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
EXTENSION_OF: Mapping[str, str] = {
    "BMP": ".bmp",
    "GIF": ".gif",
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "PPM": ".ppm",
    "TIFF": ".tif",
    "WEBP": ".webp",
}
HASH_SIDE = 16
HASH_DISTANCE_MAX = 6  # of 256 bits; see docs/how-to/seal-data.md
HASH_BITS_MIN = 32  # brighter steps that a hash must have to say anything
EXACT_SEARCH_MAX = 8_000  # pictures; beyond that only neighbours in four sorted orders are seen
NEIGHBOURS = 32
CHUNK = 1 << 20
LEAK_AUROC_MIN = 0.75
LEAK_SIGMA = 4.0  # one false alarm in 30 000 features


@attrs.frozen(kw_only=True)
class Picture:
    """What a decoded picture looks like from outside."""

    format: str
    width: int
    height: int
    mode: str
    has_metadata: bool
    hash: bytes
    is_blank: bool  # one value in every pixel


@attrs.frozen(kw_only=True)
class FileFacts:
    """What was found in one file; `flaw` says why it cannot be read or decoded."""

    path: Path
    digest: str
    size: int
    picture: Picture | None
    flaw: str | None

    @property
    def extension(self) -> str:
        """The extension that fits the content; the written one where it is no picture."""
        written = self.path.suffix.lower()
        if self.picture is None or PICTURE_FORMATS.get(written) == self.picture.format:
            return written
        return EXTENSION_OF.get(self.picture.format, written)


def inspect_files(
    paths: Sequence[Path], *, advance: Callable[[int], None], workers: int = 4
) -> dict[Path, FileFacts]:
    """Hash every file and decode every picture, several at a time.

    Parameters
    ----------
    paths
        Files that exist.
    advance
        Called with 1 after each file.
    workers
        Threads; hashing and decoding leave the interpreter's lock.

    """
    facts: dict[Path, FileFacts] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            for found in pool.map(inspect_file, paths):
                facts[found.path] = found
                advance(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C waits for nobody
            raise
    return facts


def inspect_file(path: Path) -> FileFacts:
    """Hash one file; decode it when its extension says that it is a picture."""
    try:
        return _inspect(path)
    except OSError as error:
        flaw = error.strerror or type(error).__name__
        return FileFacts(path=path, digest="", size=0, picture=None, flaw=flaw)


def _inspect(path: Path) -> FileFacts:
    if path.suffix.lower() not in PICTURE_FORMATS:
        digest, size = _hash_in_chunks(path)
        return FileFacts(path=path, digest=digest, size=size, picture=None, flaw=None)
    raw = path.read_bytes()
    picture, flaw = _decode(raw)
    return FileFacts(
        path=path,
        digest=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        picture=picture,
        flaw=flaw,
    )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex, reading it in chunks."""
    return _hash_in_chunks(path)[0]


def _hash_in_chunks(path: Path) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            total.update(chunk)
            size += len(chunk)
    return total.hexdigest(), size


def _decode(raw: bytes) -> tuple[Picture | None, str | None]:
    if not raw:
        return None, "0 bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large picture is no flaw; a bomb still raises
            with Image.open(io.BytesIO(raw)) as image:
                image.load()
                return _facts(image), None
    except Exception as error:  # noqa: BLE001 - decoders fail in every way on broken bytes
        return None, _plain(error)


def _plain(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__


def _facts(image: Image.Image) -> Picture:
    loud = {"exif", "comment", "xmp", "photoshop", "Software", "XML:com.adobe.xmp"}
    text = getattr(image, "text", None)
    return Picture(
        format=image.format or "",
        width=image.width,
        height=image.height,
        mode=image.mode,
        has_metadata=bool(text) or bool(loud & set(image.info)),
        hash=_difference_hash(image),
        is_blank=_is_blank(image),
    )


def _is_blank(image: Image.Image) -> bool:
    ranges = image.getextrema()
    bands = ranges if isinstance(ranges[0], tuple) else (ranges,)
    return all(low == high for low, high in bands)


def _difference_hash(image: Image.Image) -> bytes:
    """Return 256 bits: whether each pixel of a 17 by 16 thumbnail is brighter than the next."""
    size = (HASH_SIDE + 1, HASH_SIDE)
    if image.mode in {"I", "F"} or image.mode.startswith("I;"):
        small = np.asarray(image.convert("F").resize(size, Image.Resampling.BOX))
    else:
        grey = image if image.mode == "L" else image.convert("L")
        small = np.asarray(grey.resize(size, Image.Resampling.BOX))
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes()


def near_duplicates(
    hashes: NDArray[np.uint64], *, distance_max: int = HASH_DISTANCE_MAX
) -> NDArray[np.int64]:
    """Return the pairs of pictures whose hashes differ in few bits.

    Parameters
    ----------
    hashes
        Shape (n, 4): 256 bits a picture.
    distance_max
        Bits that may differ.

    Returns
    -------
    Shape (m, 2), each pair once with i < j, sorted. Nearly blank pictures are left out: their
    hashes say nothing. All pairs are compared up to 8000 pictures; beyond, each picture with
    its 32 neighbours in four sorted orders, which can overlook a pair.

    """
    rows = np.flatnonzero(np.bitwise_count(hashes).sum(axis=1, dtype=np.int64) >= HASH_BITS_MIN)
    pairs = _close_pairs(hashes[rows], distance_max=distance_max)
    return np.unique(np.sort(rows[pairs], axis=1), axis=0)


def _close_pairs(hashes: NDArray[np.uint64], *, distance_max: int) -> NDArray[np.int64]:
    candidates = _all_blocks(hashes) if len(hashes) <= EXACT_SEARCH_MAX else _neighbours(hashes)
    found = [np.empty((0, 2), np.int64)]
    for i, j in candidates:
        distance = np.bitwise_count(hashes[i] ^ hashes[j]).sum(axis=-1, dtype=np.int64)
        close = distance <= distance_max
        found.append(np.stack([np.broadcast_to(i, j.shape)[close], j[close]], axis=1))
    return np.concatenate(found)


def _all_blocks(hashes: NDArray[np.uint64]) -> Iterator[tuple[Any, NDArray[np.int64]]]:
    index = np.arange(len(hashes))
    for i in range(len(hashes) - 1):
        yield np.int64(i), index[i + 1 :]


def _neighbours(hashes: NDArray[np.uint64]) -> Iterator[tuple[Any, NDArray[np.int64]]]:
    for turn in range(hashes.shape[1]):
        order = np.lexsort(np.roll(hashes, turn, axis=1).T)
        for step in range(1, NEIGHBOURS + 1):
            yield order[:-step], order[step:]


@attrs.frozen(kw_only=True)
class Leak:
    """A property of the pieces that tells their answer without looking at them."""

    feature: str
    auroc: float


def leaks(
    features: Mapping[str, Sequence[object]], *, positive: NDArray[np.bool_]
) -> tuple[Leak, ...]:
    """Return the features that separate positive from other pieces, strongest first.

    Parameters
    ----------
    features
        For each name one value a piece: numbers are ranked, everything else is a category.
    positive
        Shape (n,).

    Returns
    -------
    Features whose area under the ROC curve is at least 0.75 and four standard errors away
    from chance (Hanley and McNeil 1982, under the hypothesis of no separation).

    """
    found = []
    for name, values in features.items():
        auroc = _separation(values, positive)
        if auroc is not None:
            found.append(Leak(feature=name, auroc=auroc))
    return tuple(sorted(found, key=lambda leak: -leak.auroc))


def separation_of_categories(values: Sequence[object], positive: NDArray[np.bool_]) -> float:
    """Return the AUROC of the share of positives in each category, optimistic on purpose."""
    codes = _codes(values)
    share = np.bincount(codes, weights=positive) / np.bincount(codes)
    return _auroc(share[codes], positive)


def _separation(values: Sequence[object], positive: NDArray[np.bool_]) -> float | None:
    count, other = int(positive.sum()), int((~positive).sum())
    if min(count, other) == 0 or len(set(values)) <= 1:
        return None
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    score = np.asarray(values, float) if numeric else _held_out_share(values, positive)
    auroc = _auroc(score, positive)
    auroc = max(auroc, 1 - auroc) if numeric else auroc
    error = np.sqrt((count + other + 1) / (12 * count * other))
    return float(auroc) if auroc >= max(LEAK_AUROC_MIN, 0.5 + LEAK_SIGMA * error) else None


def _auroc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    count, other = int(positive.sum()), int((~positive).sum())
    above = _ranks(score)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * other))


def _ranks(score: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(score)
    left, right = np.searchsorted(ordered, score), np.searchsorted(ordered, score, side="right")
    return (left + right + 1) / 2  # ties share the mean of their ranks


def _held_out_share(values: Sequence[object], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Score each piece by the share of positives among the others of its category.

    Without holding it out, a category that occurs once would always predict itself. Holding it
    out ranks positives of a category below its negatives, which errs on the side of silence.
    """
    codes = _codes(values)
    others = np.bincount(codes)[codes] - 1
    hits = np.bincount(codes, weights=positive)[codes] - positive
    return np.asarray((hits + positive.mean()) / (others + 1))


def _codes(values: Iterable[object]) -> NDArray[np.int64]:
    known: dict[object, int] = {}
    return np.fromiter((known.setdefault(v, len(known)) for v in values), np.int64)
