"""layers/: one call of a layer, with its gradients and the weights it leaves behind."""

import common
from common import keras, np, tf
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

L = keras.layers
IMAGE = (2, 7, 5, 3)
# Around the kinks and far out, where naive formulas overflow.
EXTREMES = np.array([[-100, -20, -5, -1e-8, 0, 1e-8, 5, 20, 100]], "float32")


def write_all(folder):
    for cases in (convolutions, depthwise_convolutions, pooling, dense_and_shapes, activations, normalization,
                  merging, further, augmentation):
        for name, build, shapes, *options in cases():
            write_case(folder, name, build, shapes, **(options[0] if options else {}))


def write_case(folder, name, build, shapes, inputs=None, training=None, requested=None, differentiable=True):
    """shapes: one per input, or ready arrays in `inputs`."""
    rng = common.start_case("layers/" + name)
    layer = build()
    if inputs is None:
        inputs = [common.normal(rng, *shape) for shape in shapes]
    tensors = [tf.constant(x) for x in inputs]
    argument = tensors[0] if len(tensors) == 1 else tensors
    call = {} if training is None else {"training": training}

    layer(argument, **call)  # Builds; the values below replace whatever it did to the weights.
    for weight in layer.weights:
        weight.assign(weight_value(rng, weight))
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()  # Normalization keeps its statistics as constants.
    before = [common.numpy(w) for w in layer.weights]

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        output = layer(argument, **call)
        output_gradient = common.normal(rng, *output.shape)
        objective = tf.reduce_sum(output * output_gradient)
    variables = [w.value for w in layer.weights]
    # TensorFlow has no gradient for some ways of resizing.
    gradients = tape.gradient(objective, tensors + variables) if differentiable else [None] * len(tensors)

    extra = {} if requested is None else {"requested_activation": requested}
    common.write(folder, name, {
        "layer": common.serialize(layer),
        **extra,
        "call": call,
        "inputs": inputs,
        "weights": [{"name": w.name, "trainable": w.trainable, "array": a}
                    for w, a in zip(layer.weights, before)],
        "outputs": [common.numpy(output)],
        "output_gradients": [output_gradient],
        "input_gradients": [common.numpy(g) for g in gradients[:len(tensors)]],
        "weight_gradients": [common.numpy(g) for g in gradients[len(tensors):]],
        "updated_weights": [common.numpy(w) for w in layer.weights],
    })


def weight_value(rng, weight):
    if "int" in weight.dtype:
        return np.int64(7)
    value = common.normal(rng, *weight.shape, scale=0.5)
    if "variance" in weight.name:
        return np.abs(value) + np.float32(0.5)
    if weight.name in ("gamma", "scale"):
        return value + np.float32(1)
    return value


def convolutions():
    def conv(name, **options):
        shape = options.pop("shape", IMAGE)
        filters = options.pop("filters", 4)
        kernel = options.pop("kernel_size", 3)
        return "conv2d_" + name, lambda: L.Conv2D(filters, kernel, **options), [shape]

    yield conv("default")
    yield conv("kernel1", kernel_size=1)
    yield conv("kernel1_strides2", kernel_size=1, strides=2)
    yield conv("kernel2_same", kernel_size=2, padding="same")
    yield conv("kernel2_strides2_same", kernel_size=2, strides=2, padding="same")
    yield conv("kernel3x2_same_relu", kernel_size=(3, 2), padding="same", activation="relu")
    yield conv("kernel5_valid", kernel_size=5, filters=2)
    yield conv("kernel5_same_no_bias", kernel_size=5, padding="same", use_bias=False)
    yield conv("same_sigmoid", padding="same", activation="sigmoid")
    yield conv("same_softmax", padding="same", activation="softmax")
    yield conv("strides2_valid_tanh", strides=2, activation="tanh")
    yield conv("strides2_same", strides=2, padding="same")
    yield conv("strides2_same_even", strides=2, padding="same", shape=(1, 8, 6, 3))
    yield conv("strides2x1_same", strides=(2, 1), padding="same")
    yield conv("strides1x2_valid_no_bias", strides=(1, 2), use_bias=False)
    yield conv("strides3_valid", strides=3)
    yield conv("strides3_same", strides=3, padding="same")
    yield conv("kernel1_strides3_same", kernel_size=1, strides=3, padding="same")
    yield conv("dilation2_valid", dilation_rate=2)
    yield conv("dilation2_same", dilation_rate=2, padding="same")
    yield conv("dilation2x1_same", dilation_rate=(2, 1), padding="same")
    yield conv("groups2_valid", groups=2, filters=6, shape=(2, 7, 5, 4))
    yield conv("groups3_same_strides2", groups=3, filters=6, padding="same", strides=2)
    yield conv("groups3_relu_no_bias", groups=3, filters=3, activation="relu", use_bias=False)
    yield conv("one_filter_one_channel", filters=1, shape=(1, 5, 4, 1))
    yield conv("channels17_filters19", filters=19, kernel_size=(2, 1), shape=(1, 3, 3, 17))


