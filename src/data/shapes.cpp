#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "core/format.h"
#include "core/philox.h"
#include "fovea/data.h"

// Everything here is integer arithmetic, so that the pixels have the same bits from every compiler. Positions
// are in 1/16 pixel, angles in 1/4096 turn, sines in 1/32768.
namespace fovea {
namespace {

constexpr std::int64_t unit = 16, turn = 4096, one = 32768;
constexpr std::array<const char*, 4> shape_names = {"circle", "square", "triangle", "star"};

struct Point {
  std::int64_t x = 0, y = 0;
};

using Color = std::array<int, 3>;

/// Bhaskara's rational sine, within 0.0017: 16 t (pi - t) / (5 pi^2 - 4 t (pi - t)).
std::int64_t sine(std::int64_t angle) {
  constexpr std::int64_t half = turn / 2;
  angle = (angle % turn + turn) % turn;
  const std::int64_t t = angle % half;
  const std::int64_t product = t * (half - t);
  const std::int64_t value = 16 * product * one / (5 * half * half - 4 * product);
  return angle < half ? value : -value;
}

Point around(Point centre, std::int64_t radius, std::int64_t angle) {
  return {centre.x + radius * sine(angle + turn / 4) / one, centre.y + radius * sine(angle) / one};
}

/// An outline with up to 10 corners, or a disc.
struct Outline {
  std::array<Point, 10> corners{};
  std::size_t count = 0;
  Point centre{};
  std::int64_t radius = 0;

  /// Even-odd rule for corners; the disc's equation without any.
  bool contains(Point p) const {
    if (count == 0) {
      const std::int64_t x = p.x - centre.x, y = p.y - centre.y;
      return x * x + y * y <= radius * radius;
    }
    bool inside = false;
    for (std::size_t i = 0, j = count - 1; i < count; j = i++) {
      const Point a = corners[i], b = corners[j];
      if ((a.y > p.y) == (b.y > p.y)) continue;
      const std::int64_t side = (p.x - a.x) * (b.y - a.y) - (b.x - a.x) * (p.y - a.y);
      if ((side < 0) == (b.y > a.y)) inside = !inside;
    }
    return inside;
  }
};

Outline polygon(Point centre, std::int64_t radius, std::int64_t angle, std::size_t corners,
                std::int64_t inner_radius) {
  Outline outline{{}, corners, centre, radius};
  for (std::size_t i = 0; i < corners; ++i) {
    const std::int64_t at = angle + turn * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(corners);
    outline.corners[i] = around(centre, i % 2 == 0 ? radius : inner_radius, at);
  }
  return outline;
}

/// Shapes of one `side` have the same area, side^2, so that a sum of pixels does not tell them apart: radii
/// are side / sqrt(pi), side / sqrt(2), side / sqrt(1.299) and, with inner corners at 7/16, side /
/// sqrt(1.286).
Outline outline_of(std::int32_t label, Point centre, std::int64_t side, std::int64_t angle) {
  switch (label) {
    case 0:
      return {{}, 0, centre, side * 564 / 1000};
    case 1:
      return polygon(centre, side * 707 / 1000, angle, 4, side * 707 / 1000);
    case 2:
      return polygon(centre, side * 877 / 1000, angle, 3, side * 877 / 1000);
    default:
      return polygon(centre, side * 882 / 1000, angle, 10, side * 386 / 1000);
  }
}

/// A line as a thin quadrangle.
Outline line(Point from, Point to, std::int64_t thickness) {
  const std::int64_t x = to.x - from.x, y = to.y - from.y;
  const std::int64_t length = std::max<std::int64_t>(1, std::max(std::abs(x), std::abs(y)));
  const Point across{-y * thickness / (2 * length), x * thickness / (2 * length)};
  Outline outline;
  outline.count = 4;
  outline.corners[0] = {from.x + across.x, from.y + across.y};
  outline.corners[1] = {to.x + across.x, to.y + across.y};
  outline.corners[2] = {to.x - across.x, to.y - across.y};
  outline.corners[3] = {from.x - across.x, from.y - across.y};
  return outline;
}

class Canvas {
 public:
  Canvas(std::uint8_t* pixels, std::int64_t size) : pixels_(pixels), size_(size) {}

