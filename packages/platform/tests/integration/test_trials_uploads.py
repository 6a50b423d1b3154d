"""Sealed data as strangers send them: bombs, traversals, cut files; nothing is ever left behind."""

import errno
import io
import os
import stat
import zipfile
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from trial_city import AT, TARGETS, a_need, actor, an_offer, organisation, some_data, zipped

from liudu.platform import clock
from liudu.platform.actors import Role
from liudu.platform.identity.models import Membership, User
from liudu.platform.supply.models import Offer
from liudu.platform.trials import archives, places, queries, runner, sealing, services
from liudu.platform.trials.models import Seal, Trial
from liudu.platform.trials.services.seals import NoTargetsYetError, SealingAlreadyError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db(transaction=True)]
LABELS = "file,label\na.txt,bad\nb.txt,ok\n"


@pytest.fixture
def need(transactional_db, settings, tmp_path):
    """A published need with a promise, and a private folder in which nothing lies."""
    settings.PRIVATE = tmp_path / "private"
    return a_need(organisation("明州光电"))


def upload(need, content, **more):
    """Upload bytes as the need's owner."""
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    by = actor(need.owner, "need_owner")
    return services.seal_data(by=by, at=AT, need=need, stream=stream, **more)


def sealed(need, content, **more):
    """Return the seal after a worker had it, and hold that no plain file is left."""
    seal = upload(need, content, **more)
    runner.seal(seal.key)
    seal.refresh_from_db()
    assert not places.upload_of(seal.key).exists()
    assert not places.plain_of(seal.key).exists()
    return seal


def written_by_hand(*members):
    """Return a zip of members that a kind program would not write."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for info, content in members:
            archive.writestr(info, content)
    return packed.getvalue()


def link(name):
    """Return a member that is a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped({"../out.txt": "1", "labels.csv": LABELS}), "LeavesArchive"),
        (zipped({"/etc/out.txt": "1", "labels.csv": LABELS}), "LeavesArchive"),
        (zipped({"C:\\out.txt": "1", "labels.csv": LABELS}), "LeavesArchive"),
        (written_by_hand((link("a.txt"), "/etc/passwd"), ("labels.csv", LABELS)), "NotPlainFile"),
        (zipped({"a.txt": "1"}), "NoLabels"),
        (zipped({"labels.csv": LABELS, "a.txt": "1"}), "AbsentFiles"),
        (
            zipped({"labels.csv": LABELS, "a.txt": "1", "b.txt": "2", "c.txt": "3"}),
            "UnlabelledFiles",
        ),
        (zipped({"labels.csv": "file\na.txt\n", "a.txt": "1"}), "MissingColumns"),
        (zipped({"labels.csv": LABELS, "a.txt": "1", "b.txt": "1"}), "ContradictingDuplicates"),
        (zipped({"labels.csv": "文件,标签\n".encode("gb18030")}), "NotUtf8"),
    ],
)
def test_data_that_cannot_be_sealed_are_refused_with_a_reason_and_removed(need, content, code):
    seal = sealed(need, content)
    assert (seal.state, seal.reason_code) == (Seal.State.REFUSED, code)
    assert not places.seal_of(seal.key).exists()


def test_targets_stay_open_until_data_were_sealed_for_them(need):
    wrong = some_data(bad="NG", ok="OK").getvalue()
    refused = sealed(need, wrong)
    assert refused.reason_code == "NoPositive"
    assert "验收指标中改写" in sealing.refusal_kept(refused.key)["zh"]
    need.refresh_from_db()
    assert need.targets_fixed_at is None  # what was wrong may be the label that is to be found
    sealed(need, some_data().getvalue())
    sealed(need, wrong)
    need.refresh_from_db()
    assert need.targets_fixed_at is not None


def test_labels_in_another_encoding_are_refused_in_the_words_of_the_page(need):
    refused = sealed(need, zipped({"labels.csv": "文件,标签\n".encode("gb18030")}))
    said = sealing.refusal_kept(refused.key)
    assert not [text for text in said.values() if "--encoding" in text]
    assert all("GB18030" in text for text in said.values())


def test_a_bomb_is_refused_by_what_it_says_and_by_what_it_is(need, settings):
    settings.SEAL_BYTES_MAX = 1 << 20
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.csv", LABELS)
        archive.writestr("a.txt", b"0" * (4 << 20))
    assert len(packed.getvalue()) < settings.SEAL_BYTES_MAX
    assert sealed(need, packed.getvalue()).reason_code == "UnpackedTooLarge"


