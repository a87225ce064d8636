// A model that can be talked to: the decoder, its tokenizer and the way it was taught to read
// conversations, from one Hugging Face directory.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/decoder.h"
#include "kith/text/chat_template.h"
#include "kith/text/tokenizer.h"

namespace kith::engine {

struct ChatModelOptions {
  model::DecoderOptions decoder;
  // Name of a chat format; empty recognises it from the directory.
  std::string chat_format;
};

// Its members are immutable; the decoder's forward() belongs to one thread.
struct ChatModel {
  // Errors: those of model::Decoder::load(), text::Tokenizer::load() and
  // text::ChatTemplate::load();
  //   kInvalidArgument if the tokenizer knows more tokens than the model.
  static Result<ChatModel> load(const std::filesystem::path& dir,
                                const ChatModelOptions& options = {});

  // The tokens of a conversation up to where the assistant's next message begins. What people wrote
  // never becomes a control token.
  // Errors: kInvalidArgument for a malformed role.
  Result<std::vector<text::TokenId>> encode(std::span<const text::ChatMessage> messages) const;

  std::shared_ptr<model::Decoder> decoder;
  text::Tokenizer tokenizer;
  text::ChatTemplate chat_template;
  // End the assistant's message: the format's, the tokenizer's and the checkpoint's.
  std::vector<text::TokenId> stop_tokens;
};

}  // namespace kith::engine
