// From JSONL files to token shards: trains a tokenizer if the recipe asks for one, encodes every
// data file once and keeps the result. The only part of `train` that needs `text`; a machine
// without the text libraries trains from a prepared directory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/train/recipe.h"

namespace kith::train {

// What training needs, written to OUTPUT/prepared.json beside OUTPUT/tokenizer and the shards in
// OUTPUT/cache.
struct PreparedData {
  std::filesystem::path tokenizer;  // directory
  std::int64_t vocab_size = 0;
  std::int64_t eos = -1;                          // ends a turn
  std::int64_t pad = 0;                           // ends a document
  std::vector<std::filesystem::path> data;        // one shard for each source of the recipe
  std::vector<std::filesystem::path> validation;  // likewise
};

// Called with a sentence about what is being done.
using PrepareProgress = std::function<void(const std::string&)>;

// Lines are {"text"} or {"messages":[{"role","content","train"?}]}, with "weight"? of the line's
// loss; chats are rendered as ChatML. The loss counts every token of a text and, by the source's
// option, every token of a chat or the assistant's words and the end of its turn; never those of a
// message with "train": false. A shard is made again only when its file, the tokenizer or the
// options change. Errors: kNotFound; kInvalidArgument with file and line for a line that is neither
// form.
Result<PreparedData> prepare(const Recipe& recipe, const PrepareProgress& progress);

// Writes OUTPUT/prepared.json. Errors: kUnavailable.
Status save_prepared(const Recipe& recipe, const PreparedData& data);

// Reads what prepare() wrote for this recipe. Errors: kNotFound, kInvalidArgument.
Result<PreparedData> load_prepared(const Recipe& recipe);

}  // namespace kith::train
