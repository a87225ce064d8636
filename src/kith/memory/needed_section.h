// The section of a document that meets a reader's need ("works offline"), found by the words that
// stand for the need, and what of it is quoted.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/memory/extract.h"
#include "kith/memory/knowledge.h"
#include "kith/storage/knowledge_store.h"

namespace kith::memory {

// The chunk of the document that speaks of `words` most: its heading does, two of its sentences do,
// or one in a document whose title does; a mention in passing is none. Words and phrases are
// compared without regard to ASCII case and only as whole words. Its score is 0: it was not
// searched for.
// No value if no section does. O(text * words).
std::optional<Passage> find_needed_section(const storage::DocumentRow& document,
                                           std::span<const std::string> words,
                                           std::size_t max_chunk_bytes = 900);

// At most two sentences of the passage, those that hold a word first, in the order of the text.
// `index` is the passage's place among those of the answer.
std::vector<Quote> quote_needed_section(const Passage& passage, std::size_t index,
                                        std::span<const std::string> words);

}  // namespace kith::memory
