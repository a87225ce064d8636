// kith model perplexity, kith bench decode|prefill|memory|constrained
#include <algorithm>
#include <iostream>

#include "kith/base/clock.h"
#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/engine/bench.h"
#include "kith/engine/chat_model.h"
#include "kith/engine/constrained_bench.h"
#include "kith/engine/perplexity.h"
#include "kith/runtime/model_settings.h"
#include "kith/storage/record_files.h"

namespace kith::cli {
namespace {

void print_rows(const base::OrderedJson& rows) {
  for (const auto& row : rows) {
    bool first = true;
    for (const auto& [key, value] : row.items()) {
      std::cout << (first ? "" : "  ") << key << " " << value;
      first = false;
    }
    std::cout << "\n";
  }
}

struct PerplexityArguments {
  std::vector<std::string> files;
  int window = 0;
  std::string adapter;
};

// A file of plain text, or records whose member "text" counts.
Result<std::string> text_of_file(const std::filesystem::path& file) {
  if (file.extension() != ".jsonl") return base::read_file(file);
  std::string all;
  KITH_RETURN_IF_ERROR(storage::read_records(file, [&](const base::Json& record) {
    const auto text = base::read_string(record, "text");
    if (text && *text) all += **text + "\n\n";
  }));
  return all;
}

Status perplexity(const GlobalOptions& options, const PerplexityArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  const auto dir = runtime::model_directory(config);
  KITH_ASSIGN_OR_RETURN(
      engine::ChatModel model,
      engine::ChatModel::load(dir, {.decoder = runtime::decoder_options(config)}));
  std::string text;
  for (const std::string& file : arguments.files) {
    KITH_ASSIGN_OR_RETURN(const std::string more, text_of_file(file));
    text += more;
  }
  std::shared_ptr<const model::Adapter> adapter;
  if (!arguments.adapter.empty()) {
    KITH_ASSIGN_OR_RETURN(adapter,
                          model::Adapter::load(arguments.adapter, model.decoder->config()));
  }
  const base::SystemClock clock;
  const int blocks = model.decoder->config().max_positions / nn::kBlockTokens + 1;
  engine::Engine engine(std::make_unique<engine::DecoderStepModel>(model.decoder, blocks),
                        model.tokenizer, clock);
  KITH_ASSIGN_OR_RETURN(const auto ranges,
                        engine::loss_by_position(engine, model.tokenizer.encode(text),
                                                 {.window = arguments.window, .adapter = adapter}));
  base::OrderedJson results = base::OrderedJson::array();
  for (const auto& range : ranges) {
    results.push_back({{"begin", range.begin},
                       {"end", range.end},
                       {"tokens", range.tokens},
                       {"perplexity", range.perplexity()}});
  }
  if (options.json) {
    print_json({{"directory", dir.string()}, {"positions", results}});
  } else {
    print_rows(results);
  }
  return {};
}

base::OrderedJson machine_json() {
  const auto machine = engine::describe_machine();
  return {{"cpu", machine.cpu}, {"cores", machine.cores}, {"isa", machine.isa}};
}

base::OrderedJson to_json(const engine::BenchResult& result) {
  return {{"batch", result.batch},
          {"context_tokens", result.context_tokens},
          {"tokens_per_second", result.tokens_per_second},
          {"weight_bytes_per_second", result.weight_bytes_per_second},
          {"read_bandwidth", result.read_bandwidth},
          {"ratio", result.ratio}};
}

void print_results(const std::string& scenario, const base::OrderedJson& results, bool json) {
  if (json) {
    print_json({{"scenario", scenario}, {"machine", machine_json()}, {"results", results}});
  } else {
    print_rows(results);
  }
}

struct BenchArguments {
  std::vector<int> batches{1, 8, 16};
  std::vector<int> lengths{128, 512};
  int context = 128;
};

Status bench_constrained(const GlobalOptions& options, const BenchArguments& arguments,
                         const runtime::Config& config) {
  const auto dir = runtime::model_directory(config);
  KITH_ASSIGN_OR_RETURN(
      engine::ChatModel model,
      engine::ChatModel::load(dir, {.decoder = runtime::decoder_options(config)}));
  const auto vocabulary =
      std::make_shared<grammar::TokenVocabulary>(model.tokenizer, model.stop_tokens);
  constexpr int kBlocksEach = 32;
  const int largest = *std::max_element(arguments.batches.begin(), arguments.batches.end());
  const base::SystemClock clock;
  engine::Engine engine(
      std::make_unique<engine::DecoderStepModel>(model.decoder, kBlocksEach * largest),
      model.tokenizer, clock, {.max_sequences = largest});
  KITH_ASSIGN_OR_RETURN(
      const auto measured,
      engine::bench_constrained(engine, vocabulary,
                                {.batches = arguments.batches, .tokens = arguments.context}));
  base::OrderedJson results = base::OrderedJson::array();
  for (const auto& result : measured) {
    results.push_back({{"batch", result.batch},
                       {"free_tokens_per_second", result.free_tokens_per_second},
                       {"constrained_tokens_per_second", result.constrained_tokens_per_second},
                       {"ratio", result.ratio}});
  }
  print_results("constrained", results, options.json);
  return {};
}

Status bench(const GlobalOptions& options, const BenchArguments& arguments,
             const std::string& scenario) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  if (scenario == "constrained") return bench_constrained(options, arguments, config);
  const auto decoder_settings = runtime::decoder_options(config);
  base::OrderedJson results = base::OrderedJson::array();
  if (scenario == "memory") {
    KITH_ASSIGN_OR_RETURN(const auto memory,
                          engine::bench_memory(runtime::model_directory(config), decoder_settings));
    results.push_back({{"resident_bytes", memory.resident_bytes},
                       {"weight_bytes", memory.weight_bytes},
                       {"kv_bytes_per_token", memory.kv_bytes_per_token},
                       {"load_seconds", memory.load_seconds}});
    print_results(scenario, results, options.json);
    return {};
  }
  KITH_ASSIGN_OR_RETURN(const auto decoder,
                        model::Decoder::load(runtime::model_directory(config), decoder_settings));
  std::vector<engine::BenchResult> measured;
  if (scenario == "decode") {
    KITH_ASSIGN_OR_RETURN(measured,
                          engine::bench_decode(*decoder, {.batches = arguments.batches,
                                                          .context_tokens = arguments.context,
                                                          .threads = decoder_settings.threads}));
  } else {
    KITH_ASSIGN_OR_RETURN(measured,
                          engine::bench_prefill(*decoder, {.lengths = arguments.lengths,
                                                           .threads = decoder_settings.threads}));
  }
  for (const auto& result : measured) results.push_back(to_json(result));
  print_results(scenario, results, options.json);
  return {};
}

}  // namespace

