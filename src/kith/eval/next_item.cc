#include "kith/eval/next_item.h"

#include <limits>
#include <utility>

#include "kith/base/rng.h"

namespace kith::eval {
namespace {

using storage::TimelineEvent;
using Items = std::span<const std::int32_t>;

constexpr int kMaxOrder = 8;
constexpr float kLast = -std::numeric_limits<float>::infinity();

void skip_met(Items history, std::vector<float>& scores) {
  for (const std::int32_t item : history) scores[static_cast<std::size_t>(item)] = kLast;
}

// Ranks the item `held_out` places before the end of each user.
Ranks ranks_of(const ItemSequences& set, const MarkovChain& chain, const CountChoice& choice,
               std::size_t held_out) {
  Ranks ranks;
  for (const auto& user : set.users) {
    const auto history = Items(user).first(user.size() - held_out);
    auto scores = chain.scores(history, choice.options);
    if (choice.skips_met) skip_met(history, scores);
    const auto right = static_cast<std::size_t>(user[history.size()]);
    ranks.add(rank_of(scores, right), kTopItems);
  }
  return ranks;
}

std::vector<std::vector<std::int32_t>> without_last(const ItemSequences& set, std::size_t count) {
  std::vector<std::vector<std::int32_t>> histories;
  for (const auto& user : set.users) {
    histories.emplace_back(user.begin(), user.end() - static_cast<std::ptrdiff_t>(count));
  }
  return histories;
}

std::vector<MarkovOptions> markov_grid() {
  std::vector<MarkovOptions> grid;
  for (const int order : {1, 2, 3, 5, kMaxOrder}) {
    for (const double decay : {0.6, 0.8, 1.0}) {
      if (order == 1 && decay < 1.0) continue;
      for (const double discount : {0.0, 0.5, 0.9}) grid.push_back({order, decay, discount});
    }
  }
  return grid;
}

CountChoice best_choice(const ItemSequences& set, const MarkovChain& chain,
                        const std::vector<MarkovOptions>& grid) {
  CountChoice best;
  double best_rate = -1.0;
  for (const MarkovOptions& options : grid) {
    for (const bool skips : {false, true}) {
      const CountChoice choice{options, skips};
      const double rate = ranks_of(set, chain, choice, 2).hit_rate();
      if (rate <= best_rate) continue;
      best_rate = rate;
      best = choice;
    }
  }
  return best;
}

// What was taken before, by how often, then the rest by popularity; or only what was taken last.
Ranks rank_own(const ItemSequences& set, const MarkovChain& chain, bool last_only) {
  Ranks ranks;
  for (const auto& user : set.users) {
    const auto history = Items(user).first(user.size() - 1);
    std::vector<float> scores = chain.popularity();
    for (const std::int32_t item : last_only ? history.last(1) : history) {
      scores[static_cast<std::size_t>(item)] += 2.0F;
    }
    ranks.add(rank_of(scores, static_cast<std::size_t>(user.back())), kTopItems);
  }
  return ranks;
}

// The encoder's id of each item.
std::vector<std::int32_t> ids_of(const ItemSequences& set, const timeline::FeatureMap& map) {
  std::vector<std::int32_t> ids(set.num_items);
  TimelineEvent event;
  for (std::size_t item = 0; item < ids.size(); ++item) {
    event.item = std::to_string(item);
    map.encode(event, {}, {&ids[item], 1});
  }
  return ids;
}

std::size_t rank_by_id(std::span<const float> scores, std::int32_t id) {
  const auto values = scores.subspan(timeline::kFirstValue);
  if (id < timeline::kFirstValue) return values.size();
  return rank_of(values, static_cast<std::size_t>(id - timeline::kFirstValue));
}

Result<std::vector<float>> scores_after(timeline::EventEncoder& encoder, Items history) {
  KITH_ASSIGN_OR_RETURN(timeline::EventState state, encoder.start());
  KITH_RETURN_IF_ERROR(encoder.append(state, history_events(history)));
  return encoder.scores(state, 0);
}

}  // namespace

CountBaselines count_baselines(const ItemSequences& set) {
  CountBaselines made;
  {
    const MarkovChain chain(without_last(set, 2), set.num_items, kMaxOrder);
    made.popularity = best_choice(set, chain, {{0, 1.0, 0.0}});
    made.markov = best_choice(set, chain, markov_grid());
  }
  const MarkovChain chain(without_last(set, 1), set.num_items, kMaxOrder);
  made.ranks["popularity"] = ranks_of(set, chain, made.popularity, 1);
  made.ranks["markov"] = ranks_of(set, chain, made.markov, 1);
  made.ranks["own_history"] = rank_own(set, chain, false);
  made.ranks["repeat_last"] = rank_own(set, chain, true);
  return made;
}

timeline::TimelineSchema item_schema(const ItemSequences& set) {
  timeline::TimelineSchema schema;
  schema.name = set.name;
  timeline::FeatureSpec item;
  item.name = "item";
  item.source = timeline::FeatureSource::kItem;
  item.size = static_cast<int>(set.num_items);
  item.predict = 1.0;
  schema.features.push_back(std::move(item));
  return schema;
}

std::vector<TimelineEvent> history_events(Items items) {
  constexpr base::UnixMicros kSecond = 1'000'000;
  std::vector<TimelineEvent> events(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    events[i].at = static_cast<base::UnixMicros>(i) * kSecond;
    events[i].item = std::to_string(items[i]);
  }
  return events;
}

Result<EncoderRanks> rank_by_encoder(const ItemSequences& set, timeline::EventEncoder& encoder,
                                     bool shuffle_order) {
  const auto ids = ids_of(set, encoder.map());
  const auto last_of = [&](std::size_t user) {
    return ids[static_cast<std::size_t>(set.users[user].back())];
  };
  EncoderRanks made;
  base::Rng rng(1);
  for (std::size_t user = 0; user < set.users.size(); ++user) {
    auto history = set.users[user];
    history.pop_back();
    KITH_ASSIGN_OR_RETURN(const auto scores, scores_after(encoder, history));
    made.own.add(rank_by_id(scores, last_of(user)), kTopItems);
    made.shuffled_user.add(rank_by_id(scores, last_of((user + 1) % set.users.size())), kTopItems);
    if (!shuffle_order) continue;
    for (std::size_t i = history.size(); i > 1; --i) {
      std::swap(history[i - 1], history[rng.below(i)]);
    }
    KITH_ASSIGN_OR_RETURN(const auto others, scores_after(encoder, history));
    made.shuffled_order.add(rank_by_id(others, last_of(user)), kTopItems);
  }
  return made;
}

}  // namespace kith::eval
