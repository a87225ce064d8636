// Lines of data files as documents, and documents as tokens of a shard. Needs `text`.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/json.h"
#include "kith/base/result.h"
#include "kith/text/tokenizer.h"
#include "kith/train/recipe.h"
#include "kith/train/token_shard.h"

namespace kith::train {

struct Message {
  std::string role;
  std::string content;
  bool train = true;
  // Whether the end of its turn counts in the loss as its words do; not where it goes on unseen.
  bool is_complete = true;
};

// One line of a data file: messages, or one text without a role.
struct Document {
  std::vector<Message> messages;
  bool is_chat = false;
  // Of the loss of its tokens.
  float weight = 1.0F;
};

// {"text"} or {"messages":[{"role","content","train"?}]}, either with "weight"?, in (0, 1000].
// Errors: kInvalidArgument.
Result<Document> read_document(const base::Json& line);
// A non-empty array of {"role","content","train"?}. Errors: kInvalidArgument.
Result<std::vector<Message>> read_messages(const base::Json& array);

// Calls use(line) for every line of JSONL that is not blank; stops when it returns false.
// Errors: kInvalidArgument for what is no JSON; those of `use`. Both with file and line.
Status for_each_line(const std::filesystem::path& path, std::string_view bytes,
                     const std::function<Result<bool>(const base::Json& line)>& use);

// Appends documents to a shard in memory. Not thread-safe; borrows the tokenizer.
class ShardWriter {
 public:
  // Errors: kInvalidArgument if the tokenizer has no token that ends a text.
  static Result<ShardWriter> create(const text::Tokenizer& tokenizer, LossOn loss);

  // Chats are rendered as ChatML. Errors: kInvalidArgument for a chat when the tokenizer lacks
  // ChatML's tokens.
  Status add(const Document& document);

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

  void add_message(const Message& message);
  void append(const std::string& text, bool counted);
  void push(text::TokenId id, bool counted);

  const text::Tokenizer& tokenizer_;
  LossOn loss_;
  text::TokenId end_document_;
  std::optional<text::TokenId> turn_start_;
  std::optional<text::TokenId> turn_end_;
  ShardBuilder shard_;
};

}  // namespace kith::train
