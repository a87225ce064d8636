#include "kith/train/bridge_loop.h"

#include <algorithm>
#include <numeric>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/train/ops.h"
#include "kith/train/sequence_scores.h"

namespace kith::train {

using torch::Tensor;

namespace {

// Users whose memories are made in one pass.
constexpr std::size_t kMemoriesAtOnce = 32;

}  // namespace

std::vector<ParameterStore*> BridgeLoop::trained_stores(const Parts& parts) {
  std::vector<ParameterStore*> stores;
  if (parts.bridge != nullptr) stores.push_back(&parts.bridge->parameters());
  if (parts.recipe.bridge.strategy == BridgeStrategy::kEncoder) {
    for (ParameterStore* const store : parts.encoder->stores()) stores.push_back(store);
  }
  if (parts.lora != nullptr) stores.push_back(&parts.lora->parameters());
  return stores;
}

BridgeLoop::BridgeLoop(Parts parts)
    : parts_(std::move(parts)),
      run_(parts_.recipe, parts_.options, trained_stores(parts_), parts_.reporter, parts_.config) {}

bool BridgeLoop::trains_encoder() const {
  return parts_.recipe.bridge.strategy == BridgeStrategy::kEncoder;
}

Tensor BridgeLoop::all_memories(const BridgeExamples& examples) const {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> made;
  for (std::size_t first = 0; first < examples.size(); first += kMemoriesAtOnce) {
    std::vector<History> histories;
    for (std::size_t i = first; i < std::min(examples.size(), first + kMemoriesAtOnce); ++i) {
      histories.push_back(examples.history(i));
    }
    made.push_back(parts_.encoder->memories(*parts_.timelines, histories));
  }
  return torch::cat(made);
}

Result<std::vector<BridgeLoop::ExampleSet>> BridgeLoop::open_sets(
    const std::vector<std::filesystem::path>& paths) {
  std::vector<ExampleSet> sets;
  for (const auto& path : paths) {
    KITH_ASSIGN_OR_RETURN(auto examples, BridgeExamples::open(path));
    if (parts_.bridge != nullptr) KITH_RETURN_IF_ERROR(examples.check(*parts_.timelines));
    const bool stay = parts_.bridge != nullptr && !trains_encoder();
    Tensor memories = stay ? all_memories(examples) : Tensor();
    sets.push_back({std::move(examples), std::move(memories)});
  }
  return sets;
}

Tensor BridgeLoop::memories_of(const std::vector<ExampleSet>& sets,
                               const std::vector<Place>& places) const {
  if (parts_.bridge == nullptr) return {};
  std::vector<History> histories;
  std::vector<Tensor> made;
  for (const Place& place : places) {
    const ExampleSet& set = sets[place.set];
    if (trains_encoder()) {
      histories.push_back(set.examples.history(place.index));
    } else {
      made.push_back(set.memories[static_cast<std::int64_t>(place.index)]);
    }
  }
  return trains_encoder() ? parts_.encoder->memories(*parts_.timelines, histories)
                          : torch::stack(made);
}

BridgeLoop::Tokens BridgeLoop::tokens_of(const std::vector<ExampleSet>& sets,
                                         const std::vector<Place>& places) const {
  std::size_t longest = 0;
  for (const Place& p : places) {
    longest = std::max(longest, sets[p.set].examples.tokens(p.index).size());
  }
  const auto rows = static_cast<std::int64_t>(places.size());
  const auto sequence = static_cast<std::int64_t>(longest) - 1;
  Tokens made{torch::full({rows, sequence}, parts_.prepared.pad, torch::kLong),
              torch::full({rows, sequence}, -1, torch::kLong)};
  for (std::int64_t row = 0; row < rows; ++row) {
    const Place& p = places[static_cast<std::size_t>(row)];
    const auto tokens = sets[p.set].examples.tokens(p.index);
    auto* id = made.ids.data_ptr<std::int64_t>() + row * sequence;
    auto* target = made.targets.data_ptr<std::int64_t>() + row * sequence;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      id[i] = tokens[i] & ~kCountedBit;
      if ((tokens[i + 1] & kCountedBit) != 0) target[i] = tokens[i + 1] & ~kCountedBit;
    }
    made.counted += counted_tokens(tokens);
  }
  made.ids = made.ids.to(parts_.decoder.device());
  made.targets = made.targets.to(parts_.decoder.device());
  return made;
}

