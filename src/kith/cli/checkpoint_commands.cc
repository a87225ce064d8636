// kith model info|verify|merge|quantize|tokenize
#include <algorithm>
#include <fstream>
#include <iostream>

#include "kith/base/file.h"
#include "kith/cli/bridge_report.h"
#include "kith/cli/command.h"
#include "kith/model/compare.h"
#include "kith/model/inspect.h"
#include "kith/model/merge.h"
#include "kith/model/quantize.h"
#include "kith/runtime/model_settings.h"
#include "kith/text/chat_template.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;
using tensor::DType;

// Enough to see whether a shorter type of weights does harm; --text brings more.
constexpr std::string_view kSampleText =
    "Thank you for calling the service desk. Before we look at your printer, could you tell me "
    "whether other people in the office have the same problem? If nobody can print, the server is "
    "the first thing to check. If it is only you, open the settings, remove the printer, and add "
    "it "
    "again; most of the time this is enough. When the mailbox does not open after a change of the "
    "password, sign out on every device, wait for five minutes and sign in with the new one.\n\n"
    "A good answer is short, says what to do first, and says why. It does not repeat the question, "
    "it does not guess, and it names the page where the whole procedure is described. In 2024 the "
    "team closed 12,480 tickets, 61 % of them within one day.\n\n"
    "您好，请先检查网络连接是否正常。如果只有您一个人无法打印，请删除打印机后重新添加。\n";

void print_lines(const OrderedJson& value) {
  for (const auto& [key, member] : value.items()) {
    std::cout << key << ": " << (member.is_string() ? member.get<std::string>() : member.dump())
              << "\n";
  }
}

void print(const OrderedJson& value, bool json) {
  if (json) {
    print_json(value);
  } else {
    print_lines(value);
  }
}

// The directory that was named, else the configured model.
Result<fs::path> find_directory(const GlobalOptions& options, const std::string& named) {
  if (!named.empty()) return fs::path(named);
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  return runtime::model_directory(config);
}

OrderedJson shape_json(const model::CheckpointReport& report) {
  const model::DecoderConfig& shape = report.config;
  OrderedJson json{{"architecture", shape.architecture},
                   {"parameters", shape.num_parameters()},
                   {"layers", shape.num_layers},
                   {"hidden_size", shape.hidden_size},
                   {"intermediate_size", shape.intermediate_size},
                   {"heads", shape.num_heads},
                   {"kv_heads", shape.num_kv_heads},
                   {"head_dim", shape.head_dim},
                   {"vocabulary", shape.vocab_size},
                   {"context", shape.max_positions},
                   {"tied_head", shape.tie_word_embeddings},
                   {"quantized", shape.is_quantized},
                   {"tensors", report.num_tensors},
                   {"values", report.values},
                   {"bytes", report.bytes}};
  if (shape.sliding_window > 0) json["sliding_window"] = shape.sliding_window;
  if (!report.problems.empty()) json["problems"] = report.problems;
  if (!report.ignored.empty()) json["ignored"] = report.ignored;
  return json;
}

// Nothing for a directory without a tokenizer.
Status add_text(const fs::path& dir, OrderedJson& json) {
  const auto tokenizer = text::Tokenizer::load(dir);
  if (!tokenizer && tokenizer.error().code == ErrorCode::kNotFound) return {};
  if (!tokenizer) return Error(tokenizer.error());
  json["tokens"] = tokenizer->vocab_size();
  if (const auto id = tokenizer->bos_id()) json["bos"] = tokenizer->id_to_piece(*id);
  if (const auto id = tokenizer->eos_id()) json["eos"] = tokenizer->id_to_piece(*id);
  KITH_ASSIGN_OR_RETURN(const auto chat, text::ChatTemplate::load(dir, *tokenizer));
  json["chat_format"] = chat.name();
  return {};
}

