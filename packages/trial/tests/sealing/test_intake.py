"""Labels as owners keep them, and everything that can be wrong with them."""

import os

import pytest

from liudu.trial import intake
from liudu.trial.intake import match_files, read_labels


def refused(kit, kind, text, task="classify", **options):
    """Read labels of these bytes; return the refusal after both its sentences were made."""
    kit.labels.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(kind) as caught:
        read_labels(kit.labels, task=task, **options)
    assert str(kit.labels) in caught.value.say("zh") or kind is intake.UnknownEncodingError
    assert caught.value.say("zh") != caught.value.say("en")
    return caught.value


def matched(kit, kind, task="classify"):
    pieces = read_labels(kit.labels, task=task)
    with pytest.raises(kind) as caught:
        match_files(pieces, data=kit.data, ignored=(kit.labels,))
    assert caught.value.say("zh") != caught.value.say("en")
    return caught.value


def test_labels_are_read_with_cluster_companion_and_public_value(kit):
    kit.rows(
        ("file", "label", "cluster", "with.template", "data.lot"),
        ("a.png", "ok", "7", "t.png", "007"),
    )
    (piece,) = read_labels(kit.labels, task="classify")
    assert (piece.file, piece.label, piece.cluster) == ("a.png", "ok", "7")
    assert piece.companions == {"template": "t.png"}
    assert piece.data == {"lot": "007"}, "a leading zero is text"


def test_public_numbers_are_handed_out_as_numbers(kit):
    kit.rows(("file", "label", "data.a", "data.b"), ("a.png", "ok", "-12", "1.50"))
    (piece,) = read_labels(kit.labels, task="classify")
    assert piece.data == {"a": -12, "b": 1.5}


def test_labels_with_a_byte_order_mark_are_read(kit):
    kit.rows(("file", "label"), ("好.png", "正常"), encoding="utf-8-sig")
    (piece,) = read_labels(kit.labels, task="classify")
    assert (piece.file, piece.label) == ("好.png", "正常")


@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
def test_labels_of_chinese_excel_are_refused_with_the_way_out_and_read_when_declared(kit, encoding):
    kit.rows(("file", "label"), ("好.png", "正常"), encoding=encoding)
    error = refused(kit, intake.NotUtf8Error, kit.labels.read_bytes())
    assert "--encoding gb18030" in error.say("zh")
    (piece,) = read_labels(kit.labels, task="classify", encoding="gb18030")
    assert piece.label == "正常"


def test_a_wrong_declaration_is_refused(kit):
    refused(kit, intake.WrongEncodingError, b"file,label\n\xff\xff,ok\n", encoding="gb18030")
    refused(kit, intake.UnknownEncodingError, "file,label\n", encoding="latin-1")


def test_utf_16_is_refused_by_name(kit):
    refused(kit, intake.Utf16Error, "file,label\na.png,ok\n".encode("utf-16"))


def test_a_file_that_is_not_there_is_refused(kit):
    with pytest.raises(intake.NoLabelsFileError):
        read_labels(kit.folder / "nowhere.csv", task="classify")


@pytest.mark.parametrize("text", ["file,label\n", "file,label\n\n , \n"])
def test_labels_without_a_row_are_refused(kit, text):
    refused(kit, intake.NoRowsError, text)


def test_missing_columns_are_named_with_the_header_that_was_found(kit):
    error = refused(kit, intake.MissingColumnsError, "file;label\na.png;ok\n")
    assert error.missing == "file, label"
    assert "file;label" in str(error)
    assert refused(kit, intake.MissingColumnsError, "").header == ""


def test_an_unknown_column_is_refused_with_the_nearest_name(kit):
    error = refused(kit, intake.UnknownColumnsError, "file,label,clusters\na.png,ok,1\n")
    assert "cluster?" in str(error)
    refused(kit, intake.UnknownColumnsError, "file,label,with.\na.png,ok,1\n")


def test_a_column_given_twice_is_refused(kit):
    refused(kit, intake.DuplicateColumnsError, "file,label,label\na.png,ok,ng\n")