def test_a_bomb_that_lies_about_its_size_is_stopped_while_it_unpacks(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"0" * (4 << 20))
    told = bytearray(packed.getvalue())
    place = told.index(b"PK\x01\x02")
    told[place + 24 : place + 28] = (10).to_bytes(4, "little")
    path = tmp_path / "bomb.zip"
    path.write_bytes(told)
    with pytest.raises((archives.UnpackedTooLargeError, archives.NotAZipError)):
        archives.unpack(path, into=tmp_path / "plain", size_bytes_max=1 << 20)
    assert sum(one.stat().st_size for one in tmp_path.rglob("*.txt")) <= 1 << 20


def test_a_file_cut_off_on_its_way_is_refused_at_once_and_not_kept(need):
    whole = some_data().getvalue()
    with pytest.raises(archives.NotAZipError):
        upload(need, whole[: len(whole) // 2])
    assert not Seal.objects.exists()
    assert not list(places.private("uploads").iterdir())


def test_too_much_and_nothing_are_refused_while_they_come(need, settings):
    settings.SEAL_BYTES_MAX = 1000
    with pytest.raises(archives.UploadTooLargeError):
        upload(need, b"0" * 1001)
    with pytest.raises(archives.EmptyUploadError):
        upload(need, b"")
    assert not list(places.private("uploads").iterdir())


def test_a_full_disk_is_told_as_the_platforms_fault_and_leaves_nothing(need):
    class Full:
        def read(self, _size):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(archives.NoRoomError) as refused:
        upload(need, Full())
    assert refused.value.machine
    assert not list(places.private("uploads").iterdir())


def test_a_platform_that_fails_while_sealing_tries_again_and_then_says_so(need, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    seal = upload(need, some_data())
    monkeypatch.setattr(runner.sealing, "seal", full)
    states = []
    for _ in range(3):
        runner.seal(seal.key)
        seal.refresh_from_db()
        states.append((seal.state, places.upload_of(seal.key).exists()))
    assert states == [("broken", True), ("broken", True), ("refused", False)]
    assert "平台故障" in seal.reason_zh


def test_names_that_windows_wrote_and_labels_that_excel_wrote_are_read(need):
    labels = "file,label\n划伤.txt,bad\n良品.txt,ok\n".encode("gb18030")
    packed = zipped({"AAAA.txt": "1", "BBBB.txt": "2", "labels.csv": labels})
    for plain, name in ((b"AAAA", "划伤"), (b"BBBB", "良品")):
        packed = packed.replace(plain, name.encode("gb18030"))
    seal = sealed(need, packed, encoding="gb18030")
    assert (seal.state, seal.counts) == (Seal.State.SEALED, {"positive": 1, "negative": 1})


def test_a_mac_and_a_windows_leave_things_that_are_passed_over(need):
    files = {
        "数据/labels.csv": LABELS,
        "数据/a.txt": "1",
        "数据/b.txt": "2",
        "数据/.DS_Store": "x",
        "__MACOSX/数据/._a.txt": "x",
        "数据/Thumbs.db": "x",
    }
    assert sealed(need, zipped(files)).piece_count == 2


def test_a_seal_is_told_in_counts_and_fixes_the_targets(need):
    seal = sealed(need, some_data(count=30))
    assert (seal.state, seal.piece_count) == (Seal.State.SEALED, 30)
    assert seal.counts == {"positive": 15, "negative": 15}
    assert seal.targets == TARGETS
    need.refresh_from_db()
    assert need.targets_fixed_at is not None
    wanted = {
        one.unit: (one.sealed_count, one.enough) for one in queries.wanted_of(need, seal=seal)
    }
    assert wanted == {"positive": (15, True), "negative": (15, True)}


def test_what_is_too_small_to_prove_the_promise_is_sealed_and_said_so(need):
    seal = sealed(need, some_data(count=6))
    assert [one.enough for one in queries.wanted_of(need, seal=seal)] == [False, False]
    assert {notice["code"] for notice in seal.notices} >= {"TooFewPieces"}


def test_two_uploads_at_once_are_one_too_many(need):
    upload(need, some_data())
    with pytest.raises(SealingAlreadyError):
        upload(need, some_data())


def test_a_need_without_targets_cannot_be_sealed(need):
    need.targets = {}
    with pytest.raises(NoTargetsYetError):
        upload(need, some_data())


class TestPage:
    @pytest.fixture
    def owner(self, need):
        """The browser of somebody who owns the need."""
        user = User.objects.create_user("owner@example.com", "a long enough password", name="业主")
        for role in (Role.MEMBER, Role.NEED_OWNER):
            Membership.objects.create(user=user, organisation=need.owner, role=role, since=AT)
        client = Client(enforce_csrf_checks=True)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    def post(self, client, need, content, *, token=True):
        """Post the form as a browser does."""
        url = reverse("trials:seal", args=[need.key])
        client.get(url)
        form = {"archive": SimpleUploadedFile("data.zip", content), "encoding": ""}
        if token:
            form["csrfmiddlewaretoken"] = client.cookies["csrftoken"].value
        return client.post(url, form)

    def test_the_form_takes_a_zip_and_shows_that_it_is_being_sealed(self, owner, need):
        response = self.post(owner, need, some_data().getvalue())
        assert response.status_code == 302
        assert Seal.objects.get().state == Seal.State.WAITING
        assert places.upload_of(Seal.objects.get().key).stat().st_mode & 0o077 == 0

    def test_the_owner_starts_a_trial_from_the_page_of_the_need(self, owner, need):
        offer = an_offer(need)
        page, start = (
            reverse("needs:detail", args=[need.key]),
            reverse("trials:start", args=[offer.key]),
        )
        assert start not in owner.get(page).content.decode()  # nothing is sealed yet
        assert reverse("trials:seal", args=[need.key]) in owner.get(page).content.decode()
        sealed(need, some_data().getvalue())
        for state in (Offer.State.OFFERED, Offer.State.ADMITTED):
            Offer.objects.update(state=state)
            assert f'action="{start}"' in owner.get(page).content.decode()
        token = {"csrfmiddlewaretoken": owner.cookies["csrftoken"].value}
        assert owner.post(start, token).status_code == 302
        assert start not in owner.get(page).content.decode()  # it has its trial
        Trial.objects.update(state=Trial.State.ENDED)
        assert start in owner.get(page).content.decode()  # one that cost nothing
        Trial.objects.update(attempt_count=1)
        assert start not in owner.get(page).content.decode()

    def test_a_trial_that_waits_for_another_try_is_not_said_to_begin_at_once(self, owner, need):
        sealed(need, some_data().getvalue())
        by = actor(need.owner, "need_owner")
        trial = services.start_trial(by=by, at=AT, offer=an_offer(need))
        services.begin_work(at=clock.now(), name="w", host="h", pid=1)
        page = reverse("trials:trial", args=[trial.key])
        assert "马上开始" in owner.get(page).content.decode()
        Trial.objects.update(infra_count=1)
        assert "马上开始" not in owner.get(page).content.decode()

    def test_a_form_without_its_token_is_refused(self, owner, need):
        assert self.post(owner, need, some_data().getvalue(), token=False).status_code == 403
        assert not Seal.objects.exists()

    def test_what_is_too_large_is_refused_before_it_is_read(self, owner, need, settings):
        settings.SEAL_BYTES_MAX = 1000
        response = self.post(owner, need, b"0" * (2 << 20))
        assert response.status_code == 413
        assert not list(places.private("uploads").iterdir())

    def test_a_refusal_stands_beside_the_file(self, owner, need):
        response = self.post(owner, need, b"no zip")
        assert response.status_code == 422
        assert "zip" in response.content.decode()
        assert 'id="id_archive_error"' in response.content.decode()


def test_what_a_killed_process_left_of_an_upload_is_taken_away_after_a_day(need):
    waiting = upload(need, some_data())
    folder = places.private("uploads")
    left = folder / "left.zip"
    left.write_bytes(b"1")
    (folder / "gone").mkdir()
    for path in (left, folder / "gone", places.upload_of(waiting.key)):
        os.utime(path, (AT.timestamp(), AT.timestamp()))
    assert services.sweep_uploads(AT + timedelta(hours=23)) == 0
    assert services.sweep_uploads(AT + timedelta(hours=25)) == 2
    assert [path.name for path in folder.iterdir()] == [f"{waiting.key}.zip"]
