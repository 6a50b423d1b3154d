# mypy: disable-error-code="import-not-found,misc,no-any-return"
"""Train the crop network from scratch on one CPU thread. Needs torch; nothing else here does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from liudu.contract import Refusal
from liudu.inspect.boxes import assign
from liudu.inspect.crops import CROP_PX, crops
from liudu.inspect.difference import candidates
from liudu.inspect.registration import register

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from liudu.inspect.deeppcb import Pair

CHANNELS = (16, 32, 64, 96)
HIDDEN = 96
OUTPUTS = 7 + 4  # six kinds of defect and none; a box
RIM_PX = 8
BATCH = 192
TEMPLATE_MOVED_SHARE = 0.3
REPORT_EPOCHS = 4
EMA = 0.99  # the weights kept are a running mean over about 100 steps

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ModuleNotFoundError:  # a machine that only runs the solution
    torch = None

Report = Callable[[str], None]


class NoTorchError(Refusal):
    """Training needs what running does not."""

    en = "torch is not installed; training needs it: pip install 'liudu-inspect[train]'."
    zh = "未安装 torch，而训练需要它：请运行 pip install 'liudu-inspect[train]'。"


def require_torch() -> None:
    """Refuse where torch is not installed.

    Raises
    ------
    NoTorchError
        See above.

    """
    if torch is None:
        raise NoTorchError


@attrs.frozen(kw_only=True)
class Samples:
    """Crops with a rim, their class and the annotated box relative to the window.

    Attributes
    ----------
    pictures
        uint8 (n, 3, 64, 64).
    kind
        int64 (n,), 0 where there is no defect.
    box
        float32 (n, 4), corners from the window's centre in units of its side.

    """

    pictures: torch.Tensor
    kind: torch.Tensor
    box: torch.Tensor


def crop_network() -> nn.Sequential:
    """Return four convolutions and two dense layers: (n, 3, 48, 48) in [0, 1] to (n, 11)."""
    layers: list[nn.Module] = []
    before = 3
    for index, width in enumerate(CHANNELS):
        size, stride = (5, 2) if index == 0 else (3, 1)
        layers += [
            nn.Conv2d(before, width, size, stride=stride, padding=size // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        if index in (1, 2):
            layers.append(nn.MaxPool2d(2))
        before = width
    hidden = nn.Linear(before * (CROP_PX // 8) ** 2, HIDDEN)
    dense = (nn.Flatten(), hidden, nn.ReLU(inplace=True), nn.Dropout(0.3))
    return nn.Sequential(*layers, *dense, nn.Linear(HIDDEN, OUTPUTS))


def samples(pairs: Sequence[Pair]) -> Samples:
    """Cut the crops of all candidates of the pairs."""
    pictures, kinds, boxes = [], [], []
    for pair in pairs:
        aligned = register(pair.template, pair.test)
        found = candidates(aligned, pair.test)
        cut, where = crops(aligned, pair.test, found, rim_px=RIM_PX)
        kind, box = assign(found, pair.boxes)
        pictures.append(cut)
        kinds.append(kind)
        boxes.append((box - where[:, [0, 1, 0, 1]]) / where[:, 2:])
    return Samples(
        pictures=torch.from_numpy(np.concatenate(pictures)),
        kind=torch.from_numpy(np.concatenate(kinds)),
        box=torch.from_numpy(np.concatenate(boxes).astype(np.float32)),
    )


def augmented(
    pictures: torch.Tensor, box: torch.Tensor, *, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Shift, mirror and turn a batch; sometimes move its template by a pixel."""
    left, top = (int(v) for v in rng.integers(2, 2 * RIM_PX - 1, 2))
    cut = pictures[:, :, top : top + CROP_PX, left : left + CROP_PX].float() / 255
    corner = box.clone()
    corner[:, [0, 2]] -= (left - RIM_PX) / CROP_PX
    corner[:, [1, 3]] -= (top - RIM_PX) / CROP_PX
    if rng.random() < TEMPLATE_MOVED_SHARE:
        cut[:, 0] = torch.roll(cut[:, 0], tuple(rng.integers(-1, 2, 2).tolist()), (1, 2))
    mirrored, upended, turned = rng.integers(0, 2, 3)
    if mirrored:
        cut = cut.flip(3)
        corner = corner[:, [2, 1, 0, 3]] * torch.tensor([-1.0, 1.0, -1.0, 1.0])
    if upended:
        cut = cut.flip(2)
        corner = corner[:, [0, 3, 2, 1]] * torch.tensor([1.0, -1.0, 1.0, -1.0])
    if turned:
        cut, corner = cut.transpose(2, 3), corner[:, [1, 0, 3, 2]]
    return cut.contiguous(), corner


