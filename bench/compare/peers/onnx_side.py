"""Inference with an ONNX file; sides.py starts it. Settings: onnxruntime, openvino."""

import serving

import numpy

JOB = serving.job()


def onnxruntime_step():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = JOB["threads"]
    session = onnxruntime.InferenceSession(JOB["onnx"], options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    x = images(session.get_inputs()[0].shape)
    return lambda: session.run(None, {name: x}), f"ONNX Runtime {onnxruntime.__version__}"


def openvino_step():
    import openvino

    core = openvino.Core()
    model = core.compile_model(JOB["onnx"], "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": JOB["threads"],
        # It would take bfloat16 by itself where the processor has it.
        "INFERENCE_PRECISION_HINT": "bf16" if JOB["dtype"] == "bfloat16" else "f32"})
    request = model.create_infer_request()
    x = images(list(model.inputs[0].shape))
    return lambda: request.infer([x], share_inputs=True, share_outputs=True), f"OpenVINO {openvino.__version__}"


def images(shape: list[int]) -> numpy.ndarray:
    return (numpy.random.default_rng(1).integers(0, 256, shape) * (JOB["pixels"] / 255)).astype("float32")


def main() -> None:
    step, version = onnxruntime_step() if JOB["setting"] == "onnxruntime" else openvino_step()
    serving.serve(step, version)


main()