def depthwise_convolutions():
    def depthwise(name, kernel=3, shape=IMAGE, **options):
        return "depthwise_conv2d_" + name, lambda: L.DepthwiseConv2D(kernel, **options), [shape]

    yield depthwise("default")
    yield depthwise("same_multiplier2", padding="same", depth_multiplier=2)
    yield depthwise("strides2_same_no_bias_relu", strides=2, padding="same", use_bias=False, activation="relu")
    yield depthwise("dilation2_same", padding="same", dilation_rate=2)
    yield depthwise("kernel5x2_valid", kernel=(5, 2))
    yield depthwise("strides2_dilation2_valid", strides=2, dilation_rate=2)
    yield depthwise("strides2_dilation1x2_same_multiplier3", strides=2, dilation_rate=(1, 2), padding="same",
                    depth_multiplier=3)
    yield depthwise("kernel5_same_relu6", kernel=5, padding="same", activation="relu6", shape=(2, 7, 8, 17))
    yield depthwise("strides2_same_even", strides=2, padding="same", shape=(1, 8, 14, 24))
    yield depthwise("one_pixel_same", padding="same", shape=(2, 1, 1, 5))

    def separable(name, shape=IMAGE, **options):
        return "separable_conv2d_" + name, lambda: L.SeparableConv2D(4, 3, **options), [shape]

    yield separable("default")
    yield separable("same_strides2_multiplier2", strides=2, padding="same", depth_multiplier=2, activation="relu")
    yield separable("dilation2_same_no_bias", padding="same", dilation_rate=2, use_bias=False)
    yield separable("strides2_dilation2_same_tanh", strides=2, padding="same", dilation_rate=2, activation="tanh")
    yield separable("channels33", shape=(1, 5, 4, 33))


def pooling():
    for kind in (L.MaxPooling2D, L.AveragePooling2D):
        stem = "max_pooling2d_" if kind is L.MaxPooling2D else "average_pooling2d_"

        def pool(name, kind=kind, stem=stem, shape=IMAGE, **options):
            return stem + name, lambda: kind(**options), [shape]

        yield pool("pool2", pool_size=2)
        yield pool("pool2_same", pool_size=2, padding="same")
        yield pool("pool3_strides1_same", pool_size=3, strides=1, padding="same")
        yield pool("pool3_strides2_same", pool_size=3, strides=2, padding="same")
        yield pool("pool3_strides2_valid", pool_size=3, strides=2)
        yield pool("pool2_strides3_valid", pool_size=2, strides=3)
        yield pool("pool3x2_strides2x1_same", pool_size=(3, 2), strides=(2, 1), padding="same")
        yield pool("pool1_strides2_same", pool_size=1, strides=2, padding="same")
        yield pool("pool5_same", pool_size=5, padding="same")

    yield "max_pooling2d_default", lambda: L.MaxPooling2D(), [IMAGE]  # Average pooling has no default size.
    ties = np.array([[0, 1, 1, 0], [1, 0, 0, 1], [2, 2, 3, 3], [2, 2, 3, 3]], "float32").reshape(1, 4, 4, 1)
    yield "max_pooling2d_ties", lambda: L.MaxPooling2D(), None, {"inputs": [ties]}
    yield ("max_pooling2d_ties_overlapping", lambda: L.MaxPooling2D(3, strides=1, padding="same"), None,
           {"inputs": [ties]})
    yield ("max_pooling2d_all_negative_same", lambda: L.MaxPooling2D(3, padding="same"), None,
           {"inputs": [ties - np.float32(9)]})

    for kind, stem in ((L.GlobalAveragePooling2D, "global_average_pooling2d"),
                       (L.GlobalMaxPooling2D, "global_max_pooling2d")):
        yield stem, lambda kind=kind: kind(), [IMAGE]
        yield stem + "_keepdims", lambda kind=kind: kind(keepdims=True), [IMAGE]
        yield stem + "_channels_first", lambda kind=kind: kind(data_format="channels_first"), [IMAGE]
    yield "global_max_pooling2d_ties", lambda: L.GlobalMaxPooling2D(), None, {"inputs": [ties]}


