"""A bundle on its way from a request to the disk, without a stop in memory or in /tmp."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest

from liudu.contract import Refusal
from liudu.platform.supply import bundles

FIELD: Final = "bundle"
FORM_BYTES: Final = 64 << 10  # boundaries and the other fields of the form


class NoFileError(Refusal):
    """A form without its file."""

    en = "No file came with the form: choose the .zip or .tar.gz that you packed."
    zh = "表单中没有文件：请选择打包好的 .zip 或 .tar.gz。"


class Incoming(FileUploadHandler):
    """Streams the form's bundle to disk; what is wrong with it is kept and raised by `received`."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._receiver: bundles.Receiver | None = None
        self._received: bundles.Received | None = None
        self._refusal: Refusal | None = None

    def new_file(self, field_name: str, file_name: str, *more: Any, **named: Any) -> None:  # noqa: ANN401
        """Begin with the bundle; other files are passed over."""
        super().new_file(field_name, file_name, *more, **named)
        if field_name != FIELD or self._receiver is not None:
            raise SkipFile
        try:
            self._receiver = bundles.Receiver(file_name)
        except Refusal as refusal:
            self._stop(refusal)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a chunk."""
        del start
        if self._receiver is None or self._received is not None:
            return
        try:
            self._receiver.take(raw_data)
        except Refusal as refusal:
            self._stop(refusal)

    def file_complete(self, file_size: int) -> None:
        """Close the file; it is not put among the form's files, for it is where it belongs."""
        del file_size
        if self._receiver is not None and self._received is None:
            try:
                self._received = self._receiver.received(self._receiver.finish())
            except Refusal as refusal:
                self._stop(refusal)

    def received(self, request: HttpRequest) -> bundles.Received:
        """Return the bundle once the form has been read.

        Raises
        ------
        NoFileError, liudu.platform.supply.bundles.BundleTooLargeError
        liudu.platform.supply.bundles.EmptyBundleError, liudu.platform.supply.bundles.NoRoomError

        """
        given = request.FILES.get(FIELD)  # reads the form if nobody has yet
        if self._refusal is not None:
            raise self._refusal
        if self._received is not None:
            return self._received
        if given is not None:  # somebody read the form before this handler was there
            return bundles.receive(given.chunks(), file_name=given.name or "bundle")
        raise NoFileError

    def discard(self) -> None:
        """Leave nothing behind, however it ended; what was kept is elsewhere by now."""
        if self._receiver is not None:
            self._receiver.discard()

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise StopUpload(connection_reset=True)  # the rest is not even read


@contextmanager
def incoming(request: HttpRequest) -> Iterator[Incoming]:
    """Give a form's bundle its way to the disk, before anything of the form is read.

    Raises
    ------
    liudu.platform.supply.bundles.BundleTooLargeError
        By what the request announces: not a byte of it is read.
    liudu.platform.supply.bundles.NoRoomError

    """
    announced = int(request.META.get("CONTENT_LENGTH") or 0)
    bundles.refuse_size(announced - FORM_BYTES, file_name=FIELD)
    bundles.refuse_without_room(announced, file_name=FIELD)
    handler = Incoming(request)
    if not hasattr(request, "_files"):
        request.upload_handlers = [handler]
    try:
        yield handler
    finally:
        handler.discard()
