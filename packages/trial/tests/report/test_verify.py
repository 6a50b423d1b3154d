"""`liudu-trial verify`, as a person or a script meets it."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from liudu.trial import certificate, keys
from liudu.trial.cli import main
from liudu.trial.commands.verify import read_trust


def verify(*arguments):
    return CliRunner().invoke(main, ["verify", *map(str, arguments)])


@pytest.fixture
def cert(make_result, key, at, tmp_path):
    path = tmp_path / "certificate.json"
    signed = certificate.issue(make_result(), key=key, at=at, need="PCB 外观检测")
    path.write_text(json.dumps(signed, ensure_ascii=False), encoding="utf-8")
    return path


def test_an_intact_certificate_says_who_signed_and_what_was_proved(cert, key):
    answer = verify(cert, "--lang", "en")
    assert answer.exit_code == 0, answer.output
    assert "intact" in answer.output
    assert key.did in answer.output
    assert "board-check 1.2.0 tried on “PCB 外观检测”: passed" in answer.output
    assert "proved: miss rate < 0.2 %" in answer.output
    assert "sandbox level bwrap" in answer.output


def test_the_answer_is_complete_in_chinese(cert):
    answer = verify(cert, "--lang", "zh")
    assert "证书完好" in answer.output
    assert "通过" in answer.output
    assert "签发方" in answer.output


def test_an_altered_certificate_is_called_so_and_nothing_of_it_is_repeated(cert):
    cert.write_text(cert.read_text(encoding="utf-8").replace("0.00189", "0.00019"))
    answer = verify(cert, "--lang", "en")
    assert answer.exit_code == 1
    assert "Do not trust" in answer.output
    assert "0.00019" not in answer.output


def test_machines_get_one_json_object(cert, key):
    answer = verify(cert, "--json", "--issuer", key.did)
    found = json.loads(answer.output)
    assert found["accepted"] is True
    assert found["issuer"]["did"] == key.did
    assert found["subject"]["verdict"] == "passed"
    assert {"name", "answer", "zh", "en"} == set(found["checks"][0])


def test_a_trust_file_names_the_issuer(cert, key, tmp_path):
    trust = tmp_path / "trust.yaml"
    trust.write_text(f"issuers:\n  {key.did}: 苏州试验中心\n", encoding="utf-8")
    answer = verify(cert, "--trust", trust, "--production")
    assert answer.exit_code == 0, answer.output
    assert "苏州试验中心" in answer.output


@pytest.mark.parametrize(
    "content", ["", "issuers: []", "issuers: {}", "- a", "issuers: {a: b}", "{", "\0"]
)
def test_a_trust_file_that_cannot_be_read_is_refused(cert, tmp_path, content):
    trust = tmp_path / "trust.yaml"
    trust.write_text(content)
    answer = verify(cert, "--trust", trust, "--lang", "en")
    assert answer.exit_code == 2
    assert "did:key:z6Mk" in answer.output


def test_an_issuer_outside_the_trust_file_is_not_accepted(cert, tmp_path):
    other = keys.load_or_make(tmp_path / "other.pem")[0].did
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps({"issuers": {other: "somebody"}}))
    answer = verify(cert, "--trust", trust)
    assert answer.exit_code == 1


def test_production_refuses_simulated_data_by_name(make_result, key, at, tmp_path):
    path = tmp_path / "simulated.json"
    signed = certificate.issue(make_result(simulated=True), key=key, at=at, need="PCB")
    path.write_text(json.dumps(signed))
    plain = verify(path, "--lang", "en")
    assert plain.exit_code == 0
    assert "SIMULATED DATA" in plain.output
    answer = verify(path, "--production", "--issuer", key.did, "--lang", "en")
    assert answer.exit_code == 1
    assert "simulated" in answer.output


def test_a_run_is_compared_and_an_altered_one_is_named(make_run, key, at, tmp_path):
    run, _ = make_run()
    result = json.loads((run / "result.json").read_bytes())
    path = tmp_path / "c.json"
    path.write_text(json.dumps(certificate.issue(result, key=key, at=at, need="PCB")))
    assert verify(path, "--run", run).exit_code == 0
    (run / "predictions.jsonl").write_bytes(b'{"id":"a","label":"short"}\n')
    answer = verify(path, "--run", run, "--lang", "en")
    assert answer.exit_code == 1
    assert "evidence.predictions: NOT what was certified" in answer.output
    assert "evidence.result: as certified" in answer.output


def test_a_run_that_is_not_there_is_refused(cert, tmp_path):
    answer = verify(cert, "--run", tmp_path / "nowhere", "--lang", "en")
    assert answer.exit_code == 2
    assert "nowhere" in answer.output


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"proof":1}', "not json", "null"])
def test_a_file_that_is_no_certificate_is_refused_with_a_sentence(tmp_path, content):
    path = tmp_path / "c.json"
    path.write_text(content)
    answer = verify(path, "--lang", "en")
    assert answer.exit_code == 2
    assert "Wanted" in answer.output


def test_control_characters_of_a_stranger_do_not_reach_the_terminal(make_result, key, at, tmp_path):
    path = tmp_path / "c.json"
    result = make_result(name="board\x1b[2J\x07-check")
    path.write_text(json.dumps(certificate.issue(result, key=key, at=at, need="PCB")))
    answer = verify(path)
    assert "\x1b[2J" not in answer.output
    assert "\x07" not in answer.output


def test_a_certificate_with_figures_of_another_kind_is_still_read(make_result, key, at, tmp_path):
    result = make_result()
    result["targets"][0] |= {"metric": "unheard_of", "point": [1], "upper": {"a": 1}}
    result["targets"][1] |= {"confidence": "high", "events": None}
    path = tmp_path / "c.json"
    path.write_text(json.dumps(certificate.issue(result, key=key, at=at, need="PCB")))
    answer = verify(path, "--production")
    assert answer.exit_code == 1
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
    assert "unheard_of < 0.002" in answer.output


@pytest.mark.parametrize("targets", [[1], [{}], [{"metric": "a", "op": "<", "answer": ["proved"]}]])
def test_targets_of_another_form_are_refused(make_result, key, at, tmp_path, targets):
    signed = certificate.issue(make_result(), key=key, at=at, need="PCB")
    signed["credentialSubject"]["targets"] = targets
    path = tmp_path / "c.json"
    path.write_text(json.dumps(signed))
    answer = verify(path, "--production", "--lang", "en")
    assert answer.exit_code == 2
    assert "credentialSubject.targets[0]" in answer.output


DOCS = Path(__file__).parents[4] / "docs"


def test_the_trust_file_of_the_manual_is_one(tmp_path):
    manual = (DOCS / "how-to" / "verify-a-certificate.md").read_text(encoding="utf-8")
    path = tmp_path / "trust.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", manual, re.DOTALL)[1], encoding="utf-8")
    assert list(read_trust(path).values()) == ["苏州市人工智能试验中心"]


def test_the_reference_names_every_field_of_a_certificate(make_result, key, at):
    reference = (DOCS / "reference" / "certificate.md").read_text(encoding="utf-8")
    signed = certificate.issue(make_result(), key=key, at=at, need="PCB", required_level="bwrap")
    names = {
        *signed,
        *signed["credentialSubject"],
        *signed["proof"],
        *signed["credentialSubject"]["level"],
    }
    assert {name for name in names if f"`{name}" not in reference and name != "id"} == set()
