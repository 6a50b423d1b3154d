"""What an answer may be, and what is said of one that is wrong."""

import io
from itertools import repeat

import pytest

from liudu.contract import (
    LINE_BYTES_MAX,
    Alarm,
    BadBoxError,
    BadPredictionError,
    Box,
    Boxes,
    DuplicateIdError,
    Item,
    Labelled,
    LineTooLongError,
    MissingFieldError,
    NotAnObjectError,
    NotFiniteError,
    NotJsonError,
    NotUtf8Error,
    Number,
    OutOfRangeError,
    UnknownClassError,
    UnknownFieldError,
    UnknownIdError,
    WrongTypeError,
    item_line,
    lines_of,
    parse_item,
    parse_prediction,
    prediction_line,
    read_label_columns,
    read_predictions,
)

CLASSES = frozenset({"ok", "defective"})
BOX = b'{"id":"a","boxes":[{"box":%s,"label":"open"%s}]}'


def parse(line, *, task="classify", classes=None):
    return parse_prediction(line, task=task, line_number=7, classes=classes)


@pytest.mark.parametrize(
    ("task", "line", "prediction"),
    [
        ("classify", b'{"id":"a","label":"ok"}\n', Labelled("a", "ok")),
        ("classify", b'{"id":"\xe4\xbb\xb6","label":"ok","score":1}', Labelled("件", "ok", 1.0)),
        (
            "classify",
            b'{"id":"a","label":"ok","scores":{"ok":0.9,"defective":0.9}}\r\n',
            Labelled("a", "ok", None, {"ok": 0.9, "defective": 0.9}),
        ),
        ("detect", b'{"id":"a","boxes":[]}', Boxes("a", ())),
        ("detect", BOX % (b"[0,1.5,2,3]", b""), Boxes("a", (Box(0, 1.5, 2, 3, "open", 1.0),))),
        ("alarm", b'{"id":"a","alarm":false,"score":0}', Alarm("a", False, 0.0)),
        ("value", b'{"id":"a","value":-3}', Number("a", -3.0)),
    ],
)
def test_a_right_answer_is_read_and_written_back(task, line, prediction):
    assert parse(line, task=task) == prediction
    assert parse(prediction_line(prediction), task=task) == prediction


@pytest.mark.parametrize(
    ("task", "line", "error", "sentence"),
    [
        ("classify", b"", NotJsonError, "empty line"),
        ("classify", b"model loaded", NotJsonError, "model loaded"),
        ("classify", b'{"id":"a","label":"ok"}{}', NotJsonError, "not JSON"),
        ("classify", b"[" * 5000, NotJsonError, "depth"),
        ("classify", b"\xef\xbb\xbf{}", NotUtf8Error, "UTF-8"),
        ("classify", b'{"id":"\xff","label":"ok"}', NotUtf8Error, "UTF-8"),
        ("classify", b"7", NotAnObjectError, "7"),
        ("classify", b'["a","ok"]', NotAnObjectError, "not an object"),
        ("classify", b'{"label":"ok"}', MissingFieldError, 'lacks "id"'),
        ("classify", b'{"id":"a"}', MissingFieldError, 'lacks "label": a classify answer is'),
        ("classify", b'{"id":7,"label":"ok"}', WrongTypeError, "id is 7"),
        ("classify", b'{"id":"a","label":1}', WrongTypeError, "label is 1"),
        (
            "classify",
            b'{"id":"a","label":"good"}',
            UnknownClassError,
            'classes are "defective", "ok"',
        ),
        ("classify", b'{"id":"a","label":"ok","confidence":1}', UnknownFieldError, 'mean "score"'),
        ("classify", b'{"id":"a","label":"ok","score":true}', WrongTypeError, "score is true"),
        ("classify", b'{"id":"a","label":"ok","score":"0.5"}', WrongTypeError, 'score is "0.5"'),
        ("classify", b'{"id":"a","label":"ok","score":null}', WrongTypeError, "score is null"),
        ("classify", b'{"id":"a","label":"ok","score":1.01}', OutOfRangeError, "score is 1.01"),
        ("classify", b'{"id":"a","label":"ok","score":-1e-9}', OutOfRangeError, "between 0 and 1"),
        ("classify", b'{"id":"a","label":"ok","score":NaN}', NotFiniteError, "NaN"),
        ("classify", b'{"id":"a","label":"ok","score":-Infinity}', NotFiniteError, "infinity"),
        ("classify", b'{"id":"a","label":"ok","score":1e999}', NotFiniteError, "1e999"),
        ("classify", b'{"id":"a","label":"ok","scores":[1]}', WrongTypeError, "scores is"),
        (
            "classify",
            b'{"id":"a","label":"ok","scores":{"ok":2}}',
            OutOfRangeError,
            "scores.ok is 2",
        ),
        ("classify", b'{"id":"a","label":"ok","scores":{"x":1}}', UnknownClassError, '"x"'),
        ("detect", b'{"id":"a","boxes":{}}', WrongTypeError, "boxes is {}"),
        ("detect", b'{"id":"a","boxes":[[1,2,3,4]]}', WrongTypeError, r"boxes\[0\] is"),
        ("detect", BOX % (b"[1,2,3]", b""), BadBoxError, r"boxes\[0\].box is \[1,2,3\]"),
        ("detect", BOX % (b"[3,2,3,4]", b""), BadBoxError, "x1 < x2"),
        ("detect", BOX % (b"[1,5,3,4]", b""), BadBoxError, "y1 < y2"),
        ("detect", BOX % (b"[1,2,3,true]", b""), WrongTypeError, "true"),
        ("detect", BOX % (b'[1,2,3,"4"]', b""), WrongTypeError, '"4"'),
        ("detect", BOX % (b"[1,2,3,4]", b',"score":2'), OutOfRangeError, r"boxes\[0\].score is 2"),
        ("detect", BOX % (b"[1,2,3,4]", b',"scor":1'), WrongTypeError, "optional"),
        ("alarm", b'{"id":"a","alarm":1}', WrongTypeError, "alarm is 1"),
        ("alarm", b'{"id":"a","alarm":"true"}', WrongTypeError, "true or false"),
        ("value", b'{"id":"a","value":true}', WrongTypeError, "value is true"),
        ("value", b'{"id":"a","value":"12"}', WrongTypeError, 'value is "12"'),
        ("value", b'{"id":"a","value":1e301}', NotFiniteError, "beyond"),
        ("value", b'{"id":"a","value":NaN}', NotFiniteError, "finite number"),
    ],
)
def test_a_wrong_answer_is_refused_with_its_line_and_value(task, line, error, sentence):
    classes = CLASSES if task == "classify" else None

    with pytest.raises(error, match=sentence) as caught:
        parse(line, task=task, classes=classes)

    assert "Line 7 " in str(caught.value)
    assert "第 7 行" in caught.value.say("zh")


