"""A training step of the reference convnet in Keras; training_speed.py runs it beside fovea.

usage: keras_training_speed.py BATCH STEPS      Prints one line of JSON: the seconds of each step, taken in tens by fit.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy
import tensorflow

from keras_photographs import convnet

STEPS_AT_ONCE = 10


def main():
    batch, steps = int(sys.argv[1]), int(sys.argv[2])
    random = numpy.random.default_rng(1)
    x = random.integers(0, 256, (batch, 150, 150, 3)).astype("float32")
    y = random.integers(0, 2, (batch, 1)).astype("float32")
    data = tensorflow.data.Dataset.from_tensors((x, y)).cache().repeat()
    model = convnet()
    # XLA makes it three times slower on a CPU.
    model.compile(optimizer="adam", loss="binary_crossentropy", jit_compile=False)
    model.fit(data, steps_per_epoch=3, epochs=1, verbose=0)
    seconds = []
    for _ in range(max(1, steps // STEPS_AT_ONCE)):
        start = time.perf_counter()
        model.fit(data, steps_per_epoch=STEPS_AT_ONCE, epochs=1, verbose=0)
        seconds.append((time.perf_counter() - start) / STEPS_AT_ONCE)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
