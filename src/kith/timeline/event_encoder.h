// The user encoder in service: a transformer over events (kith/train/timeline_model.h) whose state
// after each event says what the user is likely to do next.
//
// Its attention looks back a fixed number of events in every layer, so what is kept of a user is
// bounded however long the timeline, and one more event costs the same after ten as after ten
// thousand. Carried on event by event the states equal those of the whole timeline, bit for bit:
// both are the decoder's, whose rows depend on nothing but their own sequence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/decoder.h"
#include "kith/nn/kv_cache.h"
#include "kith/storage/timeline_store.h"
#include "kith/timeline/event_texts.h"
#include "kith/timeline/feature_map.h"
#include "kith/timeline/met_terms.h"
#include "kith/timeline/perceiver.h"

namespace kith::timeline {

struct EventEncoderOptions {
  // Of a forward pass, >= 1.
  int threads = 1;
  // Users whose states can be held at a time, >= 1.
  int max_states = 64;
  // For an encoder that was trained on texts: the same text encoder. Others need none.
  std::shared_ptr<const EventTexts> texts;
};

class EventEncoder;

// What the encoder keeps of one user. Moves; must not outlive its encoder.
class EventState {
 public:
  EventState(EventState&& other) noexcept;
  EventState& operator=(EventState&& other) noexcept;
  EventState(const EventState&) = delete;
  EventState& operator=(const EventState&) = delete;
  ~EventState();

  // Events that it was made of; what a burst repeats counts once.
  std::int64_t num_events() const { return num_events_; }
  // After the last event: [EventEncoder::width()], or empty before the first.
  std::span<const float> values() const { return values_; }

 private:
  friend class EventEncoder;
  EventState(EventEncoder& owner, int slot) : owner_(&owner), slot_(slot) {}
  void give_back();

  EventEncoder* owner_;
  // Whose cache blocks are its own.
  int slot_;
  std::int64_t num_events_ = 0;
  // The last event that was given, for gaps and bursts, and when the last that counted happened.
  std::optional<storage::TimelineEvent> last_;
  std::optional<base::UnixMicros> last_at_;
  MetValues met_;
  std::vector<float> values_;
  // What a Perceiver reads: the states after the last events, a ring of [its window, width] in
  // which the state after event i, counted from 0, is row i modulo the window.
  std::vector<float> recent_;
};

// Not thread-safe.
class EventEncoder {
 public:
  // Reads what `kith-train train timeline` wrote.
  // Errors: kNotFound for a missing file; kInvalidArgument naming what is wrong with one, with two
  //   that do not fit each other, or with a text encoder that is not the one it was trained on.
  static Result<std::unique_ptr<EventEncoder>> load(const std::filesystem::path& dir,
                                                    const EventEncoderOptions& options = {});

  const FeatureMap& map() const { return map_; }
  // Numbers of a state.
  int width() const { return decoder_->config().hidden_size; }
  // Events that each layer looks back, the own one included.
  int window() const { return decoder_->config().sliding_window; }
  // Hash of everything that decides a state: vectors of two versions are never compared.
  const std::string& version() const { return version_; }
  // Memory of one user's state, in bytes.
  std::size_t state_bytes() const;

  // A state of no events. Errors: kUnavailable while max_states are held.
  Result<EventState> start();

  // Carries the state on by events that follow those it was made of. O(window) an event.
  // Errors: kUnavailable for a timeline of more than a million events; kInternal if a product
  // fails,
  //   after which the state is no longer good for anything; those of the text encoder.
  Status append(EventState& state, std::span<const storage::TimelineEvent> events);

  // Rows of an embedding's latents.
  int num_latents() const { return perceiver_ ? perceiver_->num_latents() : 1; }
  // What the Perceiver makes of the states after the last events; without a Perceiver the last
  // state itself. Costs the same however long the timeline. Errors: kInternal if a product fails.
  // REQUIRES: the state has events.
  Result<UserEmbedding> embed(const EventState& state) const;

  // How much each value of a feature is to be expected in the user's next event, as logits; values
  // that the user has met are the more or the less likely for it (met_terms.h).
  //   returns: [map().num_ids(feature)], of which the first two are no values
  // REQUIRES: the state has events; feature < map().num_features().
  std::vector<float> scores(const EventState& state, std::size_t feature) const;

  // The same of the values of a state alone, whatever was met.
  //   state: [width()]
  std::vector<float> scores(std::span<const float> state, std::size_t feature) const;

 private:
  friend class EventState;

  struct Parts;

  EventEncoder(Parts parts, const EventEncoderOptions& options);
  // Rows of a state's ring.
  int num_recent() const { return perceiver_ ? perceiver_->window() : 0; }
  // Rows that one pass takes, so that a slot's blocks hold them beside the window.
  static constexpr int kPassRows = 64;
  int blocks_of_slot() const;
  Status run(EventState& state, std::vector<float> rows);
  void keep(std::span<const float> states, EventState& state) const;
  void add_row(std::span<const std::int32_t> ids, std::vector<float>& rows) const;
  Status add_texts(const storage::TimelineEvent& event, std::span<float> row) const;

  FeatureMap map_;
  std::unique_ptr<model::Decoder> decoder_;
  std::unique_ptr<const Perceiver> perceiver_;  // may be null
  std::vector<float> table_;                    // [ids of all features, width]
  std::vector<std::int64_t> first_ids_;         // [features]: of each in the table
  MetTerms met_terms_;
  std::string version_;
  std::shared_ptr<const EventTexts> texts_;
  std::vector<std::size_t> text_features_;
  nn::KvCache cache_;
  std::vector<int> free_slots_;
};

}  // namespace kith::timeline
