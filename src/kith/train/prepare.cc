#include "kith/train/prepare.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/text/tokenizer.h"
#include "kith/train/bpe_trainer.h"
#include "kith/train/token_shard.h"

namespace kith::train {
namespace {

using base::Json;
namespace fs = std::filesystem;

struct Message {
  std::string role;
  std::string content;
  bool train = true;
};

// One line of a data file: messages, or one text without a role.
struct Document {
  std::vector<Message> messages;
  bool is_chat = false;
};

Result<Message> read_message(const Json& json) {
  const Error bad{ErrorCode::kInvalidArgument, "a message needs a role and a content"};
  if (!json.is_object()) return bad;
  KITH_ASSIGN_OR_RETURN(auto role, base::read_string(json, "role"));
  KITH_ASSIGN_OR_RETURN(auto content, base::read_string(json, "content"));
  KITH_ASSIGN_OR_RETURN(const auto train, base::read_bool(json, "train"));
  if (!role || !content) return bad;
  return Message{*std::move(role), *std::move(content), train.value_or(true)};
}

Result<Document> read_document(std::string_view line) {
  KITH_ASSIGN_OR_RETURN(const Json json, base::parse_json(line));
  const Error bad{ErrorCode::kInvalidArgument, "a line needs \"text\" or \"messages\""};
  if (!json.is_object()) return bad;
  Document document;
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(json, "text"));
  if (text) {
    document.messages.push_back({"", *std::move(text)});
    return document;
  }
  const auto found = json.find("messages");
  if (found == json.end() || !found->is_array() || found->empty()) return bad;
  document.is_chat = true;
  for (const Json& item : *found) {
    KITH_ASSIGN_OR_RETURN(auto message, read_message(item));
    document.messages.push_back(std::move(message));
  }
  return document;
}

// Calls use(document) for every line; stops when it returns false.
Status for_each_document(const fs::path& path, std::string_view bytes,
                         const std::function<bool(const Document&)>& use) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view line = bytes.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto document = read_document(line);
    if (!document) {
      return std::move(document).error().with_context(path.string() + ":" + std::to_string(number));
    }
    if (!use(*document)) break;
  }
  return {};
}

// Appends documents to a shard.
class ShardWriter {
 public:
  static Result<ShardWriter> create(const text::Tokenizer& tokenizer, LossOn loss) {
    const auto end_text = tokenizer.token_to_id(kEndOfText);
    const auto start = tokenizer.token_to_id(kTurnStart);
    const auto end = tokenizer.token_to_id(kTurnEnd);
    const auto end_document = end_text ? end_text : tokenizer.eos_id();
    if (!end_document) {
      return Error{ErrorCode::kInvalidArgument, "the tokenizer has no token that ends a text"};
    }
    return ShardWriter(tokenizer, loss, *end_document, start, end);
  }

  // Errors: kInvalidArgument for a chat when the tokenizer lacks ChatML's tokens.
  Status add(const Document& document) {
    if (!document.is_chat) {
      append(document.messages[0].content, true);
      push(end_document_, true);
    } else {
      if (!turn_start_ || !turn_end_) {
        return Error{ErrorCode::kInvalidArgument,
                     "chats need a tokenizer with <|im_start|> and <|im_end|>"};
      }
      for (const Message& message : document.messages) add_message(message);
      push(end_document_, loss_ == LossOn::kAll);
    }
    shard_.end_document();
    return {};
  }

  const ShardBuilder& shard() const { return shard_; }
  text::TokenId end_document() const { return end_document_; }
  text::TokenId end_turn() const { return turn_end_.value_or(end_document_); }

 private:
  ShardWriter(const text::Tokenizer& tokenizer, LossOn loss, text::TokenId end_document,
              std::optional<text::TokenId> turn_start, std::optional<text::TokenId> turn_end)
      : tokenizer_(tokenizer),
        loss_(loss),
        end_document_(end_document),
        turn_start_(turn_start),
        turn_end_(turn_end) {}

  void add_message(const Message& message) {
    const bool words = message.train && (loss_ == LossOn::kAll || message.role == "assistant");
    const bool frame = message.train && loss_ == LossOn::kAll;
    push(*turn_start_, frame);
    append(message.role + "\n", frame);
    append(message.content, words);
    push(*turn_end_, words);
    append("\n", frame);
  }
  void append(const std::string& text, bool counted) {
    // Contents are never parsed for special tokens: the words of a document cannot end a turn.
    for (const text::TokenId id : tokenizer_.encode(text)) push(id, counted);
    shard_.text_bytes += text.size();
  }
  void push(text::TokenId id, bool counted) {
    shard_.tokens.push_back(static_cast<std::uint32_t>(id) | (counted ? kCountedBit : 0U));
  }

  const text::Tokenizer& tokenizer_;
  LossOn loss_;
  text::TokenId end_document_;
  std::optional<text::TokenId> turn_start_;
  std::optional<text::TokenId> turn_end_;
  ShardBuilder shard_;
};

