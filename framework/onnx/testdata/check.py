"""Checks sample.onnx (written by `go test -update`) with Python's onnx, and writes
foreign.onnx, a model with much that ltadbench's builder does not write, and
external.onnx, whose weights lie in external.bin.

Made with onnx 1.23.2, onnxruntime 1.32.0; run in this directory.
"""
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

model = onnx.load("sample.onnx")
onnx.checker.check_model(model, full_check=True)
x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
half, top, arg, fused, fill, resize, total = onnxruntime.InferenceSession("sample.onnx").run(None, {"x": x})
w = numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "w"))
y = 0.5 * x.reshape(2, 12) @ w.T
assert (half == (y * 0.25).astype(np.float16)).all()
assert (top[:, 0] == y.max(1)).all() and (arg[:, 0] == y.argmax(1)).all()
assert np.allclose(fused, y.T @ y)
assert (fill == [-7, -7]).all()
assert resize.shape == (1, 2, 6, 8) and resize[0, 1, 5, 7] == 23
assert total.shape == () and np.isclose(total, y.sum(), atol=1e-3), (total, y.sum())

w = numpy_helper.from_array(np.array([2, 3], np.float32), "w")


def branch(op):
    out = helper.make_tensor_value_info(op, TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node(op, ["typed", "w"], [op])], op, [], [out])


graph = helper.make_graph(
    [
        helper.make_node("Relu", ["x"], ["inner"], name="relu", doc_string="kept"),
        helper.make_node("Identity", ["inner"], ["typed"]),
        helper.make_node("If", ["cond"], ["y"], then_branch=branch("Add"), else_branch=branch("Mul")),
    ],
    "foreign",
    [
        helper.make_tensor_value_info("cond", TensorProto.BOOL, []),
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", None, 2]),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [2]),
    ],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", None, 2])],
    [w],
    doc_string="also kept",
    value_info=[helper.make_tensor_value_info("typed", TensorProto.FLOAT, ["batch", None, 2])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="check.py", doc_string="this too")
model.ir_version = 8
helper.set_model_props(model, {"k": "v"})
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "foreign.onnx")

w = numpy_helper.from_array(np.array([10, 20, 30], np.float32), "w")
info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "external", info[:1], info[1:], [w])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
pathlib.Path("external.bin").unlink(missing_ok=True)
onnx.save(model, "external.onnx", save_as_external_data=True, location="external.bin", size_threshold=0)
