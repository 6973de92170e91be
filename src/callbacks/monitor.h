#pragma once

#include <optional>
#include <string>

#include "fovea/callbacks.h"

namespace fovea {

/// The monitored figure of a callback: which way it gets better, and the best one yet.
class Monitor {
 public:
  /// `callback` names the owner in messages. A mode that is none of "auto", "min" and "max" warns and is
  /// taken as "auto", as in Keras.
  Monitor(std::string callback, std::string figure, const std::string& mode, double min_delta,
          std::optional<double> first_best = {});

  const std::string& figure() const { return figure_; }
  /// To be called before improves(). Mode "auto" asks the metrics that `model` was compiled with; Error when
  /// none of them has the figure's name.
  void find_direction(const Model& model);
  /// Anything improves on no reference; nothing improves on NaN.
  bool improves(double value, const std::optional<double>& reference) const;
  bool improves(double value) const { return improves(value, best); }

  std::optional<double> best;

 private:
  enum class Direction { unknown, smaller, larger };

  std::string callback_, figure_;
  double min_delta_;
  Direction direction_ = Direction::unknown;
};

/// "loss,val_loss": the figures there are, as warnings list them.
std::string names_of(const Logs& logs);

}  // namespace fovea