  /// Two colours meet along a straight gradient.
  void gradient(const Color& from, const Color& to, std::int64_t angle) {
    const std::int64_t dx = sine(angle + turn / 4), dy = sine(angle);
    for (std::int64_t y = 0; y < size_; ++y) {
      for (std::int64_t x = 0; x < size_; ++x) {
        const std::int64_t along =
            (dx * (2 * x - size_) + dy * (2 * y - size_)) / (3 * size_);  // within one / 2
        const std::int64_t share = std::clamp<std::int64_t>(along + one / 2, 0, one);
        for (std::size_t c = 0; c < 3; ++c) {
          at(x, y)[c] = static_cast<std::uint8_t>((from[c] * (one - share) + to[c] * share) / one);
        }
      }
    }
  }

  /// Fills an outline; 2x2 samples a pixel smooth its edge.
  void fill(const Outline& outline, const Color& color) {
    Point low{outline.centre.x - outline.radius, outline.centre.y - outline.radius};
    Point high{outline.centre.x + outline.radius, outline.centre.y + outline.radius};
    if (outline.count > 0) {
      const auto corners = std::span(outline.corners).first(outline.count);
      const auto by_x = [](Point a, Point b) { return a.x < b.x; };
      const auto by_y = [](Point a, Point b) { return a.y < b.y; };
      low = {std::min_element(corners.begin(), corners.end(), by_x)->x,
             std::min_element(corners.begin(), corners.end(), by_y)->y};
      high = {std::max_element(corners.begin(), corners.end(), by_x)->x,
              std::max_element(corners.begin(), corners.end(), by_y)->y};
    }
    const auto first = [](std::int64_t v) { return std::max<std::int64_t>(v, 0) / unit; };
    const auto last = [&](std::int64_t v) {
      return std::min(std::max<std::int64_t>(v, -unit) / unit, size_ - 1);
    };
    for (std::int64_t y = first(low.y); y <= last(high.y); ++y) {
      for (std::int64_t x = first(low.x); x <= last(high.x); ++x) blend(x, y, coverage(outline, x, y), color);
    }
  }

  void noise(PhiloxStream& random, int strength) {
    const std::size_t bytes = static_cast<std::size_t>(size_ * size_ * 3);
    for (std::size_t i = 0; i < bytes; i += 16) {
      const std::array<std::uint32_t, 4> words = random.block(i / 16);
      for (std::size_t j = i; j < std::min(bytes, i + 16); ++j) {
        const auto byte = static_cast<int>(words[(j - i) / 4] >> (8 * (j % 4)) & 0xff);
        pixels_[j] =
            static_cast<std::uint8_t>(std::clamp(pixels_[j] + (byte - 128) * strength / 128, 0, 255));
      }
    }
  }

 private:
  std::uint8_t* at(std::int64_t x, std::int64_t y) { return pixels_ + (y * size_ + x) * 3; }

  static int coverage(const Outline& outline, std::int64_t x, std::int64_t y) {
    int inside = 0;
    for (const std::int64_t dy : {unit / 4, 3 * unit / 4}) {
      for (const std::int64_t dx : {unit / 4, 3 * unit / 4}) {
        inside += outline.contains({x * unit + dx, y * unit + dy}) ? 1 : 0;
      }
    }
    return inside;
  }

  void blend(std::int64_t x, std::int64_t y, int quarters, const Color& color) {
    std::uint8_t* pixel = at(x, y);
    for (std::size_t c = 0; c < 3; ++c) {
      pixel[c] = static_cast<std::uint8_t>((pixel[c] * (4 - quarters) + color[c] * quarters) / 4);
    }
  }

