// Puts together what the model reads: the application's system message first, then Kith's block,
// then the conversation as the client sent it. The text layout is fixed in docs/formats/prompt.md;
// the built-in model is trained on it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/memory/extract.h"
#include "kith/memory/knowledge.h"
#include "kith/personalize/ports.h"
#include "kith/personalize/token_counter.h"
#include "kith/storage/conversation_store.h"

namespace kith::personalize {

// Evidence that holds less of the question (ExtractiveAnswer::coverage) is none.
inline constexpr double kMinEvidenceCoverage = 0.25;

struct Ingredients {
  // Stands first if the client sends no system message; may be empty.
  std::string default_system;
  // One line, see style.h; empty: none.
  std::string style;
  // Exchanges of other conversations, one line each, see describe_exchange().
  std::vector<std::string> history;
  // Best first.
  std::vector<memory::Passage> passages;
  // What the passages' evidence is looked for with; empty: none is looked for.
  std::string query;
  // extract_answer() of query and passages, where it is at hand.
  std::optional<memory::ExtractiveAnswer> extract;
  double min_evidence_coverage = kMinEvidenceCoverage;
  // Whether the evidence stands in the prompt, too.
  bool names_evidence = true;
};

// What a prompt may hold, in tokens.
struct PromptLimits {
  std::size_t context = 4096;
  std::size_t answer = 320;     // kept free
  std::size_t passages = 1400;  // at most, for the documents
  std::size_t history = 400;    // at most, for other conversations
};

struct Prompt {
  std::vector<Message> messages;
  // What found room, in the order of the text.
  bool has_style = false;
  std::vector<std::string> history;
  std::vector<memory::Passage> passages;
  // The sentences of these passages that answer best; in the text only if it took tokens there.
  std::optional<memory::ExtractiveAnswer> evidence;
  // Tokens that each part took.
  std::size_t style_tokens = 0;
  std::size_t history_tokens = 0;
  std::size_t passage_tokens = 0;
  std::size_t evidence_tokens = 0;
};

// Never changes or drops a message of the client. What does not fit is left out: the evidence,
// documents from the last, then history, then the style line.
Prompt compose(std::span<const Message> messages, const Ingredients& ingredients,
               const PromptLimits& limits, TokenCounter& counter);

// The content of the system message. An empty part is left out with its heading.
std::string render_system(std::string_view head, std::string_view about_user,
                          std::span<const memory::Passage> passages,
                          std::string_view evidence = {});

// The sentences of the passages that answer `query` best, if they hold enough of it.
std::optional<memory::ExtractiveAnswer> find_evidence(std::string_view query,
                                                      std::span<const memory::Passage> passages,
                                                      double min_coverage = kMinEvidenceCoverage);

// "Asked earlier: <question> Answered: <beginning of the answer>", on one line. `answer` may be
// empty.
std::string describe_exchange(std::string_view question, std::string_view answer);

// The heading over a passage: the document's title, with the section's where there is one.
std::string passage_title(const memory::Passage& passage);

}  // namespace kith::personalize
