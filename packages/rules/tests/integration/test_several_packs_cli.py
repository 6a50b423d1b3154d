import csv
import json

import pytest
from click.testing import CliRunner

from liudu.rules.cli import main

PACK = """\
pack: {name}
version: "1"
title: {{zh: 政策{name}, en: policy {name}}}
valid: {{from: 2026-01-01{until}}}
facts:
  in_{name}: {{type: bool, label: 可享受, bureau: 局}}
  wage: {{type: money, unit: yuan, label: 工资, bureau: 局, max: 9000}}
parameters:
  share: {{type: rate, label: 比例, min: 0, max: 1, values: {{2026-01-01: {share}}}}}
rules:
  r:
    title: {{zh: 补贴{name}, en: subsidy {name}}}
    clause: 一
    bureau: 局
    subject: person
    when: [{{atom: in_{name}, say: 可享受, act: 去办}}]
    amount: share * wage
    rounding: down
"""
GROUP = "    group: home\ngroups:\n  home: {title: 住房, stack: highest, with: [b/r]}\n"
TABLE = """subject,in_a,in_b,wage
甲,是,是,100
乙,是,否,100
丙,否,是,100
丁,是,,100
"""
DAY = ("--on", "2026-06-01")


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "a", share="0.2", more=GROUP)
    write(tmp_path, "b", share="0.5")
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def write(folder, name, *, share, more="", until=""):
    text = PACK.format(name=name, share=share, until=until) + more
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def call(folder, *arguments, lang="zh"):
    words = [str(folder / one) if (folder / one).exists() else one for one in arguments]
    return CliRunner().invoke(main, words, env={"LIUDU_LANG": lang}, catch_exceptions=False)


def paid(folder, *arguments):
    out = folder / "out.csv"
    result = call(folder, "run", *arguments, "t.csv", *DAY, "--all", "--out", str(out))
    assert result.exit_code == 0, result.output
    rows = csv.DictReader(out.read_text().splitlines())
    return {(row["subject"], row["pack"]): row["payable_fen"] for row in rows}


def test_a_run_over_several_packs_settles_their_group_in_any_order_and_in_chunks(folder):
    expected = {
        ("甲", "a"): "0", ("甲", "b"): "5000",
        ("乙", "a"): "2000", ("乙", "b"): "",
        ("丙", "a"): "", ("丙", "b"): "5000",
        ("丁", "a"): "", ("丁", "b"): "",
    }  # fmt: skip
    assert paid(folder, "a.yaml", "b.yaml") == expected
    assert paid(folder, "b.yaml", "a.yaml") == expected
    assert paid(folder, "a.yaml", "b.yaml", "--chunk", "3") == expected


def test_a_folder_of_packs_is_run_and_each_pack_is_told_with_its_sum(folder):
    result = call(folder, "run", str(folder), "t.csv", *DAY, "--json")
    answer = json.loads(result.output)
    assert [(one["pack"], one["rules"][0]["payable_fen"]) for one in answer["packs"]] == [
        ("a", 2000),
        ("b", 10_000),
    ]
    assert all(one["program"].startswith("sha256:") for one in answer["packs"])
    assert (answer["absent"], answer["unseen"]) == ([], [])


def test_a_pack_alone_says_whose_rule_it_does_not_see(folder):
    (folder / "t.csv").write_text("subject,in_a,wage\n甲,是,100\n", encoding="utf-8")
    result = call(folder, "run", "a.yaml", "t.csv", *DAY)
    assert "同组的 b/r 未给出" in result.output
    answer = json.loads(call(folder, "run", "a.yaml", "t.csv", *DAY, "--json").output)
    assert (answer["pack"], answer["unseen"], answer["rules"][0]["payable_fen"]) == (
        "a",
        ["b/r"],
        0,
    )


def test_a_pack_that_has_ended_is_said_to_be_absent_and_holds_nothing_up(folder):
    write(folder, "b", share="0.5", until=", to: 2026-03-31")
    result = call(folder, "run", "a.yaml", "b.yaml", "t.csv", *DAY, lang="en")
    assert "b: no version holds on the day" in result.output
    assert paid(folder, "a.yaml", "b.yaml")["甲", "a"] == "2000"


def test_a_parameter_of_two_packs_is_set_with_its_pack_before_it(folder):
    refused = call(
        folder, "run", "a.yaml", "b.yaml", "t.csv", *DAY, "--set", "share=0.1", lang="en"
    )
    assert (refused.exit_code, "write a/share=VALUE" in refused.output) == (2, True)
    assert paid(folder, "a.yaml", "b.yaml", "--set", "b/share=0.1")["甲", "a"] == "2000"
    unknown = call(
        folder, "run", "a.yaml", "b.yaml", "t.csv", *DAY, "--set", "b/shade=1", lang="en"
    )
    assert "did you mean share?" in unknown.output
    twice = call(folder, "run", "a.yaml", "t.csv", *DAY, "--set", "share=1", "--set", "a/share=1")
    assert "share 给了两次" in twice.output


def test_a_parameter_that_one_pack_alone_has_may_be_written_with_the_pack_before_it(folder):
    (folder / "t.csv").write_text("subject,in_a,wage\n甲,是,100\n", encoding="utf-8")
    asked = ("what-if", "a.yaml", "t.csv", *DAY, "--set")
    said = [call(folder, *asked, f"{name}=0.5").output for name in ("share", "a/share")]
    assert said[0].startswith("合计")
    assert said[0] == said[1]
    assert "did you mean share?" in call(folder, *asked, "a/shar=0.5", lang="en").output


def test_explain_names_the_rule_of_the_other_pack_that_pays(folder):
    known = ("--fact", "in_a=是", "--fact", "in_b=是", "--fact", "wage=100", *DAY)
    text = call(folder, "explain", "a.yaml", "b.yaml", *known, "--rule", "a/r").output
    assert "就高不重复：由“补贴b”（政策b）发放 50 元，本条不再发放。" in text
    assert "补贴b 50 元" not in text
    answer = json.loads(call(folder, "explain", "a.yaml", "b.yaml", *known, "--json").output)
    first, second = answer["determinations"]
    assert (first["payable_fen"], first["outweighed_by"]) == (0, "b/r")
    assert (second["payable_fen"], second["outweighed_by"]) == (5000, None)
    alone = json.loads(call(folder, "explain", "a.yaml", *known[:2], *known[4:], "--json").output)
    assert alone["determinations"][0]["waits_for"] == ["b/r"]


def test_explain_finds_the_subject_in_one_table_for_all_packs(folder):
    result = call(folder, "explain", str(folder), "--facts", "t.csv", "--subject", "甲", *DAY,
                  "--json")  # fmt: skip
    said = json.loads(result.output)["determinations"]
    assert [one["payable_fen"] for one in said] == [0, 5000]


def test_a_column_that_no_pack_knows_is_refused_as_ever(folder):
    (folder / "t.csv").write_text(TABLE.replace("in_b", "in_c"), encoding="utf-8")
    result = call(folder, "run", "a.yaml", "b.yaml", "t.csv", *DAY)
    assert (result.exit_code, "in_c" in result.output) == (2, True)


def test_check_tells_of_a_rule_that_another_pack_does_not_have(folder):
    assert "b/r" not in call(folder, "check", "a.yaml", "b.yaml").output
    write(folder, "a", share="0.2", more=GROUP.replace("b/r", "b/rent"))
    result = call(folder, "check", str(folder))
    assert (result.exit_code, "b 没有这条规则" in result.output) == (1, True)
