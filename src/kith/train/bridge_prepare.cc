// The part of bridge_data.h that needs the text library.
#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/text/tokenizer.h"
#include "kith/train/bridge_data.h"
#include "kith/train/documents.h"

namespace kith::train {
namespace {

namespace fs = std::filesystem;
using base::Json;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

struct BridgeLine {
  History history;
  Document document;
};

Result<std::int64_t> read_count(const Json& line, const char* key, std::int64_t low) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(line, key));
  if (value && *value >= low) return static_cast<std::int64_t>(*value);
  return invalid("an example needs \"" + std::string(key) + "\", at least " + std::to_string(low));
}

Result<BridgeLine> read_line(const Json& line) {
  if (!line.is_object()) return invalid("a line must be an object");
  BridgeLine read;
  KITH_ASSIGN_OR_RETURN(read.history.user, read_count(line, "user", 0));
  KITH_ASSIGN_OR_RETURN(read.history.events, read_count(line, "events", 1));
  const auto messages = line.find("messages");
  if (messages == line.end()) return invalid("an example needs \"messages\"");
  KITH_ASSIGN_OR_RETURN(read.document.messages, read_messages(*messages));
  if (read.document.messages.back().role == "assistant") {
    return invalid("\"messages\" must not end with the assistant: that is the answer");
  }
  KITH_ASSIGN_OR_RETURN(auto answer, base::read_string(line, "answer"));
  if (!answer || answer->empty()) return invalid("an example needs an \"answer\"");
  for (Message& message : read.document.messages) message.train = false;
  read.document.messages.push_back({"assistant", *std::move(answer)});
  read.document.is_chat = true;
  return read;
}

// Encodes one file, unless that was done before.
Result<fs::path> encode(const Recipe& recipe, const DataSource& source,
                        const text::Tokenizer& tokenizer, std::uint64_t tokenizer_hash,
                        const PrepareProgress& progress) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(source.path, std::size_t{8} << 30));
  const std::string option = "bridge:1:" + std::to_string(recipe.bridge.max_tokens);
  const std::uint64_t key = base::hash_bytes(option, base::hash_bytes(bytes, tokenizer_hash));
  const fs::path path =
      recipe.output / "cache" / (source.path.stem().string() + "-" + base::to_hex(key) + ".tokens");
  if (BridgeExamples::open(path)) return path;
  progress("encoding " + source.path.string());
  KITH_ASSIGN_OR_RETURN(auto writer, ShardWriter::create(tokenizer, LossOn::kAssistant));
  auto users = base::OrderedJson::array();
  auto events = base::OrderedJson::array();
  const auto use = [&](const Json& json) -> Result<bool> {
    KITH_ASSIGN_OR_RETURN(const BridgeLine line, read_line(json));
    const std::size_t before = writer.shard().tokens.size();
    KITH_RETURN_IF_ERROR(writer.add(line.document));
    const auto tokens = static_cast<std::int64_t>(writer.shard().tokens.size() - before);
    if (tokens > recipe.bridge.max_tokens) {
      return invalid("an example may have at most " + std::to_string(recipe.bridge.max_tokens) +
                     " tokens (max_tokens): " + std::to_string(tokens));
    }
    users.push_back(line.history.user);
    events.push_back(line.history.events);
    return true;
  };
  KITH_RETURN_IF_ERROR(for_each_line(source.path, bytes, use));
  if (users.empty()) return invalid("holds no example: " + source.path.string());
  const base::OrderedJson card{{"users", users}, {"events", events}};
  KITH_RETURN_IF_ERROR(base::write_file_atomically(bridge_card(path), card.dump() + "\n"));
  KITH_RETURN_IF_ERROR(writer.shard().save(path));
  return path;
}

}  // namespace

Result<PreparedData> prepare_bridge(const Recipe& recipe, const PrepareProgress& progress) {
  Recipe tokenizer_only = recipe;
  tokenizer_only.data.clear();
  tokenizer_only.validation.clear();
  KITH_ASSIGN_OR_RETURN(PreparedData prepared, prepare(tokenizer_only, progress));
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(prepared.tokenizer));
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(prepared.tokenizer / "tokenizer.json"));
  const std::uint64_t hash = base::hash_bytes(bytes);
  for (const DataSource& source : recipe.data) {
    KITH_ASSIGN_OR_RETURN(auto path, encode(recipe, source, tokenizer, hash, progress));
    prepared.data.push_back(std::move(path));
  }
  for (const DataSource& source : recipe.validation) {
    KITH_ASSIGN_OR_RETURN(auto path, encode(recipe, source, tokenizer, hash, progress));
    prepared.validation.push_back(std::move(path));
  }
  KITH_RETURN_IF_ERROR(save_prepared(recipe, prepared));
  return prepared;
}

}  // namespace kith::train
