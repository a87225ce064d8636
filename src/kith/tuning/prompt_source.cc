#include "kith/tuning/prompt_source.h"

#include <algorithm>

#include "kith/base/rng.h"
#include "kith/personalize/composer.h"

namespace kith::tuning {

Result<std::vector<memory::Passage>> PromptSource::find_passages(const std::string& question,
                                                                 std::uint64_t variant) const {
  std::vector<memory::Passage> passages;
  base::Rng rng(variant);
  if (options_.max_passages < 1 || rng.uniform() < 0.25) return passages;
  const bool wants_more = rng.uniform() < 0.3;
  const auto most = static_cast<std::size_t>(wants_more ? options_.max_passages : 1);
  KITH_ASSIGN_OR_RETURN(
      passages,
      knowledge_.search(scope_, {.query = question, .access = {}, .lang = {}, .k = most}));
  std::size_t bytes = 0;
  std::size_t kept = 0;
  for (const memory::Passage& passage : passages) {
    bytes += passage.text.size();
    if (kept > 0 && bytes > options_.max_passage_bytes) break;
    ++kept;
  }
  passages.resize(kept);
  return passages;
}

Result<std::string> PromptSource::system_message(const std::string& question,
                                                 std::uint64_t variant) const {
  KITH_ASSIGN_OR_RETURN(const auto passages, find_passages(question, variant));
  base::Rng rng(variant ^ 0x9E3779B97F4A7C15ULL);
  const bool has_head = rng.uniform() < 0.8;
  return personalize::render_system(has_head ? options_.head : "", "", passages);
}

}  // namespace kith::tuning
