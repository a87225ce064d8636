#include "kith/eval/update_share.h"

#include <algorithm>
#include <span>
#include <utility>

#include "kith/eval/gate_scores.h"

namespace kith::eval {
namespace {

// A set that must not be told worse.
struct Guarded {
  std::string name;
  std::span<const GateText> texts;
  std::vector<Loss> now;
};

class Search {
 public:
  Search(const GateData& data, const GateAdapters& adapters, personalize::Generator& generator,
         const UpdateShareOptions& options)
      : data_(data), adapters_(adapters), generator_(generator), options_(options) {}

  Status measure_now() {
    const AdapterScorer current(generator_, adapters_.current);
    const auto guard = [&](const std::string& name, std::span<const GateText> texts) -> Status {
      if (texts.empty()) return {};
      KITH_ASSIGN_OR_RETURN(auto losses, current.losses(texts));
      guarded_.push_back({name, texts, std::move(losses)});
      return {};
    };
    KITH_RETURN_IF_ERROR(guard("off_domain", data_.off_domain));
    for (const auto& [persona, texts] : data_.others) {
      KITH_RETURN_IF_ERROR(guard("other:" + persona, texts));
    }
    return {};
  }

  // Stops at the first set that the share is too much for. That set comes first the next time: what
  // forbade the larger share most likely forbids the smaller one.
  Result<TriedShare> try_share(double share) {
    TriedShare tried{.share = share, .too_much_for = {}, .change = {}};
    for (std::size_t i = 0; i < guarded_.size(); ++i) {
      KITH_ASSIGN_OR_RETURN(const Figure change,
                            change_at(share, guarded_[i].texts, guarded_[i].now));
      if (is_small_enough(change)) continue;
      tried.too_much_for = guarded_[i].name;
      tried.change = change;
      std::rotate(guarded_.begin(), guarded_.begin() + static_cast<std::ptrdiff_t>(i),
                  guarded_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      break;
    }
    return tried;
  }

  Status measure_own(UpdateShare& chosen) {
    if (data_.own.empty()) return {};
    KITH_ASSIGN_OR_RETURN(const auto now,
                          AdapterScorer(generator_, adapters_.current).losses(data_.own));
    KITH_ASSIGN_OR_RETURN(chosen.own_whole, change_at(1.0, data_.own, now));
    chosen.own = chosen.own_whole;
    if (chosen.share == 0.0 || chosen.share == 1.0) return {};
    KITH_ASSIGN_OR_RETURN(chosen.own, change_at(chosen.share, data_.own, now));
    return {};
  }

 private:
  bool is_small_enough(const Figure& change) const {
    const double surely = change.value + options_.doubts * (change.high - change.value);
    return change.value <= options_.most_worse && surely <= options_.limit;
  }

  Result<Figure> change_at(double share, std::span<const GateText> texts,
                           const std::vector<Loss>& now) {
    const AdapterScorer scorer(generator_, adapters_.candidate, {}, share);
    KITH_ASSIGN_OR_RETURN(const auto losses, scorer.losses(texts));
    return perplexity_change(losses, now);
  }

  const GateData& data_;
  const GateAdapters& adapters_;
  personalize::Generator& generator_;
  const UpdateShareOptions& options_;
  std::vector<Guarded> guarded_;
};

}  // namespace

Result<UpdateShare> choose_update_share(const GateData& data, const GateAdapters& adapters,
                                        personalize::Generator& generator,
                                        const UpdateShareOptions& options,
                                        const std::function<void(double share)>& on_step) {
  for (const double share : options.shares) {
    if (share > 0.0 && share <= 1.0) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "shares of an update must be in (0, 1]: " + std::to_string(share)};
  }
  Search search(data, adapters, generator, options);
  KITH_RETURN_IF_ERROR(search.measure_now());
  UpdateShare chosen;
  const auto steps = static_cast<double>(options.shares.size() + 1);
  for (const double share : options.shares) {
    if (on_step) on_step(static_cast<double>(chosen.tried.size() + 1) / steps);
    KITH_ASSIGN_OR_RETURN(TriedShare tried, search.try_share(share));
    const bool fits = tried.too_much_for.empty();
    chosen.tried.push_back(std::move(tried));
    if (!fits) continue;
    chosen.share = share;
    break;
  }
  KITH_RETURN_IF_ERROR(search.measure_own(chosen));
  if (on_step) on_step(1.0);
  return chosen;
}

}  // namespace kith::eval
