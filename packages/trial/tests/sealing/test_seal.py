"""What a seal holds, what it hides, and that it is whole or not there."""

import errno
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from liudu.contract import CONTRACT
from liudu.trial import audit, precheck
from liudu.trial import seal as sealing
from liudu.trial.promise import EXAMPLE
from liudu.trial.seal import open_seal


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_seal_holds_every_piece_under_a_random_name(kit):
    names = kit.pieces()
    sealed = kit.seal()
    assert sorted(sealed.names().values()) == names
    assert len({item.id for item in sealed.items}) == len(names)
    for item in sealed.items:
        original = kit.data / sealed.names()[item.id]
        assert (sealed.folder / item.path).read_bytes() == original.read_bytes()
        assert original.stem not in item.path


def test_a_seal_that_was_opened_again_has_the_labels_in_item_order(kit):
    kit.pieces()
    sealed = open_seal(kit.seal().folder)
    truth = sealed.labels()
    assert truth.ids == tuple(item.id for item in sealed.items)
    for item, code in zip(sealed.items, truth.code, strict=True):
        number = int(sealed.names()[item.id].removesuffix(".png"))
        assert truth.classes[code] == ("ok" if number % 3 else "defective")
    assert truth.cluster is None


def test_the_public_part_of_a_seal_says_nothing_of_labels_or_names(kit):
    kit.pieces()
    sealed = kit.seal(name="demo")
    public = b"".join(
        (sealed.folder / name).read_bytes()
        for name in ("commitment.json", "items.jsonl", "items.sha256")
    )
    assert b"defective" not in public
    assert b".png.png" not in public
    assert sealed.commitment["contract"] == CONTRACT
    assert sealed.commitment["item_count"] == 12
    assert set(sealed.commitment["digests"]) == {"data", "labels", "names", "protocol", "scorer"}
    assert stat.S_IMODE((sealed.folder / "private").stat().st_mode) == 0o700


def test_all_that_a_solution_sees_has_one_mtime(kit):
    kit.pieces()
    sealed = kit.seal()
    seen = {path.stat().st_mtime for path in (sealed.folder / "items").iterdir()}
    assert len(seen) == 1


def test_the_owners_files_are_neither_touched_nor_linked(kit):
    names = kit.pieces()
    before = [(kit.data / name).stat() for name in names]
    kit.seal()
    after = [(kit.data / name).stat() for name in names]
    assert [(s.st_mtime_ns, s.st_mode, s.st_nlink) for s in before] == [
        (s.st_mtime_ns, s.st_mode, s.st_nlink) for s in after
    ]
    assert all(status.st_nlink == 1 for status in after)


def test_two_seals_of_the_same_data_share_no_name_order_or_label_digest(kit):
    kit.pieces()
    first, second = kit.seal(into="first"), kit.seal(into="second")
    assert not {i.id for i in first.items} & {i.id for i in second.items}
    assert first.commitment["digests"]["labels"] != second.commitment["digests"]["labels"]
    order = [[s.names()[i.id] for i in s.items] for s in (first, second)]
    assert order[0] != order[1]


def test_the_same_entropy_gives_the_same_seal(kit):
    kit.pieces()
    digests = {
        kit.seal(into=f"s{k}", entropy=np.random.default_rng(3).bytes).digest for k in range(2)
    }
    assert len(digests) == 1


def test_sha256sum_can_check_the_items(kit):
    kit.pieces()
    folder = kit.seal().folder
    done = subprocess.run(
        ["sha256sum", "--check", "--quiet", "../items.sha256"], cwd=folder / "items", check=False
    )
    assert done.returncode == 0


def test_a_companion_that_pieces_share_is_sealed_once(kit):
    kit.picture("a.png")
    kit.picture("b.png")
    kit.picture("template.png")
    kit.rows(
        ("file", "label", "with.template"),
        ("a.png", "ok", "template.png"),
        ("b.png", "defective", "template.png"),
    )
    sealed = kit.seal()
    assert len({item.companions["template"] for item in sealed.items}) == 1
    assert len(list((sealed.folder / "items").iterdir())) == 3


def test_pieces_of_one_cluster_are_not_shown_one_after_the_other(kit):
    names = kit.pieces(30)
    kit.rows(
        ("file", "label", "cluster"),
        *((n, "ok" if k % 3 else "defective", f"part {k // 3}") for k, n in enumerate(names)),
    )
    sealed = kit.seal()
    cluster = sealed.labels().cluster
    assert sealed.protocol["cluster_count"] == 10
    assert not (cluster[1:] == cluster[:-1]).any()


