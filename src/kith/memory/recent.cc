#include "kith/memory/recent.h"

#include <algorithm>

#include "kith/text/utf8.h"

namespace kith::memory {
namespace {

using storage::TurnRow;

// Turns of the current conversation are read too and dropped; this many more are asked for.
constexpr std::size_t kSpareTurns = 40;

// [begin, end) of a question with the answers after it.
struct Exchange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Exchanges in order of time; answers whose question is not there belong to none.
std::vector<Exchange> find_exchanges(const std::vector<TurnRow>& turns) {
  std::vector<Exchange> exchanges;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i].role == "user") {
      exchanges.push_back({i, i + 1});
    } else if (!exchanges.empty() && exchanges.back().end == i &&
               turns[i].conversation == turns[i - 1].conversation) {
      exchanges.back().end = i + 1;
    }
  }
  return exchanges;
}

}  // namespace

Result<std::vector<TurnRow>> recent_turns(storage::ConversationStore& conversations,
                                          const storage::Scope& scope,
                                          const RecentOptions& options) {
  KITH_ASSIGN_OR_RETURN(std::vector<TurnRow> turns,
                        conversations.recent_turns(scope, options.max_turns + kSpareTurns));
  std::erase_if(turns, [&](const TurnRow& turn) {
    return turn.conversation == options.current || turn.at < options.not_before;
  });
  const std::vector<Exchange> exchanges = find_exchanges(turns);
  const auto cost_of = [&](const TurnRow& turn) {
    return options.cost ? options.cost(turn.text) : text::count_code_points(turn.text);
  };

  std::size_t used = 0;
  std::size_t num_turns = 0;
  std::size_t first = exchanges.size();
  while (first > 0) {
    const Exchange& next = exchanges[first - 1];
    for (std::size_t i = next.begin; i < next.end; ++i) used += cost_of(turns[i]);
    num_turns += next.end - next.begin;
    if (used > options.budget || num_turns > options.max_turns) break;
    --first;
  }
  std::vector<TurnRow> kept;
  for (std::size_t e = first; e < exchanges.size(); ++e) {
    for (std::size_t i = exchanges[e].begin; i < exchanges[e].end; ++i) {
      kept.push_back(std::move(turns[i]));
    }
  }
  return kept;
}

}  // namespace kith::memory
