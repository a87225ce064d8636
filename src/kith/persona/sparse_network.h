// A small network over sparse inputs: a linear map beside one hidden layer ("wide and deep", Cheng
// et al. 2016). Its outputs are a classifier's logits or an encoder's vector.
//
//   z = b + sum_i weight_i R[row_i]                R: [inputs, outputs + hidden]
//   y = z[:outputs] + relu(z[outputs:]) V          V: [hidden, outputs]
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/feature_table.h"
#include "kith/persona/quantized_rows.h"

namespace kith::persona {

// Immutable; thread-safe.
class SparseNetwork {
 public:
  // Errors: kInvalidArgument unless `input` (R) has a column for each bias, `output` (V) a row for
  //   each of those beyond `outputs` and a column for each output, and biases are in [-1e6, 1e6].
  static Result<SparseNetwork> create(QuantizedRows input, std::vector<float> bias,
                                      QuantizedRows output, std::size_t outputs);

  // Adds y to `sums`.
  //   rows: each row < input().num_rows();  sums: [outputs()]
  void add_outputs(std::span<const WeighedRow> rows, std::span<float> sums) const;

  std::size_t outputs() const { return outputs_; }
  std::size_t hidden() const { return bias_.size() - outputs_; }
  const QuantizedRows& input() const { return input_; }
  const QuantizedRows& output() const { return output_; }
  const std::vector<float>& bias() const { return bias_; }

 private:
  QuantizedRows input_;
  std::vector<float> bias_;
  QuantizedRows output_;
  std::size_t outputs_ = 0;
};

}  // namespace kith::persona
