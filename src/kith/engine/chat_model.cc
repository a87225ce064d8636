#include "kith/engine/chat_model.h"

#include <algorithm>
#include <utility>

namespace kith::engine {
namespace {

Result<text::ChatTemplate> find_template(const std::filesystem::path& dir,
                                         const std::string& format,
                                         const text::Tokenizer& tokenizer) {
  if (!format.empty()) return text::ChatTemplate::named(format);
  return text::ChatTemplate::load(dir, tokenizer);
}

}  // namespace

Result<ChatModel> ChatModel::load(const std::filesystem::path& dir,
                                  const ChatModelOptions& options) {
  KITH_ASSIGN_OR_RETURN(std::unique_ptr<model::Decoder> decoder,
                        model::Decoder::load(dir, options.decoder));
  KITH_ASSIGN_OR_RETURN(text::Tokenizer tokenizer, text::Tokenizer::load(dir));
  const auto rows = static_cast<std::size_t>(decoder->config().vocab_size);
  if (tokenizer.vocab_size() > rows) {
    return Error{ErrorCode::kInvalidArgument, "the tokenizer of " + dir.string() + " knows " +
                                                  std::to_string(tokenizer.vocab_size()) +
                                                  " tokens, the model only " +
                                                  std::to_string(rows)};
  }
  KITH_ASSIGN_OR_RETURN(text::ChatTemplate chat_template,
                        find_template(dir, options.chat_format, tokenizer));
  std::vector<text::TokenId> stops = chat_template.stop_ids(tokenizer);
  for (const text::TokenId id : decoder->config().eos_token_ids) {
    if (std::find(stops.begin(), stops.end(), id) == stops.end()) stops.push_back(id);
  }
  return ChatModel{.decoder = std::move(decoder),
                   .tokenizer = std::move(tokenizer),
                   .chat_template = std::move(chat_template),
                   .stop_tokens = std::move(stops)};
}

Result<std::vector<text::TokenId>> ChatModel::encode(
    std::span<const text::ChatMessage> messages) const {
  return chat_template.encode_chat(tokenizer, messages, true);
}

}  // namespace kith::engine
