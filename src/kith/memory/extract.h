// An answer cut from retrieved passages: the one or two sentences that fit the question best,
// word for word. It cannot invent anything, so it is a candidate beside the model's drafts.
//
// Method: a sentence scores the sum of idf over the question's terms that it holds (the heading and
// title above it count less), over the sum of all; idf is taken over the sentences of all passages.
// Added are small preferences: better passages, sentences with a number or code where the question
// asks for one, and the neighbours of sentences that match.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/memory/knowledge.h"

namespace kith::memory {

struct Quote {
  std::size_t passage = 0;  // index into the passages
  std::size_t start = 0;    // bytes [start, end) of the document's text
  std::size_t end = 0;
  double score = 0.0;
};

struct ExtractiveAnswer {
  std::string text;           // the quotes, joined by spaces
  std::vector<Quote> quotes;  // in the order of the text
  // Share of the question's terms, weighted by idf, that the quotes and their headings hold; [0,
  // 1].
  double coverage = 0.0;
};

struct ExtractOptions {
  std::size_t max_sentences = 2;
  // A further sentence is taken only if it scores at least this share of the best one.
  double min_share = 0.85;
  std::size_t max_bytes = 600;
};

// No value if no sentence shares a term with the question. Thread-safe.
std::optional<ExtractiveAnswer> extract_answer(std::string_view question,
                                               std::span<const Passage> passages,
                                               const ExtractOptions& options = {});

}  // namespace kith::memory