def test_what_a_solution_wrote_cannot_steer_the_terminal_that_shows_it():
    line = '{"id":"a","label":"\u202e\u009b31m' + "x" * 300 + '"}'

    with pytest.raises(UnknownClassError) as caught:
        parse(line.encode(), classes=CLASSES)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("read", [read_predictions, read_label_columns])
class TestReadingAWholeFile:
    def run(self, read, lines, **more):
        more = {"ids": {"a", "b", "c"}, "classes": CLASSES} | more
        if read is read_predictions:
            return {p.id: p.label for p in read(lines, task="classify", **more).values()}
        columns = read(lines, **more)
        return dict(zip(columns.ids, columns.labels, strict=True))

    def test_answers_come_in_any_order_and_may_be_missing(self, read):
        lines = [b'{"id":"c","label":"ok"}\n', b'{"id":"a","label":"defective","score":1}\n']

        assert self.run(read, lines) == {"c": "ok", "a": "defective"}

    def test_an_id_that_was_not_asked_is_refused(self, read):
        lines = [b'{"id":"a","label":"ok"}', b'{"id":"d","label":"ok"}']

        with pytest.raises(UnknownIdError, match=r'Line 2 .* answers "d"'):
            self.run(read, lines)

    def test_a_second_answer_is_refused(self, read):
        lines = [b'{"id":"a","label":"ok"}', b'{"id":"b","label":"ok"}', b'{"id":"a","label":"ok"}']

        with pytest.raises(DuplicateIdError, match=r'Line 3 .* answers "a" again'):
            self.run(read, lines)

    def test_endless_answers_are_not_read_to_their_end(self, read):
        with pytest.raises(DuplicateIdError, match="Line 2 "):
            self.run(read, repeat(b'{"id":"a","label":"ok"}\n'))

    def test_a_wrong_line_behind_thousands_is_named_by_its_number(self, read):
        ids = {f"k{i}" for i in range(9000)}
        lines = [b'{"id":"%s","label":"ok"}' % name.encode() for name in ids]
        lines[8191] = b'{"id":"k1","label":"ok","score":7}'

        with pytest.raises(OutOfRangeError, match="Line 8192 "):
            self.run(read, lines, ids=ids)

    def test_a_line_beyond_the_cap_is_refused(self, read):
        line = b'{"id":"a","label":"ok"' + b" " * LINE_BYTES_MAX + b"}"

        with pytest.raises(LineTooLongError, match="Line 1 "):
            self.run(read, [line])


class Endless(io.RawIOBase):
    """A file whose only line has no end; counts what was read of it."""

    taken = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        buffer[:] = b"x" * len(buffer)
        self.taken += len(buffer)
        return len(buffer)


def test_an_endless_line_is_refused_without_being_read():
    endless = Endless()

    with pytest.raises(LineTooLongError, match=r"Line 1 .* longer than 1000 bytes"):
        list(lines_of(io.BufferedReader(endless), line_bytes_max=1000))

    assert endless.taken < 100_000


def test_lines_come_as_they_are_also_the_last_one_without_line_feed():
    data = b"a\r\n" + b"x" * 10 + b"\nlast"

    assert list(lines_of(io.BytesIO(data), line_bytes_max=10)) == [
        b"a\r\n",
        b"x" * 10 + b"\n",
        b"last",
    ]


def test_every_refusal_of_an_answer_has_two_sentences():
    kinds = BadPredictionError.__subclasses__()

    assert len(kinds) >= 12
    assert [kind for kind in kinds if kind.en in {BadPredictionError.en, kind.zh}] == []


def test_an_item_is_written_as_the_contract_says_and_read_back():
    item = Item(id="件", path="items/a.png", companions={"template": "items/t.png"}, data={"n": 3})

    assert (
        item_line(item)
        == (
            '{"id":"件","path":"items/a.png","with":{"template":"items/t.png"},"data":{"n":3}}\n'
        ).encode()
    )
    assert item_line(Item(id="a"), "warmup") == b'{"op":"warmup","id":"a"}\n'
    assert parse_item(item_line(item), line_number=1) == item
