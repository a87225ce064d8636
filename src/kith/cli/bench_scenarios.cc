#include "kith/cli/bench_scenarios.h"

#include <algorithm>
#include <array>
#include <memory>

#include "kith/base/clock.h"
#include "kith/engine/adapters_bench.h"
#include "kith/engine/bench_machine.h"
#include "kith/engine/chat_model.h"
#include "kith/engine/constrained_bench.h"
#include "kith/engine/decode_bench.h"
#include "kith/engine/inputs_bench.h"
#include "kith/engine/matmul_bench.h"
#include "kith/engine/memory_bench.h"
#include "kith/engine/prefill_bench.h"
#include "kith/engine/profile_bench.h"
#include "kith/engine/sharing_bench.h"
#include "kith/eval/discovery_bench.h"
#include "kith/runtime/encoder_choice.h"
#include "kith/runtime/fleet_bench.h"
#include "kith/runtime/model_settings.h"
#include "kith/runtime/overhead_bench.h"
#include "kith/runtime/sentence_features.h"
#include "kith/runtime/startup_bench.h"
#include "kith/timeline/timeline_bench.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;

constexpr int kContext = 128;

fs::path model_dir(const BenchSetting& setting) { return runtime::model_directory(setting.config); }

int num_threads(const BenchSetting& setting) {
  return runtime::decoder_options(setting.config).threads;
}

int context(const BenchSetting& setting) { return setting.arguments.context.value_or(kContext); }
int steps(const BenchSetting& setting) {
  return setting.arguments.steps.value_or(engine::kBenchSteps);
}
int rounds(const BenchSetting& setting) {
  return setting.arguments.rounds.value_or(engine::kBenchRounds);
}

Result<std::unique_ptr<model::Decoder>> load_decoder(const BenchSetting& setting) {
  return model::Decoder::load(model_dir(setting), runtime::decoder_options(setting.config));
}

Result<engine::ChatModel> load_chat_model(const BenchSetting& setting) {
  return engine::ChatModel::load(model_dir(setting),
                                 {.decoder = runtime::decoder_options(setting.config)});
}

fs::path adapters_dir(const BenchSetting& setting) {
  const std::string& configured = setting.config.model.adapters;
  return configured.empty() ? model_dir(setting) / "adapters" : fs::path(configured);
}

Result<OrderedJson> decode(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_decoder(setting));
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_decode(*decoder, {.batches = setting.arguments.batches,
                                                        .context_tokens = context(setting),
                                                        .steps = steps(setting),
                                                        .rounds = rounds(setting),
                                                        .threads = num_threads(setting)}));
  OrderedJson rows = OrderedJson::array();
  for (const engine::DecodeResult& result : results) {
    rows.push_back({{"batch", result.batch},
                    {"context_tokens", result.context_tokens},
                    {"tokens_per_second", result.tokens_per_second},
                    {"batch_ratio", result.batch_ratio},
                    {"weight_bytes_per_second", result.weight_bytes_per_second},
                    {"read_bandwidth", result.read_bandwidth},
                    {"ratio", result.ratio},
                    {"matmul_tokens_per_second", result.matmul_tokens_per_second},
                    {"onednn_tokens_per_second", result.onednn_tokens_per_second},
                    {"matmul_ratio", result.matmul_ratio},
                    {"onednn_ratio", result.onednn_ratio}});
  }
  return rows;
}

Result<OrderedJson> prefill(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_decoder(setting));
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_prefill(*decoder, {.lengths = setting.arguments.lengths,
                                                         .rounds = rounds(setting),
                                                         .threads = num_threads(setting)}));
  OrderedJson rows = OrderedJson::array();
  for (const engine::PrefillResult& result : results) {
    rows.push_back({{"batch", 1},
                    {"context_tokens", result.prompt_tokens},
                    {"tokens_per_second", result.tokens_per_second},
                    {"weight_bytes_per_second", result.weight_bytes_per_second},
                    {"read_bandwidth", result.read_bandwidth},
                    {"ratio", result.ratio},
                    {"matmul_tokens_per_second", result.matmul_tokens_per_second},
                    {"onednn_tokens_per_second", result.onednn_tokens_per_second},
                    {"matmul_ratio", result.matmul_ratio},
                    {"onednn_ratio", result.onednn_ratio}});
  }
  return rows;
}

