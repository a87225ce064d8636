// The system message of a training row: as a request that asks the same would get it
// (docs/formats/prompt.md), without persona and style card, so that the adapter and not the prompt
// carries the voice.
#pragma once

#include <cstdint>
#include <string>

#include "kith/base/result.h"
#include "kith/memory/knowledge.h"

namespace kith::tuning {

struct PromptSourceOptions {
  // The application's own system message, which not every request has: one row in five goes
  // without.
  std::string head;
  // Passages of documents at most; one row in four goes without, and only one in three of the rest
  // has more than one, so that the adapter is used to both.
  int max_passages = 2;
  std::size_t max_passage_bytes = 900;  // of a second one together with the first
};

// Only documents that everybody may read stand in a prompt: what an adapter learns, every user of
// its persona may hear. Not thread-safe as `knowledge` is; borrows it.
class PromptSource {
 public:
  PromptSource(memory::Knowledge& knowledge, storage::TenantScope scope,
               PromptSourceOptions options)
      : knowledge_(knowledge), scope_(std::move(scope)), options_(std::move(options)) {}

  // variant: draws what the row has; the same question and variant give the same message.
  // Errors: those of the search.
  Result<std::string> system_message(const std::string& question, std::uint64_t variant) const;

 private:
  Result<std::vector<memory::Passage>> find_passages(const std::string& question,
                                                     std::uint64_t variant) const;

  memory::Knowledge& knowledge_;
  storage::TenantScope scope_;
  PromptSourceOptions options_;
};

}  // namespace kith::tuning
