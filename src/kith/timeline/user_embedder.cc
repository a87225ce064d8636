#include "kith/timeline/user_embedder.h"

#include <algorithm>
#include <span>
#include <utility>

#include "kith/base/check.h"

namespace kith::timeline {
namespace {

using storage::PlacedEvent;
using storage::Scope;
using storage::TimelineHead;

// Events that one read of the store gives.
constexpr std::size_t kPage = 1024;
// Events between two turns of others on the compute thread: a few milliseconds.
constexpr std::size_t kSlice = 128;
// A timeline that is revised while it is read is read again so often.
constexpr int kMaxReads = 4;

Error stopped() { return {ErrorCode::kCancelled, "the encoder is stopping"}; }

}  // namespace

bool compute_here(const std::function<void()>& work) {
  work();
  return true;
}

UserEmbedder::UserEmbedder(storage::StoreSet& stores, EventEncoder& encoder,
                           const base::Clock& clock, Compute compute, UserEmbedderOptions options)
    : stores_(stores),
      encoder_(encoder),
      clock_(clock),
      compute_(std::move(compute)),
      options_(std::move(options)) {
  KITH_CHECK(options_.max_states >= 1, "at least one state is kept");
}

void UserEmbedder::forget(const Scope& scope) {
  const auto place = places_.find(key_of(scope));
  if (place == places_.end()) return;
  states_.erase(place->second);
  places_.erase(place);
}

// The kept state, if what it was made of still stands; else a new one, for which another's may have
// to go.
Result<UserEmbedder::Kept*> UserEmbedder::state_for(const Scope& scope, const TimelineHead& head,
                                                    bool& is_rebuilt) {
  const auto place = places_.find(key_of(scope));
  if (place != places_.end()) {
    const TimelineHead& made_at = place->second->head;
    if (made_at.revision == head.revision && made_at.num_events <= head.num_events) {
      states_.splice(states_.begin(), states_, place->second);
      return &states_.front();
    }
    forget(scope);
  }
  is_rebuilt = true;
  while (num_states() >= options_.max_states) {
    places_.erase(states_.back().key);
    states_.pop_back();
  }
  KITH_ASSIGN_OR_RETURN(EventState state, encoder_.start());
  states_.push_front({key_of(scope), std::move(state), {0, head.revision, {}}});
  places_[states_.front().key] = states_.begin();
  return &states_.front();
}

Status UserEmbedder::read_on(const Scope& scope, Kept& kept) {
  while (true) {
    KITH_ASSIGN_OR_RETURN(const std::vector<PlacedEvent> placed,
                          stores_.timelines().after(scope, kept.head.last, kPage));
    if (placed.empty()) return {};
    std::vector<storage::TimelineEvent> events;
    events.reserve(placed.size());
    for (const PlacedEvent& one : placed) events.push_back(one.event);
    for (std::size_t at = 0; at < events.size(); at += kSlice) {
      const auto slice = std::span(events).subspan(at, std::min(kSlice, events.size() - at));
      Status status;
      const bool ran = compute_([&] { status = encoder_.append(kept.state, slice); });
      if (!ran) return stopped();
      KITH_RETURN_IF_ERROR(status);
      if (options_.goes_on && !options_.goes_on()) return stopped();
    }
    kept.head.num_events += static_cast<std::int64_t>(placed.size());
    kept.head.last = placed.back().position;
    if (placed.size() < kPage) return {};
  }
}

Result<UserEmbedder::Kept*> UserEmbedder::bring_on(const Scope& scope, bool& is_rebuilt) {
  for (int read = 0; read < kMaxReads; ++read) {
    KITH_ASSIGN_OR_RETURN(const auto head, stores_.timelines().head(scope));
    if (!head) {
      forget(scope);
      return nullptr;
    }
    KITH_ASSIGN_OR_RETURN(Kept* const kept, state_for(scope, *head, is_rebuilt));
    const Status status = read_on(scope, *kept);
    if (!status) {
      forget(scope);  // it may have stopped half way
      return status.error();
    }
    // What came late between two reads of the store would be missed: then it is read again.
    KITH_ASSIGN_OR_RETURN(const auto after, stores_.timelines().head(scope));
    if (after && after->revision == kept->head.revision) return kept;
    forget(scope);
  }
  return Error{ErrorCode::kUnavailable, "the timeline changes faster than it can be read"};
}

Result<storage::EmbeddingRow> UserEmbedder::row_of(const Kept& kept) {
  Result<UserEmbedding> embedding = stopped();
  compute_([&] { embedding = encoder_.embed(kept.state); });
  if (!embedding) return std::move(embedding).error();
  storage::EmbeddingRow row;
  row.vector = std::move(embedding->vector);
  row.latents = std::move(embedding->latents);
  row.version = encoder_.version();
  row.num_events = kept.state.num_events();
  row.head = kept.head;
  row.made_at = clock_.now();
  row.num_latents = encoder_.num_latents();
  return row;
}

Result<Refreshed> UserEmbedder::refresh(const Scope& scope) {
  KITH_ASSIGN_OR_RETURN(const bool may, stores_.consents().allows(scope, storage::kConsentLearn));
  if (!may) {
    forget(scope);
    return Refreshed{};
  }
  KITH_ASSIGN_OR_RETURN(const auto head, stores_.timelines().head(scope));
  if (!head) {
    forget(scope);
    return Refreshed{};
  }
  KITH_ASSIGN_OR_RETURN(auto stored, stores_.embeddings().find(scope, encoder_.version()));
  if (stored && stored->head == *head) return Refreshed{RefreshKind::kCurrent, std::move(stored)};
  bool is_rebuilt = false;
  KITH_ASSIGN_OR_RETURN(Kept* const kept, bring_on(scope, is_rebuilt));
  if (kept == nullptr) return Refreshed{};
  KITH_ASSIGN_OR_RETURN(storage::EmbeddingRow row, row_of(*kept));
  KITH_ASSIGN_OR_RETURN(const bool is_stored, stores_.embeddings().put(scope, row));
  if (!is_stored) {  // erased meanwhile, or refused
    forget(scope);
    return Refreshed{};
  }
  return Refreshed{is_rebuilt ? RefreshKind::kRebuilt : RefreshKind::kCarriedOn, std::move(row)};
}

Result<std::optional<std::vector<float>>> UserEmbedder::next_scores(const Scope& scope,
                                                                    std::size_t feature) {
  KITH_ASSIGN_OR_RETURN(const bool may, stores_.consents().allows(scope, storage::kConsentLearn));
  if (!may) return std::optional<std::vector<float>>{};
  bool is_rebuilt = false;
  KITH_ASSIGN_OR_RETURN(Kept* const kept, bring_on(scope, is_rebuilt));
  if (kept == nullptr) return std::optional<std::vector<float>>{};
  std::optional<std::vector<float>> scores;
  compute_([&] { scores = encoder_.scores(kept->state, feature); });
  return scores;
}

}  // namespace kith::timeline
