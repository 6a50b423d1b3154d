"""Files as they come: whatever they hold, they are read or refused with a sentence."""

import zipfile
from datetime import date
from decimal import Decimal

import pytest
from spreadsheets import GOOD, HEADINGS, repacked, shared, workbook

from liudu.platform.needs.sheets import (
    DamagedFileError,
    EmptyFileError,
    OldFormatError,
    OtherFileError,
    ProtectedFileError,
    TooManyRowsError,
    UnpackedTooLargeError,
    UnreadableTextError,
    UnsafeFileError,
    address,
    check_kind,
    opened,
)


def read(path, *, row_count_max=1000):
    with opened(path, row_count_max=row_count_max) as sheets:
        return [(sheet.name, sheet.hidden, list(sheet.rows)) for sheet in sheets]


def values(path):
    return [{c: cell.shown for c, cell in row.cells.items()} for row in read(path)[0][2]]


def test_values_come_as_text_numbers_and_days(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("甲", 1.5, date(2026, 12, 31), True, "  两边 "))
    cells = read(path)[0][2][1].cells
    assert [cell.value for cell in cells.values()] == [
        "甲", Decimal("1.5"), date(2026, 12, 31), "TRUE", "两边",
    ]  # fmt: skip


def test_a_vertical_merge_fills_its_rows_and_names_where_from(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx",
        ("甲", "制造"),
        ("乙", None),
        ("丙", None),
        ("丁", "医疗"),
        change=lambda sheet: sheet.merge_cells("B2:B4"),
    )
    rows = read(path)[0][2]
    assert [row.cells[1].shown for row in rows[1:]] == ["制造", "制造", "制造", "医疗"]
    assert [row.cells[1].merged_from for row in rows[1:]] == ["", "B2", "B2", ""]


def test_a_hidden_row_and_a_hidden_sheet_are_known(tmp_path):
    def hide(sheet):
        sheet.row_dimensions[3].hidden = True
        sheet.parent.create_sheet("旧").sheet_state = "veryHidden"

    path = workbook(tmp_path / "a.xlsx", ("甲", "制造"), ("乙", "制造"), change=hide)
    (first, second) = read(path)
    assert [row.hidden for row in first[2]] == [False, False, True]
    assert second[:2] == ("旧", True)


def test_a_formula_without_a_value_is_stale_and_with_one_is_read(tmp_path):
    made = workbook(tmp_path / "a.xlsx", ("甲", "=40*2"))
    cell = read(made)[0][2][1].cells[1]
    assert (cell.formula, cell.stale, cell.value) == (True, True, None)
    computed = repacked(
        made,
        tmp_path / "b.xlsx",
        sheet=lambda xml: xml.replace(b"<v></v>", b"<v>80</v>").replace(b"<v />", b"<v>80</v>"),
    )
    cell = read(computed)[0][2][1].cells[1]
    assert (cell.formula, cell.stale, cell.value) == (True, False, Decimal(80))


def test_an_error_in_a_cell_is_no_value(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("甲", "#REF!"))
    cell = read(path)[0][2][1].cells[1]
    assert (cell.error, cell.value) == ("#REF!", None)


def test_prefixed_xml_and_rows_without_numbers_are_read(tmp_path):
    made = workbook(tmp_path / "a.xlsx", ("甲", "制造"))
    xml = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<x:sheetData><x:row><x:c t="inlineStr"><x:is><x:r><x:t>场景</x:t></x:r>'
        "<x:r><x:t>名称</x:t></x:r></x:is></x:c><x:c><x:v>3</x:v></x:c></x:row></x:sheetData>"
        "</x:worksheet>"
    )
    path = repacked(made, tmp_path / "b.xlsx", sheet=xml)
    assert values(path) == [{0: "场景名称", 1: "3"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_a_csv_is_read_in_the_encodings_that_excel_writes(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text('场景名称,预算\n"偏光片,检测",80万\n', encoding=encoding)
    assert values(path) == [{0: "场景名称", 1: "预算"}, {0: "偏光片,检测", 1: "80万"}]


def test_a_csv_with_tabs_or_semicolons_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("场景名称\t预算\n甲\t80万\n", encoding="utf-8")
    assert values(path)[1] == {0: "甲", 1: "80万"}


def test_a_name_says_nothing_of_what_a_file_is(tmp_path):
    made = workbook(tmp_path / "a.xlsx", GOOD)
    renamed = made.rename(tmp_path / "list.csv")
    assert values(renamed)[0][0] == HEADINGS[0]


def _old_office(mark):
    return bytes.fromhex("d0cf11e0a1b11ae1") + b"\x00" * 512 + mark.encode("utf-16-le")


def _archive(path, **parts):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return path.read_bytes()


WORD = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r" Type="http://x/officeDocument" Target="word/document.xml"/>'
    "</Relationships>"
)


def word_bytes(folder):
    with zipfile.ZipFile(folder / "w", "w") as archive:
        archive.writestr("_rels/.rels", WORD)
        archive.writestr("word/document.xml", "<document/>")
    return (folder / "w").read_bytes()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyFileError),
        (b"  \r\n ", EmptyFileError),
        (_old_office("Workbook"), OldFormatError),
        (_old_office("EncryptedPackage"), ProtectedFileError),
        (_old_office("WordDocument"), OtherFileError),
        (b"%PDF-1.7 ...", OtherFileError),
        (b"\xef\xbb\xbf<html><table>", OtherFileError),
        (b"\x89PNG\r\n\x1a\n\x00\x00", OtherFileError),
        (b"PK\x03\x04 and then nothing", DamagedFileError),
        (b"\xff\xff\xc3\x28 neither", UnreadableTextError),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, content, error):
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    with pytest.raises(error):
        read(path)


