#include "kith/engine/matmul_bench.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kith/base/rng.h"
#include "kith/engine/bandwidth.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/team.h"

namespace kith::engine {
namespace {

// Outputs of a shard are a multiple of this, as oneDNN blocks them.
constexpr int kOutputBlock = 64;

struct MapShape {
  int in = 0;
  int out = 0;
  bool is_head = false;
};

// The products of one step, in their order.
std::vector<MapShape> map_shapes(const model::DecoderConfig& config) {
  std::vector<MapShape> shapes;
  for (int layer = 0; layer < config.num_layers; ++layer) {
    shapes.push_back({config.hidden_size, config.q_size() + 2 * config.kv_size()});
    shapes.push_back({config.q_size(), config.hidden_size});
    shapes.push_back({config.hidden_size, 2 * config.intermediate_size});
    shapes.push_back({config.intermediate_size, config.hidden_size});
  }
  shapes.push_back({config.hidden_size, config.vocab_size, true});
  return shapes;
}

std::size_t area(const MapShape& shape) {
  return static_cast<std::size_t>(shape.in) * static_cast<std::size_t>(shape.out);
}

// Bytes of no meaning: what is multiplied does not change how long it takes.
std::vector<std::int8_t> random_bytes(std::size_t count) {
  base::Rng rng(3);
  std::vector<std::int8_t> bytes(count);
  for (std::int8_t& byte : bytes) byte = static_cast<std::int8_t>(rng() >> 56);
  return bytes;
}

}  // namespace

// One map, cut on its outputs.
struct OnednnProducts::Product {
  struct Shard {
    tensor::PackedMatmul matmul;
    tensor::AlignedVector<std::int32_t> sums;
    int out = 0;
  };
  MapShape shape;
  tensor::AlignedVector<std::uint8_t> input;
  std::vector<Shard> shards;

  void reserve(int rows) {
    const auto padded = static_cast<std::size_t>(tensor::bucket_rows(rows));
    if (const auto size = padded * static_cast<std::size_t>(shape.in); input.size() < size) {
      input.resize(size, 100);
    }
    for (Shard& shard : shards) {
      const auto size = padded * static_cast<std::size_t>(shard.out);
      if (shard.sums.size() < size) shard.sums.resize(size);
    }
  }
};

OnednnProducts::~OnednnProducts() = default;

Result<std::unique_ptr<OnednnProducts>> OnednnProducts::create(const model::DecoderConfig& config,
                                                               int threads) {
  if (!tensor::onednn_supports(tensor::MatmulKind::kInt8)) {
    return std::unique_ptr<OnednnProducts>();
  }
  const std::vector<MapShape> shapes = map_shapes(config);
  std::size_t largest = 0;
  for (const MapShape& shape : shapes) largest = std::max(largest, area(shape));
  const std::vector<std::int8_t> weights = random_bytes(largest);
  auto products = std::unique_ptr<OnednnProducts>(new OnednnProducts());
  products->threads_ = threads;
  for (const MapShape& shape : shapes) {
    Product product{.shape = shape};
    const int blocks = (shape.out + kOutputBlock - 1) / kOutputBlock;
    const int count = std::min(threads, blocks);
    for (int i = 0; i < count; ++i) {
      const int first = std::min(shape.out, blocks * i / count * kOutputBlock);
      const int last = std::min(shape.out, blocks * (i + 1) / count * kOutputBlock);
      KITH_ASSIGN_OR_RETURN(
          auto matmul,
          tensor::PackedMatmul::create(tensor::MatmulKind::kInt8, shape.in, last - first,
                                       weights.data() + static_cast<std::size_t>(first) *
                                                            static_cast<std::size_t>(shape.in)));
      product.shards.push_back({std::move(matmul), {}, last - first});
    }
    products->products_.push_back(std::move(product));
  }
  return products;
}

Status OnednnProducts::run(int rows, int logit_rows) {
  for (int done = 0; done < rows; done += tensor::kMaxRows) {
    const int piece = std::min(tensor::kMaxRows, rows - done);
    const int head = std::clamp(logit_rows - done, 0, piece);
    for (Product& product : products_) {
      if (const int count = product.shape.is_head ? head : piece; count > 0) {
        product.reserve(count);
      }
    }
    // Each member writes its own.
    std::vector<Status> outcomes(static_cast<std::size_t>(threads_));
    tensor::run_team(threads_, [&] {
      const auto rank = static_cast<std::size_t>(tensor::team_rank());
      const auto size = static_cast<std::size_t>(tensor::team_size());
      for (Product& product : products_) {
        const int count = product.shape.is_head ? head : piece;
        if (count == 0) continue;
        for (std::size_t i = rank; i < product.shards.size(); i += size) {
          auto& shard = product.shards[i];
          Status done_well =
              shard.matmul.run(product.input.data(), tensor::bucket_rows(count), shard.sums.data());
          if (!done_well) outcomes[rank] = std::move(done_well);
        }
        tensor::team_wait();
      }
    });
    for (Status& outcome : outcomes) KITH_RETURN_IF_ERROR(std::move(outcome));
  }
  return {};
}

Status ProductTimes::measure(int steps) {
  const auto start = BenchClock::now();
  for (int i = 0; i < steps; ++i) KITH_RETURN_IF_ERROR(decoder_.multiply_only(rows_, logit_rows_));
  best_kith_ = std::max(best_kith_, steps * rows_ / seconds_since(start));
  if (onednn_ == nullptr) return {};
  const auto again = BenchClock::now();
  for (int i = 0; i < steps; ++i) KITH_RETURN_IF_ERROR(onednn_->run(rows_, logit_rows_));
  best_onednn_ = std::max(best_onednn_, steps * rows_ / seconds_since(again));
  return {};
}

double ProductTimes::best_rows_per_second() const { return std::max(best_kith_, best_onednn_); }

Result<std::vector<MatmulResult>> bench_matmul(model::Decoder& decoder,
                                               const MatmulBench& options) {
  std::unique_ptr<OnednnProducts> onednn;
  if (decoder.weights() == tensor::DType::kInt8) {
    KITH_ASSIGN_OR_RETURN(onednn, OnednnProducts::create(decoder.config(), options.threads));
  }
  double weights = 0.0;
  for (const MapShape& shape : map_shapes(decoder.config())) {
    weights += static_cast<double>(area(shape));
  }
  const BandwidthProbe probe(options.threads);
  double bandwidth = 0.0;
  std::vector<ProductTimes> times;
  for (const int batch : options.batches) {
    times.emplace_back(decoder, onednn.get(), batch, batch);
  }
  for (int round = 0; round < options.rounds; ++round) {
    for (ProductTimes& time : times) {
      bandwidth = std::max(bandwidth, probe.measure());
      KITH_RETURN_IF_ERROR(time.measure(options.steps));
    }
  }
  std::vector<MatmulResult> results;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const int batch = options.batches[i];
    const double best = times[i].best_rows_per_second();
    const double bytes = best / batch * static_cast<double>(decoder.weight_bytes_read_per_token());
    results.push_back({.batch = batch,
                       .tokens_per_second = times[i].kith_rows_per_second(),
                       .onednn_tokens_per_second = times[i].onednn_rows_per_second(),
                       .weight_bytes_per_second = bytes,
                       .operations_per_second = 2.0 * best * weights,
                       .read_bandwidth = bandwidth,
                       .ratio = ratio_of(bytes, bandwidth)});
  }
  return results;
}

}  // namespace kith::engine
