// kith bench decode|prefill|memory|adapters|sharing|constrained
#include <algorithm>
#include <filesystem>

#include "kith/base/clock.h"
#include "kith/cli/command.h"
#include "kith/engine/bench.h"
#include "kith/engine/chat_model.h"
#include "kith/engine/constrained_bench.h"
#include "kith/runtime/model_settings.h"

namespace kith::cli {
namespace {

using base::OrderedJson;

struct Arguments {
  std::vector<int> batches{1, 8, 16};
  std::vector<int> lengths{128, 512};
  int context = 128;
  int users = 8;
  std::vector<int> adapters{0, 1, 5};
};

// What every scenario begins with.
struct Setting {
  std::filesystem::path dir;
  model::DecoderOptions options;
  Arguments arguments;
};

OrderedJson machine_json() {
  const auto machine = engine::describe_machine();
  return {{"cpu", machine.cpu}, {"cores", machine.cores}, {"isa", machine.isa}};
}

OrderedJson to_json(const engine::BenchResult& result) {
  return {{"batch", result.batch},
          {"context_tokens", result.context_tokens},
          {"tokens_per_second", result.tokens_per_second},
          {"weight_bytes_per_second", result.weight_bytes_per_second},
          {"read_bandwidth", result.read_bandwidth},
          {"ratio", result.ratio},
          {"matmul_tokens_per_second", result.matmul_tokens_per_second},
          {"matmul_ratio", result.matmul_ratio}};
}

OrderedJson to_json(const std::vector<engine::BenchResult>& results) {
  OrderedJson rows = OrderedJson::array();
  for (const auto& result : results) rows.push_back(to_json(result));
  return rows;
}

Result<OrderedJson> decode(const Setting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, model::Decoder::load(setting.dir, setting.options));
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_decode(*decoder, {.batches = setting.arguments.batches,
                                                        .context_tokens = setting.arguments.context,
                                                        .threads = setting.options.threads}));
  return to_json(results);
}

Result<OrderedJson> prefill(const Setting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, model::Decoder::load(setting.dir, setting.options));
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_prefill(*decoder, {.lengths = setting.arguments.lengths,
                                                         .threads = setting.options.threads}));
  return to_json(results);
}

Result<OrderedJson> memory(const Setting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto result, engine::bench_memory(setting.dir, setting.options));
  return OrderedJson::array({{{"resident_bytes", result.resident_bytes},
                              {"weight_bytes", result.weight_bytes},
                              {"kv_bytes_per_token", result.kv_bytes_per_token},
                              {"load_seconds", result.load_seconds}}});
}

// The adapters in DIR/adapters, by name.
Result<std::vector<std::shared_ptr<const model::Adapter>>> load_adapters(
    const std::filesystem::path& dir, const model::Decoder& decoder) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir / "adapters", error)) {
    found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::shared_ptr<const model::Adapter>> adapters;
  for (const auto& path : found) {
    KITH_ASSIGN_OR_RETURN(auto adapter,
                          model::Adapter::load(path, decoder.config(), decoder.weights()));
    adapters.push_back(std::move(adapter));
  }
  return adapters;
}

Result<OrderedJson> adapters(const Setting& setting) {
  KITH_ASSIGN_OR_RETURN(const auto decoder, model::Decoder::load(setting.dir, setting.options));
  KITH_ASSIGN_OR_RETURN(const auto loaded, load_adapters(setting.dir, *decoder));
  KITH_ASSIGN_OR_RETURN(const auto results,
                        engine::bench_adapters(*decoder, loaded,
                                               {.users = setting.arguments.users,
                                                .adapters = setting.arguments.adapters,
                                                .context_tokens = setting.arguments.context}));
  OrderedJson rows = OrderedJson::array();
  for (const auto& result : results) {
    rows.push_back({{"users", result.users},
                    {"adapters", result.adapters},
                    {"batch", result.users},
                    {"context_tokens", result.context_tokens},
                    {"tokens_per_second", result.tokens_per_second},
                    {"ratio", result.ratio}});
  }
  return rows;
}

