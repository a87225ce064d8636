#include "kith/persona/network_weights.h"

#include "kith/base/check.h"

namespace kith::persona {

NetworkWeights mix(const NetworkWeights& network, const LinearMap& linear, float share) {
  const std::size_t outputs = network.outputs;
  const std::size_t width = network.bias.size();
  KITH_CHECK(linear.bias.size() == outputs && width > 0 &&
                 linear.weights.size() * width == network.input.size() * outputs,
             "a linear map has the network's inputs and outputs");
  const float rest = 1.0F - share;
  NetworkWeights mixed = network;
  // Hidden units stay as they are, so that a row's levels are fine enough for both of its parts.
  for (std::size_t i = 0; i < network.input.size() / width; ++i) {
    for (std::size_t k = 0; k < outputs; ++k) {
      float& value = mixed.input[i * width + k];
      value = rest * value + share * linear.weights[i * outputs + k];
    }
  }
  for (std::size_t k = 0; k < outputs; ++k) {
    mixed.bias[k] = rest * mixed.bias[k] + share * linear.bias[k];
  }
  for (float& value : mixed.output) value *= rest;
  return mixed;
}

SparseNetwork to_network(const NetworkWeights& weights) {
  auto network = SparseNetwork::create(
      QuantizedRows::quantize(weights.input, weights.bias.size()), weights.bias,
      QuantizedRows::quantize(weights.output, weights.outputs), weights.outputs);
  KITH_CHECK(network.has_value(), "trained weights fit each other and are finite");
  return *std::move(network);
}

}  // namespace kith::persona
