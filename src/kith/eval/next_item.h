// Which item comes next: one set of item sequences, measured.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/item_sequences.h"
#include "kith/eval/markov_chain.h"
#include "kith/eval/rank_measures.h"
#include "kith/timeline/event_encoder.h"
#include "kith/timeline/schema.h"

namespace kith::eval {

// Items that count as found.
inline constexpr std::size_t kTopItems = 10;

// How a baseline was set by the second last items.
struct CountChoice {
  MarkovOptions options;
  // Whether items of the history are ranked behind all others.
  bool skips_met = false;
};

struct CountBaselines {
  std::map<std::string, Ranks> ranks;  // popularity, own_history, repeat_last, markov
  CountChoice popularity;
  CountChoice markov;
};

// Counts all but the last items, ranks the last; settings by the second last.
CountBaselines count_baselines(const ItemSequences& set);

// One feature, the item.
timeline::TimelineSchema item_schema(const ItemSequences& set);

// The user's items but the last, as events a second apart.
std::vector<storage::TimelineEvent> history_events(std::span<const std::int32_t> items);

struct EncoderRanks {
  Ranks own;
  // The last item of each user by the history of another.
  Ranks shuffled_user;
  // By the own history in another order; empty if not asked for.
  Ranks shuffled_order;
};

// Ranks the users' last items by the encoder. An item that no training event had is ranked last.
// Errors: those of the encoder.
Result<EncoderRanks> rank_by_encoder(const ItemSequences& set, timeline::EventEncoder& encoder,
                                     bool shuffle_order);

}  // namespace kith::eval
