// The scenario of `kith bench matmul`: the matrix products of a model alone, by Kith's own linear
// maps and by oneDNN's primitives without anything around them. Decoding and prefill are held
// against the faster of the two.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "kith/base/result.h"
#include "kith/engine/bench_run.h"
#include "kith/model/decoder.h"
#include "kith/tensor/onednn.h"

namespace kith::engine {

// oneDNN's int8 products of all layers of a decoder's shape, on weights of their own: u8 x s8 ->
// s32, outputs cut into a part for each thread of a team. Quantising inputs, scales and whatever
// else is between the products is left out. Used by one thread.
class OnednnProducts {
 public:
  // No value where oneDNN has no fast int8 products (before AVX512-VNNI). Takes as much memory as
  // the decoder's int8 weights. REQUIRES: threads >= 1. Errors: kInternal if oneDNN refuses.
  static Result<std::unique_ptr<OnednnProducts>> create(const model::DecoderConfig& config,
                                                        int threads);
  ~OnednnProducts();
  OnednnProducts(const OnednnProducts&) = delete;
  OnednnProducts& operator=(const OnednnProducts&) = delete;

  // The products of one step over `rows` rows, the head for `logit_rows` of them.
  // REQUIRES: logit_rows in [1, rows]. Errors: kInternal.
  Status run(int rows, int logit_rows);

 private:
  struct Product;
  OnednnProducts() = default;

  int threads_ = 1;
  std::vector<Product> products_;
};

// What the matrix products of steps of one size take, measured by turns with something else.
class ProductTimes {
 public:
  // `onednn` may be null; both are borrowed.
  ProductTimes(model::Decoder& decoder, OnednnProducts* onednn, int rows, int logit_rows)
      : decoder_(decoder), onednn_(onednn), rows_(rows), logit_rows_(logit_rows) {}

  // Measures `steps` steps of each once more. Errors: kInternal.
  Status measure(int steps);

  // Rows a second, best so far; 0 for what was not measured.
  double kith_rows_per_second() const { return best_kith_; }
  double onednn_rows_per_second() const { return best_onednn_; }
  double best_rows_per_second() const;

 private:
  model::Decoder& decoder_;
  OnednnProducts* onednn_;
  int rows_;
  int logit_rows_;
  double best_kith_ = 0.0;
  double best_onednn_ = 0.0;
};

struct MatmulBench {
  std::vector<int> batches{1, 8, 16};
  int steps = kBenchSteps;
  int rounds = kBenchRounds;
  int threads = 1;
};

struct MatmulResult {
  // Rows of every product, the head's too.
  int batch = 1;
  double tokens_per_second = 0.0;
  // 0 where it is not measured: weights other than int8, no AVX512-VNNI.
  double onednn_tokens_per_second = 0.0;
  // Of the faster: weights read, and multiplications and additions, a second.
  double weight_bytes_per_second = 0.0;
  double operations_per_second = 0.0;
  // Of this machine, see BandwidthProbe, in bytes a second.
  double read_bandwidth = 0.0;
  // weight_bytes_per_second / read_bandwidth.
  double ratio = 0.0;
};

// Errors: kInternal.
Result<std::vector<MatmulResult>> bench_matmul(model::Decoder& decoder, const MatmulBench& options);

}  // namespace kith::engine