@pytest.mark.parametrize("row", ["a.png", "a.png,ok,more"])
def test_a_ragged_row_is_refused_with_its_line(kit, row):
    assert refused(kit, intake.RaggedRowError, f"file,label\nb.png,ok\n{row}\n").line == 3


@pytest.mark.parametrize("row", [",ok", "a.png,", "a.png,  "])
def test_an_empty_cell_is_refused(kit, row):
    refused(kit, intake.EmptyCellError, f"file,label\n{row}\n")


def test_a_piece_labelled_twice_is_refused_with_both_lines(kit):
    error = refused(kit, intake.DuplicatePieceError, "file,label\na.png,ok\nb.png,ok\na.png,ng\n")
    assert (error.first, error.line) == (2, 4)


def test_the_lines_are_counted_through_quoted_line_feeds(kit):
    text = 'file,label\n"a\nb.png",ok\nc.png,\n'
    assert refused(kit, intake.EmptyCellError, text).line == 4


def test_broken_csv_is_refused(kit):
    refused(kit, intake.BadCsvError, 'file,label\n"a"b,ok\n')
    refused(kit, intake.BadCsvError, "file,label\n" + "x" * 200_000 + ",ok\n")


@pytest.mark.parametrize("path", ["../a.png", "/etc/passwd", "x/../../a.png", "C:\\a.png", "..\\a"])
def test_a_path_that_leaves_the_data_folder_is_refused(kit, path):
    refused(kit, intake.PathEscapesError, f"file,label\n{path},ok\n")


def test_backslashes_of_windows_are_folders(kit):
    kit.rows(("file", "label"), ("ng\\a.png", "ok"))
    assert read_labels(kit.labels, task="classify")[0].file == "ng/a.png"


@pytest.mark.parametrize("number", ["NaN", "inf", "twelve", ""])
def test_a_value_that_is_no_finite_number_is_refused(kit, number):
    kind = intake.BadNumberError if number else intake.EmptyCellError
    refused(kit, kind, f"file,value\na.png,{number}\n", task="value")


def test_boxes_of_one_picture_are_gathered_and_a_good_piece_has_none(kit):
    kit.rows(
        ("file", "label", "x1", "y1", "x2", "y2"),
        ("a.png", "open", 1, 2, 3, 4),
        ("a.png", "short", 5, 6, 7.5, 8),
        ("b.png", "", "", "", "", ""),
    )
    first, second = read_labels(kit.labels, task="detect")
    assert [box.label for box in first.boxes] == ["open", "short"]
    assert first.boxes[1].box == (5, 6, 7.5, 8)
    assert second.boxes == ()


@pytest.mark.parametrize("box", ["3,2,1,4", "1,4,3,2", "-1,2,3,4", "1,2,1,4"])
def test_a_box_with_its_corners_reversed_is_refused(kit, box):
    refused(kit, intake.BadBoxError, f"file,label,x1,y1,x2,y2\na.png,open,{box}\n", task="detect")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ("open,1,2,3,", intake.BadNumberError),
        ("open,1,2,3,nan", intake.BadNumberError),
        (",1,2,3,4", intake.EmptyCellError),
    ],
)
def test_half_a_box_is_refused(kit, cells, kind):
    refused(kit, kind, f"file,label,x1,y1,x2,y2\na.png,{cells}\n", task="detect")


def test_a_picture_with_boxes_cannot_also_be_good(kit):
    text = "file,label,x1,y1,x2,y2\na.png,open,1,2,3,4\na.png,,,,,\n"
    refused(kit, intake.DuplicatePieceError, text, task="detect")


def test_rows_of_one_picture_must_agree_on_their_cluster(kit):
    text = "file,label,x1,y1,x2,y2,cluster\na.png,o,1,2,3,4,A\na.png,o,1,2,3,4,B\n"
    refused(kit, intake.ConflictingRowsError, text, task="detect")


