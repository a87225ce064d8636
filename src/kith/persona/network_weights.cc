#include "kith/persona/network_weights.h"

#include "kith/base/check.h"

namespace kith::persona {

NetworkWeights mix(const NetworkWeights& network, const LinearMap& linear, float share) {
  const std::size_t own = network.outputs;
  const std::size_t outputs = linear.bias.size();
  const std::size_t width = network.bias.size();
  const std::size_t hidden = width - own;
  KITH_CHECK(outputs >= own && width > 0 &&
                 linear.weights.size() * width == network.input.size() * outputs,
             "a linear map has the network's inputs and outputs");
  const float rest = 1.0F - share;
  NetworkWeights mixed{.outputs = outputs, .input = {}, .bias = {}, .output = {}};
  // Hidden units stay as they are, so that a row's levels are fine enough for both of its parts.
  const auto append_mixed = [&](const float* of_network, const float* of_map, auto& row) {
    for (std::size_t k = 0; k < outputs; ++k) {
      row.push_back(share * of_map[k] + (k < own ? rest * of_network[k] : 0.0F));
    }
    row.insert(row.end(), of_network + own, of_network + own + hidden);
  };
  mixed.input.reserve(network.input.size() / width * (outputs + hidden));
  for (std::size_t i = 0; i < network.input.size() / width; ++i) {
    append_mixed(&network.input[i * width], &linear.weights[i * outputs], mixed.input);
  }
  append_mixed(network.bias.data(), linear.bias.data(), mixed.bias);
  for (std::size_t j = 0; j < hidden; ++j) {
    for (std::size_t k = 0; k < outputs; ++k) {
      mixed.output.push_back(k < own ? rest * network.output[j * own + k] : 0.0F);
    }
  }
  return mixed;
}

NetworkWeights without_hidden(const LinearMap& linear) {
  return {
      .outputs = linear.bias.size(), .input = linear.weights, .bias = linear.bias, .output = {}};
}

SparseNetwork to_network(const NetworkWeights& weights) {
  auto network = SparseNetwork::create(
      QuantizedRows::quantize(weights.input, weights.bias.size()), weights.bias,
      QuantizedRows::quantize(weights.output, weights.outputs), weights.outputs);
  KITH_CHECK(network.has_value(), "trained weights fit each other and are finite");
  return *std::move(network);
}

}  // namespace kith::persona