Result<OrderedJson> sharing(const Setting& setting) {
  KITH_ASSIGN_OR_RETURN(engine::ChatModel model,
                        engine::ChatModel::load(setting.dir, {.decoder = setting.options}));
  KITH_ASSIGN_OR_RETURN(const auto result,
                        engine::bench_sharing(model.decoder, model.tokenizer,
                                              {.context_tokens = setting.arguments.context}));
  return OrderedJson::array({{{"candidates", result.candidates},
                              {"candidates_ratio", result.candidates_ratio},
                              {"prefix_tokens", result.prefix_tokens},
                              {"new_tokens", result.new_tokens},
                              {"first_seconds", result.first_seconds},
                              {"second_seconds", result.second_seconds},
                              {"prefix_ratio", result.prefix_ratio}}});
}

// Answers that a grammar constrains beside free ones; --context is the length of each.
Result<OrderedJson> constrained(const Setting& setting) {
  constexpr int kBlocksEach = 32;
  const Arguments& arguments = setting.arguments;
  if (arguments.context > 400) {
    return Error{ErrorCode::kInvalidArgument, "constrained answers are at most 400 tokens long"};
  }
  KITH_ASSIGN_OR_RETURN(engine::ChatModel model,
                        engine::ChatModel::load(setting.dir, {.decoder = setting.options}));
  const auto vocabulary =
      std::make_shared<grammar::TokenVocabulary>(model.tokenizer, model.stop_tokens);
  const int largest = *std::max_element(arguments.batches.begin(), arguments.batches.end());
  const base::SystemClock clock;
  engine::Engine engine(
      std::make_unique<engine::DecoderStepModel>(model.decoder, kBlocksEach * largest),
      model.tokenizer, clock, {.max_sequences = largest});
  KITH_ASSIGN_OR_RETURN(
      const auto results,
      engine::bench_constrained(engine, vocabulary,
                                {.batches = arguments.batches, .tokens = arguments.context}));
  OrderedJson rows = OrderedJson::array();
  for (const auto& result : results) {
    rows.push_back({{"batch", result.batch},
                    {"free_tokens_per_second", result.free_tokens_per_second},
                    {"constrained_tokens_per_second", result.constrained_tokens_per_second},
                    {"ratio", result.ratio}});
  }
  return rows;
}

struct Scenario {
  const char* name;
  const char* description;
  Result<OrderedJson> (*run)(const Setting&);
};
constexpr Scenario kScenarios[] = {
    {"decode", "decoding beside the read bandwidth and the matrix products alone", decode},
    {"prefill", "reading prompts beside the same", prefill},
    {"memory", "resident memory and load time", memory},
    {"adapters", "users on different adapters in one batch", adapters},
    {"constrained", "structured output beside free text", constrained},
    {"sharing", "candidates of one prompt, prompts that begin alike", sharing},
};

Status bench(const GlobalOptions& options, const Arguments& arguments, const Scenario& scenario) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  const Setting setting{runtime::model_directory(config), runtime::decoder_options(config),
                        arguments};
  KITH_ASSIGN_OR_RETURN(const OrderedJson results, scenario.run(setting));
  if (options.json) {
    print_json({{"scenario", scenario.name}, {"machine", machine_json()}, {"results", results}});
  } else {
    print_rows(results);
  }
  return {};
}

}  // namespace

void add_bench_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("bench", "measure speed beside the machine's own limit");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();
  for (const Scenario& scenario : kScenarios) {
    auto* sub = command->add_subcommand(scenario.name, scenario.description);
    sub->add_option("--batch", arguments->batches, "sequences decoded together")
        ->check(CLI::Range(1, 256))
        ->delimiter(',');
    sub->add_option("--length", arguments->lengths, "prompt lengths")
        ->check(CLI::Range(1, 65536))
        ->delimiter(',');
    sub->add_option("--context", arguments->context, "tokens in the cache before decoding")
        ->check(CLI::Range(1, 65536));
    sub->add_option("--users", arguments->users, "users decoded together")
        ->check(CLI::Range(1, 256));
    sub->add_option("--adapters", arguments->adapters, "distinct adapters among the users")
        ->check(CLI::Range(0, 1024))
        ->delimiter(',');
    sub->callback([&options, &status, arguments, &scenario] {
      status = finish(bench(options, *arguments, scenario), options.json);
    });
  }
}

}  // namespace kith::cli