void add_model_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("model", "checkpoints");
  command->require_subcommand(1);
  add_checkpoint_commands(*command, options, status);
  const auto arguments = std::make_shared<PerplexityArguments>();
  auto* sub = command->add_subcommand("perplexity", "how well it predicts a text, by position");
  sub->add_option("files", arguments->files, "plain text, or .jsonl with a member text")
      ->required();
  sub->add_option("--window", arguments->window, "tokens read together (default: the context)")
      ->check(CLI::Range(2, 1 << 20));
  sub->add_option("--adapter", arguments->adapter, "PEFT directory to put on the model");
  sub->callback([&options, &status, arguments] {
    status = finish(perplexity(options, *arguments), options.json);
  });
}

void add_bench_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("bench", "measure speed beside the machine's own limit");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<BenchArguments>();
  for (const std::string scenario : {"decode", "prefill", "memory", "constrained"}) {
    auto* sub = command->add_subcommand(scenario);
    sub->add_option("--batch", arguments->batches, "sequences decoded together")
        ->check(CLI::Range(1, 256));
    sub->add_option("--length", arguments->lengths, "prompt lengths")->check(CLI::Range(1, 65536));
    sub->add_option(
           "--context", arguments->context,
           "tokens in the cache before decoding (constrained: of each answer, at most 400)")
        ->check(CLI::Range(1, scenario == "constrained" ? 400 : 65536));
    sub->callback([&options, &status, arguments, scenario] {
      status = finish(bench(options, *arguments, scenario), options.json);
    });
  }
}

}  // namespace kith::cli