// The PEFT directories below `dir`/adapters; one that does not load is listed with the reason.
OrderedJson adapters_json(const fs::path& dir, const model::DecoderConfig& shape) {
  OrderedJson adapters = OrderedJson::array();
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir / "adapters", error)) {
    if (fs::exists(entry.path() / "adapter_config.json", error)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    OrderedJson json{{"name", path.filename().string()}};
    const auto adapter = model::Adapter::load(path, shape);
    if (adapter) {
      json["rank"] = (*adapter)->max_rank();
      json["bytes"] = (*adapter)->bytes();
      json["version"] = (*adapter)->version();
    } else {
      json["error"] = adapter.error().message;
    }
    adapters.push_back(std::move(json));
  }
  return adapters;
}

// Of a bridge's directory, for which reading it is checking it.
Status bridge_info(const GlobalOptions& options, const fs::path& dir) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(OrderedJson json, describe_bridge(config, dir));
  json["ok"] = true;
  print(json, options.json);
  return {};
}

Status info(const GlobalOptions& options, const std::string& named) {
  KITH_ASSIGN_OR_RETURN(const fs::path dir, find_directory(options, named));
  if (is_bridge(dir)) return bridge_info(options, dir);
  KITH_ASSIGN_OR_RETURN(const auto report, model::inspect_checkpoint(dir, model::Depth::kShapes));
  OrderedJson json{{"directory", dir.string()}};
  json.update(shape_json(report));
  KITH_RETURN_IF_ERROR(add_text(dir, json));
  const OrderedJson adapters = adapters_json(dir, report.config);
  if (!adapters.empty()) json["adapters"] = adapters;
  print(json, options.json);
  return {};
}

struct VerifyArguments {
  std::string directory;
  std::string against;
  std::vector<std::string> texts;
  double max_perplexity_change = 0.02;
  double min_same_top = 0.95;
};

Result<std::vector<text::TokenId>> sample_tokens(const fs::path& dir,
                                                 const std::vector<std::string>& files) {
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(dir));
  std::string text;
  for (const std::string& file : files) {
    KITH_ASSIGN_OR_RETURN(const std::string more, base::read_file(file));
    text += more;
  }
  return tokenizer.encode(files.empty() ? kSampleText : std::string_view(text));
}

bool is_close(const model::Comparison& comparison, const VerifyArguments& limits) {
  return comparison.perplexity_change() <= limits.max_perplexity_change &&
         comparison.same_top >= limits.min_same_top;
}

// One line for each type in which the weights can be held.
Result<OrderedJson> compare_types(const fs::path& dir, const fs::path& reference_dir,
                                  const VerifyArguments& arguments, int threads) {
  KITH_ASSIGN_OR_RETURN(const auto tokens, sample_tokens(dir, arguments.texts));
  KITH_ASSIGN_OR_RETURN(const auto reference,
                        model::Decoder::load(reference_dir, {DType::kF32, threads}));
  OrderedJson comparisons = OrderedJson::array();
  for (const DType type : {DType::kBf16, DType::kInt8}) {
    KITH_ASSIGN_OR_RETURN(const auto decoder, model::Decoder::load(dir, {type, threads}));
    // A quantised checkpoint is int8 whatever is asked for; a CPU without bf16 holds f32.
    if (decoder->weights() != type) continue;
    const int window =
        std::min({512, decoder->config().max_positions, reference->config().max_positions});
    KITH_ASSIGN_OR_RETURN(const auto found,
                          model::compare_decoders(*reference, *decoder, tokens, window));
    comparisons.push_back({{"weights", tensor::dtype_name(type)},
                           {"reference", tensor::dtype_name(reference->weights())},
                           {"tokens", found.tokens},
                           {"reference_perplexity", found.reference_perplexity},
                           {"perplexity", found.perplexity},
                           {"perplexity_change", found.perplexity_change()},
                           {"same_top", found.same_top},
                           {"largest_difference", found.largest_difference},
                           {"ok", is_close(found, arguments)}});
  }
  return comparisons;
}