Result<OrderedJson> matmul(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_decoder(setting));
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_matmul(*decoder, {.batches = setting.arguments.batches,
                                                        .steps = steps(setting),
                                                        .rounds = rounds(setting),
                                                        .threads = num_threads(setting)}));
  OrderedJson rows = OrderedJson::array();
  for (const engine::MatmulResult& result : results) {
    rows.push_back({{"batch", result.batch},
                    {"tokens_per_second", result.tokens_per_second},
                    {"onednn_tokens_per_second", result.onednn_tokens_per_second},
                    {"weight_bytes_per_second", result.weight_bytes_per_second},
                    {"operations_per_second", result.operations_per_second},
                    {"read_bandwidth", result.read_bandwidth},
                    {"ratio", result.ratio}});
  }
  return rows;
}

Result<OrderedJson> memory(const BenchSetting& setting) {
  engine::MemoryBench options;
  options.users = setting.arguments.users.value_or(options.users);
  options.context_tokens = setting.arguments.context.value_or(options.context_tokens);
  KITH_ASSIGN_OR_RETURN(
      const auto result,
      engine::bench_memory(model_dir(setting), runtime::decoder_options(setting.config), options));
  return OrderedJson::array({{{"load_seconds", result.load_seconds},
                              {"weight_bytes", result.weight_bytes},
                              {"kv_bytes_per_token", result.kv_bytes_per_token},
                              {"kv_bytes", result.kv_bytes},
                              {"loaded_bytes", result.loaded_bytes},
                              {"resident_bytes", result.resident_bytes},
                              {"peak_bytes", result.peak_bytes},
                              {"ratio", result.ratio}}});
}

Result<OrderedJson> adapters(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_decoder(setting));
  engine::AdaptersBench options{.adapters = setting.arguments.adapters,
                                .registered = setting.arguments.registered,
                                .context_tokens = context(setting),
                                .steps = steps(setting),
                                .rounds = rounds(setting)};
  options.users = setting.arguments.users.value_or(options.users);
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_adapters(*decoder, adapters_dir(setting), options));
  OrderedJson rows = OrderedJson::array();
  for (const auto& result : results) {
    rows.push_back({{"users", result.users},
                    {"adapters", result.adapters},
                    {"registered", result.registered},
                    {"batch", result.users},
                    {"context_tokens", result.context_tokens},
                    {"tokens_per_second", result.tokens_per_second},
                    {"ratio", result.ratio}});
  }
  return rows;
}

// As many adapters as the last number of --adapters says, if the model has any.
Result<OrderedJson> profile(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_decoder(setting));
  std::error_code error;
  const int count =
      fs::exists(adapters_dir(setting), error) ? setting.arguments.adapters.back() : 0;
  KITH_ASSIGN_OR_RETURN(const auto loaded,
                        engine::load_bench_adapters(adapters_dir(setting), *decoder, count));
  std::vector<const model::Adapter*> adapters;
  for (const auto& adapter : loaded) adapters.push_back(adapter.get());
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_profile(*decoder, adapters,
                                              {.batches = setting.arguments.batches,
                                               .prompts = setting.arguments.lengths,
                                               .context_tokens = context(setting),
                                               .steps = steps(setting),
                                               .rounds = rounds(setting)}));
  OrderedJson rows = OrderedJson::array();
  for (const engine::ProfileResult& result : results) {
    OrderedJson stages = OrderedJson::object();
    for (std::size_t i = 0; i < model::kStageNames.size(); ++i) {
      stages[std::string(model::kStageNames[i])] = 1e6 * result.stages.seconds[i];
    }
    rows.push_back({{"batch", result.batch},
                    {"adapters", result.adapters},
                    {"step_tokens", result.step_tokens},
                    {"context_tokens", result.context_tokens},
                    {"step_us", 1e6 * result.seconds},
                    {"stages_us", stages}});
  }
  return rows;
}