std::vector<std::vector<BridgeLoop::Place>> BridgeLoop::micro_batches(
    const std::vector<ExampleSet>& sets, const std::vector<Place>& places) const {
  std::vector<std::int64_t> lengths;
  for (const Place& p : places) {
    lengths.push_back(static_cast<std::int64_t>(sets[p.set].examples.tokens(p.index).size()));
  }
  std::vector<std::vector<Place>> batches;
  for (const auto& batch : batches_of(lengths, 1, parts_.recipe.run.micro_batch_tokens)) {
    batches.emplace_back();
    for (const std::size_t index : batch) batches.back().push_back(places[index]);
  }
  return batches;
}

// The order depends on the seed and the cycle alone, so that a position takes it up again.
void BridgeLoop::build_cycle() {
  cycle_.resize(places_.size());
  std::iota(cycle_.begin(), cycle_.end(), std::size_t{0});
  base::Rng rng(parts_.recipe.seed +
                0x9E3779B9ULL * static_cast<std::uint64_t>(run_.position().cycle));
  for (std::size_t i = cycle_.size(); i > 1; --i) std::swap(cycle_[i - 1], cycle_[rng.below(i)]);
}

Status BridgeLoop::resume_if_asked() {
  KITH_ASSIGN_OR_RETURN(const bool resumes, run_.resume_if_asked());
  if (resumes) {
    const std::int64_t index = run_.position().index;
    if (index < 0 || index > static_cast<std::int64_t>(places_.size())) {
      return Error{ErrorCode::kInvalidArgument, "the checkpoint belongs to other data"};
    }
    parts_.reporter.say("resumed at step " + std::to_string(run_.state().step));
  }
  build_cycle();
  return {};
}

std::vector<BridgeLoop::Place> BridgeLoop::next_batch() {
  std::vector<Place> batch;
  while (static_cast<std::int64_t>(batch.size()) < parts_.recipe.bridge.batch) {
    if (run_.position().index == static_cast<std::int64_t>(cycle_.size())) {
      ++run_.position().cycle;
      run_.position().index = 0;
      build_cycle();
    }
    batch.push_back(places_[cycle_[static_cast<std::size_t>(run_.position().index++)]]);
  }
  return batch;
}

double BridgeLoop::accumulate_gradients(const std::vector<Place>& places, std::int64_t& tokens) {
  std::int64_t counted = 0;
  for (const Place& p : places) {
    counted += counted_tokens(sets_[p.set].examples.tokens(p.index));
  }
  torch::manual_seed(parts_.recipe.seed + static_cast<std::uint64_t>(run_.state().step));
  double loss = 0.0;
  for (const auto& batch : micro_batches(sets_, places)) {
    const Tokens made = tokens_of(sets_, batch);
    tokens += made.ids.numel();
    const Tensor hidden =
        personal_hidden(parts_.decoder, parts_.bridge, memories_of(sets_, batch), made.ids);
    const Tensor value =
        linear_cross_entropy(hidden, parts_.decoder.head(), made.targets.reshape({-1}),
                             1.0 / static_cast<double>(counted));
    value.backward();
    for (ParameterStore* const store : trained_stores(parts_)) store->collect_gradients();
    loss += value.item<double>();
  }
  return loss;
}

Status BridgeLoop::train_step() {
  const double start = RunClock::now();
  std::int64_t tokens = 0;
  const double loss = accumulate_gradients(next_batch(), tokens);
  return run_.finish_step(loss, tokens, start);
}

