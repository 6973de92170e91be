"""The smallest network of each family of keras.applications: opened, summed up, predicting as Keras does, and written
back so that Keras opens it.

All of them, at their own sizes: bench/compare/applications.py."""

import re
import subprocess

import applications
import fovea
import saving_test

# What runs here takes images of this size; NASNet and the networks whose pixels it would leave too few take more.
SIZE = 96
SIZES = {"NASNetMobile": 128, "InceptionResNetV2": 128, "InceptionV3": 128, "Xception": 128}


class Applications(saving_test.Files):
    def test_each_family(self):
        for family, (name, *_) in applications.FAMILIES.items():
            with self.subTest(name):
                size = SIZES.get(name, SIZE)
                # The tops of VGG are 120 million weights for nothing but matrix products.
                top = {"include_top": False, "pooling": "avg"} if family in ("VGG", "NASNet") else {}
                model = applications.with_features(applications.build(name, (size, size, 3), **top))
                self.assert_alike(applications.compiled(model))

    def assert_alike(self, model):
        path = self.save(model)
        inputs = applications.images(3, model.input_shape[1:], seed=3)
        theirs = model.predict(inputs, verbose=0, batch_size=1)
        ours = fovea.predict(path, [inputs], model.output_shape, self.folder)
        for mine, other in zip(ours, theirs, strict=True):
            self.assertGreater(applications.spread(other), 0.01, "the outputs do not depend on the inputs")
            self.assertLess(applications.difference(mine, other), 1e-4)
        summary = subprocess.run([fovea.BIN / "fovea", "summary", path], capture_output=True, text=True, check=True)
        total = re.search(r"Total params: ([\d,]+)", summary.stdout)[1].replace(",", "")
        self.assertEqual(int(total), model.count_params())
        self.assertEqual(list(applications.lost(path, self.resaved(path), inputs, theirs)), [])