def test_a_word_document_and_an_archive_are_refused_at_once(tmp_path):
    word = tmp_path / "list.xlsx"
    word.write_bytes(word_bytes(tmp_path))
    with pytest.raises(OtherFileError, match="Word"):
        check_kind(word)
    plain = tmp_path / "b.xlsx"
    _archive(plain, readme="hello")
    with pytest.raises(OtherFileError, match="ZIP"):
        check_kind(plain)


def test_a_file_that_was_cut_off_is_damaged_wherever_it_was_cut(tmp_path):
    whole = workbook(tmp_path / "a.xlsx", *[GOOD] * 50).read_bytes()
    cut = tmp_path / "b.xlsx"
    for size in (30, len(whole) // 3, len(whole) // 2, len(whole) - 10):
        cut.write_bytes(whole[:size])
        with pytest.raises(DamagedFileError):
            read(cut)


def test_a_broken_byte_is_damage_and_no_crash(tmp_path):
    whole = bytearray(workbook(tmp_path / "a.xlsx", *[GOOD] * 50).read_bytes())
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        start = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 120
    whole[start : start + 8] = b"\xff" * 8
    broken = tmp_path / "b.xlsx"
    broken.write_bytes(whole)
    with pytest.raises(DamagedFileError):
        read(broken)


def test_entities_are_refused_before_they_grow(tmp_path):
    laughs = (
        '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
        + "".join(
            f'<!ENTITY lol{n} "{f"&lol{n - 1 if n > 1 else str()};" * 10}">' for n in range(1, 10)
        )
        + "]><worksheet><sheetData><row><c><v>&lol9;</v></c></row></sheetData></worksheet>"
    )
    made = workbook(tmp_path / "a.xlsx", GOOD)
    for part in ("sheet", "book", "xl/styles.xml", "_rels/.rels"):
        with pytest.raises(UnsafeFileError):
            read(repacked(made, tmp_path / "b.xlsx", **{part: laughs}))
    with pytest.raises(UnsafeFileError):
        read(shared(made, tmp_path / "c.xlsx", texts=laughs, rows=2))


def test_a_zip_bomb_is_refused_by_the_size_that_it_declares(tmp_path):
    bomb = tmp_path / "b.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(401):
                part.write(b" " * (1 << 20))
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(UnpackedTooLargeError, match="401 MiB"):
        check_kind(bomb)


def test_texts_in_a_part_of_their_own_are_read_without_how_to_pronounce_them(tmp_path):
    made = workbook(tmp_path / "a.xlsx")
    texts = (
        "<sst><si><r><t>场景</t></r><r><t>名称</t></r><rPh><t>chang</t></rPh></si>"
        "<si><t/></si></sst>"
    )
    path = shared(made, tmp_path / "b.xlsx", texts=texts, rows=1)
    assert values(path) == [{0: "场景名称", 1: ""}]


def test_a_list_of_too_many_rows_is_refused_before_its_texts_are_loaded(tmp_path):
    made = workbook(tmp_path / "a.xlsx")
    # The texts are broken: whoever loads them first says so instead.
    path = shared(made, tmp_path / "b.xlsx", texts="<broken", rows=1001)
    with pytest.raises(TooManyRowsError, match="1000 rows"):
        read(path)
    with pytest.raises(DamagedFileError):
        read(path, row_count_max=1001)


def test_a_csv_of_too_many_rows_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("甲,乙\n" * 1001, encoding="utf-8")
    with pytest.raises(TooManyRowsError):
        read(path)


def test_numbers_without_end_stay_text(tmp_path):
    made = workbook(tmp_path / "a.xlsx", ("甲", 12345))
    path = repacked(made, tmp_path / "b.xlsx", sheet=lambda xml: xml.replace(b"12345", b"1E999999"))
    assert read(path)[0][2][1].cells[1].value == "1E999999"


def test_an_address_names_the_sheet_where_there_are_several():
    assert address(column=27, row=7, sheet="清单") == "清单!AB7"
    assert address(column=0, row=1) == "A1"
