"""The claim: at run time numpy is nearly as fast as cv2.dnn for the crop network, one thread.

Run: python bench/inspect_runtime.py        needs onnx (extra `train` of liudu-inspect)
Prints CPU ms for 14 crops (a typical board) with both, and how far their answers differ.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import cv2  # noqa: E402
import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from record import write_result  # noqa: E402

from liudu.inspect.network import KIND_COUNT, POOLED, STRIDES, judge, load  # noqa: E402
from liudu.inspect.pack import WEIGHTS  # noqa: E402

CROPS = (1, 4, 14, 40)
REPEATS = 40


def onnx_bytes(member):
    """Write one member of the network as ONNX, so that OpenCV can read it."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    nodes, weights, before = [], [], "seen"

    def weight(name, array):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    for index, (stride, pooled) in enumerate(zip(STRIDES, POOLED, strict=True)):
        kernel = member[f"convolution_{index}"]
        names = [
            weight(f"w{index}", kernel.transpose(3, 2, 0, 1)),
            weight(f"b{index}", member[f"convolution_{index}_bias"]),
        ]
        pad = kernel.shape[0] // 2
        nodes.append(
            helper.make_node(
                "Conv", [before, *names], [f"c{index}"], pads=[pad] * 4, strides=[stride] * 2
            )
        )
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        before = f"r{index}"
        if pooled:
            pool = helper.make_node(
                "MaxPool", [before], [f"p{index}"], kernel_shape=[2, 2], strides=[2, 2]
            )
            nodes.append(pool)
            before = f"p{index}"
    channels = member["convolution_3"].shape[3]
    hidden = member["hidden"].reshape(6, 6, channels, -1).transpose(2, 0, 1, 3)
    hidden = hidden.reshape(36 * channels, -1)
    nodes.append(helper.make_node("Flatten", [before], ["flat"], axis=1))
    names = [weight("wh", hidden), weight("bh", member["hidden_bias"])]
    nodes.append(helper.make_node("Gemm", ["flat", *names], ["gh"]))
    nodes.append(helper.make_node("Relu", ["gh"], ["rh"]))
    names = [weight("wo", member["output"]), weight("bo", member["output_bias"])]
    nodes.append(helper.make_node("Gemm", ["rh", *names], ["answer"]))
    seen = helper.make_tensor_value_info("seen", TensorProto.FLOAT, ["n", 3, 48, 48])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 11])
    graph = helper.make_graph(nodes, "crop_network", [seen], [answer], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def opencv_answers(nets, pictures):
    """Return the averaged shares and corners by cv2.dnn."""
    blob = np.ascontiguousarray(pictures, np.float32) / np.float32(255)
    shares, corners = [], []
    for net in nets:
        net.setInput(blob)
        answer = net.forward()
        raised = np.exp(answer[:, :KIND_COUNT] - answer[:, :KIND_COUNT].max(1, keepdims=True))
        shares.append(raised / raised.sum(1, keepdims=True))
        corners.append(answer[:, KIND_COUNT:])
    return np.mean(shares, axis=0), np.mean(corners, axis=0)


def cpu_ms(work):
    """Return the median CPU time of one call, after a first one that is not counted."""
    work()
    took = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return 1000 * float(np.median(took))


def main():
    """Measure both and print the table."""
    cv2.setNumThreads(1)
    network = load(WEIGHTS)
    nets = [
        cv2.dnn.readNetFromONNX(np.frombuffer(onnx_bytes(m), np.uint8)) for m in network.members
    ]
    rng = np.random.default_rng(0)
    rows = []
    print("crops   numpy ms   cv2.dnn ms   largest difference")
    for count in CROPS:
        pictures = (rng.integers(0, 2, (count, 3, 48, 48)) * 255).astype(np.uint8)
        ours, theirs = judge(network, pictures)[0], opencv_answers(nets, pictures)[0]
        row = {
            "crops": count,
            "numpy_cpu_ms": round(cpu_ms(lambda p=pictures: judge(network, p)), 3),
            "opencv_dnn_cpu_ms": round(cpu_ms(lambda p=pictures: opencv_answers(nets, p)), 3),
            "largest_difference": float(np.abs(ours - theirs).max()),
        }
        rows.append(row)
        print("{:5d} {:10.2f} {:12.2f} {:20.1e}".format(*row.values()))
    write_result(
        "inspect_runtime",
        {"opencv": cv2.__version__, "members": len(network.members), "rows": rows},
    )


if __name__ == "__main__":
    main()
