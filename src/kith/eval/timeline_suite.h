// The evaluation of the user encoder: trains it on what users did and asks what they did next.
//
// Protocol (docs/benchmarks.md "The user encoder", ADR 32). Items: leave one out; of every user the
// last item is the test, all before it trains, and settings are chosen on the second last alone;
// all items are ranked, met ones included, and what is met is told apart by what the encoder and
// the baselines themselves learnt. Incidents: the last fifth in time is the test; the category and
// the group of an incident, given what the caller had before and who takes the call when and where.
#pragma once

#include <filesystem>
#include <optional>

#include "kith/base/result.h"
#include "kith/eval/encoder_training.h"
#include "kith/eval/figures.h"
#include "kith/eval/suites.h"

namespace kith::eval {

struct TimelineOptions {
  // With */sequences.txt or */ratings.csv (item_sequences.h) and itsm-incident-log, or some of
  // them.
  std::filesystem::path data;
  // The same: reported on in the place of the item sets of `data`, and of its incidents if there
  // are some here.
  std::optional<std::filesystem::path> test;
  // Of the whole suite, > 0. Trainings end so that it holds; small data take less.
  double minutes = 40.0;
  // Trainings of each, >= 1; figures are their means.
  int seeds = 2;
  // Where trainings write; made.
  std::filesystem::path work;
  EncoderSettings items;
  EncoderSettings incidents = {.hidden_size = 64,
                               .layers = 2,
                               .heads = 2,
                               .intermediate_size = 128,
                               .dropout = 0.5,
                               .optimizer = "adamw",
                               .learning_rate = 2e-3,
                               .weight_decay = 0.05,
                               .window = 64,
                               .epochs = 20,
                               .minutes = 3.0};
};

// Figures: of the first set of sequences, or of ratings if there is none,
//   next_item_hr10, next_item_ndcg10 (baselines popularity, own_history: most frequent of the own
//   items, then popularity; repeat_last: the last item, then popularity; markov: markov_chain.h,
//   chosen on validation items; order_shuffled: the encoder, the history in another order),
//   shuffled_user_hr10 (the encoder with another user's history; baseline popularity),
//   next_item_gain (hr10 over that of the best of the counts);
// of every other set the same with NAME_ in the place of next_item_;
//   incident_category_top3, incident_group_top3 (baselines popularity, own_history, repeat_last,
//   markov, opener: what comes of who takes the call, shuffled_user, order_shuffled), and
//   incident_category_gain, incident_group_gain (top-3 less that of the best baseline of counts,
//   paired).
// Intervals are over users, of the mean of the seeds.
// Errors: those of the data and of training; kNotFound if there is none of these data.
Result<Report> evaluate_timeline(const TimelineOptions& options, const EncoderTrainer& trainer,
                                 const Progress& progress = {});

}  // namespace kith::eval
