// Trains the weights of a small network over sparse inputs (sparse_network.h): to name labels, or
// to give vectors.
//
// Method: Adam (Kingma and Ba 2015) on the cross-entropy with label smoothing (Szegedy et al.
// 2016), or on half the squared distance to a vector; a learning rate that falls to zero in a
// straight line, dropout (Srivastava et al. 2014) of inputs and hidden units. A row of the input
// map is touched in the steps in which one of its features occurs (the lazy form for sparse
// inputs). Texts out of scope pull towards the uniform distribution (outlier exposure, Hendrycks et
// al. 2019).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "kith/persona/network_weights.h"
#include "kith/persona/training_example.h"

namespace kith::persona {

struct NetworkOptions {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::size_t hidden = 0;
  std::size_t epochs = 12;
  std::size_t batch = 64;
  float learning_rate = 3e-3F;
  float label_smoothing = 0.1F;
  // Chance of an input, and of a hidden unit, to be left out.
  float input_dropout = 0.1F;
  float hidden_dropout = 0.3F;
  std::uint64_t seed = 1;
  // Threads to compute with, >= 1. The result does not depend on them.
  int threads = 1;
};

// Deterministic by the options, on one kind of processor.
// `progress` is called with the share of the steps that is done.
// REQUIRES: examples are not empty, rows < inputs, labels < outputs or kOutOfScope.
NetworkWeights train_network(std::span<const TrainingExample> examples,
                             const NetworkOptions& options,
                             const std::function<void(double)>& progress);

}  // namespace kith::persona