def dense_and_shapes():
    def dense(name, shape=(3, 5), **options):
        return "dense_" + name, lambda: L.Dense(4, **options), [shape]

    yield dense("default")
    yield dense("no_bias", use_bias=False)
    yield dense("relu", activation="relu")
    yield dense("sigmoid", activation="sigmoid")
    yield dense("softmax", activation="softmax")
    yield dense("tanh_3d", shape=(2, 3, 5), activation="tanh")
    yield dense("4d", shape=(2, 3, 2, 5))
    yield dense("4d_softmax_no_bias", shape=(2, 3, 2, 5), activation="softmax", use_bias=False)
    yield dense("one_input", shape=(3, 1), activation="relu")

    yield "flatten", lambda: L.Flatten(), [IMAGE]
    yield "flatten_1d", lambda: L.Flatten(), [(3,)]
    yield "flatten_channels_first", lambda: L.Flatten(data_format="channels_first"), [IMAGE]
    yield "reshape", lambda: L.Reshape((5, 21)), [IMAGE]
    yield "reshape_minus_one", lambda: L.Reshape((-1, 15)), [IMAGE]
    yield "reshape_flat", lambda: L.Reshape((-1,)), [IMAGE]
    yield "reshape_to_image", lambda: L.Reshape((1, 1, 6)), [(3, 6)]
    yield "dropout_inference", lambda: L.Dropout(0.3), [(3, 5)], {"training": False}
    yield "dropout_no_argument", lambda: L.Dropout(0.3), [(3, 5)]
    yield "dropout_rate0_training", lambda: L.Dropout(0.0), [(3, 5)], {"training": True}
    yield "zero_padding2d_default", lambda: L.ZeroPadding2D(), [IMAGE]
    yield "zero_padding2d_pair", lambda: L.ZeroPadding2D((1, 2)), [IMAGE]
    yield "zero_padding2d_asymmetric", lambda: L.ZeroPadding2D(((0, 1), (2, 3))), [IMAGE]
    yield "rescaling", lambda: L.Rescaling(1 / 255), [IMAGE]
    yield "rescaling_offset", lambda: L.Rescaling(1 / 127.5, offset=-1), [IMAGE]
    yield ("rescaling_per_channel", lambda: L.Rescaling([0.5, 2.0, -1.5], offset=[0.1, -0.2, 0.3]),
           [IMAGE])


