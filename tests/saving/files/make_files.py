"""Makes the files beside it: small ones that Keras, h5py and zipfile write, for tests that run without Python.

    pip install -r tests/parity/requirements.txt tf_keras==2.21.0
    python tests/saving/files/make_files.py

Keras' archives hold the date and numbers of objects, so a new run differs there.
"""

import os
import pathlib
import zipfile

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
HERE = pathlib.Path(__file__).resolve().parent


def hdf5(name, libver):
    """Every element type that is read and some that are not, and a group with many members."""
    import h5py
    import numpy as np
    with h5py.File(HERE / name, "w", libver=libver) as file:
        numbers = file.create_group("numbers")
        for kind in ("<f4", ">f4", "<f8", ">f8", "<i4", ">i4", "<i8", ">i8", "u1"):
            numbers[kind] = np.arange(6).reshape(2, 3).astype(kind)
        numbers["scalar"] = np.float32(2.5)
        numbers["none"] = np.zeros((0, 3), "f4")
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((2,))
        h5py.h5d.create(numbers.id, b"compact", h5py.h5t.IEEE_F32LE, space, compact).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.array([7, 8], "f4"))
        many = file.create_group("many")
        for i in range(60 if libver != "earliest" else 20):  # more than a node of the group's tree holds
            many.create_group(f"member_{i}").attrs["name"] = "x" * i
        odd = file.create_group("odd")
        odd["float16"] = np.zeros(3, "f2")
        odd["int16"] = np.zeros(3, "i2")
        odd["uint32"] = np.zeros(3, "u4")
        odd["text"] = "text"
        odd["bool"] = np.array([True])
        odd["null"] = h5py.Empty("f4")
        odd.create_dataset("unwritten", (3,), "f4")
        odd.create_dataset("compressed", data=np.zeros((10, 10)), compression="gzip")
        odd.create_dataset("chunked", data=np.zeros((10, 10)), chunks=(5, 5))
        odd.create_dataset("outside", (3,), "f4", external=[("/etc/passwd", 0, 12)])
        odd["soft"] = h5py.SoftLink("/numbers")
        odd["external"] = h5py.ExternalLink("other.h5", "/")
        if libver == "latest":
            virtual = h5py.VirtualLayout((2,), "f4")
            virtual[:] = h5py.VirtualSource("other.h5", "x", (2,))
            odd.create_virtual_dataset("virtual", virtual)


def attributes(name, libver):
    """Attributes of text in every form, few and many, and some that are no text."""
    import h5py
    import numpy as np
    with h5py.File(HERE / name, "w", libver=libver) as file:
        few = file.create_group("few")
        few.attrs["fixed"] = np.bytes_("fixed length")
        few.attrs["variable"] = "of variable length, größer"
        few.attrs["empty"] = ""
        few.attrs["fixed_list"] = np.array([b"a", b"longer", b""])
        few.attrs["variable_list"] = np.array(["x", "", "yy" * 50], dtype=h5py.string_dtype())
        few.attrs["none"] = []  # of numbers, as Keras writes a layer without weights
        more = file.create_group("more")  # in continuation blocks or, in newer files, outside of the header
        for i in range(12):
            more.attrs[f"names{i}"] = np.array([f"{i}_{j}".encode() for j in range(i + 1)])
        more.attrs["large"] = np.array([b"%05d" % i for i in range(1200)])
        many = file.create_group("many")
        if libver != "earliest":
            for i in range(400):
                many.attrs[f"number_{i}"] = str(i)
        odd = file.create_group("odd")
        odd.attrs["number"] = 7
        odd.attrs["numbers"] = np.zeros(3)
        odd.attrs["table"] = np.array([[b"a", b"b"]])
        odd.attrs["null"] = h5py.Empty("S10")
        odd["dataset"] = np.zeros(3, "f4")
        odd["dataset"].attrs["unit"] = "m"


def archives():
    import keras
    import numpy as np
    from keras import layers

    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((6, 6, 1)), layers.Rescaling(1 / 255), layers.Conv2D(2, 3, activation="relu", name="first"),
        layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.25),
        layers.Dense(1, activation="sigmoid")], name="trained")
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["acc"])
    model.fit(np.arange(288.0).reshape(8, 6, 6, 1), np.arange(8).reshape(8, 1) % 2, epochs=2, batch_size=4, verbose=0)
    model.save(HERE / "trained.keras")
    model.save_weights(HERE / "trained.weights.h5")

    # One layer in two models. Keras writes it, and does not read it again.
    shared = layers.Dense(3, name="shared")
    parts = [keras.Sequential([keras.Input((3,)), shared, layers.Dense(2)], name="one"),
             keras.Sequential([keras.Input((3,)), layers.Dense(3), shared], name="two")]
    x = keras.Input((3,), name="x")
    keras.Model(x, [part(x) for part in parts], name="shares").save(HERE / "shared_by_models.keras")

    x = keras.Input((4,), name="x")
    keras.Model(x, layers.Lambda(lambda value: value * 2, name="code")(x)).save(HERE / "lambda.keras")


