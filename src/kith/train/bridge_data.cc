#include "kith/train/bridge_data.h"

#include <algorithm>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::train {
namespace {

namespace fs = std::filesystem;
using base::Json;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<std::vector<std::int64_t>> read_numbers(const Json& card, const char* key,
                                               std::int64_t low) {
  const auto found = card.find(key);
  if (found == card.end() || !found->is_array()) return invalid(std::string(key) + " is no array");
  std::vector<std::int64_t> numbers;
  for (const Json& value : *found) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < low) {
      return invalid(std::string(key) + " must hold numbers of at least " + std::to_string(low));
    }
    numbers.push_back(value.get<std::int64_t>());
  }
  return numbers;
}

bool has_answer(std::span<const std::uint32_t> tokens) {
  return tokens.size() >= 2 && std::any_of(tokens.begin() + 1, tokens.end(),
                                           [](std::uint32_t t) { return (t & kCountedBit) != 0; });
}

}  // namespace

fs::path bridge_card(const fs::path& shard) {
  fs::path card = shard;
  return card.replace_extension(".json");
}

Result<BridgeExamples> BridgeExamples::open(const fs::path& path) {
  KITH_ASSIGN_OR_RETURN(auto shard, TokenShard::open(path));
  BridgeExamples examples(std::move(shard));
  const fs::path card_path = bridge_card(path);
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(card_path));
  KITH_ASSIGN_OR_RETURN(const Json card, base::parse_json(text));
  if (!card.is_object()) return invalid("must be an object: " + card_path.string());
  KITH_ASSIGN_OR_RETURN(const auto users, read_numbers(card, "users", 0));
  KITH_ASSIGN_OR_RETURN(const auto events, read_numbers(card, "events", 1));
  if (users.size() != events.size() || users.size() != examples.shard_.num_documents()) {
    return invalid("does not fit its token shard; delete both: " + card_path.string());
  }
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (!has_answer(examples.tokens(i))) {
      return invalid("document " + std::to_string(i) + " has no answer: " + path.string());
    }
    examples.histories_.push_back({users[i], events[i]});
  }
  return examples;
}

Status BridgeExamples::check(const TimelineData& data) const {
  for (std::size_t i = 0; i < histories_.size(); ++i) {
    const History& h = histories_[i];
    if (h.user < data.num_users() && h.events <= data.num_events(h.user)) continue;
    return invalid("example " + std::to_string(i) + " is of user " + std::to_string(h.user) +
                   " after " + std::to_string(h.events) +
                   " events, which the timelines do not have");
  }
  return {};
}

}  // namespace kith::train