def activations():
    from keras.src.activations import ALL_OBJECTS_DICT

    shape = (3, 8)  # Even: glu halves the last axis.
    no_extremes = ("glu",)
    # Keras' threshold has two required arguments, so its name alone builds a layer that cannot be called.
    for name in sorted(ALL_OBJECTS_DICT.keys() - {"threshold"}):
        yield "activation_" + name, lambda n=name: L.Activation(n), None, {
            "inputs": [common.normal(np.random.default_rng(7), *shape, scale=3)], "requested": name}
        if name not in no_extremes:
            yield "activation_" + name + "_extremes", lambda n=name: L.Activation(n), None, {
                "inputs": [EXTREMES], "requested": name}
    yield "activation_none", lambda: L.Activation(None), [shape]

    yield "relu_default", lambda: L.ReLU(), None, {"inputs": [EXTREMES]}
    yield "relu_max_value6", lambda: L.ReLU(max_value=6), [IMAGE]
    yield "relu_negative_slope", lambda: L.ReLU(negative_slope=0.2), [IMAGE]
    yield "relu_threshold", lambda: L.ReLU(threshold=0.5), [IMAGE]
    yield "relu_everything", lambda: L.ReLU(max_value=0.9, negative_slope=0.1, threshold=0.3), [IMAGE]
    yield ("relu_at_its_kinks", lambda: L.ReLU(max_value=2, negative_slope=0.5, threshold=1), None,
           {"inputs": [np.array([[-1, 0, 0.5, 1, 1.5, 2, 3]], "float32")]})
    yield "softmax_default", lambda: L.Softmax(), [(2, 3, 5)]
    yield "softmax_axis1", lambda: L.Softmax(axis=1), [(2, 3, 5)]
    yield "softmax_two_axes", lambda: L.Softmax(axis=(1, 2)), [(2, 3, 5)]
    yield ("softmax_saturated", lambda: L.Softmax(), None,
           {"inputs": [np.array([[1000, 0, -1000], [88, 89, 90], [-1e30, 0, 0]], "float32")]})


def normalization():
    def norm(name, training, shape=IMAGE, trainable=True, **options):
        return ("batch_normalization_" + name, lambda: L.BatchNormalization(trainable=trainable, **options),
                [shape], {} if training is None else {"training": training})

    yield norm("no_argument", None)
    yield norm("inference", False)
    yield norm("training", True)
    yield norm("training_2d", True, shape=(5, 3))
    yield norm("inference_2d", False, shape=(5, 3))
    yield norm("training_batch_of_one_value", True, shape=(1, 3))
    yield norm("training_no_center", True, center=False)
    yield norm("training_no_scale", True, scale=False)
    yield norm("inference_no_center_no_scale", False, center=False, scale=False)
    yield norm("training_no_center_no_scale", True, center=False, scale=False)
    yield norm("training_momentum_epsilon", True, momentum=0.7, epsilon=1e-5)
    yield norm("inference_epsilon", False, epsilon=1.001e-5)
    yield norm("training_axis1", True, axis=1)
    yield norm("inference_axis1", False, axis=1)
    yield norm("frozen_called_with_training", True, trainable=False)


def merging():
    pair = [IMAGE, IMAGE]
    gate = [(2, 1, 1, 3), IMAGE]
    yield "add", lambda: L.Add(), pair
    yield "add_three", lambda: L.Add(), pair + [IMAGE]
    yield "add_broadcast", lambda: L.Add(), gate
    yield "multiply", lambda: L.Multiply(), pair
    yield "multiply_three", lambda: L.Multiply(), pair + [IMAGE]
    yield "multiply_broadcast_first", lambda: L.Multiply(), gate
    yield "multiply_broadcast_second", lambda: L.Multiply(), gate[::-1]
    yield "concatenate", lambda: L.Concatenate(), [IMAGE, (2, 7, 5, 2)]
    yield "concatenate_axis1", lambda: L.Concatenate(axis=1), [IMAGE, (2, 4, 5, 3)]
    yield "concatenate_three", lambda: L.Concatenate(), [IMAGE, (2, 7, 5, 1), (2, 7, 5, 4)]
    yield "concatenate_axis2_three", lambda: L.Concatenate(axis=2), [IMAGE, (2, 7, 1, 3), (2, 7, 2, 3)]
    yield "subtract", lambda: L.Subtract(), pair
    yield "average_three", lambda: L.Average(), pair + [IMAGE]
    yield "maximum", lambda: L.Maximum(), pair
    yield "minimum", lambda: L.Minimum(), pair
    yield "subtract_broadcast", lambda: L.Subtract(), gate
    yield "average_broadcast", lambda: L.Average(), gate[::-1]
    yield "maximum_three_broadcast", lambda: L.Maximum(), gate + [IMAGE]