def test_steps_keep_the_order_of_time_inside_their_series(kit):
    steps = [(s, t) for s in ("north", "south") for t in (10, 9, 1, 2)]
    kit.rows(
        ("series", "t", "event", "data.cases"),
        *((s, t, "x" if t > 8 else "", t * 100) for s, t in steps),
    )
    sealed = kit.seal("alarm")
    shown = [item.data["cases"] for item in sealed.items]
    assert shown == [100, 200, 900, 1000] * 2
    assert [item.data["step"] for item in sealed.items] == [0, 1, 2, 3] * 2
    names = {item.data["series"] for item in sealed.items}
    assert len(names) == 2
    assert not names & {"north", "south"}
    truth = sealed.labels()
    assert truth.event.tolist() == [-1, -1, 0, 0, -1, -1, 1, 1]
    assert len(set(truth.cluster)) == 2


def test_boxes_and_values_come_back_as_they_were(kit):
    kit.picture("a.png")
    kit.picture("b.png")
    kit.rows(
        ("file", "label", "x1", "y1", "x2", "y2"),
        ("a.png", "open", 1, 2, 3.25, 4),
        ("b.png", "", "", "", "", ""),
    )
    truth = kit.seal("detect").labels()
    assert truth.box.tolist() == [[1, 2, 3.25, 4]]
    assert truth.classes == ("open",)
    kit.rows(("file", "value"), ("a.png", 1e-7), ("b.png", 3))
    assert sorted(kit.seal("value", into="v").labels().value) == [1e-7, 3]


def test_data_of_a_generator_are_marked_as_simulated(kit):
    kit.pieces()
    assert not kit.seal(into="real").simulated
    (kit.data / "simulated.json").write_text("{}")
    assert kit.seal(into="made").commitment["simulated"] is True
    assert kit.seal(into="said", simulated=True).protocol["simulated"] is True


def test_an_existing_folder_is_never_overwritten(kit):
    kit.pieces()
    kit.seal()
    with pytest.raises(sealing.SealExistsError):
        kit.seal()
    with pytest.raises(sealing.SealInsideDataError):
        kit.seal(into="data/seal")


# --- altered seals -------------------------------------------------------------------------------


def test_an_altered_piece_is_named(kit):
    kit.pieces()
    sealed = kit.seal()
    path = sealed.folder / sealed.items[3].path
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(sealing.SealAlteredError, match=sealed.items[3].path) as caught:
        open_seal(sealed.folder)
    assert caught.value.count == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("protocol.json", "protocol.json"),
        ("private/labels.jsonl", "private/labels.jsonl"),
        ("items.jsonl", "items.jsonl"),
    ],
)
def test_an_altered_record_is_named(kit, name, told):
    kit.pieces()
    path = kit.seal().folder / name
    text = path.read_text()
    path.write_text(
        text.replace("defective", "ok", 1) if "label" in name else text.replace("1", "2", 1)
    )
    with pytest.raises(sealing.SealAlteredError, match=told):
        open_seal(path.parents[1] if "private" in name else path.parent)


def test_a_missing_or_an_added_piece_is_named(kit):
    kit.pieces()
    sealed = kit.seal()
    (sealed.folder / sealed.items[0].path).unlink()
    (sealed.folder / "items" / "stranger.png").write_bytes(b"x")
    with pytest.raises(sealing.SealAlteredError, match=r"stranger\.png") as caught:
        open_seal(sealed.folder)
    assert caught.value.count == 2


def test_a_piece_replaced_by_a_link_is_altered(kit):
    kit.pieces()
    sealed = kit.seal()
    path = sealed.folder / sealed.items[0].path
    moved = kit.folder / "moved.png"
    path.rename(moved)
    path.symlink_to(moved)
    with pytest.raises(sealing.SealAlteredError):
        open_seal(sealed.folder)


def test_another_contract_is_refused(kit):
    kit.pieces()
    path = kit.seal().folder / "commitment.json"
    path.write_text(path.read_text().replace(CONTRACT, "liudu.trial/9"))
    with pytest.raises(sealing.SealContractError, match=r"liudu\.trial/9"):
        open_seal(path.parent)