def bomb():
    """20 MB of zeros in 20 KB."""
    with zipfile.ZipFile(HERE / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(20_000_000))
        archive.writestr("plain", bytes(range(256)))


def arrays():
    """NumPy's arrays of every type that is read, in both byte orders and both orders of elements, packed and not."""
    import numpy as np
    found = {}
    for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
        for endian in "<>":
            for order in "CF":
                array = np.arange(12).reshape(2, 3, 2).astype(endian + kind)
                if kind[0] in "iu":  # the ends of the range, but for uint64
                    largest = np.iinfo("i8" if kind == "u8" else kind)
                    array[1, 2] = largest.min if kind != "u8" else 0, largest.max
                found[f"{kind}{endian}{order}"] = np.asarray(array, order=order)
    np.savez(HERE / "arrays.npz", **found)
    np.savez_compressed(HERE / "arrays_packed.npz", zeros=np.zeros((500, 1000), "f4"), **{"a/b": np.float64(2.5)})
    halves = np.array([0.0, -0.0, 1.5, -65504.0, 2.0**-24, 2.0**-14, np.inf, -np.inf, np.nan], "f2")
    np.savez(HERE / "arrays_odd.npz", halves=halves, none=np.zeros((0, 3), "f4"), big=np.array([2**63], "u8"),
             objects=np.array([None, 1]), fields=np.zeros(2, [("x", "f4")]), text=np.array(["a"]),
             complex=np.zeros(2, "c8"), dates=np.zeros(2, "M8[s]"), nine=np.zeros((1,) * 9))
    for version in (2, 3):
        with open(HERE / f"version_{version}.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(6.0).reshape(2, 3), version=(version, 0))
    for kind in ("f4", "f8", "i4", "i8", "u1"):
        np.save(HERE / f"plain_{kind}.npy", np.arange(6).reshape(2, 3).astype(kind))
    np.save(HERE / "plain_scalar.npy", np.float32(2.5))


def optimizers():
    """Models in .h5 files after two steps, of Keras 3 and of tf.keras with its newer and older optimizers; beside each
    a batch and the weights after one step more on it."""
    import absl.logging
    import keras
    import numpy as np
    import tf_keras
    absl.logging.set_verbosity(absl.logging.ERROR)  # that .h5 is a legacy format
    for name, module, make in (
            ("keras3_adam", keras, lambda o: o.Adam(0.0625, amsgrad=True)),
            ("keras3_rmsprop", keras, lambda o: o.RMSprop(0.0625, momentum=0.5, centered=True)),
            ("keras3_sgd", keras, lambda o: o.SGD(0.0625, momentum=0.75)),
            ("tf_adam", tf_keras, lambda o: o.Adam(0.0625, amsgrad=True)),
            ("tf_rmsprop", tf_keras, lambda o: o.RMSprop(0.0625, momentum=0.5, centered=True)),
            ("tf_sgd", tf_keras, lambda o: o.SGD(0.0625, momentum=0.75)),
            ("tf_plain_sgd", tf_keras, lambda o: o.SGD(0.0625)),
            ("older_adam", tf_keras, lambda o: o.legacy.Adam(0.0625, amsgrad=True)),
            ("older_rmsprop", tf_keras, lambda o: o.legacy.RMSprop(0.0625, momentum=0.5, centered=True)),
            ("older_sgd", tf_keras, lambda o: o.legacy.SGD(0.0625, momentum=0.75))):
        module.utils.set_random_seed(3)
        layers = module.layers
        x = layers.Input((4,), name="x")
        # Without biases before the normalisation, whose gradients would be nothing but rounding.
        inner = module.Sequential([layers.Input((3,)), layers.Dense(3, use_bias=False, name="c")], name="inner")
        y = layers.Add(name="sum")([inner(layers.Dense(3, activation="tanh", name="b")(x)), layers.Dense(3, use_bias=False, name="a")(x)])
        model = module.Model(x, layers.Dense(2, name="last")(layers.BatchNormalization(name="norm")(y)), name=name)
        model.compile(make(module.optimizers), "mean_squared_error")
        rng = np.random.default_rng(7)
        batch = {"x": rng.normal(size=(6, 4)).astype("f4"), "y": rng.normal(size=(6, 2)).astype("f4")}
        for _ in range(2):
            model.train_on_batch(batch["x"], batch["y"])
        model.save(HERE / f"optimizer_{name}.h5")
        model.train_on_batch(batch["x"], batch["y"])
        np.savez(HERE / f"optimizer_{name}.npz", **batch,
                 **{f"weights/{i}": value for i, value in enumerate(model.get_weights())})


def functions():
    """A model of Keras 2 in which functions of TensorFlow were recorded, one for each output."""
    import numpy as np
    import tensorflow as tf
    import tf_keras
    layers = tf_keras.layers
    tf_keras.utils.set_random_seed(5)
    x = layers.Input((6, 4, 4), name="x")
    inner_input = layers.Input((6, 4, 4))
    inner = tf_keras.Model(inner_input, layers.Conv2D(4, 1, activation="tanh")(inner_input) * 0.5, name="inner")
    y, z = inner(x), layers.Conv2D(4, 3, padding="same", name="conv")(x)
    positive = tf.abs(z) + 0.5
    row = layers.GlobalAveragePooling2D()(x)
    outputs = [
        y + z, y - z, 3 - y, tf.math.multiply(y, z), y / positive, 2.0 / positive, tf.divide(y, 4.0), tf.maximum(y, z),
        tf.minimum(z, 0.25), z ** 2, y + inner(z), z - tf.constant([1.0, 2.0, 3.0, 4.0]), z * np.array([[1, 2, 3, 4]], "f4"),
        -y, tf.square(y), tf.sqrt(positive), tf.math.rsqrt(positive), tf.math.reciprocal(positive), tf.exp(y),
        tf.math.log(positive), tf.abs(y), tf.tanh(z), tf.nn.sigmoid(z), tf.math.log_sigmoid(z), tf.nn.relu(z),
        tf.nn.relu6(4 * z), tf.nn.silu(z), tf.nn.swish(z), tf.nn.selu(z), tf.nn.elu(z), tf.nn.softplus(z),
        tf.nn.softsign(z), tf.nn.leaky_relu(z), tf.nn.leaky_relu(z, 0.3), tf.nn.gelu(z), tf.nn.gelu(z, approximate=True),
        tf.nn.softmax(z), tf.nn.softmax(z, axis=1), tf.nn.log_softmax(z), tf.clip_by_value(z, -0.5, 0.25),
        tf.reduce_mean(z, axis=[1, 2]), tf.reduce_mean(z, -1, keepdims=True), tf.reduce_sum(z, axis=1),
        tf.reduce_max(z, axis=(1, 3)), tf.reduce_min(z, axis=-1), tf.math.reduce_variance(z, [1, 2]),
        tf.math.reduce_std(z, [1, 2], True), tf.math.l2_normalize(z, axis=-1), tf.math.l2_normalize(z, axis=3, epsilon=4.0),
        tf.reshape(z, (-1, 8, 12)), tf.transpose(z, [0, 3, 1, 2]), tf.expand_dims(z, 1),
        tf.squeeze(tf.reduce_mean(z, axis=2, keepdims=True), axis=[2]), tf.concat([y, z, y], axis=-1),
        tf.stack([y, z], axis=1), *tf.unstack(z, axis=3)[2:], *tf.split(z, 2, axis=2)[1:], *tf.split(z, [1, 3, 2], axis=1),
        tf.pad(z, [[0, 0], [1, 2], [0, 1], [0, 0]]), tf.pad(z, [[0, 0], [1, 2], [0, 1], [0, 0]], constant_values=1.5),
        tf.pad(z, [[0, 0], [1, 2], [0, 1], [0, 0]], "REFLECT"), tf.reverse(z, axis=[1, -1]), tf.roll(z, 2, axis=1),
        tf.repeat(z, 2, axis=2), tf.tile(z, [1, 1, 2, 1]), z[:, ::2, 1:-1], z[..., 0], z[:, None, 1],
        tf.cast(z, "float64") + 1, tf.stop_gradient(z) + 1, tf.identity(z), tf.add_n([y, z]), tf.image.resize(z, (7, 9)),
        tf.image.resize(z, [3, 3], method="nearest"), tf.image.resize(z, (3, 2), "bicubic", antialias=True),
        tf.nn.max_pool2d(z, 2, 2, "SAME"), tf.nn.avg_pool2d(z, [1, 3, 2, 1], [1, 1, 2, 1], "VALID"),
        tf.nn.depth_to_space(z, 2), tf.nn.space_to_depth(z, 2), tf.matmul(z, tf.transpose(y, [0, 1, 3, 2])),
        tf_keras.activations.hard_sigmoid(z), tf_keras.activations.relu(row, max_value=0.5)]
    model = tf_keras.Model(x, outputs)
    model.save(HERE / "functions.h5")
    image = np.random.default_rng(7).normal(size=(1, 6, 4, 4)).astype("f4")
    np.savez(HERE / "functions.npz", x=image,
             **{f"outputs/{i:02}": np.asarray(output, "f4") for i, output in enumerate(model(image))})


if __name__ == "__main__":
    functions()
    arrays()
    optimizers()
    hdf5("earliest.h5", "earliest")
    hdf5("v108.h5", ("v108", "v108"))
    hdf5("latest.h5", "latest")
    attributes("attributes_earliest.h5", "earliest")
    attributes("attributes_v108.h5", ("v108", "v108"))
    attributes("attributes_latest.h5", "latest")
    bomb()
    archives()
