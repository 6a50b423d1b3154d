"""The fast reader and the strict one are of one mind, whatever is written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from liudu.contract import BadPredictionError, read_label_columns, read_predictions

IDS = frozenset({"a", "b", "件"})
CLASSES = frozenset({"ok", "defective"})
values = st.one_of(
    st.sampled_from([*IDS, *CLASSES, "", "x"]),
    st.floats(allow_nan=False),
    st.integers(-2, 2),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
)
right = st.fixed_dictionaries(
    {"id": st.sampled_from(sorted(IDS)), "label": st.sampled_from(sorted(CLASSES))},
    optional={"score": st.floats(0, 1)},
)
wild = st.dictionaries(st.sampled_from(["id", "label", "score", "scores", "x"]), values)


def written(row):
    return json.dumps(row).encode()


lines = st.lists(st.one_of(right.map(written), wild.map(written), st.binary(max_size=9)))


def outcome(read):
    try:
        return read()
    except BadPredictionError as error:
        return type(error), str(error)


def strict(text):
    answers = read_predictions(text, task="classify", ids=IDS, classes=CLASSES)
    return [(answer.id, answer.label, answer.score) for answer in answers.values()]


def fast(text):
    columns = read_label_columns(text, ids=IDS, classes=CLASSES)
    return list(zip(columns.ids, columns.labels, columns.scores, strict=True))


@given(lines)
def test_both_readers_give_the_same_answers_or_refuse(text):
    one, other = outcome(lambda: strict(text)), outcome(lambda: fast(text))

    assert isinstance(one, tuple) == isinstance(other, tuple)
    if isinstance(one, list):
        assert one == other


@given(st.binary(max_size=200))
def test_no_bytes_get_past_the_reader_as_anything_but_an_answer_or_a_refusal(line):
    result = outcome(lambda: strict([line]))

    assert isinstance(result, (list, tuple))
