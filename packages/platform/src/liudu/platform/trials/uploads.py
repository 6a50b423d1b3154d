"""How sealed data come in: refused by size before a byte is read, then only to a private file."""

import tempfile
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from liudu.platform.arrivals import room_in
from liudu.platform.trials import places
from liudu.platform.trials.archives import UploadTooLargeError, no_room

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
FORM_BYTES_MAX: Final = 1 << 20  # of everything in the form beside the file


class _PrivateFile(TemporaryUploadedFile):
    """A file that nobody else can read, and that goes when it is closed."""

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - as the library calls it
        name, content_type, size, charset, extra = args
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - it is closed by the library
            suffix=".part", dir=places.private("uploads")
        )
        UploadedFile.__init__(self, file, name, content_type, size, charset, extra)


class PrivateUploadHandler(TemporaryFileUploadHandler):
    """Streams a file below the private folder, never through memory or a shared place."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the library calls it
        """Begin a file."""
        super(TemporaryFileUploadHandler, self).new_file(*args, **kwargs)
        self.file = _PrivateFile(
            self.file_name, self.content_type, 0, self.charset, self.content_type_extra
        )


def takes_upload(size_bytes_max: Callable[[], int]) -> Callable[[View[P]], View[P]]:
    """Let a page take a large file, which is looked at before the form is read."""

    def build(view: View[P]) -> View[P]:
        protected = csrf_protect(view)

        @wraps(view)
        def taking(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method == "POST":
                require_small_enough(request, size_bytes_max() + FORM_BYTES_MAX)
                request.upload_handlers = [PrivateUploadHandler(request)]
            with room_in(places.private("uploads"), refusal=no_room):
                return protected(request, *args, **kwargs)

        return csrf_exempt(taking)

    return build


def require_small_enough(request: HttpRequest, size_bytes_max: int) -> None:
    """Refuse a body by what it says of its size; one that says nothing is empty to us.

    Raises
    ------
    UploadTooLargeError

    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > size_bytes_max:
        raise UploadTooLargeError(size_mib_max=size_bytes_max >> 20)
