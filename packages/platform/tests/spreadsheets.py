"""Makes the files that bureaus send, good and bad."""

import zipfile

from openpyxl import Workbook

HEADINGS = ("场景名称", "所属领域", "需求单位", "所需能力", "区县", "预算（万元）", "完成时间")
GOOD = ("偏光片缺陷检测", "制造", None, "找出划痕", "苏州工业园区", 80, "2026年12月31日")


def workbook(path, *rows, change=None, headings=HEADINGS):
    """Write a workbook of rows below headings; `change` may do more to its first sheet."""
    book = Workbook()
    sheet = book.active
    sheet.title = "清单"
    sheet.append(headings)
    for row in rows:
        sheet.append(row)
    if change:
        change(sheet)
    book.save(path)
    return path


def repacked(source, target, **parts):
    """Copy an archive with some parts written anew (`sheet` is its first sheet)."""
    names = {"sheet": "xl/worksheets/sheet1.xml", "book": "xl/workbook.xml"}
    wanted = {names.get(name, name): content for name, content in parts.items()}
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = wanted.get(name, old.read(name))
            new.writestr(name, content(old.read(name)) if callable(content) else content)
    return target


RELATION = (
    b'<Relationship Id="rIdTexts" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    b'relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
)


def shared(source, target, *, texts, rows):
    """Write a workbook as Excel does: its texts in a part of their own (`texts` is its XML)."""
    cells = "".join(
        f'<row r="{number}"><c r="A{number}" t="s"><v>0</v></c><c r="B{number}" t="s"><v>1</v></c>'
        "</row>"
        for number in range(1, rows + 1)
    )
    repacked(
        source,
        target,
        sheet=f"<worksheet><sheetData>{cells}</sheetData></worksheet>",
        **{
            "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(b"</Relationships>", RELATION),
        },
    )
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", texts)
    return target
