"""What a manifest may say, and what is said of one that is wrong."""

import json
import pickle

import pytest
from jsonschema import Draft202012Validator

from liudu.contract import (
    CONTRACT,
    MANIFEST_SCHEMA,
    TASKS,
    ContractVersionError,
    Manifest,
    ManifestEncodingError,
    ManifestError,
    ManifestKeyTwiceError,
    ManifestMarkError,
    ManifestNotAnObjectError,
    ManifestSyntaxError,
    ManifestTooLargeError,
    NoContractError,
    missing_needs,
)

LEAST = {
    "contract": CONTRACT,
    "name": "板检",
    "version": "1.0",
    "entry": ["python3", "main.py"],
    "mode": "batch",
}


def parse(**changes):
    return Manifest.parse(json.dumps(LEAST | changes).encode())


def problems_of(**changes):
    with pytest.raises(ManifestError) as caught:
        parse(**changes)
    return {problem.path: problem for problem in caught.value.facts["problems"]}


def test_the_least_manifest_has_the_defaults_of_the_contract():
    manifest = parse()

    assert (manifest.name, manifest.entry) == ("板检", ("python3", "main.py"))
    assert manifest.tasks == TASKS
    assert (manifest.runtime.use, manifest.runtime.needs) == ("system", ())
    assert (manifest.resources.cpu, manifest.resources.memory_mib) == (1, 2048)
    assert (manifest.warmup.items, manifest.warmup.timeout_s) == (0, 30.0)


def test_everything_that_a_manifest_says_is_kept():
    manifest = parse(
        vendor="V",
        tasks=["alarm"],
        runtime={"use": "python", "needs": ["numpy>=2"]},
        resources={"cpu": 2, "memory_mib": 64, "gpu": {"count": 1, "type": "H", "memory_mib": 9}},
        warmup={"items": 3, "timeout_s": 1.5},
        licence="MIT",
        bom="bom.json",
        description="d",
    )

    assert manifest.runtime.needs == ("numpy>=2",)
    resources = manifest.resources
    assert (resources.gpu_count, resources.gpu_type, resources.gpu_memory_mib) == (1, "H", 9)
    assert manifest.warmup.items == 3
    assert (manifest.vendor, manifest.licence, manifest.bom) == ("V", "MIT", "bom.json")


def test_the_schema_is_a_valid_schema_and_every_entry_has_both_languages():
    Draft202012Validator.check_schema(MANIFEST_SCHEMA)

    def silent(schema, path="$"):
        for key, about in schema.get("properties", {}).items():
            if not {"description", "x-zh"} <= about.keys():
                yield f"{path}.{key}"
            yield from silent(about, f"{path}.{key}")

    assert list(silent(MANIFEST_SCHEMA)) == []


def test_every_problem_is_listed_with_its_path_value_limit_and_way_out():
    problems = problems_of(
        name="", version=1.0, entry=["/opt/x"], mode="bath", foo=1, resources={"memory_mib": 8}
    )

    assert sorted(problems) == [
        "$.entry[0]",
        "$.foo",
        "$.mode",
        "$.name",
        "$.resources.memory_mib",
        "$.version",
    ]
    memory = problems["$.resources.memory_mib"]
    assert memory.en == ("8 is below the least value 16. Memory in MiB, a whole number from 16.")
    assert memory.zh == "8 小于最小值 16。内存，单位 MiB，从 16 起的整数。"
    assert "absolute path" in problems["$.entry[0]"].en


