// Trains a linear map over sparse inputs: one support vector machine for each label against the
// rest.
//
// Method: L2-regularised squared hinge loss by dual coordinate descent (Hsieh et al. 2008), the
// solver of LIBLINEAR. It is not LIBLINEAR's own because that draws from the process-wide rand():
// neither the same bytes for the same seed nor safe on two threads. The bias is an input of value 1
// and regularised with the others. Texts out of scope are examples against every label, and may
// have a machine of their own.
//
// Sparse inputs that tell a label from the rest may be regularised less: each is multiplied with
// its log-odds for the label beforehand (Wang and Manning 2012, "NBSVM", with TF-IDF weights in the
// place of their zeros and ones). What multiplies the inputs is part of the map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/persona/training_example.h"

namespace kith::persona {

struct LinearOptions {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  // The last output is the machine of the texts out of scope.
  bool scope_output = false;
  // The last so many inputs are given by every example, in their order and as its last rows: the
  // elements of a vector. They are computed without looking rows up.
  std::size_t dense_inputs = 0;
  // Multiplies dense inputs: how much the vector counts beside the n-grams.
  float dense_scale = 0.5F;
  // Price of a mistake, > 0: the smaller, the smaller the weights.
  float cost = 0.5F;
  // In [0, 1]: how much log-odds count in what multiplies a sparse input, beside 1; 0: nothing.
  float log_odds = 0.0F;
  // In [0, 1]: a mistake on a label's own example costs (mean number of examples of a label /
  // number of this one's) to this power times as much, so that rare labels are heard.
  float balance = 0.5F;
  std::uint64_t seed = 1;
  // Threads to compute with, >= 1. The result does not depend on them.
  int threads = 1;
};

// y = bias + sum_i weight_i W[row_i]
struct LinearMap {
  std::vector<float> weights;  // W: [inputs, outputs]
  std::vector<float> bias;     // [outputs]
};

// Deterministic by the options.
// REQUIRES: rows < inputs, labels < outputs or kOutOfScope; every label has an example.
LinearMap train_linear(std::span<const TrainingExample> examples, const LinearOptions& options);

}  // namespace kith::persona
