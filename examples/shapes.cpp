#include <fovea/fovea.h>

#include <cstdio>

using namespace fovea;

int main() {
  // Drawn circles, squares and triangles. image_folder("photos") reads a folder of class folders.
  const auto [train, validation] = split(synthetic_shapes(1500, {.image_size = 32, .classes = 3}), 0.2);

  const Sequential model({
      Input({32, 32, 3}),
      Rescaling(1.0 / 255),
      Conv2D(32, 3, {.activation = "relu"}),
      MaxPooling2D(2),
      Conv2D(64, 3, {.activation = "relu"}),
      MaxPooling2D(2),
      Flatten(),
      Dropout(0.5),
      Dense(3, {.activation = "softmax"}),
  });
  model.compile({.optimizer = Adam({.learning_rate = 1e-3}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = "acc"});
  std::printf("%s", model.summary().c_str());

  model.fit(train, {.epochs = 3,
                    .validation_data = validation,
                    .verbose = 1,
                    .callbacks = {EarlyStopping({.patience = 2})}});
  model.save("shapes.keras");  // real Keras opens it too
}
