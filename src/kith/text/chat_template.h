// Renders a conversation the way a model was trained to read it.
//
// Models carry a Jinja program for this. Kith does not run it: it recognises the family from the
// markers in the program's text, or from the tokenizer's control tokens, and renders that family by
// a table of prefixes and suffixes. Only these can become control tokens; what people wrote cannot,
// even if it spells one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/token.h"
#include "kith/text/tokenizer.h"

namespace kith::text {

struct ChatMessage {
  // "system", "developer" (the same), "user", "assistant", or another name of [a-z0-9_], at most 32
  // characters, such as "tool".
  std::string role;
  std::string content;
};

// What stands around a message. "{role}" in it is replaced by the role's name.
struct ChatFrame {
  std::string prefix;
  std::string suffix;
};

// A family. All texts here are markup.
struct ChatFormat {
  std::string name;
  // Begins with the tokenizer's begin-of-text token, if it has one.
  bool adds_bos = false;
  ChatFrame system;
  ChatFrame user;
  ChatFrame assistant;
  // For other roles; if both parts are empty, they are treated as the user's.
  ChatFrame other;
  // Asks for the assistant's next message.
  std::string generation_prompt;
  // There is no place for a system message but the beginning of the next user message: it goes
  // there, in the frame `system`.
  bool folds_system_into_user = false;
  // White space around contents is dropped.
  bool trims_content = false;
  // Pieces that end the assistant's message; those that the tokenizer lacks are ignored.
  std::vector<std::string> stop_pieces;
  // Texts that end it, for formats without control tokens.
  std::vector<std::string> stop_texts;
};

// The names of the built-in formats: chatml, llama3, llama2, mistral (tokenizers 1 and 2) and its
// later forms -v3, -tekken, -v7, -v7-tekken, qwen3, zephyr, gemma, phi3, plain.
std::vector<std::string> chat_format_names();

// Immutable; thread-safe.
class ChatTemplate {
 public:
  explicit ChatTemplate(ChatFormat format) : format_(std::move(format)) {}

  // Reads chat_template.jinja or the "chat_template" of tokenizer_config.json in `directory` and
  // recognises the family. Without either, the tokenizer's control tokens decide, else "plain".
  // Errors: kInvalidArgument if there is a template of no known family (name one explicitly then),
  // or
  //   the configuration is malformed.
  static Result<ChatTemplate> load(const std::filesystem::path& directory,
                                   const Tokenizer& tokenizer);

  // Errors: kNotFound, listing the names there are.
  static Result<ChatTemplate> named(std::string_view name);

  // The family of a Jinja template.
  // Errors: kInvalidArgument if it is of none.
  static Result<ChatTemplate> recognize(std::string_view jinja);

  const std::string& name() const { return format_.name; }
  const ChatFormat& format() const { return format_; }

  // The tokens of a conversation, oldest message first; with `add_generation_prompt`, up to where
  // the assistant's next message begins. Errors: kInvalidArgument for a malformed role.
  Result<std::vector<TokenId>> encode_chat(const Tokenizer& tokenizer,
                                           std::span<const ChatMessage> messages,
                                           bool add_generation_prompt) const;

  // The same as text, without the begin-of-text token. For people to read: encoding it would parse
  // what users wrote.
  Result<std::string> render(std::span<const ChatMessage> messages,
                             bool add_generation_prompt) const;

  // Tokens that end the assistant's message, the tokenizer's end-of-text among them; no duplicates.
  std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const;
  const std::vector<std::string>& stop_texts() const { return format_.stop_texts; }

 private:
  struct Part {
    std::string text;
    bool is_markup = false;
  };
  Result<std::vector<Part>> lay_out(std::span<const ChatMessage> messages,
                                    bool add_generation_prompt) const;
  const ChatFrame& frame_of(std::string_view role) const;
  std::string content_of(const ChatMessage& message) const;

  ChatFormat format_;
};

}  // namespace kith::text
