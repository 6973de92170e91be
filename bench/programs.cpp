#include <memory>

#include "bench/measure.h"
#include "fovea/ops.h"
#include "ops/batch_norm.h"
#include "ops/optimizer_update.h"
#include "ops/pool2d.h"
#include "ops/random.h"
#include "ops/unary.h"
#include "plan/program.h"

// Each row is a small graph, planned for the cpu backend as a training program is: regions included.

namespace fovea::bench {
namespace {

/// A planned graph with data for its feeds.
class PlannedRow {
 public:
  PlannedRow(const Graph& graph, ThreadPool& pool)
      : program_(make_program(graph, cpu_backend())), context_(program_->new_context()), pool_(pool) {
    for (const Graph::Feed& feed : graph.feeds()) {
      const TensorSpec& spec = graph.spec(feed.value);
      bytes_ += static_cast<double>(spec.bytes());
      data_.push_back(Tensor(spec));
      feeds_.push_back(data_.back().raw());
      fill(data_.back());
    }
    for (const Value output : graph.outputs()) bytes_ += static_cast<double>(graph.spec(output).bytes());
    for (const auto& assignment : graph.assignments())
      bytes_ += 2 * static_cast<double>(graph.spec(assignment.value).bytes());
    outputs_.resize(graph.outputs().size());
  }
  void run() const { program_->run(*context_, feeds_.data(), outputs_.data(), pool_); }
  /// What must be read and written: feeds, outputs, variables.
  double bytes() const { return bytes_; }

 private:
  static void fill(Tensor& tensor) {
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      if (tensor.dtype() == DType::float32)
        tensor.data<float>()[i] = static_cast<float>(i * 7919 % 1001 - 500) * 1e-3F;
      if (tensor.dtype() == DType::int32) tensor.data<std::int32_t>()[i] = static_cast<std::int32_t>(i % 4);
      if (tensor.dtype() == DType::int64) tensor.data<std::int64_t>()[i] = i + 1;
    }
  }

  std::unique_ptr<Program> program_;
  ContextPtr context_;
  ThreadPool& pool_;
  std::vector<Tensor> data_;
  std::vector<const void*> feeds_;
  std::vector<void*> outputs_;
  double bytes_ = 0;
};

class Programs {
 public:
  explicit Programs(Bench& bench) : bench_(bench) {}

  /// A row of `operations`, or of the bytes it must move where these are 0. build(graph) adds its outputs.
  template <class Build>
  void add(const std::string& name, double operations, Build build) {
    if (!bench_.wanted(name)) return;
    Graph graph;
    build(graph);
    const auto row = std::make_shared<PlannedRow>(graph, bench_.pool());
    const auto unit = operations > 0 ? Row::Unit::operations : Row::Unit::bytes;
    bench_.measure({{name, unit, operations > 0 ? operations : row->bytes(), [row] { row->run(); }}});
  }

