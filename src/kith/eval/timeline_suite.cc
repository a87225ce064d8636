#include "kith/eval/timeline_suite.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "kith/eval/next_incident.h"
#include "kith/eval/next_item.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;
using Units = std::vector<std::size_t>;
using Values = std::vector<double>;

// Events a second that evaluating takes, until it was measured; on the safe side.
constexpr double kEventsPerSecond = 10000.0;

double mean_over(const Values& values, const Units& units) {
  double sum = 0.0;
  for (const std::size_t unit : units) sum += values[unit];
  return sum / static_cast<double>(units.size());
}

Figure mean_figure(const Values& values) {
  return bootstrap(values.size(), [&](const Units& units) { return mean_over(values, units); });
}

// The mean over seeds of each case.
Values mean_of_seeds(const std::vector<Values>& seeds) {
  Values mean(seeds.front().size(), 0.0);
  for (const Values& values : seeds) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += values[i] / static_cast<double>(seeds.size());
    }
  }
  return mean;
}

// What is left of the suite's time, shared by the trainings that are to come.
class TimeBudget {
 public:
  explicit TimeBudget(double minutes) : minutes_(minutes), start_(Clock::now()) {}

  double minutes_left() const { return minutes_ - elapsed(); }
  double elapsed() const {
    return std::chrono::duration<double, std::ratio<60>>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  double minutes_;
  Clock::time_point start_;
};

class TimelineSuite {
 public:
  TimelineSuite(const TimelineOptions& options, const EncoderTrainer& trainer,
                const Progress& progress)
      : options_(options), trainer_(trainer), progress_(progress), budget_(options.minutes) {}

  Result<Report> run() {
    report_.suite = "timeline";
    const fs::path place = options_.test.value_or(options_.data);
    KITH_ASSIGN_OR_RETURN(std::vector<ItemSequences> sets, find_item_sequences(place));
    fs::path log = find_incidents(place);
    if (log.empty()) log = find_incidents(options_.data);
    std::erase_if(sets, [](const ItemSequences& set) { return set.users.empty(); });
    if (sets.empty() && log.empty()) {
      return Error{
          ErrorCode::kNotFound,
          place.string() + " has no */sequences.txt, no */ratings.csv and no itsm-incident-log"};
    }
    // What names the figures comes first.
    std::stable_sort(sets.begin(), sets.end(), [](const auto& a, const auto& b) {
      return a.is_sequences && !b.is_sequences;
    });
    trainings_left_ = static_cast<int>(sets.size()) * options_.seeds;
    trainings_ = trainings_left_ + (log.empty() ? 0 : options_.seeds);
    if (!log.empty()) KITH_RETURN_IF_ERROR(measure_incidents(log));
    for (std::size_t i = 0; i < sets.size(); ++i) {
      KITH_RETURN_IF_ERROR(measure_items(sets[i], i == 0 ? "next_item" : sets[i].name));
    }
    return std::move(report_);
  }

 private:
  struct ItemTrials {
    std::vector<Values> hits, gains, shuffled_user;
    Ranks order_shuffled;
  };

  void say(const std::string& line) { report_.notes.push_back(line); }
  void advance() {
    ++done_;
    if (progress_) progress_(static_cast<double>(done_) / static_cast<double>(trainings_));
  }

  // Minutes that a training of the set may take: what is left by the evaluations that follow,
  // shared by the trainings that follow.
  double training_minutes(const ItemSequences& set, bool is_first) const {
    const double each = static_cast<double>(set.num_events()) / events_per_second_ / 60.0;
    const double evaluations = each * (is_first ? options_.seeds + 1 : 1);
    const double left = 0.97 * budget_.minutes_left() - evaluations;
    return std::max(0.1, left / static_cast<double>(std::max(1, trainings_left_)));
  }

