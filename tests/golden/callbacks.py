"""callbacks/: hooks driven by hand with made-up logs, as fit would call them; what the callback decided after each.

The model has one weight, which holds the epoch (epoch + batch/100 within an epoch), so a file or a restored
model shows when it was taken.
"""

import os
import tempfile
import warnings

import common
from common import keras, np

C = keras.callbacks
NAN, INF = float("nan"), float("inf")
FALLING_THEN_FLAT = [1.0, 0.8, 0.7, 0.7, 0.71, 0.72, 0.7, 0.7, 0.7, 0.7, 0.5, 0.5, 0.5]


def write_all(folder):
    for name, make, arguments, key, values in reduce_on_plateau():
        write_plateau(folder, name, make, arguments, losses(values, key))
    for name, arguments, logs in early_stopping():
        write_stopping(folder, name, arguments, logs)
    for name, arguments, logs, *batches in checkpoint():
        write_checkpoint(folder, name, arguments, logs, *batches)
    for name, arguments, runs in csv_logger():
        write_csv(folder, name, arguments, runs)
    for name, schedule, rule in learning_rate_scheduler():
        write_schedule(folder, name, schedule, rule)
    for name, arguments, values in terminate_on_nan():
        write_terminate(folder, name, arguments, values)


def losses(values, key="val_loss"):
    return [{key: v} for v in values]


