// kith embed texts (embed_users_command.cc: kith embed users)
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>

#include "kith/base/clock.h"
#include "kith/cli/command.h"
#include "kith/engine/embedder.h"
#include "kith/runtime/model_settings.h"

namespace kith::cli {
namespace {

// Texts embedded together: enough to fill batches, few enough to hold.
constexpr std::size_t kGroup = 256;
// With nothing else to compute, longer passes cost nobody anything.
constexpr int kBatchTokens = 2048;

struct EmbedArguments {
  std::string file;
  std::string model;
};

struct Record {
  base::Json id;  // null without one
  std::string text;
};

// Reads a text a line, or JSON Lines with the member "text" and maybe "id" if the first line that
// is not empty begins with "{". Reports bad lines on standard error.
class RecordSource {
 public:
  RecordSource(std::istream& input, std::string name) : input_(input), name_(std::move(name)) {}

  // The next records, fewer than kGroup at the end.
  std::vector<Record> next_group() {
    std::vector<Record> group;
    std::string line;
    while (group.size() < kGroup && std::getline(input_, line)) {
      ++line_;
      if (line.ends_with('\r')) line.pop_back();
      const std::size_t first = line.find_first_not_of(" \t");
      if (first == std::string::npos) continue;
      if (!is_json_) is_json_ = line[first] == '{';
      auto record = *is_json_ ? parse(line) : Result<Record>(Record{nullptr, line});
      if (record) {
        group.push_back(*std::move(record));
      } else {
        report_line(record.error());
      }
    }
    return group;
  }

  void report_line(const Error& error) {
    ++num_bad_;
    std::cerr << name_ << ":" << line_ << ": " << error.message << "\n";
  }
  std::int64_t num_bad() const { return num_bad_; }

 private:
  static Result<Record> parse(const std::string& line) {
    KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(line));
    if (!json.is_object()) return Error{ErrorCode::kInvalidArgument, "must be a JSON object"};
    KITH_ASSIGN_OR_RETURN(auto text, base::read_string(json, "text"));
    if (!text) return Error{ErrorCode::kInvalidArgument, "text is missing"};
    return Record{json.contains("id") ? json["id"] : base::Json(), *std::move(text)};
  }

  std::istream& input_;
  std::string name_;
  std::int64_t line_ = 0;
  std::optional<bool> is_json_;
  std::int64_t num_bad_ = 0;
};

// How far the file is read, on a terminal.
class ProgressLine {
 public:
  ProgressLine(std::istream& input, std::uintmax_t size)
      : input_(input), size_(::isatty(STDERR_FILENO) != 0 ? size : 0) {}
  ~ProgressLine() {
    if (size_ > 0) std::cerr << "\r      \r";
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update() {
    if (size_ == 0) return;
    const auto at = input_.tellg();
    const double share = at < 0 ? 1.0 : static_cast<double>(at) / static_cast<double>(size_);
    std::cerr << "\r" << static_cast<int>(100.0 * std::min(share, 1.0)) << " % " << std::flush;
  }

 private:
  std::istream& input_;
  std::uintmax_t size_;
};

void print_vector(const Record& record, std::int64_t index, const model::TokenizedText& tokenized,
                  std::span<const float> vector) {
  base::OrderedJson line;
  if (!record.id.is_null()) line["id"] = record.id;
  line["index"] = index;
  line["tokens"] = tokenized.tokens.size();
  if (tokenized.is_cut) line["truncated"] = true;
  std::string text = base::dump_json(line);
  text.back() = ',';
  text += "\"embedding\":[";
  // The shortest digits that read back as the same float.
  std::array<char, 32> digits;
  for (const float value : vector) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text.append(digits.data(), end) += ',';
  }
  text.back() = ']';
  std::cout << text << "}\n";
}

Status embed_group(const std::vector<Record>& records, std::int64_t first_index,
                   engine::Embedder& embedder) {
  std::vector<model::TokenizedText> tokenized;
  engine::EmbedRequest request;
  for (const Record& record : records) {
    KITH_ASSIGN_OR_RETURN(auto text, embedder.encoder().tokenize(record.text, true));
    request.texts.push_back(text.tokens);
    tokenized.push_back(std::move(text));
  }
  KITH_ASSIGN_OR_RETURN(const auto vectors, embedder.embed(std::move(request)));
  const auto width = static_cast<std::size_t>(embedder.encoder().dimensions());
  for (std::size_t i = 0; i < records.size(); ++i) {
    print_vector(records[i], first_index + static_cast<std::int64_t>(i), tokenized[i],
                 std::span(vectors).subspan(i * width, width));
  }
  return {};
}

Status embed_texts(const GlobalOptions& options, const EmbedArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(runtime::Config config, load_config(options));
  if (!arguments.model.empty()) config.embedding.model = arguments.model;
  if (config.embedding.model.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "name a sentence-transformers directory with --model, --embedding-model or the "
                 "setting embedding.model"};
  }
  std::ifstream file;
  const bool is_stdin = arguments.file == "-";
  if (!is_stdin) file.open(arguments.file, std::ios::binary);
  if (!is_stdin && !file) {
    return Error{ErrorCode::kNotFound, "cannot read the file: " + arguments.file};
  }
  KITH_ASSIGN_OR_RETURN(
      auto encoder,
      model::SentenceEncoder::load(config.embedding.model, runtime::encoder_options(config)));
  const base::SystemClock clock;
  const auto thread = engine::make_compute_thread();
  engine::Embedder embedder(std::move(encoder), *thread, clock, {.max_batch_tokens = kBatchTokens});
  std::istream& input = is_stdin ? std::cin : file;
  std::error_code error;
  const std::uintmax_t size = is_stdin ? 0 : std::filesystem::file_size(arguments.file, error);
  RecordSource source(input, is_stdin ? "standard input" : arguments.file);
  std::int64_t index = 0;
  {
    ProgressLine progress(input, error ? 0 : size);
    while (true) {
      const std::vector<Record> records = source.next_group();
      if (records.empty()) break;
      KITH_RETURN_IF_ERROR(embed_group(records, index, embedder));
      index += static_cast<std::int64_t>(records.size());
      progress.update();
    }
  }
  std::cout.flush();
  if (!std::cout) return Error{ErrorCode::kUnavailable, "cannot write the vectors"};
  if (source.num_bad() == 0) return {};
  return Error{ErrorCode::kInvalidArgument, std::to_string(source.num_bad()) +
                                                " of the lines were bad and left out; " +
                                                std::to_string(index) + " texts were embedded"};
}

}  // namespace

void add_embed_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("embed", "vectors of texts and of users");
  command->require_subcommand(1);
  add_encoder_version_commands(*command, options, status);
  const auto arguments = std::make_shared<EmbedArguments>();
  auto* texts = command->add_subcommand("texts", "a vector for each text, as JSON Lines");
  texts
      ->add_option("file", arguments->file,
                   "a text a line, or JSON Lines with \"text\" and maybe \"id\"; - reads standard "
                   "input")
      ->required();
  texts->add_option("--model", arguments->model,
                    "sentence-transformers directory (default: the setting embedding.model)");
  texts->callback([&options, &status, arguments] {
    status = finish(embed_texts(options, *arguments), options.json);
  });
  add_embed_users(*command, options, status);
}

}  // namespace kith::cli
