import cv2
import numpy as np
import pytest

from liudu.inspect.pictures import PictureError, read_binary, read_pair


def written(path, picture):
    assert cv2.imwrite(str(path), picture)
    return path


def test_a_picture_is_cut_at_the_middle_grey(tmp_path):
    grey = np.full((40, 40), 100, np.uint8)
    grey[:, 20:] = 200

    assert np.unique(read_binary(written(tmp_path / "a.png", grey))).tolist() == [0, 255]


def test_a_colour_picture_is_turned_into_grey(tmp_path):
    colour = np.zeros((40, 40, 3), np.uint8)
    colour[:, :, 1] = 255

    assert (read_binary(written(tmp_path / "a.png", colour)) == 255).all()


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_truncated_picture_is_refused(tmp_path, ending, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    path = written(tmp_path / f"a{ending}", noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(PictureError, match="truncated"):
        read_binary(path)


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "empty"), (b"no picture at all", "not a picture"), (b"\x89PNG\r\n\x1a\n", "truncated")],
)
def test_what_is_no_picture_is_refused_with_the_reason(tmp_path, data, why):
    path = tmp_path / "a.png"
    path.write_bytes(data)

    with pytest.raises(PictureError, match=why):
        read_binary(path)


def test_an_absent_picture_and_a_folder_are_refused(tmp_path):
    with pytest.raises(PictureError, match="cannot be read"):
        read_binary(tmp_path / "absent.png")
    with pytest.raises(PictureError, match="cannot be read"):
        read_binary(tmp_path)


def test_a_picture_too_small_to_inspect_is_refused_with_its_size(tmp_path):
    path = written(tmp_path / "a.png", np.zeros((8, 300), np.uint8))

    with pytest.raises(PictureError, match="300 x 8 px"):
        read_binary(path)


def test_a_template_of_another_size_is_refused_with_both_sizes(tmp_path):
    test = written(tmp_path / "a.png", np.zeros((64, 64), np.uint8))
    template = written(tmp_path / "b.png", np.zeros((64, 80), np.uint8))

    with pytest.raises(PictureError, match="64 x 64 px, its template 80 x 64"):
        read_pair(test, template)
