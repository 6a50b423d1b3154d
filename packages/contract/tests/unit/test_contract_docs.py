"""docs/reference/contract.md holds what the schema and the kit say; run this file to renew it."""

from pathlib import Path

from liudu.contract import MANIFEST_SCHEMA, Manifest, Reason, kit

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "contract.md"
MANIFEST = Manifest(name="a", version="1", entry=("./a",), mode="batch")


def rows_of(properties, *, required, prefix=""):
    for key, about in properties.items():
        star = "*" if key in required else ""
        yield f"| `{prefix}{key}`{star} | {about['x-zh']} | {about['description']} |"
        inner = about.get("properties", {})
        yield from rows_of(inner, required=about.get("required", ()), prefix=f"{prefix}{key}.")


def manifest_table():
    rows = rows_of(MANIFEST_SCHEMA["properties"], required=MANIFEST_SCHEMA["required"])
    return "\n".join(["| * 必填 · required | | |", "|---|---|---|", *rows])


def checks_table():
    force = {True: "必须 · must", False: "建议 · should"}
    rows = (f"| `{c.name}` | {force[c.must]} | {c.zh} | {c.en} |" for c in kit.checks(MANIFEST))
    return "\n".join(["| | | | |", "|---|---|---|---|", *rows])


def renewed(page):
    for mark, table in (("manifest", manifest_table()), ("checks", checks_table())):
        head, rest = page.split(f"<!-- {mark}: ", 1)
        opening, rest = rest.split("-->\n", 1)
        _, tail = rest.split(f"<!-- end of {mark} -->", 1)
        page = f"{head}<!-- {mark}: {opening}-->\n\n{table}\n\n<!-- end of {mark} -->{tail}"
    return page


def test_the_page_holds_the_tables_that_the_schema_and_the_kit_give():
    page = PAGE.read_text("utf-8")

    assert renewed(page) == page


def test_every_reason_code_is_explained_on_the_page():
    page = PAGE.read_text("utf-8")

    assert [reason for reason in Reason if f"\n| `{reason}` |" not in page] == []


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