// With the right beginning given, an answer whose every token is the likeliest is the one that
// greedy decoding gives.
AnswerFigure BridgeLoop::validate(std::size_t set, std::string& lines) {
  const torch::NoGradGuard no_grad;
  AnswerFigure figure{parts_.recipe.validation[set].name};
  std::vector<Place> places;
  for (std::size_t i = 0; i < validation_sets_[set].examples.size(); ++i) {
    places.push_back({set, i});
  }
  const Tensor head = parts_.decoder.head_values();
  std::vector<base::OrderedJson> answers(places.size());
  for (const auto& batch : micro_batches(validation_sets_, places)) {
    const Tokens made = tokens_of(validation_sets_, batch);
    const Tensor hidden = personal_hidden(parts_.decoder, parts_.bridge,
                                          memories_of(validation_sets_, batch), made.ids)
                              .view({made.ids.size(0), made.ids.size(1), -1});
    for (std::size_t row = 0; row < batch.size(); ++row) {
      const Tensor targets = made.targets[static_cast<std::int64_t>(row)];
      const Tensor counted = targets.ge(0).nonzero().squeeze(1);
      const Tensor wanted = targets.index_select(0, counted);
      const Tensor logits = at::linear(
          hidden[static_cast<std::int64_t>(row)].index_select(0, counted).to(torch::kFloat), head);
      const bool right = logits.argmax(1).eq(wanted).all().item<bool>();
      const double loss =
          -logits.log_softmax(1).gather(1, wanted.unsqueeze(1)).sum().item<double>();
      figure.accuracy += right ? 1.0 : 0.0;
      figure.loss += loss;
      const History& h = validation_sets_[set].examples.history(batch[row].index);
      answers[batch[row].index] = {{"set", figure.name},
                                   {"user", h.user},
                                   {"events", h.events},
                                   {"loss", loss},
                                   {"right", right}};
    }
  }
  for (const auto& answer : answers) lines += answer.dump() + "\n";
  figure.examples = static_cast<std::int64_t>(places.size());
  figure.accuracy /= static_cast<double>(figure.examples);
  figure.loss /= static_cast<double>(figure.examples);
  return figure;
}

Status BridgeLoop::validate(TrainReport& report) {
  report.answers.clear();
  if (parts_.lora != nullptr) parts_.lora->set_training(false);
  std::string lines;
  for (std::size_t set = 0; set < validation_sets_.size(); ++set) {
    report.answers.push_back(validate(set, lines));
  }
  if (parts_.lora != nullptr) parts_.lora->set_training(true);
  parts_.reporter.answers(run_.state().step, report.answers);
  if (validation_sets_.empty()) return {};
  return base::write_file_atomically(parts_.recipe.output / "answers.jsonl", lines);
}

Result<TrainReport> BridgeLoop::run() {
  KITH_ASSIGN_OR_RETURN(sets_, open_sets(parts_.prepared.data));
  KITH_ASSIGN_OR_RETURN(validation_sets_, open_sets(parts_.prepared.validation));
  for (std::size_t set = 0; set < sets_.size(); ++set) {
    for (std::size_t i = 0; i < sets_[set].examples.size(); ++i) places_.push_back({set, i});
  }
  KITH_RETURN_IF_ERROR(resume_if_asked());
  run_.start();
  const std::int64_t every = parts_.recipe.run.validate_every;
  TrainReport report;
  while (run_.goes_on()) {
    KITH_RETURN_IF_ERROR(train_step());
    if (every > 0 && run_.state().step % every == 0) KITH_RETURN_IF_ERROR(validate(report));
    KITH_RETURN_IF_ERROR(run_.save_if_due());
  }
  KITH_RETURN_IF_ERROR(run_.save_last());
  report.finished = run_.progress() >= 1.0;
  if (report.finished) KITH_RETURN_IF_ERROR(validate(report));
  parts_.reporter.finish();
  run_.count(report);
  return report;
}

}  // namespace kith::train
