#include "kith/eval/essay_data.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "kith/base/json.h"
#include "kith/storage/record_files.h"

namespace kith::eval {
namespace {

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

using Prompts = std::map<std::string, std::string>;

Result<std::string> read_member(const base::Json& line, const char* key) {
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(line, key));
  if (!text || text->empty()) return invalid(std::string(key) + " is missing or empty");
  return *std::move(text);
}

Result<TraitLevels> read_traits(const base::Json& line) {
  TraitLevels levels{};
  const auto traits = line.find("traits");
  if (traits == line.end() || !traits->is_object()) return invalid("traits are missing");
  for (std::size_t t = 0; t < kEssayTraits.size(); ++t) {
    KITH_ASSIGN_OR_RETURN(const auto level, base::read_integer(*traits, kEssayTraits[t]));
    if (!level || *level < 1 || *level > kHighestTraitLevel) {
      return invalid(std::string(kEssayTraits[t]) + " must be in [1, 5]");
    }
    levels[t] = static_cast<double>(*level);
  }
  return levels;
}

Result<Essay> read_essay(const base::Json& line, const Prompts& prompts) {
  Essay essay;
  KITH_ASSIGN_OR_RETURN(essay.id, read_member(line, "id"));
  KITH_ASSIGN_OR_RETURN(essay.text, read_member(line, "text"));
  KITH_ASSIGN_OR_RETURN(const std::string prompt, read_member(line, "prompt"));
  const auto found = prompts.find(prompt);
  if (found == prompts.end()) return invalid("prompt is unknown");
  essay.prompt = found->second;
  KITH_ASSIGN_OR_RETURN(const std::string split, read_member(line, "split"));
  if (split != "train" && split != "valid" && split != "test") {
    return invalid("split must be train, valid or test");
  }
  essay.split = split == "train"   ? EssaySplit::kTrain
                : split == "valid" ? EssaySplit::kValid
                                   : EssaySplit::kTest;
  KITH_ASSIGN_OR_RETURN(const auto score, base::read_integer(line, "score"));
  if (!score || *score < kLowestEssayScore || *score > kHighestEssayScore) {
    return invalid("score must be in [1, 6]");
  }
  essay.score = static_cast<int>(*score);
  KITH_ASSIGN_OR_RETURN(essay.traits, read_traits(line));
  return essay;
}

}  // namespace

Result<std::vector<Essay>> load_essays(const std::filesystem::path& directory) {
  std::optional<Error> error;
  const auto note = [&](Error problem, const char* file, std::size_t number) {
    if (error) return;
    error = std::move(problem).with_context((directory / file).string() + ", record " +
                                            std::to_string(number));
  };
  Prompts prompts;
  const auto use_prompt = [&](const base::Json& line) {
    auto id = read_member(line, "id");
    auto text = read_member(line, "text");
    if (!id || !text)
      return note(id ? text.error() : id.error(), "prompts.jsonl", prompts.size() + 1);
    prompts[*id] = *std::move(text);
  };
  KITH_RETURN_IF_ERROR(storage::read_records(directory / "prompts.jsonl", use_prompt));
  std::vector<Essay> essays;
  const auto use_essay = [&](const base::Json& line) {
    auto essay = read_essay(line, prompts);
    if (!essay) return note(essay.error(), "essays.jsonl", essays.size() + 1);
    essays.push_back(*std::move(essay));
  };
  KITH_RETURN_IF_ERROR(storage::read_records(directory / "essays.jsonl", use_essay));
  if (error) return *error;
  return essays;
}

std::string essay_question(const Essay& essay, std::size_t trait) {
  // The essay comes first, so that a cache holds it for all four questions.
  return "Task: " + essay.prompt + "\n\nEssay:\n" + essay.text + "\n\nLevel of " +
         kEssayTraits[trait] + ", from 1 to 5?";
}

int score_of_traits(const TraitLevels& levels) {
  // The least points of scores 2 to 6; points between two whole ones go to the nearer.
  constexpr std::array kBounds{8.0, 12.0, 15.0, 19.0, 23.0};
  constexpr double kHalf = 0.5;
  const double points = 2.0 * levels[0] + levels[1] + levels[2] + levels[3];
  int score = kLowestEssayScore;
  for (const double bound : kBounds) score += points >= bound - kHalf ? 1 : 0;
  const bool lowest_content = levels[0] < 1.0 + kHalf;
  return lowest_content ? std::min(score, 2) : score;
}

SurfaceFeatures surface_features(const std::string& text) {
  std::istringstream in(text);
  std::set<std::string> different;
  double words = 0.0;
  double letters = 0.0;
  for (std::string word; in >> word;) {
    std::string plain;
    for (const char c : word) {
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalpha(byte) != 0) plain += static_cast<char>(std::tolower(byte));
    }
    words += 1.0;
    letters += static_cast<double>(plain.size());
    different.insert(plain);
  }
  double paragraphs = 1.0;
  for (std::size_t at = text.find("\n\n"); at != std::string::npos;
       at = text.find("\n\n", at + 2)) {
    paragraphs += 1.0;
  }
  const auto is_end = [](char c) { return c == '.' || c == '!' || c == '?'; };
  const auto ends = static_cast<double>(std::count_if(text.begin(), text.end(), is_end));
  const auto commas = static_cast<double>(std::count(text.begin(), text.end(), ','));
  const double some_words = std::max(words, 1.0);
  return {words,
          paragraphs,
          letters / some_words,
          static_cast<double>(different.size()) / some_words,
          words / std::max(ends, 1.0),
          commas / some_words};
}

}  // namespace kith::eval
