"""The trained network without torch: four convolutions and two dense layers in numpy.

Measured on one thread, ``cv2.dnn`` takes about a fifth less time for this network; numpy is
taken because it needs no exchange format and gives one answer with every OpenCV: see
``bench/inspect_runtime.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

KIND_COUNT = 7  # no defect, and six kinds
STRIDES = (2, 1, 1, 1)
POOLED = (False, True, True, False)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The weights of several trainings; their answers are averaged.

    Attributes
    ----------
    members
        For each training its arrays by name; convolutions are (height, width, in, out).

    """

    members: tuple[Mapping[str, Floats], ...]


def load(path: Path) -> Network:
    """Read weights as `liudu.inspect.training.save` writes them; pickles are refused."""
    with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
        members: dict[str, dict[str, Floats]] = {}
        for key in file.files:
            index, _, name = key.partition(".")
            members.setdefault(index, {})[name] = np.ascontiguousarray(file[key], np.float32)
    return Network(members=tuple(members[index] for index in sorted(members)))


def judge(network: Network, pictures: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Say what each crop shows.

    Parameters
    ----------
    network
        See `load`.
    pictures
        uint8 (n, 3, 48, 48), see `liudu.inspect.crops`.

    Returns
    -------
    share
        float32 (n, 7): the probability of no defect and of each kind.
    corners
        float32 (n, 4): the box from the window's centre in units of its side.

    """
    seen = np.ascontiguousarray(pictures.transpose(0, 2, 3, 1), np.float32) / np.float32(255)
    answers = [_forward(member, seen) for member in network.members]
    share = np.mean([_softmax(answer[:, :KIND_COUNT]) for answer in answers], axis=0)
    corners = np.mean([answer[:, KIND_COUNT:] for answer in answers], axis=0)
    return share, corners


def _forward(member: Mapping[str, Floats], seen: Floats) -> Floats:
    for index, (stride, pooled) in enumerate(zip(STRIDES, POOLED, strict=True)):
        kernel, bias = member[f"convolution_{index}"], member[f"convolution_{index}_bias"]
        seen = np.maximum(_convolved(seen, kernel, stride=stride) + bias, 0)
        if pooled:
            seen = _halved(seen)
    flat = seen.reshape(len(seen), len(member["hidden"]))
    hidden = np.maximum(flat @ member["hidden"] + member["hidden_bias"], 0)
    answer: Floats = hidden @ member["output"] + member["output_bias"]
    return answer


def _convolved(seen: Floats, kernel: Floats, *, stride: int) -> Floats:
    """Convolve (n, h, w, in) with (k, k, in, out) by one matrix product; edges see zeros."""
    size, _, before, after = kernel.shape
    pad = size // 2
    height, width = seen.shape[1] // stride, seen.shape[2] // stride
    padded = np.pad(seen, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    columns = np.empty((len(seen), height, width, size * size, before), np.float32)
    for tap, (j, i) in enumerate(np.ndindex(size, size)):
        rows, across = slice(j, j + height * stride, stride), slice(i, i + width * stride, stride)
        columns[:, :, :, tap] = padded[:, rows, across]
    flat = columns.reshape(-1, size * size * before) @ kernel.reshape(-1, after)
    convolved: Floats = flat.reshape(len(seen), height, width, after)
    return convolved


def _halved(seen: Floats) -> Floats:
    """Return the maximum of each two by two pixels."""
    rows = np.maximum(seen[:, 0::2], seen[:, 1::2])
    halved: Floats = np.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
    return halved


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    share: Floats = raised / raised.sum(axis=1, keepdims=True)
    return share
