"""Steps of a model in Keras on TensorFlow; sides.py starts it. Settings: plain, xla."""

import pathlib

import serving

import keras
import numpy
import tensorflow as tf

JOB = serving.job()


def batch(model: keras.Model) -> tuple[numpy.ndarray, numpy.ndarray]:
    random = numpy.random.default_rng(1)
    x = random.integers(0, 256, (JOB["batch"], *model.input_shape[1:])) * (JOB["pixels"] / 255)
    classes = max(2, model.output_shape[-1])
    return x.astype("float32"), random.integers(0, classes, (JOB["batch"], 1)).astype("float32")


def training_step(model: keras.Model, x: numpy.ndarray, y: numpy.ndarray):
    """What fit() does for each step, without its callbacks."""
    optimizer = (keras.optimizers.Adam(0.001) if JOB["optimizer"] == "adam"
                 else keras.optimizers.SGD(0.001, momentum=0.9))
    model.compile(optimizer, "binary_crossentropy" if model.output_shape[-1] == 1 else "sparse_categorical_crossentropy",
                  jit_compile=JOB["setting"] == "xla")
    optimizer.build(model.trainable_variables)
    batches = iter(tf.data.Dataset.from_tensors((x, y)).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def inference_step(model: keras.Model, x: numpy.ndarray):
    function = tf.function(lambda images: model(images, training=False), jit_compile=JOB["setting"] == "xla")
    images = tf.constant(x)
    return lambda: function(images).numpy()


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(JOB["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(JOB["threads"])
    model = keras.models.model_from_json(pathlib.Path(JOB["model"]).read_text(encoding="utf-8"))
    x, y = batch(model)
    step = training_step(model, x, y) if JOB["mode"] == "train" else inference_step(model, x)
    serving.serve(step, f"Keras {keras.__version__}, TensorFlow {tf.__version__}")


main()
