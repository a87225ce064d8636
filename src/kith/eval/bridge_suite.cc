#include "kith/eval/bridge_suite.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <sstream>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/eval/bridge_cost.h"
#include "kith/eval/bridge_tasks.h"
#include "kith/timeline/feature_map.h"
#include "kith/timeline/training_file.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;
using base::Json;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

enum class PromptText : std::uint8_t { kNothing, kSummary, kHistory };

struct Arm {
  const char* name;
  const char* type;
  const char* strategy;
  PromptText text;
  bool is_raw = false;
};

constexpr std::array<Arm, 11> kArms{{
    {"history", "none", "lora", PromptText::kHistory},
    {"summary", "none", "lora", PromptText::kSummary},
    {"nothing", "none", "lora", PromptText::kNothing},
    {"soft_prompt", "soft_prompt", "proj", PromptText::kNothing},
    {"soft_prompt_enc", "soft_prompt", "enc", PromptText::kNothing},
    {"soft_prompt_lora", "soft_prompt", "lora", PromptText::kNothing},
    {"soft_prompt_raw", "soft_prompt", "proj", PromptText::kNothing, true},
    {"cross_attention", "cross_attention", "proj", PromptText::kNothing},
    {"cross_attention_enc", "cross_attention", "enc", PromptText::kNothing},
    {"cross_attention_lora", "cross_attention", "lora", PromptText::kNothing},
    {"cross_attention_raw", "cross_attention", "proj", PromptText::kNothing, true},
}};

bool has_bridge(const Arm& arm) { return std::string(arm.type) != "none"; }

std::string prompt_of(const NeedExample& example, PromptText text) {
  const std::string question = "What will this employee need next?";
  if (text == PromptText::kHistory) return history_text(example) + question;
  if (text == PromptText::kSummary) return summary_text(example) + question;
  return question;
}

std::string quoted(const fs::path& path) { return base::dump_json(Json(path.string())); }

struct HistorySet {
  int length = 0;
  fs::path dir;
  std::vector<NeedExample> train;
  std::vector<NeedExample> test;
  // Test users, each with the places of their examples in `test`.
  std::vector<std::vector<std::size_t>> users;
};

class BridgeSuite {
 public:
  BridgeSuite(const BridgeSuiteOptions& options, const base::Clock& clock,
              const TrainerRunner& trainer, const Progress& progress)
      : options_(options), clock_(clock), trainer_(trainer), progress_(progress) {}

  Result<Report> run() {
    KITH_RETURN_IF_ERROR(choose_arms());
    KITH_ASSIGN_OR_RETURN(const auto timelines, read_timelines(options_.events, clock_.now()));
    KITH_RETURN_IF_ERROR(train_encoders(timelines));
    report_.suite = "bridges";
    const double runs = static_cast<double>(options_.histories.size() * arms_.size());
    double done = 0.0;
    for (const int length : options_.histories) {
      KITH_ASSIGN_OR_RETURN(const HistorySet set, make_set(timelines, length));
      std::map<std::string, std::vector<double>> right;
      for (const Arm& arm : arms_) {
        KITH_ASSIGN_OR_RETURN(right[arm.name], run_arm(set, arm));
        if (progress_) progress_(++done / runs);
      }
      KITH_RETURN_IF_ERROR(add_figures(set, right));
    }
    return report_;
  }

 private:
  Status choose_arms() {
    for (const Arm& arm : kArms) {
      const auto& names = options_.arms;
      if (names.empty() || std::find(names.begin(), names.end(), arm.name) != names.end()) {
        arms_.push_back(arm);
      }
    }
    if (!options_.arms.empty() && arms_.size() != options_.arms.size()) {
      std::string names;
      for (const Arm& arm : kArms) names += std::string(names.empty() ? "" : ", ") + arm.name;
      return invalid("arms must each be one of " + names);
    }
    return {};
  }

