"""Promises as people write them, with every usual slip."""

import pytest

from liudu.trial import promise as promising
from liudu.trial.promise import PromiseAtError, load_promise

BOTH = """
targets:
  - {metric: miss_rate, op: "<", limit: 0.002}
  - {metric: overkill_rate, op: "<=", limit: 3e-2}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "targets.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refused(path, kind):
    with pytest.raises(kind) as caught:
        load_promise(path)
    assert str(path) in caught.value.say("zh")
    assert caught.value.say("zh") != caught.value.say("en")
    return caught.value


def test_the_promise_of_the_formats_page_is_read(written):
    promise = load_promise(written(promising.EXAMPLE))
    assert [str(target) for target in promise.targets] == [
        "miss_rate < 0.002",
        "overkill_rate <= 0.03",
        "throughput_per_h >= 6000",
    ]


def test_a_label_called_no_stays_a_label(written):
    assert load_promise(written("task: classify\npositive: no" + BOTH)).positive == "no"


def test_numbers_with_an_exponent_are_numbers(written):
    promise = load_promise(written("task: classify\npositive: ng" + BOTH))
    assert promise.targets[1].limit == 0.03


def test_a_byte_order_mark_is_no_matter(written):
    text = "\ufefftask: classify\npositive: ng" + BOTH
    assert load_promise(written(text)).task == "classify"


def test_other_encodings_are_refused(written):
    refused(written("task: classify\npositive: 缺陷".encode("gbk")), promising.PromiseEncodingError)


def test_a_key_given_twice_is_refused_with_both_lines(written):
    error = refused(written("task: classify\npositive: a\ntask: value\n"), promising.KeyTwiceError)
    assert (error.first, error.line) == (1, 3)


def test_a_tab_is_refused_with_its_line(written):
    text = "task: classify\ntargets:\n\t- {metric: miss_rate}\n"
    assert refused(written(text), promising.TabIndentError).line == 3


@pytest.mark.parametrize("text", ["task：classify\n", "task: classify\npositive： ng\n"])
def test_a_full_width_colon_is_refused_with_the_way_out(written, text):
    assert "半角" in refused(written(text), promising.FullWidthColonError).say("zh")


@pytest.mark.parametrize("text", ["[", "task: 'x", "a: &a [*a]", "!!python/object:os.system x"])
def test_what_is_no_yaml_is_refused_with_its_place(written, text):
    refused(written(text), promising.YamlError)


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("", "NotAMapping", 1),
        ("task: classify\npositive: ng" + BOTH + "colour: red\n", "UnknownKey", 6),
        ("task: classify\npositive: ng\nlevel: strong" + BOTH, "BadValue", 3),
        ("task: classify\n" + BOTH, "NoPositive", 1),
        (
            (
                "task: classify\npositive: ng\ntargets:\n"
                '  - {metric: miss_rate, op: "<", limit: 0.1}\n'
            ),
            "OneSidedPromise",
            3,
        ),
        (
            (
                "task: classify\npositive: ng\ntargets:\n"
                '  - {metric: miss_rate, op: "<", limit: 0.1}\n'
                "  - metric: overkill_rate\n"
                '    op: ">"\n'
                "    limit: 0.1\n"
            ),
            "WrongDirection",
            5,
        ),
        (
            (
                "task: classify\npositive: ng\ntargets:\n"
                '  - {metric: miss_rate, op: "<", limit: 0.1}\n'
                "  - metric: overkill_rate\n"
                '    op: "<"\n'
                "    limit: ten\n"
            ),
            "BadValue",
            7,
        ),
    ],
)
def test_a_broken_rule_is_told_with_its_line_and_its_own_code(written, text, rule, line):
    error = refused(written(text), PromiseAtError)
    assert (error.code, error.line) == (rule, line)


def test_a_promise_that_is_not_there_is_refused_with_an_example(tmp_path):
    with pytest.raises(promising.NoPromiseFileError, match="miss_rate"):
        load_promise(tmp_path / "targets.yaml")


def test_a_file_far_too_large_is_not_parsed(written):
    refused(written(b"#" * (promising.BYTES_MAX + 1)), promising.PromiseTooLargeError)