@pytest.mark.parametrize(
    ("changes", "path", "sentence"),
    [
        ({"entry": []}, "$.entry", "has 0 entries, at least 1"),
        ({"entry": "python3 main.py"}, "$.entry", "is a text, not a list"),
        ({"entry": ["a\nb"]}, "$.entry[0]", "does not fit"),
        ({"tasks": ["classify", "classify"]}, "$.tasks", "holds an entry twice"),
        ({"warmup": {"timeout_s": 0}}, "$.warmup.timeout_s", "0 is not above 0"),
        ({"warmup": {"items": True}}, "$.warmup.items", "true is not a whole number"),
        ({"resources": None}, "$.resources", "null is not an object"),
        ({"resources": {"cpu": 10**9}}, "$.resources.cpu", "above the greatest value 1024"),
        ({"runtime": {}}, "$.runtime.use", "is missing"),
        ({"runtime": {"use": "oci"}}, "$.runtime.use", "reserved"),
        ({"runtime": {"use": "system", "needs": ["numpy"]}}, "$.runtime.needs", "only there with"),
        ({"runtime": {"use": "python", "needs": ["numpy<2"]}}, "$.runtime.needs[0]", "fit"),
        ({"description": "x" * 2001}, "$.description", "2001 characters long, at most 2000"),
    ],
)
def test_a_broken_rule_names_its_place_and_its_limit(changes, path, sentence):
    problem = problems_of(**changes)[path]

    assert sentence in problem.en
    assert problem.zh != problem.en


@pytest.mark.parametrize("key", ["name", "version", "entry", "mode"])
def test_a_missing_key_is_named_with_what_belongs_there(key):
    document = {k: v for k, v in LEAST.items() if k != key}

    with pytest.raises(ManifestError) as caught:
        Manifest.parse(json.dumps(document).encode())

    [problem] = caught.value.facts["problems"]
    assert problem.path == f"$.{key}"
    assert problem.en.startswith("is missing. ")
    assert problem.zh.startswith("缺少这一项。")


def test_another_version_of_the_contract_is_told_which_one_this_runner_speaks():
    with pytest.raises(ContractVersionError) as caught:
        parse(contract="liudu.trial/2", entry="whatever that version allows")

    assert "is written for liudu.trial/2; this runner speaks liudu.trial/1" in str(caught.value)
    assert "是为 liudu.trial/2 编写的，而本运行器使用 liudu.trial/1" in caught.value.say("zh")


def test_a_manifest_without_contract_is_told_what_to_add():
    with pytest.raises(NoContractError, match=r'add "contract": "liudu\.trial/1"'):
        Manifest.parse(b"{}")


@pytest.mark.parametrize(
    ("data", "error", "sentence"),
    [
        (b"\xef\xbb\xbf{}", ManifestMarkError, "byte order mark"),
        ('{"name": "板"}'.encode("gb18030"), ManifestEncodingError, "byte 11 is 0xB0"),
        (b'{"a": 1,\n "b" 2}', ManifestSyntaxError, "line 2, column 6"),
        (b"", ManifestSyntaxError, "line 1, column 1"),
        (b'{"a": NaN}', ManifestSyntaxError, "NaN is not a JSON number"),
        (b"[" * 100_000, ManifestSyntaxError, "nested too deeply"),
        (b'{"a": 1, "a": 2}', ManifestKeyTwiceError, '"a" twice'),
        (b'{"x": {"a": 1, "a": 2}}', ManifestKeyTwiceError, '"a" twice'),
        (b"[]", ManifestNotAnObjectError, "holds a list"),
        (b"null", ManifestNotAnObjectError, "holds null"),
        (b'"' + b"x" * 300_000 + b'"', ManifestTooLargeError, "300002 bytes"),
    ],
)
def test_a_text_that_is_no_manifest_is_refused_by_name(data, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        Manifest.parse(data)

    assert caught.value.say("zh") != str(caught.value)


def test_a_long_or_wild_value_is_shown_short_and_harmless():
    problem = problems_of(mode="\x1b[31m" + "x" * 500)["$.mode"]

    assert "\x1b" not in problem.en
    assert len(problem.en) < 200


def test_a_manifest_error_survives_being_sent_to_another_process():
    with pytest.raises(ManifestError) as caught:
        parse(mode="bath")

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert again.say("zh") == caught.value.say("zh")


def test_needs_are_held_to_what_is_installed():
    def needing(*needs):
        return missing_needs(parse(runtime={"use": "python", "needs": list(needs)}))

    assert needing("attrs", "attrs>=25", "orjson>=3.1") == ()
    [absent, old, exact] = needing("liudu-not-there", "attrs>=9999.1", "attrs==1.0")
    assert "liudu-not-there is not there" in absent.en
    assert "attrs>=9999.1 is needed" in old.en
    assert exact.path == "$.runtime.needs[2]"
