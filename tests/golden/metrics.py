"""metrics/: results after each batch; compiled_*: which class a name becomes, by shape."""

import common
from common import keras, np

M = keras.metrics
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.25, 1.0], "float32")


def write_all(folder):
    for name, metric, batches in objects():
        write_object(folder, name, metric, batches)
    for case in compiled():
        write_compiled(folder, *case)


def write_object(folder, name, metric, batches):
    common.start_case("metrics/" + name)
    results = []
    for y_true, y_pred, sample_weight in batches:
        metric.update_state(y_true, y_pred, sample_weight=sample_weight)
        results.append(common.numpy(metric.result()))
    common.write(folder, name, {
        "metric": common.serialize(metric),
        "class_name": type(metric).__name__,
        "batches": batch_dicts(batches),
        "results": results,
    })


def batch_dicts(batches):
    return [{"y_true": t, "y_pred": p, "sample_weight": w} for t, p, w in batches]


def binary_batches(weighted=False, outputs=1):
    rng = np.random.default_rng(21)
    for rows in (5, 3):
        y_true = rng.integers(0, 2, (rows, outputs)).astype("float32")
        y_pred = rng.integers(0, 9, (rows, outputs)).astype("float32") / 8  # Some exactly 0.5.
        yield y_true, y_pred, WEIGHTS[:rows] if weighted else None


def class_batches(sparse, weighted=False, column=False):
    rng = np.random.default_rng(22)
    for rows in (5, 3):
        classes = rng.integers(0, 4, rows)
        y_pred = common.probabilities(rng, rows, 4)
        y_pred[0] = 0.25  # A tie: the first class wins.
        y_true = classes.astype("int32") if sparse else common.one_hot(classes, 4)
        yield y_true.reshape(-1, 1) if column else y_true, y_pred, WEIGHTS[:rows] if weighted else None


def value_batches(weighted=False):
    rng = np.random.default_rng(23)
    for rows in (5, 3):
        yield common.normal(rng, rows, 3), common.normal(rng, rows, 3), WEIGHTS[:rows] if weighted else None


def objects():
    for weighted in (False, True):
        end = "_sample_weight" if weighted else ""
        binary = list(binary_batches(weighted))
        yield "binary_accuracy" + end, M.BinaryAccuracy(), binary
        yield "binary_accuracy_threshold" + end, M.BinaryAccuracy(threshold=0.25), binary
        yield "binary_accuracy_outputs3" + end, M.BinaryAccuracy(), list(binary_batches(weighted, 3))
        yield "categorical_accuracy" + end, M.CategoricalAccuracy(), list(class_batches(False, weighted))
        yield "sparse_categorical_accuracy" + end, M.SparseCategoricalAccuracy(), list(class_batches(True, weighted))
        yield ("top_k_categorical_accuracy_k2" + end, M.TopKCategoricalAccuracy(k=2),
               list(class_batches(False, weighted)))
        yield ("sparse_top_k_categorical_accuracy_k2" + end, M.SparseTopKCategoricalAccuracy(k=2),
               list(class_batches(True, weighted)))
        yield "mean_squared_error" + end, M.MeanSquaredError(), list(value_batches(weighted))
        yield "mean_absolute_error" + end, M.MeanAbsoluteError(), list(value_batches(weighted))
        yield "root_mean_squared_error" + end, M.RootMeanSquaredError(), list(value_batches(weighted))
        yield "binary_crossentropy" + end, M.BinaryCrossentropy(), binary
        yield "categorical_crossentropy" + end, M.CategoricalCrossentropy(), list(class_batches(False, weighted))
        yield ("sparse_categorical_crossentropy" + end, M.SparseCategoricalCrossentropy(),
               list(class_batches(True, weighted)))
        yield "precision" + end, M.Precision(), binary
        yield "recall" + end, M.Recall(), binary
        yield "precision_threshold" + end, M.Precision(thresholds=0.75), binary
        yield "auc" + end, M.AUC(num_thresholds=5), binary
    yield ("sparse_categorical_accuracy_column", M.SparseCategoricalAccuracy(),
           list(class_batches(True, column=True)))


def compiled():
    """(name, metric string, argument of compile, loss, batches)"""
    binary = list(binary_batches())
    one_hot, sparse = list(class_batches(False)), list(class_batches(True))
    for string in ("acc", "accuracy"):
        yield f"{string}_binary", string, "metrics", "binary_crossentropy", binary
        yield f"{string}_sparse", string, "metrics", "sparse_categorical_crossentropy", sparse
        yield f"{string}_categorical", string, "metrics", "categorical_crossentropy", one_hot
    flat = [(t[:, 0].copy(), p, w) for t, p, w in binary]
    yield "acc_binary_flat_labels", "acc", "metrics", "binary_crossentropy", flat
    yield "acc_one_hot_with_binary_loss", "acc", "metrics", "binary_crossentropy", one_hot
    yield "acc_one_output_with_mse", "acc", "metrics", "mse", binary
    yield ("acc_sparse_column", "acc", "metrics", "sparse_categorical_crossentropy",
           list(class_batches(True, column=True)))
    weighted = list(class_batches(True, weighted=True))
    yield "acc_ignores_sample_weight", "acc", "metrics", "sparse_categorical_crossentropy", weighted
    yield "acc_weighted_metrics", "acc", "weighted_metrics", "sparse_categorical_crossentropy", weighted
    for string in ("mse", "mae", "mean_squared_error", "mean_absolute_error"):
        yield f"name_{string}", string, "metrics", "mse", list(value_batches())
    for string, batches in (("binary_accuracy", binary), ("BinaryAccuracy", binary), ("bce", binary),
                            ("binary_crossentropy", binary), ("categorical_accuracy", one_hot),
                            ("CategoricalAccuracy", one_hot), ("MSE", binary), ("MAE", binary)):
        yield f"string_{string}", string, "metrics", "mse", batches
    yield "mse_weighted_metrics", "mse", "weighted_metrics", "mse", list(value_batches(weighted=True))


def write_compiled(folder, name, metric, argument, loss, batches):
    """A model that hands its input on, so that x is y_pred."""
    name = "compiled_" + name
    common.start_case("metrics/" + name)
    model = keras.Sequential([keras.layers.Input(batches[0][1].shape[1:]), keras.layers.Activation("linear")])
    model.compile(optimizer="sgd", loss=loss, jit_compile=False, **{argument: [metric]})
    results = [model.test_on_batch(y_pred, y_true, sample_weight=weight, return_dict=True)
               for y_true, y_pred, weight in batches]
    (key,) = set(results[0]) - {"loss"}
    (resolved,) = [m for m in model._compile_metrics.metrics]
    common.write(folder, name, {
        "metric": metric,
        "argument": argument,
        "compiled_loss": loss,
        "class_name": type(resolved).__name__,
        "log_key": key,
        "batches": batch_dicts(batches),
        "results": [np.float32(r[key]) for r in results],
        "losses": [np.float32(r["loss"]) for r in results],
    })
