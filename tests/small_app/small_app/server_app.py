import numpy as np
import onnx
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from onnx import TensorProto, helper

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    match context.run_config["fault"]:
        case "server raises":
            raise ValueError("nothing works")
        case "no model":
            return
        case "no onnx":
            with open("model.onnx", "w") as file:
                file.write("hello")
            return
    print("the server is here")
    strategy = FedAvg(min_available_nodes=2)
    result = strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord([np.zeros(1), np.zeros(int(context.run_config["ballast-mib"]) << 17)]),
        num_rounds=int(context.run_config["num-server-rounds"]),
    )
    mean, _ = result.arrays.to_numpy_ndarrays()
    _save(float(mean[0]))


def _save(value: float) -> None:
    rows = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    mean = helper.make_tensor("mean", TensorProto.FLOAT, [1], [value])
    nodes = [
        helper.make_node("Mul", ["x", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "mean"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "mean", [rows], [answer], [zero, mean])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "model.onnx"
    )
