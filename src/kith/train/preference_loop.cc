#include "kith/train/preference_loop.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/train/packing.h"
#include "kith/train/reference_scores.h"
#include "kith/train/sequence_scores.h"
#include "kith/train/user_weights.h"

namespace kith::train {

using torch::Tensor;

namespace {

Tensor to_tensor(std::vector<std::int64_t> values, const Batch& batch, torch::Device device) {
  return torch::tensor(values, torch::kLong).view({batch.rows, batch.sequence}).to(device);
}

std::int64_t length_of(ScoredDocument document) {
  return static_cast<std::int64_t>(document.size());
}

// Counted tokens of each document, as float.
Tensor token_counts(const std::vector<ScoredDocument>& documents) {
  std::vector<float> counts;
  for (const auto& document : documents) {
    counts.push_back(static_cast<float>(counted_tokens(document)));
  }
  return torch::tensor(counts);
}

double mean_of(const Tensor& values) { return values.to(torch::kDouble).mean().item<double>(); }

DpoOptions dpo_options(const PreferenceRecipe& p) {
  return {p.beta, p.label_smoothing, p.length_normalised, p.sft_weight};
}

}  // namespace

PreferenceLoop::PreferenceLoop(Parts parts)
    : parts_(std::move(parts)),
      preference_(parts_.recipe.preference),
      pad_(parts_.prepared.texts.pad),
      run_(parts_.recipe, parts_.options, {&parts_.lora.parameters()}, parts_.reporter,
           parts_.config) {}

Result<std::vector<PreferenceLoop::ScoredSet>> PreferenceLoop::open_sets(
    const std::vector<std::filesystem::path>& paths, std::uint64_t key) {
  std::vector<ScoredSet> sets;
  for (const auto& path : paths) {
    KITH_ASSIGN_OR_RETURN(auto set, PreferenceSet::open(path));
    KITH_ASSIGN_OR_RETURN(Tensor reference,
                          reference_scores(parts_.decoder, set, path, key, parts_.recipe, pad_));
    sets.push_back({std::move(set), std::move(reference)});
  }
  return sets;
}

void PreferenceLoop::weigh_examples() {
  std::vector<std::uint32_t> users;
  for (std::size_t s = 0; s < sets_.size(); ++s) {
    const auto own = sets_[s].set.users();
    for (std::size_t i = 0; i < own.size(); ++i) examples_.push_back({s, i, 1.0});
    users.insert(users.end(), own.begin(), own.end());
  }
  const auto weights = capped_user_weights(users, preference_.user_share);
  for (std::size_t i = 0; i < weights.size(); ++i) examples_[i].weight = weights[i];
}

// The order depends on the seed and the cycle alone, so that a position takes it up again.
void PreferenceLoop::build_cycle() {
  cycle_.resize(examples_.size());
  std::iota(cycle_.begin(), cycle_.end(), std::size_t{0});
  base::Rng rng(parts_.recipe.seed +
                0x9E3779B9ULL * static_cast<std::uint64_t>(run_.position().cycle));
  for (std::size_t i = cycle_.size(); i > 1; --i) std::swap(cycle_[i - 1], cycle_[rng.below(i)]);
}

Status PreferenceLoop::resume_if_asked() {
  KITH_ASSIGN_OR_RETURN(const bool resumes, run_.resume_if_asked());
  if (resumes) {
    if (run_.position().index < 0 ||
        run_.position().index > static_cast<std::int64_t>(examples_.size())) {
      return Error{ErrorCode::kInvalidArgument, "the checkpoint belongs to other data"};
    }
    parts_.reporter.say("resumed at step " + std::to_string(run_.state().step));
  }
  build_cycle();
  return {};
}

std::vector<PreferenceLoop::Example> PreferenceLoop::next_batch() {
  std::vector<Example> batch;
  while (static_cast<std::int64_t>(batch.size()) < preference_.batch) {
    if (run_.position().index == static_cast<std::int64_t>(cycle_.size())) {
      ++run_.position().cycle;
      run_.position().index = 0;
      build_cycle();
    }
    batch.push_back(examples_[cycle_[static_cast<std::size_t>(run_.position().index++)]]);
  }
  return batch;
}

Tensor PreferenceLoop::reference_of(const std::vector<Example>& examples,
                                    std::int64_t column) const {
  std::vector<float> values;
  for (const Example& example : examples) {
    values.push_back(sets_[example.set]
                         .reference[static_cast<std::int64_t>(example.index)][column]
                         .item<float>());
  }
  return torch::tensor(values).to(parts_.decoder.device());
}

// KTO's z over the whole step; the reference's side of it is cached like any other score.
Tensor PreferenceLoop::batch_divergence(const std::vector<Example>& examples) {
  if (preference_.method != PreferenceMethod::kKto) return {};
  std::vector<ScoredDocument> mismatched;
  for (const Example& e : examples) mismatched.push_back(sets_[e.set].set.second(e.index));
  parts_.lora.set_training(false);
  const Tensor scores =
      score_all(parts_.decoder, mismatched, parts_.recipe.run.micro_batch_tokens, pad_);
  parts_.lora.set_training(true);
  return kto_divergence(scores.to(parts_.decoder.device()), reference_of(examples, 1));
}

Tensor PreferenceLoop::micro_loss(const std::vector<Example>& examples, const Tensor& divergence) {
  const auto device = parts_.decoder.device();
  const auto count = static_cast<std::int64_t>(examples.size());
  std::vector<ScoredDocument> first;
  std::vector<ScoredDocument> second;
  std::vector<float> weights;
  for (const Example& e : examples) {
    first.push_back(sets_[e.set].set.first(e.index));
    second.push_back(sets_[e.set].set.second(e.index));
    weights.push_back(static_cast<float>(e.weight));
  }
  Tensor losses;
  if (preference_.method == PreferenceMethod::kDpo) {
    std::vector<ScoredDocument> both = first;
    both.insert(both.end(), second.begin(), second.end());
    const Tensor scores = score_batch(parts_.decoder, both, pad_);
    losses = dpo_losses({scores.narrow(0, 0, count), scores.narrow(0, count, count),
                         reference_of(examples, 0), reference_of(examples, 1),
                         token_counts(first).to(device), token_counts(second).to(device)},
                        dpo_options(preference_));
  } else {
    Tensor liked = torch::zeros({count}, torch::kBool);
    for (std::int64_t i = 0; i < count; ++i) {
      const Example& e = examples[static_cast<std::size_t>(i)];
      liked[i] = sets_[e.set].set.is_liked(e.index);
    }
    losses = kto_losses(
        score_batch(parts_.decoder, first, pad_), reference_of(examples, 0), liked.to(device),
        divergence,
        {preference_.beta, preference_.desirable_weight, preference_.undesirable_weight});
  }
  return (losses * torch::tensor(weights).to(device)).sum();
}

double PreferenceLoop::accumulate_gradients(const std::vector<Example>& examples,
                                            std::int64_t& tokens) {
  const bool is_pair = preference_.method == PreferenceMethod::kDpo;
  std::vector<std::int64_t> lengths;
  for (const Example& e : examples) {
    const PreferenceSet& set = sets_[e.set].set;
    const std::int64_t first = length_of(set.first(e.index));
    const std::int64_t second = length_of(set.second(e.index));
    tokens += first + second;
    lengths.push_back(is_pair ? std::max(first, second) : first);
  }
  const Tensor divergence = batch_divergence(examples);
  torch::manual_seed(parts_.recipe.seed + static_cast<std::uint64_t>(run_.state().step));
  double loss = 0.0;
  for (const auto& batch :
       batches_of(lengths, is_pair ? 2 : 1, parts_.recipe.run.micro_batch_tokens)) {
    std::vector<Example> own;
    for (const std::size_t index : batch) own.push_back(examples[index]);
    const Tensor value = micro_loss(own, divergence) / static_cast<double>(examples.size());
    value.backward();
    parts_.lora.parameters().collect_gradients();
    loss += value.item<double>();
  }
  return loss;
}

Status PreferenceLoop::train_step() {
  const double start = RunClock::now();
  std::int64_t tokens = 0;
  const double loss = accumulate_gradients(next_batch(), tokens);
  return run_.finish_step(loss, tokens, start);
}

PreferenceFigure PreferenceLoop::validate(const std::string& name, const ScoredSet& scored) {
  const PreferenceSet& set = scored.set;
  const auto examples = static_cast<std::int64_t>(set.size());
  const bool is_pair = set.form() == PreferenceForm::kPairs;
  std::vector<ScoredDocument> first;
  std::vector<ScoredDocument> second;
  for (std::size_t i = 0; i < set.size(); ++i) {
    first.push_back(set.first(i));
    second.push_back(set.second(i));
  }
  const std::int64_t micro = parts_.recipe.run.micro_batch_tokens;
  const Tensor scores = score_all(parts_.decoder, first, micro, pad_);
  const Tensor gains = scores - scored.reference.select(1, 0);
  PreferenceFigure figure{name, examples};
  if (!is_pair) {
    Tensor liked = torch::zeros({examples}, torch::kBool);
    for (std::int64_t i = 0; i < examples; ++i) {
      liked[i] = set.is_liked(static_cast<std::size_t>(i));
    }
    const Tensor divergence = kto_divergence(score_all(parts_.decoder, second, micro, pad_),
                                             scored.reference.select(1, 1));
    figure.accuracy = mean_of(gains.gt(divergence).eq(liked));
    const bool has_both = liked.any().item<bool>() && !liked.all().item<bool>();
    if (has_both) {
      figure.margin = preference_.beta * (mean_of(gains.masked_select(liked)) -
                                          mean_of(gains.masked_select(liked.logical_not())));
    }
    return figure;
  }
  const Tensor other = score_all(parts_.decoder, second, micro, pad_);
  const PairLogProbabilities pairs{scores,
                                   other,
                                   scored.reference.select(1, 0),
                                   scored.reference.select(1, 1),
                                   token_counts(first),
                                   token_counts(second)};
  const Tensor margins = dpo_margins(pairs, dpo_options(preference_));
  figure.accuracy = mean_of(margins.gt(0));
  figure.margin = mean_of(margins);
  figure.likelier = mean_of((scores / pairs.chosen_tokens).gt(other / pairs.rejected_tokens));
  return figure;
}

double PreferenceLoop::text_loss(const TokenShard& shard, const DataSource& source,
                                 std::int64_t& tokens) {
  const RunRecipe& run = parts_.recipe.run;
  const std::int64_t sequence = preference_.max_tokens;
  const std::int64_t rows = std::max<std::int64_t>(1, run.micro_batch_tokens / sequence);
  const auto device = parts_.decoder.device();
  double total = 0.0;
  for (const Batch& batch : validation_batches(shard, source.packing, sequence, run.validate_tokens,
                                               rows, static_cast<std::int32_t>(pad_))) {
    if (batch.counted == 0) continue;
    total += parts_.decoder.evaluate(to_tensor(batch.ids, batch, device),
                                     to_tensor(batch.targets, batch, device));
    tokens += batch.counted;
  }
  return total;
}

void PreferenceLoop::validate_all(TrainReport& report) {
  parts_.lora.set_training(false);
  report.preferences.clear();
  report.validation.clear();
  for (std::size_t i = 0; i < validation_sets_.size(); ++i) {
    report.preferences.push_back(validate(preference_.validation[i].name, validation_sets_[i]));
  }
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const DataSource& source = parts_.recipe.validation[i];
    ValidationFigure figure{source.name};
    const double total = text_loss(texts_[i], source, figure.tokens);
    if (figure.tokens == 0) continue;
    figure.loss = total / static_cast<double>(figure.tokens);
    figure.perplexity = std::exp(figure.loss);
    report.validation.push_back(figure);
  }
  parts_.lora.set_training(true);
  parts_.reporter.preferences(run_.state().step, report.preferences);
  parts_.reporter.validation(run_.state().step, report.validation);
}

