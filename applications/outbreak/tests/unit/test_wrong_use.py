"""A wrong command line is said in the language and form that it asks for."""

import json

import pytest

from liudu.outbreak.cli import main


def refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    return capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["detect", "absent.csv"], "SERIES：absent.csv 不存在：请核对路径。"),
        (["detect", "/"], "SERIES：/ 是文件夹：请给出一个文件。"),
        (["detect"], "缺少 SERIES：请补上。"),
        (["detext"], "没有命令 detext：可用的命令见 --help。"),
        (["detect", "--calender", "iso"], "没有选项 --calender：是否指 --calendar？"),
        (["import", "--person-days", "-1"], "--person-days：-1 不在范围内：应满足 x>=0。"),
        (["import", "--at", "2026"], "--at：2026 不是日期：请写成 2026-11-20 的样子。"),
        (["import", "--out"], "选项 --out 后面缺少取值。"),
    ],
)
def test_a_wrong_command_line_is_said_in_chinese(words, sentence, capsys, monkeypatch):
    monkeypatch.setenv("LIUDU_LANG", "zh")
    said = refused(words, capsys)
    assert sentence in said.err
    assert said.out == ""


def test_a_wrong_command_line_is_said_in_english_when_asked(capsys, monkeypatch):
    monkeypatch.setenv("LIUDU_LANG", "zh")
    assert "does not exist" in refused(["detect", "absent.csv", "--lang", "en"], capsys).err


def test_machines_get_one_object_for_a_wrong_command_line(capsys):
    said = refused(["detect", "absent.csv", "--json"], capsys)
    assert json.loads(said.out)["error"]["code"] == "BadParameter"
    assert said.err == ""
