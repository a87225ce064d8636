// The weights of a small network (sparse_network.h) as training leaves them, before they are
// quantised.
#pragma once

#include <cstddef>
#include <vector>

#include "kith/persona/linear_trainer.h"
#include "kith/persona/sparse_network.h"

namespace kith::persona {

struct NetworkWeights {
  std::size_t outputs = 0;
  std::vector<float> input;   // [inputs, outputs + hidden]
  std::vector<float> bias;    // [outputs + hidden]
  std::vector<float> output;  // [hidden, outputs]
};

// A network whose outputs are share * (the linear map's) + (1 - share) * (the network's own): the
// map is added to the network's linear part and costs nothing more to run.
//   share: in [0, 1];  linear: of as many inputs and at least as many outputs as the network, which
//   gives 0 for those beyond its own
NetworkWeights mix(const NetworkWeights& network, const LinearMap& linear, float share);

// A network of the linear map alone.
NetworkWeights without_hidden(const LinearMap& linear);

// REQUIRES: finite weights that fit each other.
SparseNetwork to_network(const NetworkWeights& weights);

}  // namespace kith::persona