Result<TrainReport> PreferenceLoop::run() {
  KITH_ASSIGN_OR_RETURN(const std::uint64_t key, reference_key(parts_.recipe));
  parts_.lora.set_training(false);
  KITH_ASSIGN_OR_RETURN(sets_, open_sets(parts_.prepared.data, key));
  KITH_ASSIGN_OR_RETURN(validation_sets_, open_sets(parts_.prepared.validation, key));
  for (const auto& path : parts_.prepared.texts.validation) {
    KITH_ASSIGN_OR_RETURN(auto shard, TokenShard::open(path));
    texts_.push_back(std::move(shard));
  }
  parts_.lora.set_training(true);
  weigh_examples();
  KITH_RETURN_IF_ERROR(resume_if_asked());
  run_.start();
  const std::int64_t every = parts_.recipe.run.validate_every;
  TrainReport report;
  if (every > 0 && run_.state().step == 0) validate_all(report);
  while (run_.goes_on()) {
    KITH_RETURN_IF_ERROR(train_step());
    if (every > 0 && run_.state().step % every == 0) validate_all(report);
    KITH_RETURN_IF_ERROR(run_.save_if_due());
  }
  KITH_RETURN_IF_ERROR(run_.save_last());
  report.finished = run_.progress() >= 1.0;
  if (report.finished) validate_all(report);
  parts_.reporter.finish();
  run_.count(report);
  return report;
}

}  // namespace kith::train
