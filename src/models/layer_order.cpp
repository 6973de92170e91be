#include "models/layer_order.h"

#include <algorithm>
#include <map>
#include <set>

// Source: keras/src/ops/function.py, map_graph.

namespace fovea {
namespace {

class Search {
 public:
  explicit Search(const std::vector<SymbolicTensor>& inputs) {
    for (const SymbolicTensor& input : inputs) inputs_.insert(input.call().get());
  }

  /// Depth first from `output`; a call is finished once everything that it reads is.
  void visit(const SymbolicTensor& output) {
    std::vector<Frame> stack;
    enter(output.call(), stack);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      if (frame.next < frame.call->inputs.size()) {
        enter(frame.call->inputs[frame.next++].call(), stack);
      } else {
        finished_.push_back(frame.call);
        stack.pop_back();
      }
    }
  }

  /// Calls after all those that they read.
  const std::vector<std::shared_ptr<LayerCall>>& finished() const { return finished_; }
  int first_met(const LayerImpl* layer) const { return met_.at(layer); }

 private:
  struct Frame {
    std::shared_ptr<LayerCall> call;
    std::size_t next = 0;
  };

  void enter(const std::shared_ptr<LayerCall>& call, std::vector<Frame>& stack) {
    if (!seen_.insert(call.get()).second) return;
    met_.try_emplace(call->layer.get(), static_cast<int>(met_.size()));
    // What lies behind an input is no part of the model.
    const bool is_input = inputs_.count(call.get()) != 0;
    stack.push_back({call, is_input ? call->inputs.size() : 0});
  }

  std::set<const LayerCall*> inputs_, seen_;
  std::map<const LayerImpl*, int> met_;
  std::vector<std::shared_ptr<LayerCall>> finished_;
};

struct Placed {
  std::shared_ptr<LayerImpl> layer;
  int depth, met;
};

}  // namespace

std::vector<std::shared_ptr<LayerImpl>> layers_in_keras_order(const std::vector<SymbolicTensor>& inputs,
                                                              const std::vector<SymbolicTensor>& outputs) {
  Search search(inputs);
  for (const SymbolicTensor& output : outputs) search.visit(output);

  // Calls between a call and the outputs, at most; a layer is as deep as its deepest call.
  std::map<const LayerCall*, int> call_depths;
  std::map<const LayerImpl*, int> layer_depths;
  std::vector<std::shared_ptr<LayerImpl>> layers;
  const std::vector<std::shared_ptr<LayerCall>>& finished = search.finished();
  for (auto call = finished.rbegin(); call != finished.rend(); ++call) {
    const auto [place, added] = layer_depths.try_emplace((*call)->layer.get(), 0);
    if (added) layers.push_back((*call)->layer);
    const int depth = std::max(call_depths[call->get()], place->second);
    place->second = depth;
    for (const SymbolicTensor& input : (*call)->inputs) {
      int& behind = call_depths[input.call().get()];
      behind = std::max(behind, depth + 1);
    }
  }
  std::vector<Placed> placed;
  for (const auto& layer : layers)
    placed.push_back({layer, layer_depths.at(layer.get()), search.first_met(layer.get())});
  for (const SymbolicTensor& input : inputs) {
    const std::shared_ptr<LayerImpl>& layer = input.call()->layer;
    if (layer_depths.try_emplace(layer.get(), 0).second) placed.push_back({layer, 0, -1});  // read by nothing
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return a.depth != b.depth ? a.depth > b.depth : a.met < b.met;
  });
  std::vector<std::shared_ptr<LayerImpl>> result;
  for (const Placed& place : placed) result.push_back(place.layer);
  return result;
}

}  // namespace fovea
