"""metrics/: results after each batch; compiled_*: which class a name becomes, by shape."""

import common
from common import keras, np

M = keras.metrics
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.25, 1.0], "float32")


def write_all(folder):
    for name, metric, batches in objects():
        write_object(folder, name, metric, batches)
    for name, metric, batches in more_objects():
        write_object(folder, name, metric, batches)
    for case in compiled():
        write_compiled(folder, *case)
    for case in compiled_from_logits():
        write_compiled(folder, *case)


def write_object(folder, name, metric, batches):
    """A metric, or one with the options that its config leaves out."""
    metric, unsaved = metric if isinstance(metric, tuple) else (metric, None)
    common.start_case("metrics/" + name)
    results = []
    for y_true, y_pred, sample_weight in batches:
        metric.update_state(y_true, y_pred, sample_weight=sample_weight)
        results.append(common.numpy(metric.result()))
    common.write(folder, name, {
        "metric": plain(common.serialize(metric)),
        **({"unsaved_options": unsaved} if unsaved else {}),
        "class_name": type(metric).__name__,
        "batches": batch_dicts(batches),
        "results": results,
    })


def plain(value):
    """Numbers that NumPy made of a config's as those that a file has."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, np.float64) else value


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


def label_batches(weighted, outputs=3):
    """Several labels a sample, with sure and wrong predictions among them."""
    rng = np.random.default_rng(24)
    for rows in (5, 3, 4):
        y_true = rng.integers(0, 2, (rows, outputs)).astype("float32")
        y_pred = rng.integers(0, 17, (rows, outputs)).astype("float32") / 16
        yield y_true, y_pred, WEIGHTS[:rows] if weighted else None


def score_batches(weighted):
    """Any scores, of one-hot labels."""
    rng = np.random.default_rng(25)
    for rows in (5, 3):
        yield common.one_hot(rng.integers(0, 4, rows), 4), common.normal(rng, rows, 4), \
            WEIGHTS[:rows] if weighted else None


def positive_batches(weighted):
    for y_true, y_pred, weight in value_batches(weighted):
        yield np.abs(y_true), np.abs(y_pred), weight


def sign_batches(weighted, kinds):
    rng = np.random.default_rng(26)
    for rows, kind in zip((5, 3), kinds):
        zero_one = rng.integers(0, 2, (rows, 3)).astype("float32")
        y_true = {"signs": 2 * zero_one - 1, "binary": zero_one, "soft": zero_one / 2}[kind]
        yield y_true, common.normal(rng, rows, 3), WEIGHTS[:rows] if weighted else None


def image_batches(batches, shape):
    """The same values as images; weights, where there are some, one an image."""
    for y_true, y_pred, weight in batches:
        yield y_true.reshape(shape[0], -1, *shape[1:]), y_pred.reshape(shape[0], -1, *shape[1:]), \
            None if weight is None else weight[:shape[0]]


def segmentation_batches(weighted, one_hot_labels=False, scores=False, axis=-1):
    rng = np.random.default_rng(27)
    for rows in (12, 6):
        y_true = rng.integers(0, 4, rows).astype("int32")
        y_pred = rng.integers(0, 4, rows).astype("int32")
        if one_hot_labels:
            y_true = common.one_hot(y_true, 4)
        if scores:
            y_pred = common.probabilities(rng, rows, 4)
        if axis == 0:
            y_true, y_pred = y_true.T.copy(), y_pred.T.copy()
        weight = np.resize(np.array([1, 2.75, 0, 1], "float32"), rows) if weighted else None
        yield y_true, y_pred, weight


def more_objects():
    images = list(class_batches(False))
    images = [(t[:2].reshape(2, 2, 2), p[:2].reshape(2, 2, 2), None) for t, p, _ in images]
    for weighted in (False, True):
        end = "_sample_weight" if weighted else ""
        binary, one_hot = list(binary_batches(weighted)), list(class_batches(False, weighted))
        sparse, scores = list(class_batches(True, weighted)), list(score_batches(weighted))
        values, labels = list(value_batches(weighted)), list(label_batches(weighted))
        equal = [(t, np.where(np.arange(t.size).reshape(t.shape) % 2 == 0, t, p), w) for t, p, w in labels]
        yield "accuracy" + end, M.Accuracy(), equal
        ids = [(t, np.argsort(-p, axis=-1, kind="stable").astype("float32"), w) for t, p, w in sparse]
        yield ("sparse_top_k_categorical_accuracy_sorted_ids" + end,
               M.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True), ids)
        yield "mean_absolute_percentage_error" + end, M.MeanAbsolutePercentageError(), values
        yield ("mean_squared_logarithmic_error" + end, M.MeanSquaredLogarithmicError(),
               list(positive_batches(weighted)))
        yield "cosine_similarity" + end, M.CosineSimilarity(), values
        yield "logcosh" + end, M.LogCoshError(), values
        yield "kl_divergence" + end, M.KLDivergence(), one_hot
        yield "poisson" + end, M.Poisson(), list(positive_batches(weighted))
        for kinds in (("signs", "binary"), ("binary", "soft")):
            batches = list(sign_batches(weighted, kinds))
            yield f"hinge_{kinds[0]}_{kinds[1]}" + end, M.Hinge(), batches
            yield f"squared_hinge_{kinds[0]}_{kinds[1]}" + end, M.SquaredHinge(), batches
        yield "categorical_hinge" + end, M.CategoricalHinge(), scores
        logits = [(t, 4 * p - 2, w) for t, p, w in labels]
        yield "binary_crossentropy_outputs3" + end, M.BinaryCrossentropy(), labels
        yield ("binary_crossentropy_options" + end, M.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
               logits)
        yield ("categorical_crossentropy_options" + end,
               M.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), scores)
        sparse_scores = [(np.argmax(t, -1).astype("int32"), p, w) for t, p, w in scores]
        yield ("sparse_categorical_crossentropy_from_logits" + end,
               M.SparseCategoricalCrossentropy(from_logits=True), sparse_scores)
        yield ("sparse_categorical_crossentropy_ignore_class" + end,
               M.SparseCategoricalCrossentropy(ignore_class=int(sparse[0][0][1])), sparse)
        for kind in (M.TruePositives, M.TrueNegatives, M.FalsePositives, M.FalseNegatives):
            stem = {"P": "positives", "N": "negatives"}[kind.__name__.split("e", 1)[1].lstrip("s")[0]]
            stem = ("true_" if kind.__name__.startswith("True") else "false_") + stem
            yield stem + end, kind(), labels
            yield stem + "_thresholds" + end, kind(thresholds=[0.2, 0.75]), labels
        for kind, stem in ((M.Precision, "precision"), (M.Recall, "recall")):
            yield stem + "_labels" + end, kind(), labels
            yield stem + "_thresholds" + end, kind(thresholds=[0.9, 0.1]), labels
            yield stem + "_even_thresholds" + end, kind(thresholds=[0.0, 0.5, 1.0]), labels
            yield stem + "_class_id" + end, kind(class_id=1), labels
            yield stem + "_top_k" + end, kind(top_k=2), one_hot
            yield stem + "_top_k_class_id" + end, kind(top_k=2, class_id=3, thresholds=0.2), one_hot
        for kind, stem, value in ((M.PrecisionAtRecall, "precision_at_recall", 0.6),
                                  (M.RecallAtPrecision, "recall_at_precision", 0.5),
                                  (M.SensitivityAtSpecificity, "sensitivity_at_specificity", 0.6),
                                  (M.SpecificityAtSensitivity, "specificity_at_sensitivity", 0.7)):
            yield stem + end, kind(value), labels
            yield stem + "_options" + end, kind(value, num_thresholds=7, class_id=2), labels
            yield stem + "_one_threshold" + end, kind(0.25, num_thresholds=1), labels
        for curve in ("ROC", "PR", "PRGAIN"):
            for method in ("interpolation", "minoring", "majoring"):
                yield (f"auc_{curve.lower()}_{method}" + end,
                       M.AUC(curve=curve, summation_method=method, num_thresholds=11), labels)
        yield "auc_default" + end, M.AUC(), labels
        yield "auc_two_thresholds" + end, M.AUC(num_thresholds=2), labels
        yield "auc_thresholds" + end, M.AUC(thresholds=[0.8, 0.3, 0.35], curve="PR"), labels
        yield "auc_from_logits" + end, M.AUC(from_logits=True), logits
        yield "auc_multi_label" + end, M.AUC(multi_label=True, num_thresholds=9), labels
        yield ("auc_multi_label_pr" + end,
               M.AUC(multi_label=True, num_labels=3, curve="PR", thresholds=[0.25, 0.7]), labels)
        # Keras writes the weights as a tensor, which it cannot read.
        weights = {"label_weights": [0.5, 2.0, 1.25]}
        yield "auc_label_weights" + end, (M.AUC(num_thresholds=9, **weights), weights), labels
        yield ("auc_label_weights_multi_label" + end,
               (M.AUC(multi_label=True, curve="PR", **weights), weights), labels)
        for average in (None, "micro", "macro", "weighted"):
            yield f"f1_score_{average}".lower() + end, M.F1Score(average=average), one_hot
            yield (f"fbeta_score_{average}".lower() + end,
                   M.FBetaScore(average=average, beta=2.0, threshold=0.25), labels)
        yield "f1_score_threshold" + end, M.F1Score(average="macro", threshold=0.6), labels
        classes = list(segmentation_batches(weighted))
        yield "iou" + end, M.IoU(4, [0, 2]), classes
        yield "iou_ignore_class" + end, M.IoU(4, [1, 2], ignore_class=1), classes
        yield "mean_iou" + end, M.MeanIoU(4), classes
        yield "mean_iou_float" + end, M.MeanIoU(4, dtype="float32"), classes
        yield "mean_iou_out_of_range" + end, M.MeanIoU(3, ignore_class=0), classes
        yield ("mean_iou_scores" + end, M.MeanIoU(4, sparse_y_pred=False),
               list(segmentation_batches(weighted, scores=True)))
        both = list(segmentation_batches(weighted, True, True))
        yield "iou_one_hot_labels" + end, M.IoU(4, [1, 3], sparse_y_true=False, sparse_y_pred=False), both
        yield "one_hot_iou" + end, M.OneHotIoU(4, [1, 3]), both
        yield "one_hot_iou_ignore_class" + end, M.OneHotIoU(4, [1, 3], ignore_class=3), both
        yield "one_hot_mean_iou" + end, M.OneHotMeanIoU(4, ignore_class=2), both
        sparse_predictions = list(segmentation_batches(weighted, True))
        yield "one_hot_iou_sparse" + end, M.OneHotIoU(4, [0, 1], sparse_y_pred=True), sparse_predictions
        yield "one_hot_mean_iou_sparse" + end, M.OneHotMeanIoU(4, sparse_y_pred=True), sparse_predictions
        first = list(segmentation_batches(weighted, True, True, 0))
        for stem, metric in (("iou", M.IoU(4, [1, 3], sparse_y_true=False, sparse_y_pred=False, axis=0)),
                             ("mean_iou", M.MeanIoU(4, sparse_y_true=False, sparse_y_pred=False, axis=0)),
                             ("one_hot_iou", M.OneHotIoU(4, [1, 3], axis=0)),
                             ("one_hot_mean_iou", M.OneHotMeanIoU(4, axis=0))):
            yield stem + "_axis0" + end, metric, first
        halves = [(t[:, 0].copy(), p[:, 0].copy(), w) for t, p, w in labels]
        yield "binary_iou" + end, M.BinaryIoU(), halves
        yield "binary_iou_options" + end, M.BinaryIoU([0], threshold=0.25, dtype="float32"), halves
    axis1 = [(t.reshape(1, *t.shape), p.reshape(1, *p.shape), None) for t, p, _ in value_batches()]
    yield "cosine_similarity_axis1", (M.CosineSimilarity(axis=1), {"axis": 1}), axis1
    yield ("categorical_crossentropy_axis1", M.CategoricalCrossentropy(axis=1, label_smoothing=0.1),
           [(t.reshape(1, *t.shape).transpose(0, 2, 1).copy(), p.reshape(1, *p.shape).transpose(0, 2, 1).copy(),
             None) for t, p, _ in class_batches(False)])
    extreme = np.array([[0, 1], [1, 0], [1e-9, 1], [0.5, 1 - 1e-7]], "float32")
    yield ("binary_crossentropy_extreme", M.BinaryCrossentropy(),
           [(np.array([[0, 1], [0, 1], [1, 0], [1, 1]], "float32"), extreme, None)])
    yield ("binary_crossentropy_right", M.BinaryCrossentropy(), [(np.eye(2, dtype="float32"),
                                                                  np.eye(2, dtype="float32"), None)])
    yield "categorical_crossentropy_extreme", M.CategoricalCrossentropy(), [(common.one_hot([0, 1, 0, 1], 2), extreme,
                                                                              None)]
    yield ("sparse_categorical_crossentropy_extreme", M.SparseCategoricalCrossentropy(),
           [(np.array([0, 1, 0, 1], "int32"), extreme, None)])
    # Predictions without an axis of classes are as many samples, or one.
    for end, weighted in (("", False), ("_sample_weight", True)):
        rows = [(t[:, 0].copy(), p[:, 0].copy(), w) for t, p, w in binary_batches(weighted)]
        yield "binary_accuracy_rank1" + end, M.BinaryAccuracy(), rows
        yield "accuracy_rank1" + end, M.Accuracy(), rows
        yield "root_mean_squared_error_rank1" + end, M.RootMeanSquaredError(), rows
        yield "auc_rank1" + end, M.AUC(num_thresholds=5), rows
        yield "recall_rank1" + end, M.Recall(), rows
    yield "mean_squared_error_rank1", M.MeanSquaredError(), [(t[:, 0].copy(), p[:, 0].copy(), w)
                                                             for t, p, w in value_batches()]
    # Samples of several rows, not as many in each batch.
    maps = [(t.reshape(shape), p.reshape(shape), w) for (t, p, _), shape, w in
            zip(value_batches(), ((1, 5, 3), (3, 1, 3)), (WEIGHTS[:1], WEIGHTS[:3]))]
    yield "mean_absolute_error_maps", M.MeanAbsoluteError(), [(t, p, None) for t, p, _ in maps]
    yield "mean_absolute_error_maps_sample_weight", M.MeanAbsoluteError(), maps
    flat = [(t[:, 0].copy(), p, w) for t, p, w in binary_batches()]
    yield "root_mean_squared_error_flat", M.RootMeanSquaredError(), flat
    yield "precision_flat", M.Precision(), flat
    yield "auc_flat", M.AUC(num_thresholds=5), flat


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
                            ("CategoricalAccuracy", one_hot), ("MSE", binary), ("MAE", binary),
                            ("auc", binary), ("Precision", binary), ("msle", binary),
                            ("root_mean_squared_error", binary), ("log_cosh_error", binary),
                            ("TopKCategoricalAccuracy", one_hot)):
        yield f"string_{string}", string, "metrics", "mse", batches
    yield "mse_weighted_metrics", "mse", "weighted_metrics", "mse", list(value_batches(weighted=True))


def compiled_from_logits():
    """Cross-entropies take the logits before a model's last activation."""
    rng = np.random.default_rng(28)
    logits = np.array([[100], [-100], [100], [-100], [20], [0.5]], "float32")
    wrong = np.array([[0], [1], [0], [1], [0], [1]], "float32")
    rows = np.array([[100, 0, -100], [0, 100, 0], [-100, 30, 0], [0.5, 0.25, -1]], "float32")
    classes = np.array([2, 0, 0, 1], "int32")
    binary, sparse = [(wrong, logits, None)], [(classes, rows, None)]
    one_hot = [(common.one_hot(classes, 3), rows, None)]
    weighted = [(wrong, logits, np.resize(WEIGHTS, 6))]
    yield "logits_bce", "bce", "metrics", "mse", binary, "sigmoid"
    yield "logits_bce_weighted", "bce", "weighted_metrics", "mse", weighted, "sigmoid"
    yield ("logits_categorical_crossentropy", "categorical_crossentropy", "metrics", "mse", one_hot, "softmax")
    yield ("logits_sparse_categorical_crossentropy", "sparse_categorical_crossentropy", "metrics",
           "sparse_categorical_crossentropy", sparse, "softmax")
    yield "logits_kl_divergence", "kl_divergence", "metrics", "mse", one_hot, "softmax"


def write_compiled(folder, name, metric, argument, loss, batches, activation="linear"):
    """A model that hands its input on, so that x is y_pred; or what goes into an activation."""
    name = "compiled_" + name
    common.start_case("metrics/" + name)
    model = keras.Sequential([keras.layers.Input(batches[0][1].shape[1:]), keras.layers.Activation(activation)])
    model.compile(optimizer="sgd", loss=loss, jit_compile=False, **{argument: [metric]})
    results = [model.test_on_batch(y_pred, y_true, sample_weight=weight, return_dict=True)
               for y_true, y_pred, weight in batches]
    (key,) = set(results[0]) - {"loss"}
    (resolved,) = [m for m in model._compile_metrics.metrics]
    common.write(folder, name, {
        "metric": metric,
        "argument": argument,
        "compiled_loss": loss,
        **({"activation": activation} if activation != "linear" else {}),
        "class_name": type(resolved).__name__,
        "log_key": key,
        "batches": batch_dicts(batches),
        "results": [np.float32(r[key]) for r in results],
        "losses": [np.float32(r["loss"]) for r in results],
    })