def test_a_folder_without_a_seal_and_a_seal_without_its_private_part_are_told(kit):
    with pytest.raises(sealing.NotASealError, match=r"commitment\.json"):
        open_seal(kit.folder)
    kit.pieces()
    sealed = kit.seal()
    (sealed.folder / "private").rename(kit.folder / "elsewhere")
    public = open_seal(sealed.folder)
    with pytest.raises(sealing.NoPrivatePartError):
        public.labels()


@pytest.mark.parametrize("name", ["salt", "labels.jsonl", "names.jsonl"])
def test_a_private_part_without_one_of_its_files_is_altered(kit, name):
    kit.pieces()
    folder = kit.seal().folder
    (folder / "private" / name).unlink()
    with pytest.raises(sealing.SealAlteredError, match=f"private/{name}"):
        open_seal(folder)


def test_every_flipped_byte_of_a_record_is_caught(kit):
    kit.pieces(3)
    folder = kit.seal().folder
    for name in ("protocol.json", "items.jsonl", "private/labels.jsonl", "private/names.jsonl"):
        path = folder / name
        whole = path.read_bytes()
        for place in range(0, len(whole) - 1, max(1, len(whole) // 40)):
            if whole[place : place + 1].isspace():  # between the values of JSON it says nothing
                continue
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(sealing.SealAlteredError):
                open_seal(folder)
        path.write_bytes(whole)
    open_seal(folder)


@pytest.mark.parametrize("salt", [b"zz", b"\xff\xfe", b""])
def test_a_salt_that_is_none_is_altered(kit, salt):
    kit.pieces()
    folder = kit.seal().folder
    (folder / "private" / "salt").write_bytes(salt)
    with pytest.raises(sealing.SealAlteredError, match="private/"):
        open_seal(folder)


@pytest.mark.parametrize(
    ("part", "value"), [("simulated", False), ("name", "other"), ("digests", {}), ("item_count", 1)]
)
def test_a_commitment_that_does_not_fit_its_protocol_is_altered(kit, part, value):
    kit.pieces()
    folder = kit.seal(simulated=True).folder
    path = folder / "commitment.json"
    path.write_bytes(json.dumps({**json.loads(path.read_bytes()), part: value}).encode())
    with pytest.raises(sealing.SealAlteredError, match=r"commitment\.json"):
        open_seal(folder)


# --- whole or not there --------------------------------------------------------------------------


def left_over(kit):
    return [path.name for path in kit.folder.iterdir() if path.name not in {"data", "labels.csv"}]


def test_a_full_disk_leaves_nothing_behind(kit, monkeypatch):
    kit.pieces()
    copied = []

    def copy(source, target):
        target.write_bytes(source.read_bytes())
        copied.append(target)
        if len(copied) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sealing, "_copy", copy)
    with pytest.raises(sealing.DiskFullError, match="MiB"):
        kit.seal()
    assert left_over(kit) == []


@pytest.mark.slow
def test_a_limit_on_file_size_is_told_like_a_full_disk(kit):
    kit.pieces(3)
    kit.picture("000.png", size=(200, 200))
    (kit.folder / "targets.yaml").write_text(EXAMPLE)
    limit = ["prlimit", "--fsize=5000"]
    words = ["seal", kit.data, "--labels", kit.labels, "--targets", kit.folder / "targets.yaml"]
    code = "from liudu.trial.cli import main; main()"
    done = subprocess.run(
        [*limit, sys.executable, "-c", code, *words, "--out", kit.folder / "seal", "--lang", "en"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "No room for the seal" in done.stderr
    assert sorted(left_over(kit)) == ["targets.yaml"]


def test_a_seal_that_cannot_fit_is_refused_before_anything_is_copied(kit, monkeypatch):
    kit.pieces()
    monkeypatch.setattr(sealing.shutil, "disk_usage", lambda _: Free)
    with pytest.raises(sealing.DiskFullError):
        kit.seal()
    assert left_over(kit) == []


class Free:
    free = 10


def test_ctrl_c_leaves_nothing_behind(kit, monkeypatch):
    kit.pieces()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sealing, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kit.seal()
    assert left_over(kit) == []


def test_what_a_killed_sealing_left_is_taken_away_and_what_another_does_is_not(kit):
    kit.pieces()
    killed = kit.folder / f".seal.{2**22 + 1}.unfinished"  # no such process can be
    at_work = kit.folder / ".seal.1.unfinished"
    for folder in (killed, at_work):
        folder.mkdir()
    kit.seal(into="seal")
    assert not killed.exists()
    assert at_work.exists()


def test_a_folder_that_cannot_be_written_is_refused(kit):
    kit.pieces()
    (kit.folder / "blocked").write_text("a file")
    with pytest.raises(sealing.CannotWriteError, match="blocked"):
        kit.seal(into="blocked/seal")


def test_a_file_that_changes_while_it_is_sealed_is_refused(kit, monkeypatch):
    kit.pieces()
    monkeypatch.setattr(sealing, "_copy", lambda _, target: target.write_bytes(b"other"))
    with pytest.raises(sealing.ChangedWhileSealingError):
        kit.seal()
    assert left_over(kit) == []


# --- pictures ------------------------------------------------------------------------------------


def test_truncated_empty_and_false_pictures_are_refused_together_and_by_name(kit):
    names = kit.pieces()
    whole = (kit.data / names[0]).read_bytes()
    (kit.data / names[0]).write_bytes(whole[: len(whole) // 2])
    (kit.data / names[1]).write_bytes(b"")
    (kit.data / names[2]).write_bytes(b"this is no picture")
    with pytest.raises(precheck.BrokenFilesError) as caught:
        kit.seal()
    assert caught.value.count == 3
    assert all(name in caught.value.say("zh") for name in names[:3])
    assert left_over(kit) == []


def test_a_wrong_extension_is_put_right_and_told(kit):
    names = kit.pieces()
    path = kit.data / names[0]
    with Image.open(path) as image:
        image.save(path, format="JPEG")
    sealed = kit.seal()
    assert "WrongExtension" in {notice.code for notice in sealed.notices}


def test_a_box_outside_its_picture_is_refused_with_both_sizes(kit):
    kit.picture("a.png", size=(20, 16))
    kit.rows(("file", "label", "x1", "y1", "x2", "y2"), ("a.png", "open", 1, 2, 21, 4))
    with pytest.raises(precheck.BoxOutsideError, match="20×16") as caught:
        kit.seal("detect")
    assert caught.value.line == 2


def test_the_same_picture_with_two_labels_is_refused(kit):
    names = kit.pieces()
    (kit.data / names[1]).write_bytes((kit.data / names[0]).read_bytes())
    with pytest.raises(precheck.ContradictingDuplicatesError) as caught:
        kit.seal()
    assert {caught.value.first_label, caught.value.second_label} == {"ok", "defective"}


def test_the_same_picture_beside_another_template_is_another_piece(kit):
    kit.picture("a.png", seed=4)
    kit.picture("b.png", seed=4)
    kit.picture("t1.png")
    kit.picture("t2.png")
    kit.rows(
        ("file", "label", "with.template"),
        ("a.png", "ok", "t1.png"),
        ("b.png", "defective", "t2.png"),
    )
    assert len(kit.seal().items) == 2


def codes(sealed):
    return {notice.code: notice for notice in sealed.notices}


def test_duplicates_are_told_unless_one_cluster_says_so(kit):
    names = kit.pieces()
    (kit.data / names[2]).write_bytes((kit.data / names[1]).read_bytes())
    notice = codes(kit.seal(into="apart"))["ExactDuplicates"]
    assert f"{names[1]} = {names[2]}" in notice.zh
    assert "cluster" in notice.say("zh")
    kit.rows(
        ("file", "label", "cluster"),
        *(
            (n, "ok" if k % 3 else "defective", "c" if k in {1, 2} else k)
            for k, n in enumerate(names)
        ),
    )
    assert "ExactDuplicates" not in codes(kit.seal(into="together"))


def test_nearly_the_same_picture_is_told(kit):
    names = kit.pieces()
    with Image.open(kit.data / names[1]) as image:
        pixels = np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    Image.fromarray(pixels.astype(np.uint8)).save(kit.data / names[1])
    darker = np.clip(pixels * 0.97 + 2, 0, 255).astype(np.uint8)
    Image.fromarray(darker).save(kit.data / names[2])
    notice = codes(kit.seal())["NearDuplicates"]
    assert f"{names[1]} = {names[2]}" in notice.en


def test_many_twins_are_counted_and_shown_by_three_examples(kit):
    names = kit.pieces(30)
    for name in names[2::3]:
        (kit.data / name).write_bytes((kit.data / names[1]).read_bytes())
    notice = codes(kit.seal())["ExactDuplicates"]
    assert notice.en.startswith("10 pairs among 11 pieces are identical")
    assert notice.en.count(" = ") == notice.zh.count(" = ") == 3


def test_identical_blank_pictures_are_told_once_as_such(kit):
    names = kit.pieces(30)
    for name in names[1::3]:
        Image.new("RGB", (8, 8), "black").save(kit.data / name)
    told = codes(kit.seal())
    assert told["BlankPictures"].en.startswith("10 pieces are identical blank pictures")
    assert told["BlankPictures"].zh.startswith("10 件样本是相同的空白图片")
    assert {"ExactDuplicates", "NearDuplicates"}.isdisjoint(told)


def test_extensions_that_tell_the_label_are_dropped(kit):
    rows = []
    for k in range(40):
        name = f"{k}.png" if k % 2 else f"{k}.bmp"
        kit.picture(name)
        rows.append((name, "ok" if k % 2 else "defective"))
    kit.rows(("file", "label"), *rows)
    sealed = kit.seal()
    assert all("." not in item.path for item in sealed.items)
    told = codes(sealed)
    assert "扩展名" in told["LeakRemoved"].zh
    assert "picture format" in told["Leak"].en


def test_a_folder_that_tells_the_label_is_gone_and_the_owner_is_told(kit):
    rows = []
    for k in range(30):
        name = f"{'ok' if k < 15 else 'ng'}/{k}.png"
        kit.picture(name)
        rows.append((name, "ok" if k < 15 else "defective"))
    kit.rows(("file", "label"), *rows)
    told = codes(kit.seal())
    assert "folder" in told["LeakRemoved"].en
    assert "Leak" not in told


def test_data_that_cannot_show_the_promise_are_told_and_refused_when_strict(kit, promised):
    kit.pieces()
    promise = promised("classify", [("miss_rate", "<", 0.002), ("overkill_rate", "<=", 0.5)])
    notice = codes(kit.seal(promise=promise))["TooFewPieces"]
    assert "1497" in notice.zh
    assert "漏检率 < 0.2 %" in notice.zh
    with pytest.raises(precheck.TooFewPiecesError, match="1497"):
        kit.seal(into="strict", promise=promise, strict=True)


def test_pieces_of_one_cluster_count_once_towards_the_promise(kit, promised):
    names = kit.pieces(30)
    kit.rows(
        ("file", "label", "cluster"),
        *(
            (n, "ok" if k % 3 else "defective", "one" if k % 3 == 0 else k)
            for k, n in enumerate(names)
        ),
    )
    promise = promised("classify", [("miss_rate", "<", 0.5), ("overkill_rate", "<=", 0.5)])
    assert "1 " in codes(kit.seal(promise=promise))["TooFewPieces"].en


# --- the audit's own figures ---------------------------------------------------------------------


def test_near_duplicates_are_found_by_both_ways_of_searching(monkeypatch):
    rng = np.random.default_rng(5)
    hashes = rng.integers(0, 2**63, (300, 4), dtype=np.uint64)
    hashes[7] = hashes[250] ^ np.uint64(1)
    exact = audit.near_duplicates(hashes)
    monkeypatch.setattr(audit, "EXACT_SEARCH_MAX", 10)
    assert exact.tolist() == audit.near_duplicates(hashes).tolist() == [[7, 250]]


def test_blank_pictures_are_no_twins():
    assert len(audit.near_duplicates(np.zeros((5, 4), np.uint64))) == 0


def test_a_feature_without_any_bearing_is_no_leak():
    rng = np.random.default_rng(6)
    positive = rng.random(400) < 0.3
    features = {"size": rng.integers(0, 1000, 400).tolist(), "name": [str(k) for k in range(400)]}
    assert audit.leaks(features, positive=positive) == ()


def test_leaks_are_ordered_by_how_well_they_separate():
    positive = np.arange(200) % 2 == 0
    noisy = np.where(positive, 1.0, 0.0) + np.random.default_rng(7).normal(0, 0.7, 200)
    found = audit.leaks(
        {"noisy": noisy.tolist(), "sure": positive.astype(str).tolist()}, positive=positive
    )
    assert [leak.feature for leak in found] == ["sure", "noisy"]
    assert found[0].auroc > 0.99