  bool needs(bool raw) const {
    return std::any_of(arms_.begin(), arms_.end(),
                       [raw](const Arm& arm) { return has_bridge(arm) && arm.is_raw == raw; });
  }

  Status train_encoders(const std::vector<UserTimeline>& timelines) {
    timeline::FeatureMapBuilder builder(need_schema());
    for (const auto& t : timelines) {
      if (!t.is_test) builder.add(t.events);
    }
    map_.emplace(builder.build());
    timeline::TrainingFileWriter writer(*map_);
    for (const auto& t : timelines) {
      if (!t.is_test) writer.add(t.events);
    }
    KITH_RETURN_IF_ERROR(writer.save(options_.work / "pretrain"));
    if (needs(false)) {
      KITH_ASSIGN_OR_RETURN(encoder_, train_encoder("encoder", "2e-3", options_.encoder_events));
    }
    if (needs(true)) {
      KITH_ASSIGN_OR_RETURN(raw_encoder_, train_encoder("encoder_raw", "0.0", 1));
    }
    return {};
  }

  Result<fs::path> train_encoder(const std::string& name, const char* rate,
                                 std::int64_t events) const {
    const fs::path dir = options_.work / name;
    const int longest = *std::max_element(options_.histories.begin(), options_.histories.end());
    std::ostringstream text;
    text << "seed = " << options_.seed << "\noutput = " << quoted(dir)
         << "\ndevice = \"cpu\"\nthreads = 1\ntimelines = " << quoted(options_.work / "pretrain")
         << "\nwindow = " << longest << "\ndropout = 0.1\n[model]\nhidden_size = 64\n"
         << "num_attention_heads = 2\nintermediate_size = 172\n[perceiver]\nnum_latents = "
         << options_.latents << "\n[optimizer]\nlearning_rate = " << rate
         << "\nwarmup_steps = 20\nschedule = \"cosine\"\n[run]\ntokens = " << events
         << "\nbatch_tokens = 6400\nvalidate_every = 0\n";
    KITH_ASSIGN_OR_RETURN(const Json report, train("timeline", name, text.str()));
    return dir / "encoder";
  }

  Result<Json> train(const std::string& kind, const std::string& name,
                     const std::string& recipe) const {
    const fs::path file = options_.work / (name + ".toml");
    KITH_RETURN_IF_ERROR(base::write_file_atomically(file, recipe));
    return trainer_(kind, file);
  }

  // Each example is a user of its own, with exactly the events that count.
  Result<HistorySet> make_set(const std::vector<UserTimeline>& timelines, int length) const {
    HistorySet set{length, options_.work / ("h" + std::to_string(length))};
    const auto history = static_cast<std::size_t>(length);
    for (const auto& t : timelines) {
      const int cuts = t.is_test ? options_.test_cuts : options_.train_cuts;
      auto& to = t.is_test ? set.test : set.train;
      for (auto& example : need_examples({t}, history, static_cast<std::size_t>(cuts))) {
        to.push_back(std::move(example));
      }
    }
    if (set.train.empty() || set.test.empty()) {
      return invalid("too few users have more than " + std::to_string(length) + " events");
    }
    for (std::size_t i = 0; i < set.test.size(); ++i) {
      if (i == 0 || set.test[i].user != set.test[i - 1].user) set.users.emplace_back();
      set.users.back().push_back(i);
    }
    timeline::TrainingFileWriter writer(*map_);
    for (const auto* part : {&set.train, &set.test}) {
      for (const NeedExample& example : *part) writer.add(example.history);
    }
    KITH_RETURN_IF_ERROR(writer.save(set.dir));
    for (const PromptText text :
         {PromptText::kNothing, PromptText::kSummary, PromptText::kHistory}) {
      KITH_RETURN_IF_ERROR(write_examples(set, set.train, 0, "train", text));
      KITH_RETURN_IF_ERROR(write_examples(set, set.test, set.train.size(), "test", text));
    }
    return set;
  }