def test_the_seals_own_names_are_reserved_in_alarm_data(kit):
    text = "series,t,event,data.step\ns,1,,4\n"
    refused(kit, intake.ReservedDataError, text, task="alarm")


def test_a_step_labelled_twice_is_refused(kit):
    text = "series,t,event\ns,1,\ns,2,\ns,1,x\n"
    refused(kit, intake.DuplicatePieceError, text, task="alarm")


def test_labels_of_absent_files_are_refused_with_the_first_ten_and_the_count(kit):
    kit.rows(("file", "label"), *((f"{k:02d}.png", "ok") for k in range(12)))
    error = matched(kit, intake.AbsentFilesError)
    assert error.count == 12
    assert "09.png" in error.shown
    assert "10.png" not in error.shown


def test_a_name_that_differs_only_by_case_is_suggested(kit):
    kit.picture("A.png")
    kit.rows(("file", "label"), ("a.PNG", "ok"))
    assert "A.png" in matched(kit, intake.AbsentFilesError).shown


def test_files_without_labels_are_refused(kit):
    kit.picture("a.png")
    kit.picture("left/over.png")
    kit.rows(("file", "label"), ("a.png", "ok"))
    error = matched(kit, intake.UnlabelledFilesError)
    assert (error.count, error.shown) == (1, "left/over.png")


def test_labels_and_desktop_files_in_the_data_folder_are_no_pieces(kit):
    kit.labels = kit.data / "labels.csv"
    kit.picture("a.png")
    for name in ("Thumbs.db", ".DS_Store", "simulated.json"):
        (kit.data / name).write_text("{}")
    kit.rows(("file", "label"), ("a.png", "ok"))
    pieces = read_labels(kit.labels, task="classify")
    found = match_files(pieces, data=kit.data, ignored=(kit.labels,))
    assert list(found) == ["a.png"]


def test_two_files_that_windows_would_take_for_one_are_refused(kit):
    kit.picture("a.png")
    kit.picture("A.PNG")
    kit.rows(("file", "label"), ("a.png", "ok"), ("A.PNG", "ok"))
    matched(kit, intake.CaseCollisionError)


def test_both_unicode_forms_of_a_name_mean_the_same_file(kit):
    kit.picture("pie\u0301ce.png")  # as macOS writes it
    kit.rows(("file", "label"), ("pi\u00e9ce.png", "ok"))
    pieces = read_labels(kit.labels, task="classify")
    assert len(match_files(pieces, data=kit.data)) == 1


def test_a_link_that_leads_out_of_the_data_folder_is_refused(kit):
    outside = kit.folder / "secret.png"
    outside.write_bytes(b"x")
    (kit.data / "a.png").symlink_to(outside)
    kit.rows(("file", "label"), ("a.png", "ok"))
    matched(kit, intake.PathEscapesError)


def test_a_pipe_or_a_dead_link_is_not_a_file(kit):
    os.mkfifo(kit.data / "pipe.png")
    (kit.data / "dead.png").symlink_to(kit.data / "nowhere")
    kit.rows(("file", "label"), ("pipe.png", "ok"), ("dead.png", "ok"))
    refusal = matched(kit, intake.AbsentFilesError)
    assert refusal.count == 2
    assert "pipe.png (no plain file)" in refusal.say("zh")


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\u202e", "\n"])
def test_a_label_with_a_control_character_is_refused_by_its_code(kit, character):
    kit.rows(("file", "label"), ("a.png", f"o{character}k"))
    with pytest.raises(intake.ControlCharacterError, match=f"U\\+{ord(character):04X}"):
        read_labels(kit.labels, task="classify")


def test_a_positive_kind_that_never_occurs_is_refused_with_the_nearest(kit):
    kit.rows(("file", "label"), ("a.png", "defectiv"), ("b.png", "ok"))
    pieces = read_labels(kit.labels, task="classify")
    with pytest.raises(intake.NoPositiveError, match=r"defectiv\?"):
        intake.check_positive(pieces, positive=("defective",))
