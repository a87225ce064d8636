// Short- and long-term memory of a returning patient: which of his statements stand in the prompt.
//
// Method: Zhang et al. 2023, "LLM-based Medical Assistant Personalization with Short- and Long-Term
// Memory Coordination": the session that is going on is short-term memory, those before it
// long-term memory. Statements are found by BM25 (Robertson and Zaragoza 2009).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/eval/patient_data.h"

namespace kith::eval {

// Which memory an answer may use.
enum class MemoryUse : std::uint8_t { kNone, kShort, kLong, kBoth };

std::string_view to_string(MemoryUse use);

// Most statements that are found for a question by its words.
inline constexpr std::size_t kMostRecalled = 3;

struct RecalledStatement {
  PatientTurn place;
  std::string date;  // ISO 8601
  std::string text;
  double score = 0.0;  // how much it says about the question; at least 0
};

// The patient's own statements that say most about the question, by BM25 over his statements up to
// this session, in the order in which they were said. The two last of the session always belong to
// short-term memory.
std::vector<RecalledStatement> recall_statements(const Patient& patient,
                                                 const PatientQuestion& question, MemoryUse use,
                                                 std::size_t most = kMostRecalled);

// The chat that puts the question to a model: what is remembered stands in the system message as
// Kith's prompts have it (docs/formats/prompt.md), statements as documents that are called by their
// date, the one that says most about the question as evidence.
std::vector<personalize::Message> patient_prompt(const std::vector<RecalledStatement>& recalled,
                                                 const PatientQuestion& question);

}  // namespace kith::eval