Status verify(const GlobalOptions& options, const VerifyArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const fs::path dir, find_directory(options, arguments.directory));
  if (is_bridge(dir)) return bridge_info(options, dir);
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto report, model::inspect_checkpoint(dir, model::Depth::kValues));
  OrderedJson json{{"directory", dir.string()},
                   {"tensors", report.num_tensors},
                   {"bytes", report.bytes},
                   {"problems", report.problems},
                   {"ignored", report.ignored}};
  bool is_ok = report.problems.empty();
  std::error_code error;
  if (is_ok && fs::exists(dir / "tokenizer.json", error)) {
    const fs::path reference = arguments.against.empty() ? dir : fs::path(arguments.against);
    KITH_ASSIGN_OR_RETURN(
        const OrderedJson comparisons,
        compare_types(dir, reference, arguments, runtime::decoder_options(config).threads));
    for (const auto& comparison : comparisons) is_ok = is_ok && comparison["ok"].get<bool>();
    json["comparisons"] = comparisons;
  }
  json["ok"] = is_ok;
  print(json, options.json);
  if (is_ok) return {};
  return Error{ErrorCode::kInvalidArgument, "the checkpoint did not pass: " + dir.string()};
}

struct MergeArguments {
  std::string adapter;
  std::string target;
  std::string type;
  bool force = false;
};

Status with_force_hint(Status status, bool force) {
  if (status || force || status.error().code != ErrorCode::kConflict) return status;
  Error error = std::move(status).error();
  error.message += " (--force replaces a model that is there)";
  return error;
}

Status merge(const GlobalOptions& options, const MergeArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const fs::path base, find_directory(options, ""));
  model::MergeOptions merge_options{.dtype = {}, .replace = arguments.force};
  if (!arguments.type.empty()) {
    merge_options.dtype = arguments.type == "f32" ? DType::kF32 : DType::kBf16;
  }
  KITH_RETURN_IF_ERROR(with_force_hint(
      model::merge_adapter(base, arguments.adapter, arguments.target, merge_options),
      arguments.force));
  print({{"base", base.string()}, {"adapter", arguments.adapter}, {"merged", arguments.target}},
        options.json);
  return {};
}

struct QuantizeArguments {
  std::string target;
  std::string layout;
  bool force = false;
};

Status quantize(const GlobalOptions& options, const QuantizeArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const fs::path source, find_directory(options, ""));
  model::QuantizeOptions quantize_options{.layout = {}, .replace = arguments.force};
  if (!arguments.layout.empty()) {
    quantize_options.layout =
        arguments.layout == "rows" ? tensor::Int8Layout::kRows : tensor::Int8Layout::kBlocked;
  }
  auto report = model::quantize_checkpoint(source, arguments.target, quantize_options);
  if (!report) return with_force_hint(std::move(report).error(), arguments.force);
  const bool is_rows = report->layout == tensor::Int8Layout::kRows;
  print({{"source", source.string()},
         {"quantized", arguments.target},
         {"layout", is_rows ? "rows" : "blocked"},
         {"source_bytes", report->source_bytes},
         {"bytes", report->bytes}},
        options.json);
  return {};
}

struct TokenizeArguments {
  std::string text;
  std::string file;
  text::EncodeOptions encode;
};

// A JSON string a line, so that texts may hold any character.
Status tokenize_file(const text::Tokenizer& tokenizer, const TokenizeArguments& arguments) {
  std::ifstream stream;
  if (arguments.file != "-") stream.open(arguments.file);
  std::istream& input = arguments.file == "-" ? std::cin : stream;
  if (!input) return Error{ErrorCode::kNotFound, "cannot read " + arguments.file};
  std::string line;
  for (std::size_t number = 1; std::getline(input, line); ++number) {
    const auto value = base::parse_json(line);
    if (!value || !value->is_string()) {
      return Error{ErrorCode::kInvalidArgument,
                   "line " + std::to_string(number) + " must be a JSON string"};
    }
    print_json(tokenizer.encode(value->get<std::string>(), arguments.encode));
  }
  return {};
}

