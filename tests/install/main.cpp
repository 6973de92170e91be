// What an outside user compiles against the installed package.
#include <fovea/error.h>
#include <fovea/tensor.h>

#include <cstdio>

int main() {
  const auto image = fovea::Tensor::of<float>({1, 2, 2, 1}, {1, 2, 3, 4});
  const fovea::Tensor flat = image.reshaped({1, -1});
  if (flat.shape() != fovea::Shape{1, 4} || flat.values<float>()[3] != 4.0f) {
    std::fprintf(stderr, "reshaped to %s\n", flat.spec().str().c_str());
    return 1;
  }
  try {
    static_cast<void>(image.reshaped({3, 3}));
  } catch (const fovea::Error& error) {
    std::printf("%s\n%s\n", flat.spec().str().c_str(), error.what());
    return 0;
  }
  std::fprintf(stderr, "a reshape to another count of elements was accepted\n");
  return 1;
}
