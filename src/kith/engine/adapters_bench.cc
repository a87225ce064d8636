#include "kith/engine/adapters_bench.h"

#include <algorithm>
#include <string>

#include "kith/engine/adapter_registry.h"

namespace kith::engine {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> adapter_directories(const fs::path& dir) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (fs::exists(entry.path() / "adapter_config.json", error)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

Status check(const AdaptersBench& options, std::size_t num_found) {
  if (options.users < 1 || options.adapters.empty() || options.steps < 1) {
    return Error{ErrorCode::kInvalidArgument, "users, adapters and steps must be positive"};
  }
  const int most = *std::max_element(options.adapters.begin(), options.adapters.end());
  if (static_cast<std::size_t>(most) > num_found) {
    return Error{ErrorCode::kInvalidArgument, "the model has " + std::to_string(num_found) +
                                                  " adapters, the measurement needs " +
                                                  std::to_string(most)};
  }
  if (options.registered != 0 && options.registered < most) {
    return Error{ErrorCode::kInvalidArgument, "registered must be at least the adapters in use, " +
                                                  std::to_string(most) + ": " +
                                                  std::to_string(options.registered)};
  }
  return {};
}

}  // namespace

Result<std::vector<std::shared_ptr<const model::Adapter>>> load_bench_adapters(
    const fs::path& dir, const model::Decoder& decoder, int count) {
  const std::vector<fs::path> found = adapter_directories(dir);
  if (found.empty() && count > 0) {
    return Error{ErrorCode::kNotFound, "no adapters in " + dir.string()};
  }
  // As a server holds them.
  AdapterRegistry registry(decoder.config(),
                           {.storage = decoder.weights(), .max_bytes = std::size_t{1} << 40});
  std::vector<std::shared_ptr<const model::Adapter>> adapters;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const AdapterId id("bench_" + std::to_string(i));
    KITH_RETURN_IF_ERROR(registry.load(id, found[i % found.size()]));
    KITH_ASSIGN_OR_RETURN(auto adapter, registry.find(id));
    adapters.push_back(std::move(adapter));
  }
  return adapters;
}

Result<std::vector<AdaptersResult>> bench_adapters(model::Decoder& decoder, const fs::path& dir,
                                                   const AdaptersBench& options) {
  KITH_RETURN_IF_ERROR(check(options, adapter_directories(dir).size()));
  const int most = *std::max_element(options.adapters.begin(), options.adapters.end());
  const int registered = std::max(options.registered, most);
  KITH_ASSIGN_OR_RETURN(const auto loaded, load_bench_adapters(dir, decoder, registered));
  std::vector<const model::Adapter*> adapters;
  for (const auto& adapter : loaded) adapters.push_back(adapter.get());

  std::vector<std::unique_ptr<DecodeRun>> runs;
  std::vector<AdaptersResult> results;
  for (const int count : options.adapters) {
    const BenchLoad load{options.users, options.context_tokens, options.steps};
    runs.push_back(std::make_unique<DecodeRun>(
        decoder, load, std::span(adapters).first(static_cast<std::size_t>(count))));
    KITH_RETURN_IF_ERROR(runs.back()->prefill());
    results.push_back({.users = options.users,
                       .adapters = count,
                       .registered = registered,
                       .context_tokens = options.context_tokens});
  }
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      KITH_ASSIGN_OR_RETURN(const double rate, runs[i]->measure());
      results[i].tokens_per_second = std::max(results[i].tokens_per_second, rate);
    }
  }
  for (AdaptersResult& result : results) {
    result.ratio = ratio_of(result.tokens_per_second, results.front().tokens_per_second);
  }
  return results;
}

}  // namespace kith::engine