  Status measure_items(const ItemSequences& set, const std::string& name) {
    const CountBaselines counts = count_baselines(set);
    Timelines timelines;
    for (const auto& user : set.users) {
      timelines.push_back(history_events(std::span(user).first(user.size() - 1)));
    }
    ItemTrials trials;
    for (int seed = 1; seed <= options_.seeds; ++seed) {
      KITH_RETURN_IF_ERROR(try_items(set, timelines, seed, trials));
    }
    report_items(set, name, counts, trials);
    return {};
  }

  Status try_items(const ItemSequences& set, const Timelines& timelines, int seed,
                   ItemTrials& trials) {
    EncoderSettings settings = options_.items;
    settings.minutes = std::min(settings.minutes, training_minutes(set, seed == 1));
    const fs::path dir = options_.work / (set.name + "-" + std::to_string(seed));
    KITH_ASSIGN_OR_RETURN(const auto encoder,
                          train_encoder(item_schema(set), timelines, settings,
                                        static_cast<std::uint64_t>(seed), dir, trainer_));
    const double before = budget_.elapsed();
    KITH_ASSIGN_OR_RETURN(EncoderRanks ranks, rank_by_encoder(set, *encoder, seed == 1));
    const double passes = seed == 1 ? 2.0 : 1.0;
    events_per_second_ = passes * static_cast<double>(set.num_events()) /
                         std::max(1e-3, (budget_.elapsed() - before) * 60.0);
    --trainings_left_;
    advance();
    char line[160];
    std::snprintf(line, sizeof(line), "%s seed %d: HR@10 %.4f NDCG@10 %.4f", set.name.c_str(), seed,
                  ranks.own.hit_rate(), ranks.own.ndcg());
    say(line);
    trials.hits.push_back(std::move(ranks.own.hits));
    trials.gains.push_back(std::move(ranks.own.gains));
    trials.shuffled_user.push_back(std::move(ranks.shuffled_user.hits));
    if (seed == 1) trials.order_shuffled = std::move(ranks.shuffled_order);
    return {};
  }

  void report_items(const ItemSequences& set, const std::string& name, const CountBaselines& counts,
                    const ItemTrials& trials) {
    const Values hits = mean_of_seeds(trials.hits);
    const Values shuffled = mean_of_seeds(trials.shuffled_user);
    Figure hit_rate = mean_figure(hits);
    Figure ndcg = mean_figure(mean_of_seeds(trials.gains));
    const Ranks* best = nullptr;
    for (const auto& [baseline, ranks] : counts.ranks) {
      hit_rate.baselines[baseline] = ranks.hit_rate();
      ndcg.baselines[baseline] = ranks.ndcg();
      if (best == nullptr || ranks.hit_rate() > best->hit_rate()) best = &ranks;
    }
    hit_rate.baselines["order_shuffled"] = trials.order_shuffled.hit_rate();
    ndcg.baselines["order_shuffled"] = trials.order_shuffled.ndcg();
    hit_rate.baselines["user_shuffled"] = mean_of(shuffled);
    Figure collapsed = mean_figure(shuffled);
    collapsed.baselines["popularity"] = counts.ranks.at("popularity").hit_rate();
    report_.figures[name == "next_item" ? "shuffled_user_hr10" : name + "_shuffled_user_hr10"] =
        std::move(collapsed);
    report_.figures[name + "_gain"] = bootstrap(hits.size(), [&](const Units& units) {
      return mean_over(hits, units) / std::max(1e-9, mean_over(best->hits, units));
    });
    report_.figures[name + "_hr10"] = std::move(hit_rate);
    report_.figures[name + "_ndcg10"] = std::move(ndcg);
    say(name + ": " + set.name + ", " + std::to_string(set.users.size()) + " users, " +
        std::to_string(set.num_items) + " items, " + std::to_string(set.num_events()) +
        " events; markov by validation: " + to_string(counts.markov.options) +
        (counts.markov.skips_met ? ", met items behind" : ""));
  }

