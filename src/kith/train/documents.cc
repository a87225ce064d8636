#include "kith/train/documents.h"

#include <algorithm>

#include "kith/train/bpe_trainer.h"

namespace kith::train {
namespace {

using base::Json;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<Message> read_message(const Json& json) {
  const Error bad = invalid("a message needs a role and a content");
  if (!json.is_object()) return bad;
  KITH_ASSIGN_OR_RETURN(auto role, base::read_string(json, "role"));
  KITH_ASSIGN_OR_RETURN(auto content, base::read_string(json, "content"));
  KITH_ASSIGN_OR_RETURN(const auto train, base::read_bool(json, "train"));
  if (!role || !content) return bad;
  return Message{*std::move(role), *std::move(content), train.value_or(true)};
}

}  // namespace

Result<std::vector<Message>> read_messages(const Json& array) {
  if (!array.is_array() || array.empty()) return invalid("messages must be a non-empty array");
  std::vector<Message> messages;
  for (const Json& item : array) {
    KITH_ASSIGN_OR_RETURN(auto message, read_message(item));
    messages.push_back(std::move(message));
  }
  return messages;
}

Result<Document> read_document(const Json& line) {
  const Error bad = invalid("a line needs \"text\" or \"messages\"");
  if (!line.is_object()) return bad;
  Document document;
  KITH_ASSIGN_OR_RETURN(const auto weight, base::read_number(line, "weight"));
  if (weight && !(*weight > 0.0 && *weight <= 1000.0)) {
    return invalid("weight must be in (0, 1000]");
  }
  document.weight = static_cast<float>(weight.value_or(1.0));
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(line, "text"));
  if (text) {
    document.messages.push_back({"", *std::move(text)});
    return document;
  }
  const auto found = line.find("messages");
  if (found == line.end() || !found->is_array() || found->empty()) return bad;
  document.is_chat = true;
  KITH_ASSIGN_OR_RETURN(document.messages, read_messages(*found));
  return document;
}

Status for_each_line(const std::filesystem::path& path, std::string_view bytes,
                     const std::function<Result<bool>(const Json& line)>& use) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view line = bytes.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto here = [&](Error error) {
      return std::move(error).with_context(path.string() + ":" + std::to_string(number));
    };
    auto json = base::parse_json(line);
    if (!json) return here(std::move(json).error());
    auto goes_on = use(*json);
    if (!goes_on) return here(std::move(goes_on).error());
    if (!*goes_on) break;
  }
  return {};
}

Result<ShardWriter> ShardWriter::create(const text::Tokenizer& tokenizer, LossOn loss) {
  const auto end_text = tokenizer.token_to_id(kEndOfText);
  const auto start = tokenizer.token_to_id(kTurnStart);
  const auto end = tokenizer.token_to_id(kTurnEnd);
  const auto end_document = end_text ? end_text : tokenizer.eos_id();
  if (!end_document) return invalid("the tokenizer has no token that ends a text");
  return ShardWriter(tokenizer, loss, *end_document, start, end);
}

Status ShardWriter::add(const Document& document) {
  if (!document.is_chat) {
    append(document.messages[0].content, true);
    push(end_document_, true);
  } else {
    if (!turn_start_ || !turn_end_) {
      return invalid("chats need a tokenizer with <|im_start|> and <|im_end|>");
    }
    for (const Message& message : document.messages) add_message(message);
    push(end_document_, loss_ == LossOn::kAll);
  }
  shard_.end_document(document.weight);
  return {};
}

void ShardWriter::add_message(const Message& message) {
  const bool words = message.train && (loss_ == LossOn::kAll || message.role == "assistant");
  const bool frame = message.train && loss_ == LossOn::kAll;
  push(*turn_start_, frame);
  append(message.role + "\n", frame);
  append(message.content, words);
  push(*turn_end_, words && (message.is_complete || frame));
  append("\n", frame);
}

void ShardWriter::append(const std::string& text, bool counted) {
  // Contents are never parsed for special tokens: the words of a document cannot end a turn.
  for (const text::TokenId id : tokenizer_.encode(text)) push(id, counted);
  shard_.text_bytes += text.size();
}

void ShardWriter::push(text::TokenId id, bool counted) {
  shard_.tokens.push_back(static_cast<std::uint32_t>(id) | (counted ? kCountedBit : 0U));
}

}  // namespace kith::train
