#include "kith/eval/version_diff.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/eval/gate_scores.h"
#include "kith/text/language.h"

namespace kith::eval {
namespace {

// One comparison.
class Comparison {
 public:
  Comparison(const AdapterId& first, const AdapterId& second, personalize::Generator& generator,
             std::function<void()> on_text)
      : first_(generator, first, on_text), second_(generator, second, on_text) {}

  Status add_losses(const std::string& name, std::span<const GateText> texts, VersionDiff& diff);
  Status add_preferences(std::span<const GatePreference> pairs, VersionDiff& diff);
  Status add_flattery(std::span<const FlatteryProbe> probes, VersionDiff& diff);
  Status add_answers(std::span<const GateText> texts, const VersionDiffOptions& options,
                     VersionDiff& diff);

 private:
  const AdapterScorer first_;
  const AdapterScorer second_;
};

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<double> is_positive(std::vector<double> values) {
  for (double& value : values) value = value > 0.0 ? 1.0 : 0.0;
  return values;
}

SliceDiff slice_of(const std::string& name, const std::vector<double>& first,
                   const std::vector<double>& second) {
  return {name, mean(first), mean(second), paired_bootstrap(second, first), first.size()};
}

Status Comparison::add_losses(const std::string& name, std::span<const GateText> texts,
                              VersionDiff& diff) {
  if (texts.empty()) return {};
  KITH_ASSIGN_OR_RETURN(const auto first, first_.losses(texts));
  KITH_ASSIGN_OR_RETURN(const auto second, second_.losses(texts));
  std::vector<std::size_t> all(first.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const double before = perplexity_of(first, all);
  if (before <= 0.0) return {};
  diff.slices.push_back(
      {name, before, perplexity_of(second, all), perplexity_change(second, first), first.size()});
  return {};
}

Status Comparison::add_preferences(std::span<const GatePreference> pairs, VersionDiff& diff) {
  if (pairs.empty()) return {};
  KITH_ASSIGN_OR_RETURN(const auto first, first_.preference_margins(pairs));
  KITH_ASSIGN_OR_RETURN(const auto second, second_.preference_margins(pairs));
  std::vector<std::string> units;
  for (const GatePreference& pair : pairs) units.push_back(pair.unit);
  diff.slices.push_back(slice_of("preferences", means_by_unit(units, is_positive(first)),
                                 means_by_unit(units, is_positive(second))));
  return {};
}

Status Comparison::add_flattery(std::span<const FlatteryProbe> probes, VersionDiff& diff) {
  if (probes.empty()) return {};
  KITH_ASSIGN_OR_RETURN(const auto first, first_.flattery_margins(probes));
  KITH_ASSIGN_OR_RETURN(const auto second, second_.flattery_margins(probes));
  diff.slices.push_back(slice_of("flattery", is_positive(first), is_positive(second)));
  return {};
}

Status Comparison::add_answers(std::span<const GateText> texts, const VersionDiffOptions& options,
                               VersionDiff& diff) {
  std::vector<const GateText*> drawn;
  for (const GateText& text : texts) drawn.push_back(&text);
  base::Rng rng(options.seed);
  for (std::size_t i = drawn.size(); i > 1; --i) std::swap(drawn[i - 1], drawn[rng.below(i)]);
  drawn.resize(std::min(drawn.size(), options.num_answers));
  for (const GateText* text : drawn) {
    const auto answer =
        std::find_if(text->messages.begin(), text->messages.end(),
                     [](const auto& message) { return message.role == "assistant"; });
    const std::vector<personalize::Message> before(text->messages.begin(), answer);
    if (before.empty()) continue;
    KITH_ASSIGN_OR_RETURN(std::string first, first_.greedy(before, "", options.max_tokens));
    KITH_ASSIGN_OR_RETURN(std::string second, second_.greedy(before, "", options.max_tokens));
    diff.answers.push_back({before.back().content, std::move(first), std::move(second)});
  }
  return {};
}

// By the language of the first question, if there is more than one.
std::map<std::string, std::vector<GateText>> by_language(std::span<const GateText> texts) {
  std::map<std::string, std::vector<GateText>> slices;
  for (const GateText& text : texts) {
    for (const auto& message : text.messages) {
      if (message.role != "user") continue;
      slices[text::detect_language(message.content).code].push_back(text);
      break;
    }
  }
  if (slices.size() < 2) slices.clear();
  return slices;
}

}  // namespace

Result<VersionDiff> diff_versions(const GateData& data, const AdapterId& first,
                                  const AdapterId& second, personalize::Generator& generator,
                                  const VersionDiffOptions& options,
                                  const std::function<void(double share)>& on_step) {
  const auto slices = by_language(data.own);
  std::size_t steps = data.own.size() * (slices.empty() ? 1 : 2) + data.off_domain.size() +
                      data.preferences.size() + data.flattery.size();
  for (const auto& [persona, texts] : data.others) steps += texts.size();
  const double all = std::max(2.0 * static_cast<double>(steps), 1.0);
  double done = 0.0;
  Comparison comparison(first, second, generator, [&] {
    done += 1.0;
    if (on_step) on_step(std::min(done / all, 1.0));
  });
  const auto name_of = [](const AdapterId& id) { return id.empty() ? "base" : id.str(); };
  VersionDiff diff{name_of(first), name_of(second), {}, {}};
  KITH_RETURN_IF_ERROR(comparison.add_losses("own", data.own, diff));
  for (const auto& [language, texts] : slices) {
    KITH_RETURN_IF_ERROR(comparison.add_losses("own:" + language, texts, diff));
  }
  for (const auto& [persona, texts] : data.others) {
    KITH_RETURN_IF_ERROR(comparison.add_losses("other:" + persona, texts, diff));
  }
  KITH_RETURN_IF_ERROR(comparison.add_losses("off_domain", data.off_domain, diff));
  KITH_RETURN_IF_ERROR(comparison.add_preferences(data.preferences, diff));
  KITH_RETURN_IF_ERROR(comparison.add_flattery(data.flattery, diff));
  KITH_RETURN_IF_ERROR(comparison.add_answers(data.own, options, diff));
  if (on_step) on_step(1.0);
  return diff;
}

std::string to_json(const VersionDiff& diff) {
  base::OrderedJson json{{"first", diff.first},
                         {"second", diff.second},
                         {"slices", base::OrderedJson::array()},
                         {"answers", base::OrderedJson::array()}};
  for (const SliceDiff& slice : diff.slices) {
    json["slices"].push_back({{"name", slice.name},
                              {"first", slice.first},
                              {"second", slice.second},
                              {"change", slice.change.value},
                              {"low", slice.change.low},
                              {"high", slice.change.high},
                              {"units", slice.units}});
  }
  for (const AnswerPair& pair : diff.answers) {
    json["answers"].push_back(
        {{"question", pair.question}, {"first", pair.first}, {"second", pair.second}});
  }
  return base::dump_json(json);
}

std::string to_markdown(const VersionDiff& diff) {
  std::ostringstream text;
  text << std::setprecision(4) << "## " << diff.first << " and " << diff.second << "\n\n| slice | "
       << diff.first << " | " << diff.second
       << " | change | 95 % interval | units |\n|---|---|---|---|---|---|\n";
  for (const SliceDiff& slice : diff.slices) {
    text << "| " << slice.name << " | " << slice.first << " | " << slice.second << " | "
         << slice.change.value << " | [" << slice.change.low << ", " << slice.change.high << "] | "
         << slice.units << " |\n";
  }
  for (const AnswerPair& pair : diff.answers) {
    text << "\n> " << pair.question << "\n\n- " << diff.first << ": " << pair.first << "\n- "
         << diff.second << ": " << pair.second << "\n";
  }
  return text.str();
}

}  // namespace kith::eval