  Status measure_incidents(const fs::path& log) {
    KITH_ASSIGN_OR_RETURN(auto incidents, load_incidents(log));
    const IncidentSplit split = split_incidents(std::move(incidents));
    const Timelines timelines = training_timelines(split);
    if (timelines.empty() || split.first_test == split.incidents.size()) {
      return Error{ErrorCode::kInvalidArgument, log.string() + " has too few incidents"};
    }
    std::map<std::string, std::vector<Values>> own;
    std::map<std::string, std::vector<Values>> shuffled;
    for (int seed = 1; seed <= options_.seeds; ++seed) {
      EncoderSettings settings = options_.incidents;
      settings.minutes = std::min(settings.minutes, 0.1 * options_.minutes / options_.seeds);
      KITH_ASSIGN_OR_RETURN(
          const auto encoder,
          train_encoder(incident_schema(), timelines, settings, static_cast<std::uint64_t>(seed),
                        options_.work / ("incidents-" + std::to_string(seed)), trainer_));
      KITH_ASSIGN_OR_RETURN(IncidentRanks ranks, rank_incidents(split, *encoder));
      for (const char* target : kIncidentTargets) {
        own[target].push_back(std::move(ranks.own[target].hits));
        shuffled[target].push_back(std::move(ranks.shuffled_user[target].hits));
      }
      advance();
    }
    for (const char* target : kIncidentTargets) {
      const IncidentCases cases = count_incidents(split, target);
      if (cases.callers.empty()) continue;
      report_incidents(target, cases, mean_of_seeds(own[target]),
                       mean_of(mean_of_seeds(shuffled[target])));
    }
    return {};
  }

  void report_incidents(const std::string& target, const IncidentCases& cases, const Values& hits,
                        double shuffled_user) {
    const std::size_t callers = *std::max_element(cases.callers.begin(), cases.callers.end()) + 1;
    std::vector<Units> cases_of(callers);
    for (std::size_t i = 0; i < cases.callers.size(); ++i) cases_of[cases.callers[i]].push_back(i);
    // The mean over the cases of drawn callers.
    const auto figure = [&](const Values& values) {
      return bootstrap(callers, [&](const Units& drawn) {
        double sum = 0.0;
        double count = 0.0;
        for (const std::size_t caller : drawn) {
          for (const std::size_t i : cases_of[caller]) sum += values[i];
          count += static_cast<double>(cases_of[caller].size());
        }
        return sum / count;
      });
    };
    Figure top = figure(hits);
    const Ranks* best = nullptr;
    for (const auto& [baseline, ranks] : cases.ranks) {
      top.baselines[baseline] = ranks.hit_rate();
      if (best == nullptr || ranks.hit_rate() > best->hit_rate()) best = &ranks;
    }
    top.baselines["user_shuffled"] = shuffled_user;
    Values gain(hits.size());
    for (std::size_t i = 0; i < gain.size(); ++i) gain[i] = hits[i] - best->hits[i];
    report_.figures["incident_" + target + "_top3"] = std::move(top);
    report_.figures["incident_" + target + "_gain"] = figure(gain);
    say("incident_" + target + ": " + std::to_string(hits.size()) + " cases of " +
        std::to_string(callers) + " callers");
  }

  const TimelineOptions& options_;
  const EncoderTrainer& trainer_;
  const Progress& progress_;
  TimeBudget budget_;
  double events_per_second_ = kEventsPerSecond;
  int trainings_left_ = 0;  // of item sets
  int trainings_ = 0;
  int done_ = 0;
  Report report_;
};

}  // namespace

Result<Report> evaluate_timeline(const TimelineOptions& options, const EncoderTrainer& trainer,
                                 const Progress& progress) {
  if (!(options.minutes > 0.0) || options.seeds < 1) {
    return Error{ErrorCode::kInvalidArgument, "minutes must be above 0 and seeds at least 1"};
  }
  return TimelineSuite(options, trainer, progress).run();
}

}  // namespace kith::eval