def further():
    """Layers of keras.applications and of common files beyond the core."""
    yield "conv2d_transpose_default", lambda: L.Conv2DTranspose(4, 3), [IMAGE]
    yield "conv2d_transpose_strides2_same", lambda: L.Conv2DTranspose(2, 3, strides=2, padding="same"), [IMAGE]
    yield "conv2d_transpose_strides2_valid", lambda: L.Conv2DTranspose(2, 2, strides=2, use_bias=False), [IMAGE]
    yield "layer_normalization_default", lambda: L.LayerNormalization(), [IMAGE]
    yield "layer_normalization_epsilon_no_scale", lambda: L.LayerNormalization(epsilon=1e-6, scale=False), [(3, 5)]
    yield "layer_normalization_two_axes", lambda: L.LayerNormalization(axis=(1, 3)), [IMAGE]
    yield "layer_normalization_axis1_no_center", lambda: L.LayerNormalization(axis=1, center=False), [IMAGE]
    yield "leaky_relu_default", lambda: L.LeakyReLU(), [IMAGE]
    yield "leaky_relu_slope", lambda: L.LeakyReLU(negative_slope=0.1), [IMAGE]
    yield "prelu_default", lambda: L.PReLU(), [IMAGE]
    yield "prelu_2d", lambda: L.PReLU(), [(3, 5)]
    yield "prelu_shared_axes", lambda: L.PReLU(shared_axes=[1, 2]), [IMAGE]
    yield "elu_default", lambda: L.ELU(), [IMAGE]
    yield "elu_alpha", lambda: L.ELU(alpha=0.5), [IMAGE]
    yield "cropping2d_default", lambda: L.Cropping2D(((0, 0), (0, 0))), [IMAGE]
    yield "cropping2d_asymmetric", lambda: L.Cropping2D(((1, 2), (0, 1))), [IMAGE]
    yield "cropping2d_pair", lambda: L.Cropping2D((1, 2)), [IMAGE]
    yield "cropping1d_default", lambda: L.Cropping1D(), [(2, 7, 3)]
    yield "cropping1d_asymmetric", lambda: L.Cropping1D((1, 3)), [(2, 7, 3)]
    volume = (2, 4, 5, 3, 2)
    yield "cropping3d_default", lambda: L.Cropping3D(), [volume]
    yield "cropping3d_asymmetric", lambda: L.Cropping3D(((1, 2), (0, 3), (2, 0))), [volume]
    yield "up_sampling2d_bilinear_3x1", lambda: L.UpSampling2D((3, 1), interpolation="bilinear"), [IMAGE]
    yield "up_sampling2d_3x2", lambda: L.UpSampling2D((3, 2)), [IMAGE]
    yield "up_sampling2d_default", lambda: L.UpSampling2D(), [IMAGE]
    yield "up_sampling2d_bilinear_2x3", lambda: L.UpSampling2D((2, 3), interpolation="bilinear"), [IMAGE]
    yield "permute_2d", lambda: L.Permute((2, 1)), [(2, 3, 5)]
    yield "repeat_vector", lambda: L.RepeatVector(3), [(2, 5)]
    yield "permute", lambda: L.Permute((3, 1, 2)), [IMAGE]
    yield ("normalization_given", lambda: L.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 1.0, 2.0]), [IMAGE])
    yield "normalization_weights", lambda: L.Normalization(), [IMAGE]
    yield "normalization_weights_two_axes", lambda: L.Normalization(axis=(1, 3)), [IMAGE]
    yield "normalization_scalar_invert", lambda: L.Normalization(axis=None, mean=0.5, variance=4.0, invert=True), [IMAGE]
    yield "normalization_weights_no_axis", lambda: L.Normalization(axis=None), [(3, 5)]
    yield "unit_normalization_default", lambda: L.UnitNormalization(), [IMAGE]
    yield "unit_normalization_two_axes", lambda: L.UnitNormalization(axis=(1, 2)), [IMAGE]
    yield "unit_normalization_zeros", lambda: L.UnitNormalization(), None, {
        "inputs": [np.array([[0, 0, 0], [3, 0, 4], [-1e-5, 0, 0]], "float32")]}
    six = (2, 5, 3, 6)
    yield "group_normalization_default", lambda: L.GroupNormalization(groups=2), [six]
    yield "group_normalization_of_instances", lambda: L.GroupNormalization(groups=-1, epsilon=1e-5), [six]
    yield ("group_normalization_axis1_no_center", lambda: L.GroupNormalization(groups=3, axis=1, center=False),
           [(2, 6, 4, 3)])
    yield "group_normalization_no_scale_2d", lambda: L.GroupNormalization(groups=2, scale=False), [(4, 10)]
    yield "softmax_three_axes", lambda: L.Softmax(axis=(-1, 1, 2)), [(2, 3, 4, 5)]
    yield "softmax_axes_apart", lambda: L.Softmax(axis=[1, 3]), [(2, 3, 4, 5)]
    yield "layer_scale", lambda: LayerScale(0.25, 3), [IMAGE]
    yield "custom_scale_layer", lambda: CustomScaleLayer(0.17), [IMAGE, IMAGE]
    yield "stochastic_depth_inference", lambda: StochasticDepth(0.3), [IMAGE], {"training": False}
    yield "identity", lambda: L.Identity(), [IMAGE]
    yield "activity_regularization", lambda: L.ActivityRegularization(l1=0.1, l2=0.2), [IMAGE]
    yield "spatial_dropout2d_inference", lambda: L.SpatialDropout2D(0.3), [IMAGE], {"training": False}
    yield "gaussian_noise_inference", lambda: L.GaussianNoise(0.3), [IMAGE], {"training": False}
    yield "gaussian_dropout_inference", lambda: L.GaussianDropout(0.3), [IMAGE], {"training": False}
    yield "alpha_dropout_inference", lambda: L.AlphaDropout(0.3), [IMAGE], {"training": False}
    yield "dot_vectors", lambda: L.Dot(axes=1), [(3, 5), (3, 5)]
    yield "dot_cosine", lambda: L.Dot(axes=-1, normalize=True), [(3, 5), (3, 5)]
    yield "dot_matrices", lambda: L.Dot(axes=(2, 1)), [(2, 3, 5), (2, 5, 4)]
    yield "dot_matrix_and_vector", lambda: L.Dot(axes=(1, 1), normalize=True), [(2, 3, 5), (2, 3)]
    yield "center_crop", lambda: L.CenterCrop(4, 2), [IMAGE]
    yield "center_crop_of_smaller", lambda: L.CenterCrop(9, 4), [IMAGE]
    yield "resizing_default", lambda: L.Resizing(4, 9), [IMAGE]
    yield "resizing_nearest", lambda: L.Resizing(9, 3, interpolation="nearest"), [IMAGE]
    # A column of these lies between two pixels but for a rounding.
    yield "resizing_nearest_tie", lambda: L.Resizing(5, 11, interpolation="nearest"), [(1, 2, 26, 1)]
    yield "resizing_bicubic", lambda: L.Resizing(10, 8, interpolation="bicubic"), [IMAGE]
    yield "resizing_bicubic_smaller", lambda: L.Resizing(3, 2, interpolation="bicubic"), [IMAGE]
    yield "resizing_bicubic_antialias", lambda: L.Resizing(3, 2, interpolation="bicubic", antialias=True), [IMAGE]
    yield "resizing_lanczos3", lambda: L.Resizing(5, 8, interpolation="lanczos3"), [IMAGE]
    yield "resizing_lanczos5_antialias", lambda: L.Resizing(3, 4, interpolation="lanczos5", antialias=True), [IMAGE]
    no_gradient = {"differentiable": False}
    yield "resizing_area", lambda: L.Resizing(3, 4, interpolation="area"), [IMAGE], no_gradient
    yield "resizing_area_larger", lambda: L.Resizing(9, 12, interpolation="area"), [IMAGE], no_gradient
    yield "resizing_bilinear_antialias", lambda: L.Resizing(3, 2, antialias=True), [IMAGE]
    yield "resizing_cropped", lambda: L.Resizing(6, 9, crop_to_aspect_ratio=True), [IMAGE]
    yield "resizing_padded", lambda: L.Resizing(6, 9, pad_to_aspect_ratio=True, fill_value=0.5), [IMAGE]
    yield "up_sampling2d_bicubic", lambda: L.UpSampling2D((2, 3), interpolation="bicubic"), [IMAGE]
    yield "up_sampling2d_lanczos5", lambda: L.UpSampling2D(2, interpolation="lanczos5"), [IMAGE]
    for name, options in {
            "strides2_output_padding": dict(strides=2, padding="same", output_padding=1),
            "strides3x2_valid_output_padding": dict(strides=(3, 2), output_padding=(2, 0), activation="relu"),
            "strides3_kernel2_same": dict(strides=3, padding="same", kernel_size=2),
            "strides3_kernel2_valid": dict(strides=3, kernel_size=2, activation="tanh"),
            "kernel4_strides2_same": dict(strides=2, padding="same", kernel_size=4, use_bias=False),
            "kernel5x3_strides1x2_same": dict(strides=(1, 2), padding="same", kernel_size=(5, 3))}.items():
        kernel = options.pop("kernel_size", 3)
        yield ("conv2d_transpose_" + name, lambda k=kernel, o=options: L.Conv2DTranspose(4, k, **o), [IMAGE])
    first = {"data_format": "channels_first"}
    channels_first = (2, 3, 7, 5)
    yield "zero_padding2d_channels_first", lambda: L.ZeroPadding2D(((0, 1), (2, 3)), **first), [channels_first]
    yield "cropping2d_channels_first", lambda: L.Cropping2D(((1, 2), (0, 1)), **first), [channels_first]
    yield "up_sampling2d_channels_first", lambda: L.UpSampling2D((2, 3), **first), [channels_first]
    yield "max_pooling2d_channels_first", lambda: L.MaxPooling2D(2, padding="same", **first), [channels_first]
    yield "resizing_channels_first", lambda: L.Resizing(4, 9, **first), [channels_first]
    yield "depthwise_conv2d_channels_first_softmax", lambda: L.DepthwiseConv2D((3, 2), activation="softmax", use_bias=False, **first), [channels_first]
    yield "separable_conv2d_channels_first_log_softmax", lambda: L.SeparableConv2D(4, 3, activation="log_softmax", use_bias=False, **first), [channels_first]
    yield "flatten_channels_first_image", lambda: L.Flatten(**first), [channels_first]
    row = (2, 9, 4)
    for name, options in {
            "default": dict(), "strides2_same": dict(strides=2, padding="same", activation="relu"),
            "causal_dilation2": dict(padding="causal", dilation_rate=2), "groups2_no_bias": dict(groups=2, use_bias=False),
            "strides2_causal": dict(padding="causal", strides=2, kernel_size=4)}.items():
        kernel = options.pop("kernel_size", 3)
        yield "conv1d_" + name, lambda k=kernel, o=options: L.Conv1D(6, k, **o), [row]
    for name, options in {
            "default": dict(), "strides2_same_multiplier2": dict(strides=2, padding="same", depth_multiplier=2, activation="relu"),
            "dilation2_no_bias": dict(dilation_rate=2, use_bias=False),
            "channels_first_softmax": dict(activation="softmax", use_bias=False, **first)}.items():
        yield "depthwise_conv1d_" + name, lambda o=options: L.DepthwiseConv1D(3, **o), [row]
    for name, options in {
            "default": dict(), "strides2_same_multiplier2": dict(strides=2, padding="same", depth_multiplier=2, activation="tanh"),
            "dilation2_same_no_bias": dict(dilation_rate=2, padding="same", use_bias=False),
            "channels_first_log_softmax": dict(activation="log_softmax", use_bias=False, **first)}.items():
        yield "separable_conv1d_" + name, lambda o=options: L.SeparableConv1D(5, 3, **o), [row]
    for name, options in {
            "default": dict(), "strides2_same": dict(strides=2, padding="same", activation="relu"),
            "strides3_output_padding": dict(strides=3, output_padding=1, use_bias=False),
            "strides3_kernel2": dict(strides=3, kernel_size=2), "kernel4_strides2_same": dict(strides=2, padding="same", kernel_size=4)}.items():
        kernel = options.pop("kernel_size", 3)
        yield "conv1d_transpose_" + name, lambda k=kernel, o=options: L.Conv1DTranspose(5, k, **o), [row]
    yield "zero_padding1d_default", lambda: L.ZeroPadding1D(), [row]
    yield "zero_padding1d_asymmetric_channels_first", lambda: L.ZeroPadding1D((0, 3), **first), [row]
    yield "up_sampling1d_default", lambda: L.UpSampling1D(), [row]
    yield "up_sampling1d_3", lambda: L.UpSampling1D(3), [row]
    yield "spatial_dropout1d_inference", lambda: L.SpatialDropout1D(0.3), [row], {"training": False}
    yield "max_pooling1d_default", lambda: L.MaxPooling1D(), [row]
    yield "max_pooling1d_4_strides3_same", lambda: L.MaxPooling1D(4, strides=3, padding="same"), [row]
    yield "average_pooling1d_pool2", lambda: L.AveragePooling1D(2), [row]
    yield "average_pooling1d_4_strides3_same", lambda: L.AveragePooling1D(4, strides=3, padding="same"), [row]
    for kind, stem in ((L.GlobalAveragePooling1D, "global_average_pooling1d"),
                       (L.GlobalMaxPooling1D, "global_max_pooling1d")):
        yield stem, lambda kind=kind: kind(), [row]
        yield stem + "_keepdims_channels_first", lambda kind=kind: kind(keepdims=True, data_format="channels_first"), [row]