// Users on as many adapters as the last number of --adapters says.
Result<OrderedJson> inputs(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_decoder(setting));
  engine::InputsBench options{.adapters = setting.arguments.adapters.back(),
                              .context_tokens = context(setting),
                              .steps = steps(setting),
                              .rounds = rounds(setting),
                              .threads = num_threads(setting)};
  options.users = setting.arguments.users.value_or(options.users);
  KITH_ASSIGN_OR_RETURN(const auto loaded,
                        engine::load_bench_adapters(adapters_dir(setting), *decoder,
                                                    setting.arguments.adapters.back()));
  KITH_ASSIGN_OR_RETURN(const auto result, engine::bench_inputs(*decoder, loaded, options));
  return OrderedJson::array({{{"users", result.users},
                              {"adapters", result.adapters},
                              {"batch", result.users},
                              {"context_tokens", result.context_tokens},
                              {"soft_rows", result.soft_rows},
                              {"memory_rows", result.memory_rows},
                              {"bridge_layers", result.bridge_layers},
                              {"bridge_bytes", result.bridge_bytes},
                              {"plain_tokens_per_second", result.plain_tokens_per_second},
                              {"tokens_per_second", result.tokens_per_second},
                              {"ratio", result.ratio}}});
}

Result<OrderedJson> sharing(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(const engine::ChatModel model, load_chat_model(setting));
  KITH_ASSIGN_OR_RETURN(
      const auto result,
      engine::bench_sharing(model.decoder, model.tokenizer,
                            {.context_tokens = context(setting), .rounds = rounds(setting)}));
  return OrderedJson::array({{{"candidates", result.candidates},
                              {"one_seconds", result.one_seconds},
                              {"candidates_seconds", result.candidates_seconds},
                              {"candidates_ratio", result.candidates_ratio},
                              {"prefix_tokens", result.prefix_tokens},
                              {"new_tokens", result.new_tokens},
                              {"first_seconds", result.first_seconds},
                              {"second_seconds", result.second_seconds},
                              {"prefix_ratio", result.prefix_ratio}}});
}

// Answers that a grammar constrains beside free ones; --context is the length of each.
Result<OrderedJson> constrained(const BenchSetting& setting) {
  constexpr int kBlocksEach = 32;
  const std::vector<int>& batches = setting.arguments.batches;
  if (context(setting) > 400) {
    return Error{ErrorCode::kInvalidArgument, "constrained answers are at most 400 tokens long: " +
                                                  std::to_string(context(setting))};
  }
  KITH_ASSIGN_OR_RETURN(const engine::ChatModel model, load_chat_model(setting));
  const auto vocabulary =
      std::make_shared<grammar::TokenVocabulary>(model.tokenizer, model.stop_tokens);
  const int largest = *std::max_element(batches.begin(), batches.end());
  const base::SystemClock clock;
  engine::Engine engine(
      std::make_unique<engine::DecoderStepModel>(model.decoder, kBlocksEach * largest),
      model.tokenizer, clock, {.max_sequences = largest});
  KITH_ASSIGN_OR_RETURN(const auto results, engine::bench_constrained(engine, vocabulary,
                                                                      {.batches = batches,
                                                                       .tokens = context(setting),
                                                                       .rounds = rounds(setting)}));
  OrderedJson rows = OrderedJson::array();
  for (const auto& result : results) {
    rows.push_back({{"batch", result.batch},
                    {"free_tokens_per_second", result.free_tokens_per_second},
                    {"constrained_tokens_per_second", result.constrained_tokens_per_second},
                    {"ratio", result.ratio}});
  }
  return rows;
}

OrderedJson to_json(const runtime::Percentiles& times) {
  return {{"p50", times.p50}, {"p99", times.p99}, {"max", times.max}};
}

Result<OrderedJson> overhead(const BenchSetting& setting) {
  runtime::OverheadBench options{.cache = setting.arguments.cache};
  options.num_users = setting.arguments.users.value_or(options.num_users);
  options.num_requests = setting.arguments.requests.value_or(options.num_requests);
  KITH_ASSIGN_OR_RETURN(const auto results, runtime::bench_overhead(setting.config, options));
  OrderedJson rows = OrderedJson::array();
  for (const runtime::OverheadResult& result : results) {
    OrderedJson steps_ms = OrderedJson::object();
    for (const auto& [step, times] : result.steps_ms) steps_ms[step] = to_json(times);
    rows.push_back({{"users", result.num_users},
                    {"documents", result.num_documents},
                    {"requests", result.num_requests},
                    {"degraded", result.num_degraded},
                    {"overhead_ms", to_json(result.overhead_ms)},
                    {"before_generator_ms", to_json(result.before_generator_ms)},
                    {"encode_ms", to_json(result.encode_ms)},
                    {"queue_ms", to_json(result.queue_ms)},
                    {"answer_ms", to_json(result.answer_ms)},
                    {"steps_ms", steps_ms}});
  }
  return rows;
}