def tiny_model(learning_rate=0.01):
    """Trained on one batch, for `auto` looks for the direction among metrics that exist only then."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mse", metrics=["acc", "mae"],
                  jit_compile=False)
    model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    return model


def mark(model, value):
    model.set_weights([np.array([[value]], "float32")])


def marked(model):
    return float(model.get_weights()[0][0, 0])


def error_of(error):
    return {"type": type(error).__name__, "message": str(error)}


def write(folder, callback, name, arguments, logs, decisions, **more):
    common.write(folder, f"{callback.lower()}_{name}",
                 {"callback": callback, "arguments": arguments, "logs": logs, **more, "decisions": decisions})


# ReduceLROnPlateau

def reduce_on_plateau():
    def case(name, values, key="val_loss", rate=0.5, **arguments):
        return name, rate, arguments, key, values

    flat = [1.0] * 12
    yield case("patience2_cooldown2", flat, patience=2, cooldown=2)
    yield case("patience2", flat, patience=2)
    yield case("patience0", flat[:4], patience=0)
    yield case("patience1_factor", flat[:6], patience=1, factor=0.5)
    yield case("default_patience10", [1.0] * 24)
    yield case("improving_between", FALLING_THEN_FLAT, patience=2, cooldown=1, factor=0.3)
    yield case("cooldown1", flat, patience=1, cooldown=1, factor=0.5)
    yield case("improvement_in_cooldown", [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5], patience=2, cooldown=3)
    yield case("min_lr", flat, patience=1, factor=0.1, min_lr=0.003)
    yield case("min_delta", [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7], patience=2, min_delta=0.1)
    yield case("default_min_delta", [1.0, 0.99995, 0.9998, 0.99975, 0.9997, 0.9996], patience=1, factor=0.5)
    yield case("negative_min_delta", [1.0, 0.95, 0.9, 0.85], patience=1, min_delta=-0.1)
    yield case("mode_max", [0.5, 0.6, 0.6, 0.6, 0.7, 0.7, 0.7], "val_acc", monitor="val_acc", mode="max", patience=2)
    yield case("mode_auto_acc", [0.5, 0.4, 0.3, 0.6, 0.5], "val_acc", monitor="val_acc", patience=2)
    yield case("mode_min_on_acc", [0.5, 0.4, 0.3, 0.6, 0.7], "acc", monitor="acc", mode="min", patience=2)
    yield case("mode_auto_unknown", [0.5], "val_iou", monitor="val_iou")
    yield case("missing_monitor", [1.0] * 4, "loss", patience=1)
    yield case("nan", [1.0, NAN, NAN, 0.5, NAN], patience=2)
    yield case("factor_one", [], factor=1.0)


def write_plateau(folder, name, rate, arguments, logs):
    common.start_case("callbacks/plateau_" + name)
    model, decisions = tiny_model(rate), []
    try:
        callback = C.ReduceLROnPlateau(**arguments)
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, given in enumerate(logs):
            seen = dict(given)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                callback.on_epoch_end(epoch, seen)
            decisions.append({
                "logged_learning_rate": seen["learning_rate"],
                "learning_rate": float(model.optimizer.learning_rate),
                "wait": callback.wait,
                "cooldown_counter": callback.cooldown_counter,
                **warned(caught),
            })
    except ValueError as error:
        decisions.append({"error": error_of(error)})
    write(folder, "ReduceLROnPlateau", name, arguments, logs, decisions, initial_learning_rate=rate)


def warned(caught):
    messages = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    return {"warnings": messages} if messages else {}


# EarlyStopping

def early_stopping():
    def case(name, values, key="val_loss", **arguments):
        return name, arguments, losses(values, key)

    yield case("default", [1.0, 0.9, 0.95, 0.8])
    yield case("default_flat_from_start", [1.0, 1.0, 1.0])
    yield case("patience1", [1.0, 1.1, 0.9, 1.0, 1.0, 1.0], patience=1)
    yield case("patience3", [1.0, 1.1, 1.2, 0.9, 1.0, 1.0, 1.0, 0.1], patience=3)
    yield case("min_delta", [1.0, 0.95, 0.9, 0.85, 0.8], patience=2, min_delta=0.1)
    yield case("baseline_never_reached", [1.0, 0.9, 0.8, 0.7], patience=2, baseline=0.5)
    yield case("baseline_reached", [1.0, 0.4, 0.45, 0.3, 0.35, 0.4, 0.2], patience=2, baseline=0.5)
    yield case("better_than_best_below_baseline", [1.0, 0.9, 0.95, 0.85, 0.8], patience=3, baseline=0.5,
               restore_best_weights=True)
    yield case("start_from_epoch", [0.1, 0.2, 0.3, 1.0, 1.0, 0.9, 1.0, 1.0], patience=2, start_from_epoch=3)
    yield case("start_from_epoch_restore", [0.1, 0.2, 0.9, 1.0, 1.1], patience=2, start_from_epoch=2,
               restore_best_weights=True)
    yield case("start_from_epoch_never_reached", [0.1, 0.2], start_from_epoch=5, restore_best_weights=True)
    yield case("restore", [1.0, 0.8, 0.9, 0.85, 0.1], patience=2, restore_best_weights=True)
    yield case("restore_at_normal_end", [1.0, 0.8, 0.9], patience=5, restore_best_weights=True)
    yield case("no_restore", [1.0, 0.8, 0.9, 0.85], patience=2)
    yield case("mode_max_restore", [0.5, 0.7, 0.6, 0.7, 0.7], "val_acc", monitor="val_acc", mode="max", patience=2,
               restore_best_weights=True)
    yield case("mode_auto_acc", [0.5, 0.7, 0.6, 0.65], "acc", monitor="acc", patience=2)
    yield case("mode_auto_mae", [0.5, 0.7, 0.6, 0.65], "val_mae", monitor="val_mae", patience=2)
    yield case("mode_auto_unknown", [0.5], "val_iou", monitor="val_iou")
    yield case("missing_monitor", [1.0, 1.0, 1.0], "loss")
    yield case("nan_first", [NAN, 1.0, 0.9, 0.95], patience=3, restore_best_weights=True)
    yield case("nan_later", [1.0, NAN, NAN, NAN], patience=2, restore_best_weights=True)
    yield case("inf", [INF, INF, 1.0, INF], patience=2, restore_best_weights=True)


def write_stopping(folder, name, arguments, logs):
    common.start_case("callbacks/stopping_" + name)
    model, decisions = tiny_model(), []
    callback = C.EarlyStopping(**arguments)
    callback.set_model(model)
    model.stop_training = False
    outcome = {}
    try:
        callback.on_train_begin()
        for epoch, given in enumerate(logs):
            mark(model, epoch)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                callback.on_epoch_end(epoch, dict(given))
            decisions.append({"stop": model.stop_training, "wait": callback.wait, **warned(caught)})
            if model.stop_training:
                break
        callback.on_train_end()
        outcome = {"epochs_run": len(decisions), "stopped_epoch": callback.stopped_epoch,
                   "best_epoch": callback.best_epoch,
                   "best": None if callback.best is None else float(callback.best),
                   "weights_of_epoch": int(marked(model))}
    except ValueError as error:
        decisions.append({"error": error_of(error)})
    write(folder, "EarlyStopping", name, arguments, logs, decisions, outcome=outcome)


# ModelCheckpoint

def checkpoint():
    """(name, arguments, logs of epochs, logs of the batches of every epoch)"""
    plain = [{"loss": 1.0, "val_loss": v, "acc": 0.25 * i, "val_acc": a}
             for i, (v, a) in enumerate([(0.9, 0.5), (0.7, 0.4), (0.8, 0.6), (0.7, 0.6), (0.65432, 0.75)])]
    only_loss = [{"loss": v} for v in (0.9, 0.95, 0.8)]
    batches = [{"loss": 2.0 - 0.25 * b, "acc": 0.125 * b} for b in range(5)]
    name = "m.keras"

    yield "every_epoch_one_file", {"filepath": name}, plain
    yield "formatted", {"filepath": "w{epoch:02d}-{val_loss:.2f}.keras"}, plain
    yield "formatted_folder", {"filepath": "runs/{epoch}/best_{val_acc:.3f}.keras"}, plain
    yield "format_many", {"filepath": "{epoch:3d}_{epoch:<3}_{loss:08.3f}_{val_loss:e}_{acc:.0%}_{{x}}.keras"}, plain
    yield "format_plain_field", {"filepath": "{epoch}-{val_loss}-{acc:g}.keras"}, plain
    yield "format_signs", {"filepath": "{epoch:+d}_{loss:+.1f}_{val_acc:_>8.2f}_{val_loss:^9.1f}.keras"}, plain[:2]
    yield "format_missing_key", {"filepath": "{epoch:02d}-{val_f1:.2f}.keras"}, plain
    yield "format_batch_at_epoch", {"filepath": "{epoch}-{batch}.keras"}, plain
    yield "best_only", {"filepath": "w{epoch:02d}.keras", "save_best_only": True}, plain
    yield "best_only_one_file", {"filepath": name, "save_best_only": True}, plain
    yield ("best_only_max", {"filepath": "w{epoch}.keras", "save_best_only": True, "monitor": "val_acc",
                             "mode": "max"}, plain)
    yield "best_only_auto_acc", {"filepath": "w{epoch}.keras", "save_best_only": True, "monitor": "val_acc"}, plain
    yield "best_only_missing_monitor", {"filepath": "w{epoch}.keras", "save_best_only": True}, only_loss
    yield ("best_only_nan", {"filepath": "w{epoch}.keras", "save_best_only": True},
           losses([NAN, 0.9, NAN, 0.8]))
    yield "best_only_inf", {"filepath": "w{epoch}.keras", "save_best_only": True}, losses([INF, INF, 0.8])
    yield "monitor_unknown", {"filepath": "w{epoch}.keras", "monitor": "val_iou", "save_best_only": True}, plain
    yield "monitor_unknown_every_epoch", {"filepath": "w{epoch}.keras", "monitor": "val_iou"}, plain
    yield ("initial_value_threshold", {"filepath": "w{epoch}.keras", "save_best_only": True,
                                       "initial_value_threshold": 0.7}, plain)
    yield "weights_only", {"filepath": "w{epoch}.weights.h5", "save_weights_only": True}, plain[:2]
    yield "weights_only_wrong_ending", {"filepath": "w.keras", "save_weights_only": True}, plain[:1]
    yield "wrong_ending", {"filepath": "w.ckpt"}, plain[:1]
    yield "legacy_h5", {"filepath": "w{epoch}.h5"}, plain[:2]
    yield "save_freq2", {"filepath": "e{epoch}b{batch}.keras", "save_freq": 2}, plain[:3], batches
    yield "save_freq3", {"filepath": "e{epoch}b{batch:03d}_{loss:.2f}.keras", "save_freq": 3}, plain[:3], batches
    yield "save_freq7", {"filepath": "e{epoch}b{batch}.keras", "save_freq": 7}, plain[:3], batches
    yield ("save_freq2_best_loss", {"filepath": "e{epoch}b{batch}.keras", "save_freq": 2, "save_best_only": True,
                                    "monitor": "loss", "mode": "min"}, plain[:2], batches)
    yield ("save_freq2_best_missing_monitor", {"filepath": "e{epoch}b{batch}.keras", "save_freq": 2,
                                               "save_best_only": True}, plain[:1], batches)
    yield "save_freq_wrong", {"filepath": name, "save_freq": "batch"}, plain[:1]


def write_checkpoint(folder, name, arguments, logs, batches=()):
    common.start_case("callbacks/checkpoint_" + name)
    model, decisions, home = tiny_model(), [], os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # So that paths and messages are relative.
        try:
            drive_checkpoint(model, arguments, logs, batches, decisions)
        except (ValueError, KeyError, TypeError) as error:  # A TypeError is a fault of Keras' own.
            decisions.append({"error": error_of(error)})
        files = {path: kept_mark(path) for path in all_files()}
        os.chdir(home)
    write(folder, "ModelCheckpoint", name, arguments, logs, decisions, batch_logs=list(batches), files=files)


def drive_checkpoint(model, arguments, logs, batches, decisions):
    callback = C.ModelCheckpoint(**arguments)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, given in enumerate(logs):
        callback.on_epoch_begin(epoch)
        for batch, batch_logs in enumerate(batches):
            mark(model, epoch + batch / 100)
            decisions.append({"epoch": epoch, "batch": batch,
                              **saved_by(lambda: callback.on_train_batch_end(batch, dict(batch_logs)), callback)})
        mark(model, epoch)
        decisions.append({"epoch": epoch, **saved_by(lambda: callback.on_epoch_end(epoch, dict(given)), callback)})
    callback.on_train_end()


def saved_by(action, callback):
    """A file counts as saved where it exists after its time stamp was set back and lost."""
    for path in all_files():
        os.utime(path, (1, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    saved = [path for path in all_files() if os.stat(path).st_mtime != 1]
    best = None if callback.best is None else float(callback.best)
    messages = [m for m in warned(caught).get("warnings", []) if "HDF5" not in m]
    return {"saved": saved, "best": best, **({"warnings": messages} if messages else {})}


def all_files():
    return sorted(os.path.relpath(os.path.join(folder, name)) for folder, _, names in os.walk(".") for name in names)


def kept_mark(path):
    if path.endswith(".weights.h5"):
        model = tiny_model()
        model.load_weights(path)
        return marked(model)
    return marked(keras.saving.load_model(path, compile=False))


# CSVLogger

def csv_logger():
    """(name, arguments, runs: logs of the epochs of each call of fit)"""
    epochs = [{"loss": 0.5, "acc": 0.1}, {"loss": 0.1 + 0.2, "acc": 1.0}, {"loss": 1e-7, "acc": 12345678.0}]
    with_val = [{"val_loss": 0.25, "loss": 0.5}, {"loss": 1 / 3}, {"loss": NAN, "val_loss": INF}]
    yield "default", {}, [epochs]
    yield "validation", {}, [with_val]
    yield "unknown_later_key", {}, [[{"loss": 1.0}, {"loss": 2.0, "val_loss": 3.0}]]
    yield "separator", {"separator": ";"}, [with_val]
    yield "append_new_file", {"append": True}, [epochs[:1]]
    yield "append_twice", {"append": True}, [epochs[:2], epochs[2:]]
    yield "overwrite_twice", {}, [epochs[:2], epochs[2:]]
    yield "values", {}, [[{"loss": 1e16, "a": 1e-5, "b": 123456789012345680.0, "c": -0.0, "d": 7.0, "e": 1e22}]]
    yield "learning_rate", {}, [[{"loss": 0.5, "val_loss": 0.6, "learning_rate": float(np.float32(1e-3))}]]


def write_csv(folder, name, arguments, runs):
    common.start_case("callbacks/csv_" + name)
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "log.csv")
        for run in runs:  # A new callback each time, as a restarted program has.
            callback = C.CSVLogger(path, **arguments)
            callback.set_model(None)
            callback.on_train_begin()
            for epoch, logs in enumerate(run):
                callback.on_epoch_end(epoch, dict(logs))
            callback.on_train_end()
        with open(path, encoding="utf-8", newline="") as file:  # Keeps the line ends as written.
            text = file.read()
    write(folder, "CSVLogger", name, arguments, runs, {"text": text})


# LearningRateScheduler and TerminateOnNaN

def learning_rate_scheduler():
    """(name, schedule, the same in words)"""
    table = [0.1, 0.1, 0.01, 0.001, 0.5]
    yield "table", lambda epoch, rate: table[epoch], {"kind": "table", "rates": table}
    yield "multiply", lambda epoch, rate: rate * 0.5, {"kind": "multiply", "factor": 0.5}
    yield "epoch_only", lambda epoch: table[epoch], {"kind": "table", "rates": table}
    yield "returns_integer", lambda epoch, rate: 1, {"kind": "integer", "value": 1}


def write_schedule(folder, name, schedule, rule):
    common.start_case("callbacks/schedule_" + name)
    model, decisions = tiny_model(0.8), []
    callback = C.LearningRateScheduler(schedule)
    callback.set_model(model)
    try:
        for epoch in range(5):
            callback.on_epoch_begin(epoch)
            logs = {"loss": 1.0}
            callback.on_epoch_end(epoch, logs)
            decisions.append({"learning_rate": float(model.optimizer.learning_rate),
                              "logged_learning_rate": logs["learning_rate"]})
    except ValueError as error:
        decisions.append({"error": error_of(error)})
    write(folder, "LearningRateScheduler", name, {"schedule": rule}, [{"loss": 1.0}] * 5, decisions,
          initial_learning_rate=0.8)


def terminate_on_nan():
    yield "nan", {}, [1.0, 0.5, NAN, 0.25]
    yield "inf", {}, [1.0, INF]
    yield "minus_inf", {}, [-INF, 1.0]
    yield "none", {}, [1.0, 1e38, 0.0]
    yield "raise_error", {"raise_error": True}, [1.0, NAN]


def write_terminate(folder, name, arguments, values):
    common.start_case("callbacks/terminate_" + name)
    model, decisions = tiny_model(), []
    model.stop_training = False
    callback = C.TerminateOnNaN(**arguments)
    callback.set_model(model)
    logs = losses(values, "loss")
    try:
        for batch, given in enumerate(logs):
            callback.on_train_batch_end(batch, given)
            decisions.append({"stop": model.stop_training})
            if model.stop_training:
                break
    except RuntimeError as error:
        decisions.append({"error": error_of(error)})
    write(folder, "TerminateOnNaN", name, arguments, logs, decisions)
