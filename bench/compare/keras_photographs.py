"""The reference convnet on folders of photographs, trained by Keras; photographs.py runs it beside fovea.

usage: keras_photographs.py DATA EPOCHS SEED      DATA holds train/ and validation/, each with a folder per class
Prints one line of JSON: the history and the seconds of each epoch.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers


class Seconds(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(time.perf_counter() - self.start)


def convnet():
    model = keras.Sequential([keras.Input((150, 150, 3)), layers.Rescaling(1 / 255)])
    for filters in (32, 64, 128, 128):
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def main():
    data, epochs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    keras.utils.set_random_seed(seed)

    def folder(part, shuffle):
        return keras.utils.image_dataset_from_directory(
            os.path.join(data, part), label_mode="binary", image_size=(150, 150), batch_size=32, shuffle=shuffle,
            seed=seed, verbose=False,
        )

    model = convnet()
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["acc"])
    seconds = Seconds()
    history = model.fit(folder("train", True), validation_data=folder("validation", False), epochs=epochs, verbose=0,
                        callbacks=[seconds])
    print(json.dumps({"history": history.history, "epoch_seconds": seconds.epochs}))


if __name__ == "__main__":
    main()
