// kith model perplexity
#include <iostream>

#include "kith/base/clock.h"
#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/engine/chat_model.h"
#include "kith/engine/perplexity.h"
#include "kith/runtime/model_settings.h"
#include "kith/storage/record_files.h"

namespace kith::cli {
namespace {

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
  engine::PerplexityOptions settings{.window = arguments.window};
  if (!arguments.adapter.empty()) {
    KITH_ASSIGN_OR_RETURN(auto adapter,
                          model::Adapter::load(arguments.adapter, model.decoder->config()));
    settings.adapters.push_back({std::move(adapter), 1.0F});
  }
  const base::SystemClock clock;
  const int blocks = model.decoder->config().max_positions / nn::kBlockTokens + 1;
  engine::Engine engine(std::make_unique<engine::DecoderStepModel>(model.decoder, blocks),
                        model.tokenizer, clock);
  KITH_ASSIGN_OR_RETURN(const auto ranges,
                        engine::loss_by_position(engine, model.tokenizer.encode(text), settings));
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

}  // namespace kith::cli