Result<fs::path> make_shard(const DataSource& source, const text::Tokenizer& tokenizer,
                            std::uint64_t tokenizer_hash, const fs::path& cache,
                            const PrepareProgress& progress) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(source.path, std::size_t{8} << 30));
  const std::string_view option = source.loss == LossOn::kAll ? "1:all" : "1:assistant";
  const std::uint64_t key = base::hash_bytes(option, base::hash_bytes(bytes, tokenizer_hash));
  const fs::path path = cache / (source.path.stem().string() + "-" + base::to_hex(key) + ".tokens");
  if (TokenShard::open(path)) return path;
  progress("encoding " + source.path.string());
  KITH_ASSIGN_OR_RETURN(auto writer, ShardWriter::create(tokenizer, source.loss));
  Status added;
  KITH_RETURN_IF_ERROR(for_each_document(source.path, bytes, [&](const Document& document) {
    added = writer.add(document);
    return added.has_value();
  }));
  KITH_RETURN_IF_ERROR(added);
  KITH_RETURN_IF_ERROR(writer.shard().save(path));
  return path;
}

// Shows the trainer the first `share` of a file's text.
Status sample_source(const DataSource& source, double share, BpeTrainer& trainer) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(source.path, std::size_t{8} << 30));
  double left = share * static_cast<double>(bytes.size());
  return for_each_document(source.path, bytes, [&](const Document& document) {
    for (const Message& message : document.messages) {
      trainer.add_text(message.content);
      left -= static_cast<double>(message.content.size());
    }
    return left > 0.0;
  });
}

// Takes the same share of every source, so that the sample is not only the first file.
Status train_tokenizer(const Recipe& recipe, const fs::path& directory,
                       const PrepareProgress& progress) {
  progress("training a tokenizer of " + std::to_string(recipe.tokenizer.vocab_size) + " tokens");
  double total = 0.0;
  for (const DataSource& source : recipe.data) {
    std::error_code error;
    const auto size = fs::file_size(source.path, error);
    if (!error && source.weight > 0.0) total += static_cast<double>(size);
  }
  const double share = static_cast<double>(recipe.tokenizer.sample_bytes) / std::max(total, 1.0);
  BpeTrainer trainer;
  for (const DataSource& source : recipe.data) {
    if (source.weight <= 0.0) continue;
    KITH_RETURN_IF_ERROR(sample_source(source, share, trainer));
  }
  const auto vocabulary = trainer.train(recipe.tokenizer.vocab_size);
  return save_tokenizer(vocabulary, recipe.model.max_position_embeddings, directory);
}

// Puts the tokenizer of the recipe into `directory`, unless one is there already.
Status place_tokenizer(const Recipe& recipe, const fs::path& directory,
                       const PrepareProgress& progress) {
  if (recipe.tokenizer.path.empty()) {
    if (fs::exists(directory / "tokenizer.json")) return {};
    return train_tokenizer(recipe, directory, progress);
  }
  std::error_code error;
  fs::create_directories(directory, error);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                           "chat_template.jinja"}) {
    const fs::path from = recipe.tokenizer.path / name;
    if (!fs::exists(from)) continue;
    KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(from));
    KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / name, bytes));
  }
  return {};
}

Status save_prepared(const Recipe& recipe, const PreparedData& data) {
  const auto names = [](const std::vector<fs::path>& paths) {
    auto json = base::OrderedJson::array();
    for (const auto& path : paths) json.push_back(path.string());
    return json;
  };
  const base::OrderedJson json{{"vocab_size", data.vocab_size},
                               {"eos", data.eos},
                               {"pad", data.pad},
                               {"data", names(data.data)},
                               {"validation", names(data.validation)}};
  return base::write_file_atomically(recipe.output / "prepared.json", json.dump(1) + "\n");
}

}  // namespace

Result<PreparedData> prepare(const Recipe& recipe, const PrepareProgress& progress) {
  PreparedData data;
  data.tokenizer = recipe.output / "tokenizer";
  const fs::path cache = recipe.output / "cache";
  std::error_code error;
  fs::create_directories(cache, error);
  KITH_RETURN_IF_ERROR(place_tokenizer(recipe, data.tokenizer, progress));
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(data.tokenizer));
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(data.tokenizer / "tokenizer.json"));
  const std::uint64_t hash = base::hash_bytes(bytes);
  const auto shards = [&](const std::vector<DataSource>& sources,
                          std::vector<fs::path>& to) -> Status {
    for (const DataSource& source : sources) {
      KITH_ASSIGN_OR_RETURN(auto path, make_shard(source, tokenizer, hash, cache, progress));
      to.push_back(std::move(path));
    }
    return {};
  };
  KITH_RETURN_IF_ERROR(shards(recipe.data, data.data));
  KITH_RETURN_IF_ERROR(shards(recipe.validation, data.validation));
  KITH_ASSIGN_OR_RETURN(const auto ids, ShardWriter::create(tokenizer, LossOn::kAll));
  data.vocab_size = static_cast<std::int64_t>(tokenizer.vocab_size());
  data.pad = ids.end_document();
  data.eos = ids.end_turn();
  KITH_RETURN_IF_ERROR(save_prepared(recipe, data));
  return data;
}

}  // namespace kith::train