Status tokenize(const GlobalOptions& options, const TokenizeArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const fs::path dir, find_directory(options, ""));
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(dir));
  if (!arguments.file.empty()) return tokenize_file(tokenizer, arguments);
  const auto ids = tokenizer.encode(arguments.text, arguments.encode);
  OrderedJson pieces = OrderedJson::array();
  for (const text::TokenId id : ids) pieces.push_back(tokenizer.id_to_piece(id));
  print({{"ids", ids}, {"pieces", pieces}}, options.json);
  return {};
}

void add_verify(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<VerifyArguments>();
  auto* sub = command.add_subcommand(
      "verify",
      "check every tensor, and what bf16 and int8 cost against f32 on a text; or a bridge");
  sub->add_option("directory", arguments->directory, "default: the configured model");
  sub->add_option("--against", arguments->against,
                  "the checkpoint that a quantised or merged one is compared with");
  sub->add_option("--text", arguments->texts, "plain text to compare on (default: a short one)");
  sub->add_option("--max-perplexity-change", arguments->max_perplexity_change,
                  "fail above this, as a share (default: 0.02)");
  sub->add_option("--min-same-top", arguments->min_same_top,
                  "fail below this share of equal likeliest tokens (default: 0.95)");
  sub->callback([&options, &status, arguments] {
    status = finish(verify(options, *arguments), options.json);
  });
}

void add_merge(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<MergeArguments>();
  auto* sub = command.add_subcommand("merge", "base (--model) + adapter -> a plain checkpoint");
  sub->add_option("adapter", arguments->adapter, "PEFT directory")->required();
  sub->add_option("target", arguments->target, "new directory")->required();
  sub->add_option("--type", arguments->type, "of the merged weights (default: as the base)")
      ->check(CLI::IsMember({"f32", "bf16"}));
  sub->add_flag("--force", arguments->force, "replace a model that is there");
  sub->callback([&options, &status, arguments] {
    status = finish(merge(options, *arguments), options.json);
  });
}

void add_quantize(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<QuantizeArguments>();
  auto* sub = command.add_subcommand("quantize", "write int8 weights once, to be mapped at start");
  sub->add_option("target", arguments->target, "new directory")->required();
  sub->add_option("--layout", arguments->layout, "rows or blocked (default: what this CPU reads)")
      ->check(CLI::IsMember({"rows", "blocked"}));
  sub->add_flag("--force", arguments->force, "replace a model that is there");
  sub->callback([&options, &status, arguments] {
    status = finish(quantize(options, *arguments), options.json);
  });
}

void add_tokenize(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<TokenizeArguments>();
  auto* sub = command.add_subcommand("tokenize", "the tokens of a text");
  auto* text = sub->add_option("text", arguments->text);
  sub->add_option("--file", arguments->file, "a JSON string a line; - reads standard input")
      ->excludes(text);
  sub->add_flag("--special", arguments->encode.add_special_tokens,
                "with what the tokenizer puts around a text");
  sub->add_flag("--markup", arguments->encode.parse_special, "control tokens in the text count");
  sub->callback([&options, &status, arguments] {
    status = finish(tokenize(options, *arguments), options.json);
  });
}

}  // namespace

void add_checkpoint_commands(CLI::App& command, GlobalOptions& options, int& status) {
  const auto directory = std::make_shared<std::string>();
  auto* sub = command.add_subcommand(
      "info", "shape, size, tokenizer, chat format and adapters; or of a bridge");
  sub->add_option("directory", *directory, "default: the configured model");
  sub->callback(
      [&options, &status, directory] { status = finish(info(options, *directory), options.json); });
  add_verify(command, options, status);
  add_merge(command, options, status);
  add_quantize(command, options, status);
  add_tokenize(command, options, status);
}

}  // namespace kith::cli
