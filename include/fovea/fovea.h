#pragma once

// Everything at once.

#include "fovea/applications.h"
#include "fovea/callbacks.h"
#include "fovea/constraints.h"
#include "fovea/data.h"
#include "fovea/error.h"
#include "fovea/fields.h"
#include "fovea/graph.h"
#include "fovea/initializers.h"
#include "fovea/kernels.h"
#include "fovea/layer.h"
#include "fovea/layers.h"
#include "fovea/losses.h"
#include "fovea/metrics.h"
#include "fovea/model.h"
#include "fovea/numpy.h"
#include "fovea/ops.h"
#include "fovea/optimizers.h"
#include "fovea/tensor.h"
#include "fovea/training.h"
#include "fovea/variable.h"