 private:
  Bench& bench_;
};

template <class OpClass>
std::vector<Value> emit(Graph& g, OpClass op, const std::vector<Value>& inputs) {
  return g.emit(std::make_shared<OpClass>(std::move(op)), inputs);
}

void pooling(Programs& programs) {
  struct Map {
    const char* name;
    Shape x;
  };
  const Map maps[] = {
      {"layer1", {32, 148, 148, 32}}, {"layer2", {32, 72, 72, 64}}, {"layer4", {32, 15, 15, 128}}};
  for (const Map& map : maps) {
    const Shape& x = map.x;
    const Shape y{x[0], x[1] / 2, x[2] / 2, x[3]};
    programs.add(std::string("pool/") + map.name + "/forward", 0, [&](Graph& g) {
      const std::vector<Value> outputs = emit(g, Pool2DOp(ops::Pool2DAttributes{}), {g.feed("x", {x})});
      for (const Value output : outputs) g.add_output(output);
    });
    programs.add(std::string("pool/") + map.name + "/inference", 0,
                 [&](Graph& g) { g.add_output(ops::pool2d(g, g.feed("x", {x}), {})); });
    programs.add(std::string("pool/") + map.name + "/backward", 0, [&](Graph& g) {
      const Value dy = g.feed("dy", {y}), winners = g.feed("winners", {y, DType::uint8});
      g.add_output(emit(g, Pool2DBackwardOp({}, x), {dy, winners})[0]);
    });
    // As it follows from conv + bias + pool + ReLU where no kernel takes the convolution's passes with it.
    programs.add(std::string("pool/") + map.name + "/backward_relu_bias", 0, [&](Graph& g) {
      const Value dy = g.feed("dy", {y}), winners = g.feed("winners", {y, DType::uint8});
      const Value slope = emit(g, UnaryBackwardOp(UnaryKind::relu, {}), {g.feed("relu", {y}), dy})[0];
      const Value gradient = emit(g, Pool2DBackwardOp({}, x), {slope, winners})[0];
      g.add_output(gradient);
      g.add_output(ops::reduce(g, ops::ReduceKind::sum, gradient, {0, 1, 2}));
    });
  }
  programs.add("pool/3x3_stride2/forward", 0, [&](Graph& g) {
    g.add_output(ops::pool2d(g, g.feed("x", {{16, 112, 112, 64}}),
                             {.kind = ops::PoolKind::max, .window = 3, .strides = 2, .padding = 1}));
  });
}

void products(Programs& programs) {
  struct Product {
    const char* name;
    std::int64_t m, k, n;
    bool a, b;
  };
  const Product rows[] = {
      {"dense/forward", 32, 6272, 512, false, false},
      {"dense/backward_input", 32, 512, 6272, false, true},
      {"dense/backward_weights", 6272, 32, 512, true, false},
      {"dense/batch1", 1, 6272, 512, false, false},
      {"one_column", 32, 512, 1, false, false},
      {"512", 512, 512, 512, false, false},
      {"512_tn", 512, 512, 512, true, false},
      {"512_nt", 512, 512, 512, false, true},
      {"512_tt", 512, 512, 512, true, true},
      {"2048", 2048, 2048, 2048, false, false},
      {"1x1_conv", 4 * 56 * 56, 256, 64, false, false},
  };
  for (const Product& p : rows) {
    programs.add(std::string("matmul/") + p.name, 2.0 * static_cast<double>(p.m * p.k * p.n), [&](Graph& g) {
      const Value a = g.feed("a", {p.a ? Shape{p.k, p.m} : Shape{p.m, p.k}});
      const Value b = g.feed("b", {p.b ? Shape{p.n, p.k} : Shape{p.k, p.n}});
      const Value y = ops::add(g, ops::matmul(g, a, b, p.a, p.b), g.feed("bias", {{p.n}}));
      g.add_output(ops::relu(g, y));
    });
  }
}

void elementwise(Programs& programs) {
  const Shape map{32, 72, 72, 64};
  programs.add("elementwise/rescale_bytes", 0, [&](Graph& g) {
    const Value x = ops::cast(g, g.feed("x", {{32, 150, 150, 3}, DType::uint8}), DType::float32);
    g.add_output(ops::scale(g, x, 1.0 / 255));
  });
  programs.add("elementwise/add", 0,
               [&](Graph& g) { g.add_output(ops::add(g, g.feed("x", {map}), g.feed("y", {map}))); });
  programs.add("elementwise/bias_relu", 0, [&](Graph& g) {
    g.add_output(ops::relu(g, ops::add(g, g.feed("x", {map}), g.feed("bias", {{64}}))));
  });
  programs.add("elementwise/relu_backward", 0, [&](Graph& g) {
    g.add_output(emit(g, UnaryBackwardOp(UnaryKind::relu, {}), {g.feed("y", {map}), g.feed("dy", {map})})[0]);
  });
  programs.add("elementwise/channel_factor", 0, [&](Graph& g) {
    g.add_output(ops::multiply(g, g.feed("x", {map}), g.feed("factor", {{32, 1, 1, 64}})));
  });
  for (const char* function : {"sigmoid", "tanh", "exponential", "log", "gelu", "silu", "mish", "softplus"}) {
    programs.add(std::string("elementwise/") + function, 0,
                 [&](Graph& g) { g.add_output(ops::unary(g, function, g.feed("x", {map}))); });
  }
}

void others(Programs& programs) {
  const Shape map{32, 72, 72, 64};
  programs.add("reduce/bias_gradient", 0, [&](Graph& g) {
    g.add_output(ops::reduce(g, ops::ReduceKind::sum, g.feed("x", {map}), {0, 1, 2}));
  });
  programs.add("reduce/global_average", 0, [&](Graph& g) {
    g.add_output(ops::reduce(g, ops::ReduceKind::mean, g.feed("x", {map}), {1, 2}));
  });
  programs.add("softmax/1000", 0, [&](Graph& g) {
    g.add_output(ops::softmax(g, g.feed("x", {{8192, 1000}})));
  });
  programs.add("softmax/10", 0, [&](Graph& g) {
    g.add_output(ops::softmax(g, g.feed("x", {{400'000, 10}})));
  });
  const auto channel = [](Graph& g, const char* name) { return g.feed(name, {{64}}); };
  programs.add("batch_norm/training", 0, [&](Graph& g) {
    const auto result =
        ops::batch_norm_training(g, g.feed("x", {map}), channel(g, "gamma"), channel(g, "beta"), 1e-3);
    for (const Value value : {result.y, result.mean, result.variance}) g.add_output(value);
  });
  programs.add("batch_norm/backward", 0, [&](Graph& g) {
    const std::vector<Value> gradients = emit(g, BatchNormBackwardOp(1e-3),
                                              {g.feed("x", {map}), channel(g, "gamma"), channel(g, "mean"),
                                               channel(g, "variance"), g.feed("dy", {map})});
    for (const Value value : gradients) g.add_output(value);
  });
  // RandomRotation's default options on a batch of the reference net.
  programs.add("augment/rotation", 0, [&](Graph& g) {
    RandomTransformOp matrices;
    matrices.samples = 32;
    matrices.image = 150;
    matrices.low = -0.2;
    matrices.high = 0.2;
    const Value drawn = emit(g, matrices, {random_state(g)})[0];
    AffineTransformOp rotation;
    rotation.size = 150;
    g.add_output(emit(g, rotation, {g.feed("x", {{32, 150, 150, 3}}), drawn})[0]);
  });
  programs.add("dropout", 0, [&](Graph& g) { g.add_output(ops::dropout(g, g.feed("x", {map}), 0.5, 1)); });
  programs.add("transpose/nhwc_to_nchw", 0, [&](Graph& g) {
    g.add_output(ops::transpose(g, g.feed("x", {map}), {0, 3, 1, 2}));
  });
  programs.add("transpose/matrix", 0, [&](Graph& g) {
    g.add_output(ops::transpose(g, g.feed("x", {{3000, 3000}}), {1, 0}));
  });
  programs.add("concatenate", 0, [&](Graph& g) {
    const Value parts[] = {g.feed("a", {map}), g.feed("b", {map})};
    g.add_output(ops::concatenate(g, parts));
  });
}

template <class UpdateOp>
void update(Programs& programs, const char* name, const UpdateOp& op) {
  programs.add(std::string("optimizer/") + name, 0, [&](Graph& g) {
    std::vector<Value> inputs = {g.feed("rate", {{}}), g.feed("iteration", {{}, DType::int64})};
    std::vector<Variable> kept;
    const Shape weights{6272, 512};
    for (std::size_t i = 0; i <= op.slots(); ++i) {
      kept.emplace_back("v", TensorSpec{weights, DType::float32});
      inputs.push_back(g.variable(kept.back()));
    }
    inputs.push_back(g.feed("gradient", {weights}));
    const std::vector<Value> outputs = emit(g, op, inputs);
    for (std::size_t i = 0; i < kept.size(); ++i) g.assign(kept[i], outputs[i]);
  });
}

}  // namespace

void measure_programs(Bench& bench) {
  Programs programs(bench);
  pooling(programs);
  products(programs);
  elementwise(programs);
  others(programs);
  update(programs, "adam", AdamUpdateOp());
  SgdUpdateOp momentum;
  momentum.momentum = 0.9;
  update(programs, "sgd", SgdUpdateOp());
  update(programs, "sgd_momentum", momentum);
  update(programs, "rmsprop", RmspropUpdateOp());
}

}  // namespace fovea::bench