def augmentation():
    """With ranges of one number nothing is left to chance."""
    wide = (2, 6, 9, 3)
    fixed = {"training": True, "differentiable": False}
    for mode in ("reflect", "wrap", "constant", "nearest"):
        for interpolation in ("bilinear", "nearest"):
            how = dict(fill_mode=mode, interpolation=interpolation, fill_value=0.25)
            name = f"{mode}_{interpolation}"
            yield "random_rotation_" + name, lambda h=how: L.RandomRotation((0.1, 0.1), **h), [wide], fixed
            yield "random_translation_" + name, lambda h=how: L.RandomTranslation((7 / 32, 7 / 32), (-41 / 64, -41 / 64), **h), [wide], fixed
            yield "random_zoom_" + name, lambda h=how: L.RandomZoom((0.43, 0.43), (0.9, 0.9), **h), [wide], fixed
    yield "random_zoom_in", lambda: L.RandomZoom((-0.3, -0.3)), [wide], fixed
    yield "random_rotation_inference", lambda: L.RandomRotation(0.2), [wide], {"training": False}
    yield "random_translation_inference", lambda: L.RandomTranslation(0.2, [0.1, 0.3]), [wide], {"training": False}
    yield "random_zoom_inference", lambda: L.RandomZoom(0.2, seed=3), [wide], {"training": False}
    yield "random_flip_inference", lambda: L.RandomFlip("vertical", seed=2), [wide], {"training": False}
    yield "random_contrast_inference", lambda: L.RandomContrast((0.4, 0.4), value_range=(-1, 1.5)), [wide], {"training": False}
    yield "random_brightness", lambda: L.RandomBrightness((0.3, 0.3), value_range=(-1, 1.5)), [wide], fixed
    yield "random_brightness_inference", lambda: L.RandomBrightness(0.3, seed=4), [wide], {"training": False}
    yield "random_contrast_number", lambda: L.RandomContrast(0.3, seed=4), [wide], {"training": False}
    yield "random_crop_of_smaller", lambda: L.RandomCrop(8, 9, seed=5), [wide], fixed