def train(
    training: Samples, validation: Samples, *, epochs: int, seed: int, report: Report
) -> nn.Sequential:
    """Return a trained network, its weights a running mean of the last steps."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = crop_network()
    mean = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA), use_buffers=True
    )
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-3)
    steps = epochs * -(-len(training.kind) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    started = time.process_time()
    for epoch in range(epochs):
        network.train()
        for index in torch.randperm(len(training.kind)).split(BATCH):
            optimiser.zero_grad()
            loss(network, training, index, rng=rng).backward()
            optimiser.step()
            schedule.step()
            mean.update_parameters(network)
        if (epoch + 1) % REPORT_EPOCHS == 0 or epoch == epochs - 1:
            cpu_s = time.process_time() - started
            report(f"epoch {epoch + 1}: {judged(mean.module, validation)}, {cpu_s:.0f} CPU-s")
    return mean.module.eval()


def loss(
    network: nn.Sequential, training: Samples, index: torch.Tensor, *, rng: np.random.Generator
) -> torch.Tensor:
    """Return the cross entropy of the kind and the distance of the corners."""
    pictures, box = augmented(training.pictures[index], training.box[index], rng=rng)
    kind = training.kind[index]
    answer = network(pictures)
    defect = kind > 0
    corners = functional.smooth_l1_loss(answer[defect, 7:], box[defect], beta=0.05)
    return functional.cross_entropy(answer[:, :7], kind, label_smoothing=0.01) + 4 * corners


def judged(network: nn.Sequential, validation: Samples) -> str:
    """Return in words how the network does on crops that it was not trained on."""
    network.eval()
    inner = slice(RIM_PX, RIM_PX + CROP_PX)
    with torch.inference_mode():
        batches = (validation.pictures[:, :, inner, inner].float() / 255).split(512)
        kind = torch.cat([network(batch)[:, :7].argmax(1) for batch in batches])
    right = (kind == validation.kind).float().mean()
    missed = (kind[validation.kind > 0] == 0).float().mean()
    false = (kind[validation.kind == 0] > 0).float().mean()
    return f"crops right {right:.4f}, missed {missed:.4f}, false {false:.4f}"


def folded(network: nn.Sequential) -> dict[str, NDArray[np.float32]]:
    """Return the weights with each batch normalisation folded into its convolution.

    Convolutions are laid out (height, width, in, out) and the first dense layer reads
    (row, column, channel), as `liudu.inspect.network` computes them.
    """
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    normals = [layer for layer in network if isinstance(layer, nn.BatchNorm2d)]
    hidden, output = (layer for layer in network if isinstance(layer, nn.Linear))
    arrays = {}
    for index, (convolution, normal) in enumerate(zip(convolutions, normals, strict=True)):
        gain = normal.weight / torch.sqrt(normal.running_var + normal.eps)
        kernel = convolution.weight * gain[:, None, None, None]
        arrays[f"convolution_{index}"] = kernel.permute(2, 3, 1, 0)
        arrays[f"convolution_{index}_bias"] = normal.bias - normal.running_mean * gain
    side = CROP_PX // 8
    laid_out = hidden.weight.reshape(HIDDEN, CHANNELS[-1], side, side).permute(2, 3, 1, 0)
    arrays |= {"hidden": laid_out.reshape(-1, HIDDEN), "hidden_bias": hidden.bias}
    arrays |= {"output": output.weight.T, "output_bias": output.bias}
    return {name: array.detach().numpy() for name, array in arrays.items()}


def save(networks: Sequence[nn.Sequential], path: Path) -> None:
    """Write the weights of one network, or of several to be averaged, as float16 without pickle."""
    arrays = {
        f"{index}.{name}": array.astype(np.float16)
        for index, network in enumerate(networks)
        for name, array in folded(network).items()
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)
