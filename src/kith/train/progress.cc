#include "kith/train/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "kith/base/json.h"

namespace kith::train {

std::string format_duration(double seconds) {
  const auto whole = static_cast<long long>(std::max(0.0, seconds));
  std::array<char, 40> text{};
  if (whole >= 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", whole / 60, whole % 60);
  }
  return text.data();
}

Result<ProgressReporter> ProgressReporter::open(const std::filesystem::path& log_path, bool quiet) {
  std::ofstream log(log_path, std::ios::app);
  if (!log) return Error{ErrorCode::kUnavailable, "cannot write " + log_path.string()};
  return ProgressReporter(std::move(log), quiet, isatty(STDERR_FILENO) == 1);
}

void ProgressReporter::say(const std::string& message) {
  if (!quiet_) std::fprintf(stderr, "%s%s\n", terminal_ ? "\r\033[K" : "", message.c_str());
}

void ProgressReporter::show(const StepReport& r) const {
  const double left = r.progress > 0.0 ? r.elapsed_seconds * (1.0 / r.progress - 1.0) : 0.0;
  std::string bar;
  if (terminal_) {
    constexpr int kWidth = 24;
    const int full = std::clamp(static_cast<int>(r.progress * kWidth), 0, kWidth);
    bar = "\r\033[K[" + std::string(static_cast<std::size_t>(full), '#') +
          std::string(static_cast<std::size_t>(kWidth - full), '.') + "] ";
  }
  std::fprintf(stderr,
               "%s%5.1f %%  step %lld  loss %.4f  lr %.2e  norm %.2f  %.0f tokens/s  %s left%s",
               bar.c_str(), 100.0 * std::min(1.0, r.progress), static_cast<long long>(r.step),
               r.loss, r.learning_rate, r.gradient_norm, r.tokens_per_second,
               format_duration(left).c_str(), terminal_ ? "" : "\n");
  std::fflush(stderr);
}

void ProgressReporter::step(const StepReport& r, double now_seconds) {
  const base::OrderedJson json{{"step", r.step},
                               {"loss", r.loss},
                               {"learning_rate", r.learning_rate},
                               {"tokens", r.tokens},
                               {"tokens_per_second", r.tokens_per_second},
                               {"gradient_norm", r.gradient_norm},
                               {"seconds", r.elapsed_seconds}};
  log_ << json.dump() << '\n' << std::flush;
  const double interval = terminal_ ? 0.2 : 10.0;
  if (quiet_ || now_seconds - last_shown_ < interval) return;
  last_shown_ = now_seconds;
  show(r);
}

void ProgressReporter::validation(std::int64_t step, const std::vector<ValidationFigure>& figures) {
  base::OrderedJson json{{"step", step}, {"validation", base::OrderedJson::object()}};
  std::string line = "validation at step " + std::to_string(step) + ":";
  for (const ValidationFigure& figure : figures) {
    json["validation"][figure.name] = figure.perplexity;
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), " %.3f", figure.perplexity);
    line += "  " + figure.name + number.data();
  }
  log_ << json.dump() << '\n' << std::flush;
  if (!figures.empty()) say(line + "  (perplexity)");
}

void ProgressReporter::preferences(std::int64_t step,
                                   const std::vector<PreferenceFigure>& figures) {
  base::OrderedJson json{{"step", step}, {"preferences", base::OrderedJson::object()}};
  std::string line = "preferences at step " + std::to_string(step) + ":";
  for (const PreferenceFigure& figure : figures) {
    auto& to = json["preferences"][figure.name];
    to = {{"accuracy", figure.accuracy}, {"margin", figure.margin}};
    if (figure.likelier) to["likelier"] = *figure.likelier;
    std::array<char, 96> numbers{};
    std::snprintf(numbers.data(), numbers.size(), " accuracy %.3f margin %.4f", figure.accuracy,
                  figure.margin);
    line += "  " + figure.name + numbers.data();
    if (!figure.likelier) continue;
    std::snprintf(numbers.data(), numbers.size(), " likelier %.3f", *figure.likelier);
    line += numbers.data();
  }
  log_ << json.dump() << '\n' << std::flush;
  if (!figures.empty()) say(line);
}

void ProgressReporter::ranks(std::int64_t step, const std::vector<RankFigure>& figures) {
  base::OrderedJson json{{"step", step}, {"ranks", base::OrderedJson::object()}};
  std::string line = "next event at step " + std::to_string(step) + ":";
  for (const RankFigure& figure : figures) {
    json["ranks"][figure.name] = {
        {"users", figure.users}, {"hr10", figure.hit_rate_10}, {"ndcg10", figure.ndcg_10}};
    std::array<char, 64> numbers{};
    std::snprintf(numbers.data(), numbers.size(), " HR@10 %.4f NDCG@10 %.4f", figure.hit_rate_10,
                  figure.ndcg_10);
    line += "  " + figure.name + numbers.data();
  }
  log_ << json.dump() << '\n' << std::flush;
  if (!figures.empty()) say(line);
}

void ProgressReporter::answers(std::int64_t step, const std::vector<AnswerFigure>& figures) {
  base::OrderedJson json{{"step", step}, {"answers", base::OrderedJson::object()}};
  std::string line = "answers at step " + std::to_string(step) + ":";
  for (const AnswerFigure& figure : figures) {
    json["answers"][figure.name] = {
        {"examples", figure.examples}, {"accuracy", figure.accuracy}, {"loss", figure.loss}};
    std::array<char, 64> numbers{};
    std::snprintf(numbers.data(), numbers.size(), " right %.4f loss %.4f", figure.accuracy,
                  figure.loss);
    line += "  " + figure.name + numbers.data();
  }
  log_ << json.dump() << '\n' << std::flush;
  if (!figures.empty()) say(line);
}

void ProgressReporter::finish() {
  if (!quiet_ && terminal_) std::fprintf(stderr, "\n");
}

}  // namespace kith::train
