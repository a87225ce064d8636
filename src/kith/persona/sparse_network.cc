#include "kith/persona/sparse_network.h"

#include <algorithm>
#include <cmath>

namespace kith::persona {
namespace {

// As kMaxScale of quantized_rows.cc.
constexpr float kMaxBias = 1e6F;

}  // namespace

Result<SparseNetwork> SparseNetwork::create(QuantizedRows input, std::vector<float> bias,
                                            QuantizedRows output, std::size_t outputs) {
  const bool fits = outputs > 0 && bias.size() >= outputs && input.columns() == bias.size() &&
                    output.num_rows() == bias.size() - outputs &&
                    (output.num_rows() == 0 || output.columns() == outputs);
  if (!fits) {
    return Error{ErrorCode::kInvalidArgument,
                 "the network's weights do not fit each other and its outputs"};
  }
  if (!std::all_of(bias.begin(), bias.end(), [](float x) { return std::abs(x) <= kMaxBias; })) {
    return Error{ErrorCode::kInvalidArgument, "the network's biases must be in [-1e6, 1e6]"};
  }
  SparseNetwork network;
  network.input_ = std::move(input);
  network.bias_ = std::move(bias);
  network.output_ = std::move(output);
  network.outputs_ = outputs;
  return network;
}

void SparseNetwork::add_outputs(std::span<const WeighedRow> rows, std::span<float> sums) const {
  std::vector<float> z = bias_;
  input_.add(rows, z);
  std::vector<WeighedRow> active;
  active.reserve(hidden());
  for (std::size_t j = 0; j < hidden(); ++j) {
    const float value = z[outputs_ + j];
    if (value > 0.0F) active.push_back({static_cast<std::uint32_t>(j), value});
  }
  output_.add(active, std::span(z).first(outputs_));
  for (std::size_t i = 0; i < outputs_; ++i) sums[i] += z[i];
}

}  // namespace kith::persona
