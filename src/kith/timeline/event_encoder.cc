#include "kith/timeline/event_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/tensor/safetensors.h"
#include "kith/timeline/feature_values.h"

namespace kith::timeline {
namespace {

using storage::TimelineEvent;

constexpr const char* kTable = "model.embed_tokens.weight";

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

std::int64_t ids_of_all(const FeatureMap& map) {
  std::int64_t sum = 0;
  for (std::size_t feature = 0; feature < map.num_features(); ++feature) {
    sum += map.num_ids(feature);
  }
  return sum;
}

Result<std::vector<float>> read_table(const tensor::SafetensorsFile& file, std::int64_t rows,
                                      std::int64_t width) {
  const auto view = file.find(kTable);
  const bool fits = view && view->dtype == tensor::DType::kF32 && view->shape.size() == 2 &&
                    view->shape[0] == rows && view->shape[1] == width;
  if (!fits) return invalid(std::string(kTable) + " does not fit the features");
  std::vector<float> table(view->bytes.size() / sizeof(float));
  std::memcpy(table.data(), view->bytes.data(), view->bytes.size());
  return table;
}

Result<FeatureMap> read_map(const std::filesystem::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  auto map = FeatureMap::from_json(json);
  if (!map) return std::move(map).error().with_context(file.string());
  return map;
}

Status check_texts(const FeatureMap& map, const EventTexts* texts) {
  if (map.text_features().empty()) return {};
  const std::string& wanted = map.text_source().hash;
  if (texts == nullptr) return invalid("it reads texts and needs the text encoder " + wanted);
  const bool fits = texts->hash() == wanted &&
                    texts->dimensions() == static_cast<std::size_t>(map.text_source().dimensions);
  if (fits) return {};
  return invalid("it was trained on the text encoder " + wanted + ", not on " + texts->hash());
}

std::string hash_of(const tensor::SafetensorsFile& weights, const FeatureMap& map,
                    const Perceiver* perceiver) {
  const auto bytes = weights.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::uint64_t hash = base::hash_bytes(map.version(), base::hash_bytes(text));
  return base::to_hex(perceiver ? base::hash_bytes(perceiver->version(), hash) : hash);
}

}  // namespace

struct EventEncoder::Parts {
  FeatureMap map;
  std::unique_ptr<model::Decoder> decoder;
  std::unique_ptr<const Perceiver> perceiver;
  std::vector<float> table;
  MetTerms met_terms;
  std::string version;
};

EventState::EventState(EventState&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      slot_(other.slot_),
      num_events_(other.num_events_),
      last_(std::move(other.last_)),
      last_at_(other.last_at_),
      met_(std::move(other.met_)),
      values_(std::move(other.values_)),
      recent_(std::move(other.recent_)) {}

EventState& EventState::operator=(EventState&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  owner_ = std::exchange(other.owner_, nullptr);
  slot_ = other.slot_;
  num_events_ = other.num_events_;
  last_ = std::move(other.last_);
  last_at_ = other.last_at_;
  met_ = std::move(other.met_);
  values_ = std::move(other.values_);
  recent_ = std::move(other.recent_);
  return *this;
}

EventState::~EventState() { give_back(); }

void EventState::give_back() {
  if (owner_ != nullptr) owner_->free_slots_.push_back(slot_);
  owner_ = nullptr;
}

Result<std::unique_ptr<EventEncoder>> EventEncoder::load(const std::filesystem::path& dir,
                                                         const EventEncoderOptions& options) {
  KITH_CHECK(options.threads >= 1 && options.max_states >= 1, "threads and states are positive");
  const auto fail = [&dir](Error error) {
    return std::move(error).with_context("loading user encoder " + dir.string());
  };
  auto map = read_map(dir / "features.json");
  if (!map) return fail(std::move(map).error());
  auto decoder = model::Decoder::load(dir, {tensor::DType::kF32, options.threads});
  if (!decoder) return fail(std::move(decoder).error());
  const model::DecoderConfig& config = (*decoder)->config();
  if (config.sliding_window < 1) return fail(invalid("config.json must have a sliding_window"));
  if (config.vocab_size != ids_of_all(*map)) {
    return fail(invalid("features.json has " + std::to_string(ids_of_all(*map)) +
                        " ids, the weights " + std::to_string(config.vocab_size)));
  }
  auto weights = tensor::SafetensorsFile::open(dir / "model.safetensors");
  if (!weights) return fail(std::move(weights).error());
  auto table = read_table(*weights, config.vocab_size, config.hidden_size);
  if (!table) return fail(std::move(table).error());
  auto perceiver = Perceiver::load(dir, config.hidden_size, options.threads);
  if (!perceiver) return fail(std::move(perceiver).error());
  if (auto fits = check_texts(*map, options.texts.get()); !fits) return fail(fits.error());
  auto met_terms = MetTerms::load(dir / "met_terms.json", *map);
  if (!met_terms) return fail(std::move(met_terms).error());
  std::string version = hash_of(*weights, *map, perceiver->get());
  return std::unique_ptr<EventEncoder>(
      new EventEncoder({*std::move(map), *std::move(decoder), *std::move(perceiver),
                        *std::move(table), *std::move(met_terms), std::move(version)},
                       options));
}

EventEncoder::EventEncoder(Parts parts, const EventEncoderOptions& options)
    : map_(std::move(parts.map)),
      decoder_(std::move(parts.decoder)),
      perceiver_(std::move(parts.perceiver)),
      table_(std::move(parts.table)),
      met_terms_(std::move(parts.met_terms)),
      version_(std::move(parts.version)),
      texts_(options.texts),
      text_features_(map_.text_features()),
      cache_(decoder_->make_cache(options.max_states * blocks_of_slot())),
      free_slots_(static_cast<std::size_t>(options.max_states)) {
  std::int64_t first = 0;
  for (std::size_t feature = 0; feature < map_.num_features(); ++feature) {
    first_ids_.push_back(first);
    first += map_.num_ids(feature);
  }
  std::iota(free_slots_.rbegin(), free_slots_.rend(), 0);
}

// The window before the first row of a pass, the rows themselves, and a block that both touch.
int EventEncoder::blocks_of_slot() const { return (window() + kPassRows) / nn::kBlockTokens + 2; }

std::size_t EventEncoder::state_bytes() const {
  return static_cast<std::size_t>(blocks_of_slot()) * cache_.shape().block_bytes() +
         static_cast<std::size_t>((1 + num_recent()) * width()) * sizeof(float);
}

Result<EventState> EventEncoder::start() {
  if (free_slots_.empty()) {
    return Error{ErrorCode::kUnavailable, "as many users' states are held as there is room for"};
  }
  EventState state(*this, free_slots_.back());
  free_slots_.pop_back();
  return state;
}

void EventEncoder::add_row(std::span<const std::int32_t> ids, std::vector<float>& rows) const {
  const auto size = static_cast<std::size_t>(width());
  rows.resize(rows.size() + size, 0.0F);
  float* const row = rows.data() + rows.size() - size;
  for (std::size_t feature = 0; feature < ids.size(); ++feature) {
    const auto place = static_cast<std::size_t>(first_ids_[feature] + ids[feature]);
    const float* const part = table_.data() + place * size;
    for (std::size_t i = 0; i < size; ++i) row[i] += part[i];
  }
}

// Each text's vector through the rows of the table behind its three ids.
Status EventEncoder::add_texts(const TimelineEvent& event, std::span<float> row) const {
  for (const std::size_t feature : text_features_) {
    const std::string_view text = text_of(map_.schema().features[feature], event);
    if (text.empty()) continue;
    KITH_ASSIGN_OR_RETURN(const std::vector<float> vector, rounded_vector(*texts_, text));
    const float* part =
        table_.data() +
        static_cast<std::size_t>(first_ids_[feature] + kFirstValue + 1) * row.size();
    for (const float value : vector) {
      for (std::size_t i = 0; i < row.size(); ++i) row[i] += value * part[i];
      part += row.size();
    }
  }
  return {};
}

Status EventEncoder::append(EventState& state, std::span<const TimelineEvent> events) {
  const auto pass_values = static_cast<std::size_t>(kPassRows * width());
  std::vector<std::int32_t> ids(map_.num_features());
  std::vector<float> rows;
  for (const TimelineEvent& event : events) {
    const bool repeats =
        state.last_ && continues_burst(*state.last_, event, map_.schema().burst_seconds);
    state.last_ = event;
    if (repeats) continue;
    map_.encode(event, state.last_at_, ids);
    state.met_.append(ids);
    add_row(ids, rows);
    KITH_RETURN_IF_ERROR(add_texts(event, std::span(rows).last(static_cast<std::size_t>(width()))));
    state.last_at_ = event.at;
    if (rows.size() < pass_values) continue;
    KITH_RETURN_IF_ERROR(run(state, std::move(rows)));
    rows.clear();
  }
  return rows.empty() ? Status() : run(state, std::move(rows));
}

// rows: [at most kPassRows, width]
Status EventEncoder::run(EventState& state, std::vector<float> rows) {
  const auto count = static_cast<std::int64_t>(rows.size()) / width();
  const std::int64_t end = state.num_events_ + count;
  if (end > decoder_->config().max_positions) {
    return Error{ErrorCode::kUnavailable, "a timeline may have at most " +
                                              std::to_string(decoder_->config().max_positions) +
                                              " events"};
  }
  // The slot's blocks are a ring: those that the first row's window reaches, up to the last row's.
  const std::int64_t first_seen = std::max<std::int64_t>(0, state.num_events_ + 1 - window());
  const int ring = blocks_of_slot();
  std::vector<std::int32_t> blocks;
  for (std::int64_t block = first_seen / nn::kBlockTokens; block * nn::kBlockTokens < end;
       ++block) {
    blocks.push_back(state.slot_ * ring + static_cast<std::int32_t>(block % ring));
  }
  std::vector<text::TokenId> tokens;
  for (int row = 0; row < count; ++row) tokens.push_back(model::soft_token(row));
  KITH_ASSIGN_OR_RETURN(const auto prompt, model::SoftPrompt::create(std::move(rows), width()));
  model::Chunk chunk;
  chunk.tokens = tokens;
  chunk.position = static_cast<std::int32_t>(state.num_events_);
  chunk.blocks = blocks;
  chunk.first_block = static_cast<std::int32_t>(first_seen / nn::kBlockTokens);
  chunk.soft_prompt = prompt.get();
  chunk.all_logits = perceiver_ != nullptr;
  std::vector<float> states;
  KITH_RETURN_IF_ERROR(decoder_->states({&chunk, 1}, cache_, states));
  keep(states, state);
  state.num_events_ = end;
  return {};
}

// states: of the last event, or of every one if there is a Perceiver
void EventEncoder::keep(std::span<const float> states, EventState& state) const {
  const auto size = static_cast<std::size_t>(width());
  const auto last = states.last(size);
  state.values_.assign(last.begin(), last.end());
  if (!perceiver_) return;
  const auto ring = static_cast<std::size_t>(num_recent());
  state.recent_.resize(ring * size);
  auto at = static_cast<std::size_t>(state.num_events_);
  for (; !states.empty(); states = states.subspan(size), ++at) {
    std::copy_n(states.begin(), size,
                state.recent_.begin() + static_cast<std::ptrdiff_t>(at % ring * size));
  }
}

Result<UserEmbedding> EventEncoder::embed(const EventState& state) const {
  KITH_CHECK(!state.values_.empty(), "a state of no events has no embedding");
  if (!perceiver_) return UserEmbedding{state.values_, normalised(state.values_)};
  const auto size = static_cast<std::size_t>(width());
  const std::int64_t first = std::max<std::int64_t>(0, state.num_events_ - num_recent());
  std::vector<float> states;
  for (std::int64_t event = first; event < state.num_events_; ++event) {
    const auto row = static_cast<std::size_t>(event % num_recent());
    const auto begin = state.recent_.begin() + static_cast<std::ptrdiff_t>(row * size);
    states.insert(states.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  return perceiver_->read(states);
}

std::vector<float> EventEncoder::scores(const EventState& state, std::size_t feature) const {
  std::vector<float> scores = this->scores(state.values(), feature);
  met_terms_.add(state.met_, feature, scores);
  return scores;
}

std::vector<float> EventEncoder::scores(std::span<const float> state, std::size_t feature) const {
  const auto size = static_cast<std::size_t>(width());
  std::vector<float> scores(static_cast<std::size_t>(map_.num_ids(feature)));
  const float* row = table_.data() + static_cast<std::size_t>(first_ids_[feature]) * size;
  for (float& score : scores) {
    score = std::inner_product(state.begin(), state.end(), row, 0.0F);
    row += size;
  }
  return scores;
}

}  // namespace kith::timeline
