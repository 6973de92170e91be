#pragma once

#include <cstdint>
#include <string>

#include "fovea/callbacks.h"

namespace fovea {

/// How far an epoch is.
struct Progress {
  std::int64_t step = 0;   ///< batches done
  std::int64_t steps = 0;  ///< of so many; 0: not known
  double elapsed = 0;      ///< seconds since the epoch began
  double step_time = 0;    ///< seconds a batch takes
  bool finished = false;
};

/// Appends "12/30 [=======>............] 3s 105ms/step - loss: 0.3100 - acc: 0.8700": the time left, or taken
/// when finished. In fewer columns the bar shrinks and goes, then the time of a step, then figures from the
/// end; when finished those go to further lines instead. Allocates nothing once `line` has the capacity.
void append_bar_line(std::string& line, const Progress& progress, const Logs& logs, int columns);

/// Appends "Epoch 3/30 - 3s 105ms/step - loss: 0.3100 - acc: 0.8700". `epoch` counts from 0.
void append_plain_line(std::string& line, std::int64_t epoch, std::int64_t epochs, const Progress& progress,
                       const Logs& logs);

/// Columns that UTF-8 text takes on a terminal, a character a column.
int columns_of_text(std::string_view text);

}  // namespace fovea