  static fs::path examples_file(const HistorySet& set, const std::string& part, PromptText text) {
    return set.dir / (part + std::to_string(static_cast<int>(text)) + ".jsonl");
  }

  static Status write_examples(const HistorySet& set, const std::vector<NeedExample>& examples,
                               std::size_t first, const std::string& part, PromptText text) {
    std::string lines;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const Json message{{"role", "user"}, {"content", prompt_of(examples[i], text)}};
      lines += base::dump_json(Json{{"user", first + i},
                                    {"events", set.length},
                                    {"messages", Json::array({message})},
                                    {"answer", examples[i].answer}}) +
               "\n";
    }
    return base::write_file_atomically(examples_file(set, part, text), lines);
  }

  std::string recipe_of(const HistorySet& set, const Arm& arm, const fs::path& output) const {
    std::ostringstream text;
    text << "seed = " << options_.seed << "\noutput = " << quoted(output)
         << "\ndevice = \"cpu\"\nthreads = 1\ninit = " << quoted(options_.model) << "\ntype = \""
         << arm.type << "\"\nstrategy = \"" << arm.strategy << "\"\n";
    if (has_bridge(arm)) {
      text << "encoder = " << quoted(arm.is_raw ? raw_encoder_ : encoder_)
           << "\ntimelines = " << quoted(set.dir) << "\n";
    }
    text << "[bridge]\nmax_tokens = 4000\nbatch = " << options_.batch << "\n";
    if (std::string(arm.strategy) == "lora") text << "[lora]\nrank = 16\nalpha = 32\n";
    text << "[[data]]\npath = " << quoted(examples_file(set, "train", arm.text))
         << "\n[[validation]]\npath = " << quoted(examples_file(set, "test", arm.text))
         << "\n[optimizer]\nlearning_rate = 2e-3\nschedule = \"cosine\"\nwarmup_steps = "
         << std::max(1, options_.steps / 20)
         << "\nweight_decay = 0.0\n[run]\nsteps = " << options_.steps
         << "\nvalidate_every = 0\nmicro_batch_tokens = 8192\n";
    return text.str();
  }

  fs::path run_directory(const HistorySet& set, const Arm& arm) const {
    return options_.work / ("h" + std::to_string(set.length) + "_" + arm.name);
  }

  // Whether each test example was answered right: 1 or 0.
  Result<std::vector<double>> run_arm(const HistorySet& set, const Arm& arm) const {
    const fs::path output = run_directory(set, arm);
    const std::string name = output.filename().string();
    KITH_ASSIGN_OR_RETURN(const Json report, train("bridge", name, recipe_of(set, arm, output)));
    KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(output / "answers.jsonl"));
    std::vector<double> right;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      KITH_ASSIGN_OR_RETURN(const Json answer, base::parse_json(line));
      KITH_ASSIGN_OR_RETURN(const auto value, base::read_bool(answer, "right"));
      right.push_back(value.value_or(false) ? 1.0 : 0.0);
    }
    if (right.size() == set.test.size()) return right;
    return Error{ErrorCode::kInternal, "the run answered another number of questions: " + name};
  }

  static std::vector<double> by_user(const HistorySet& set, const std::vector<double>& right) {
    std::vector<double> means;
    for (const auto& user : set.users) {
      double sum = 0.0;
      for (const std::size_t i : user) sum += right[i];
      means.push_back(sum / static_cast<double>(user.size()));
    }
    return means;
  }

  static Figure mean_figure(const std::vector<double>& users) {
    return bootstrap(users.size(), [&](const std::vector<std::size_t>& units) {
      double sum = 0.0;
      for (const std::size_t unit : units) sum += users[unit];
      return sum / static_cast<double>(units.size());
    });
  }

  Status add_figures(const HistorySet& set,
                     const std::map<std::string, std::vector<double>>& right) {
    std::vector<double> favourite;
    for (const NeedExample& example : set.test) {
      favourite.push_back(favourite_need(example) == example.answer ? 1.0 : 0.0);
    }
    const double base = mean_figure(by_user(set, favourite)).value;
    KITH_RETURN_IF_ERROR(add_tokens(set));
    const std::string length = std::to_string(set.length) + "_";
    report_.notes.push_back("After " + std::to_string(set.length) +
                            " events: " + std::to_string(set.train.size()) + " examples train, " +
                            std::to_string(set.test.size()) + " of " +
                            std::to_string(set.users.size()) + " users are asked.");
    for (const Arm& arm : arms_) {
      const std::vector<double> own = by_user(set, right.at(arm.name));
      Figure figure = mean_figure(own);
      figure.baselines["favourite"] = base;
      report_.figures["right_" + length + arm.name] = figure;
      if (right.contains("history") && arm.text != PromptText::kHistory) {
        report_.figures["over_history_" + length + arm.name] =
            paired_bootstrap(own, by_user(set, right.at("history")));
      }
      if (has_bridge(arm) && options_.measure_cost) {
        KITH_RETURN_IF_ERROR(add_cost(set, arm));
      }
    }
    return {};
  }

  // Tokens that tell the history as text, a mean over the test examples.
  Status add_tokens(const HistorySet& set) {
    KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(options_.model));
    double told = 0.0;
    for (const NeedExample& example : set.test) {
      told += static_cast<double>(
          prompt_tokens(tokenizer, prompt_of(example, PromptText::kHistory)).size() -
          prompt_tokens(tokenizer, prompt_of(example, PromptText::kNothing)).size());
    }
    told /= static_cast<double>(set.test.size());
    const double fewer = told / options_.latents;
    const std::string length = std::to_string(set.length);
    report_.figures["history_tokens_" + length] = {told, told, told, {}};
    report_.figures["fewer_tokens_" + length] = {fewer, fewer, fewer, {}};
    return {};
  }

  Status add_cost(const HistorySet& set, const Arm& arm) {
    constexpr std::size_t kPrompts = 40;
    std::vector<HistoryPrompt> prompts;
    for (const NeedExample& example : set.test) {
      if (prompts.size() == kPrompts) break;
      prompts.push_back({example.history, prompt_of(example, PromptText::kHistory),
                         prompt_of(example, PromptText::kNothing)});
    }
    const fs::path run = run_directory(set, arm);
    const bool has_own = std::string(arm.strategy) == "enc";
    const fs::path encoder = has_own ? run / "encoder" : arm.is_raw ? raw_encoder_ : encoder_;
    KITH_ASSIGN_OR_RETURN(
        const FirstTokenCost cost,
        first_token_cost(options_.model, encoder, run / "bridge", prompts, clock_));
    const std::string name = std::to_string(set.length) + "_" + arm.name;
    const auto add = [&](const std::string& key, double own, double text) {
      report_.figures[key + name] = {own, own, own, {{"history", text}}};
    };
    add("first_token_ms_", cost.bridge_ms, cost.text_ms);
    add("encoder_ms_", cost.encoder_ms, 0.0);
    add("products_", cost.bridge_products, cost.text_products);
    return {};
  }

  const BridgeSuiteOptions& options_;
  const base::Clock& clock_;
  const TrainerRunner& trainer_;
  const Progress& progress_;
  std::vector<Arm> arms_;
  std::optional<timeline::FeatureMap> map_;
  fs::path encoder_;
  fs::path raw_encoder_;
  Report report_;
};

}  // namespace

Result<Report> evaluate_bridges(const BridgeSuiteOptions& options, const base::Clock& clock,
                                const TrainerRunner& trainer, const Progress& progress) {
  if (options.events.empty() || options.histories.empty()) {
    return invalid("events and histories must not be empty");
  }
  return BridgeSuite(options, clock, trainer, progress).run();
}

}  // namespace kith::eval