  std::uint8_t* pixels_;
  std::int64_t size_;
};

std::int64_t between(PhiloxStream& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

Color any_color(PhiloxStream& random, std::int64_t low, std::int64_t high) {
  Color color;
  for (int& channel : color) channel = static_cast<int>(between(random, low, high));
  return color;
}

void add_clutter(Canvas& canvas, PhiloxStream& random, std::int64_t size, int lines, int blobs) {
  const auto anywhere = [&] {
    return Point{between(random, 0, size * unit), between(random, 0, size * unit)};
  };
  for (int i = 0; i < lines; ++i) {
    const Point from = anywhere();
    const Point to = anywhere();
    const std::int64_t thickness = between(random, unit, std::max(unit, size * unit / 60));
    canvas.fill(line(from, to, thickness), any_color(random, 40, 150));
  }
  for (int i = 0; i < blobs; ++i) {
    const Point centre = anywhere();
    Outline blob;
    blob.count = 7;
    for (std::size_t corner = 0; corner < blob.count; ++corner) {
      const std::int64_t radius = between(random, size * unit / 50, size * unit / 16);
      blob.corners[corner] = around(centre, radius, turn * static_cast<std::int64_t>(corner) / 7);
    }
    canvas.fill(blob, any_color(random, 40, 150));
  }
}

/// One shape, bright on dim ground and wholly inside the image. Place, colour and area do not depend on the
/// class.
void draw(std::uint8_t* pixels, std::int64_t size, std::int32_t label, std::uint64_t seed,
          std::uint32_t index) {
  PhiloxStream random(seed, stream_id("synthetic_shapes"), index);
  Canvas canvas(pixels, size);
  const Color ground = any_color(random, 10, 110);
  const Color shaded = any_color(random, 10, 110);
  canvas.gradient(ground, shaded, between(random, 0, turn - 1));
  add_clutter(canvas, random, size, 4, 6);
  const std::int64_t side = between(random, size * unit * 26 / 100, size * unit * 42 / 100);
  const std::int64_t margin = side * 9 / 10;  // what the largest outline of this area needs
  const Point centre{between(random, margin, size * unit - margin),
                     between(random, margin, size * unit - margin)};
  const std::int64_t angle = between(random, 0, turn - 1);
  canvas.fill(outline_of(label, centre, side, angle), any_color(random, 150, 250));
  add_clutter(canvas, random, size, 2, 1);
  PhiloxStream grain(seed, stream_id("synthetic_shapes/noise"), index);
  canvas.noise(grain, 12);
}

class SyntheticShapes final : public Dataset {
 public:
  SyntheticShapes(std::int64_t count, const SyntheticShapesOptions& options)
      : count_(count), options_(options), image_bytes_(3 * options.image_size * options.image_size) {
    if (count_ > options.cache_bytes / image_bytes_) return;
    cache_ =
        std::unique_ptr<std::uint8_t[]>(new std::uint8_t[static_cast<std::size_t>(count_ * image_bytes_)]);
    drawn_ = std::make_unique<std::once_flag[]>(static_cast<std::size_t>(count_));
  }

  std::int64_t size() const override { return count_; }
  std::vector<TensorSpec> inputs() const override {
    return {{Shape{options_.image_size, options_.image_size, 3}, DType::float32}};
  }
  std::vector<TensorSpec> targets() const override { return {{Shape{}, DType::int32}}; }
  std::vector<std::string> class_names() const override {
    return {shape_names.begin(), shape_names.begin() + options_.classes};
  }

  void load(std::int64_t position, std::int64_t row, Batch& into) const override {
    const auto label = static_cast<std::int32_t>(position % options_.classes);
    into.targets[0].data<std::int32_t>()[row] = label;
    const std::span<float> out = row_of<float>(into.inputs[0], row);
    const auto draw_to = [&](std::uint8_t* pixels) {
      draw(pixels, options_.image_size, label, options_.seed, static_cast<std::uint32_t>(position));
    };
    if (!cache_) {
      std::vector<std::uint8_t> pixels(out.size());
      draw_to(pixels.data());
      std::copy(pixels.begin(), pixels.end(), out.begin());
      return;
    }
    std::uint8_t* pixels = cache_.get() + position * image_bytes_;
    std::call_once(drawn_[static_cast<std::size_t>(position)], [&] { draw_to(pixels); });
    std::copy_n(pixels, out.size(), out.begin());
  }

 private:
  std::int64_t count_;
  SyntheticShapesOptions options_;
  std::int64_t image_bytes_;
  std::unique_ptr<std::uint8_t[]> cache_;
  std::unique_ptr<std::once_flag[]> drawn_;
};

}  // namespace

DatasetPtr synthetic_shapes(std::int64_t count, const SyntheticShapesOptions& options) {
  if (count < 1 || count > std::int64_t{1} << 32) {
    fail("synthetic_shapes: count must be from 1 to 2^32. Received: {}", count);
  }
  if (options.image_size < 16 || options.image_size > 4096) {
    fail("synthetic_shapes: image_size must be from 16 to 4096. Received: {}", options.image_size);
  }
  if (options.classes < 2 || options.classes > static_cast<std::int64_t>(shape_names.size())) {
    fail("synthetic_shapes: classes must be from 2 to {}. Received: {}", shape_names.size(), options.classes);
  }
  return std::make_shared<SyntheticShapes>(count, options);
}

}  // namespace fovea