Result<OrderedJson> discovery(const BenchSetting& setting) {
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto encoder, runtime::load_text_encoder({}, clock));
  eval::DiscoveryBench options;
  if (setting.arguments.users) options.users = static_cast<std::size_t>(*setting.arguments.users);
  KITH_ASSIGN_OR_RETURN(const auto result, eval::bench_discovery(options, *encoder));
  return OrderedJson::array({{{"users", options.users},
                              {"groups", options.groups},
                              {"groups_found", result.groups_found},
                              {"adjusted_rand_index", result.adjusted_rand_index},
                              {"read_seconds", result.read_seconds},
                              {"find_seconds", result.find_seconds},
                              {"peak_resident_bytes", engine::peak_resident_bytes()}}});
}

Result<OrderedJson> fleet(const BenchSetting& setting) {
  runtime::FleetBench options{.rounds = rounds(setting)};
  options.num_users = setting.arguments.users.value_or(options.num_users);
  options.num_answers = setting.arguments.requests.value_or(options.num_answers);
  KITH_ASSIGN_OR_RETURN(const auto results, runtime::bench_fleet(options));
  OrderedJson rows = OrderedJson::array();
  for (const runtime::FleetResult& result : results) {
    rows.push_back({{"users", result.num_users},
                    {"decisions", result.num_decisions},
                    {"days", result.num_days},
                    {"best_ms", result.best_ms},
                    {"worst_ms", result.worst_ms}});
  }
  return rows;
}

Result<OrderedJson> startup(const BenchSetting& setting) {
  KITH_ASSIGN_OR_RETURN(
      const auto result,
      runtime::bench_startup({.model_dir = setting.config.model.dir, .rounds = rounds(setting)}));
  return OrderedJson::array({{{"starts", result.num_starts},
                              {"ready_seconds", result.best_seconds},
                              {"worst_seconds", result.worst_seconds}}});
}

Result<OrderedJson> timeline(const BenchSetting& setting) {
  timeline::TimelineBench bench;
  const auto& settings = setting.config.user_encoder;
  if (settings.directory.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "name an encoder with the setting user_encoder.directory"};
  }
  bench.users = setting.arguments.users.value_or(bench.users);
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto encoder,
                        runtime::load_user_encoder(settings.directory, settings.text_encoder, clock,
                                                   {.threads = 1, .max_states = 2}));
  KITH_ASSIGN_OR_RETURN(const auto result, timeline::bench_timeline(*encoder, bench));
  return OrderedJson::array({{{"width", result.width},
                              {"num_latents", result.num_latents},
                              {"window", result.window},
                              {"state_bytes", result.state_bytes},
                              {"history_events", bench.history},
                              {"rebuild_ms", result.rebuild_ms},
                              {"event_ms_p50", result.event_ms_p50},
                              {"event_ms_p99", result.event_ms_p99},
                              {"short_event_ms_p50", result.short_event_ms_p50},
                              {"users", bench.users},
                              {"search_ms_p50", result.search_ms_p50},
                              {"search_ms_p99", result.search_ms_p99}}});
}

constexpr std::array kScenarios{
    BenchScenario{"decode", "decoding beside the read bandwidth and the matrix products alone",
                  decode},
    BenchScenario{"prefill", "reading prompts beside the same", prefill},
    BenchScenario{"matmul", "the matrix products alone, by Kith and by oneDNN", matmul},
    BenchScenario{"profile", "where the time of a step goes, stage by stage", profile},
    BenchScenario{"memory", "resident memory over weights and KV cache, and load time", memory},
    BenchScenario{"adapters", "users on different adapters in one batch", adapters},
    BenchScenario{"inputs", "soft prompts and memories beside adapters alone", inputs},
    BenchScenario{"constrained", "structured output beside free text", constrained},
    BenchScenario{"sharing", "candidates of one prompt, prompts that begin alike", sharing},
    BenchScenario{"overhead", "what a chat request costs before the model's first step", overhead},
    BenchScenario{"discovery", "personas proposed from many simulated users", discovery},
    BenchScenario{"fleet", "a persona's figures over time in a store of many users", fleet},
    BenchScenario{"timeline", "users' embeddings: an event more, a history anew, a search",
                  timeline},
    BenchScenario{"startup", "from the start of `kith serve` to its first answer", startup},
};

}  // namespace

std::span<const BenchScenario> bench_scenarios() { return kScenarios; }

}  // namespace kith::cli
