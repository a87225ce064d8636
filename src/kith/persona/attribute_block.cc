#include "kith/persona/attribute_block.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kith/persona/catalogue.h"
#include "kith/persona/person_names.h"
#include "kith/text/segment.h"

namespace kith::persona {
namespace {

// Largest share of values with personal data in an attribute that counts.
constexpr double kMaxPersonal = 0.05;
// An attribute's shared values must cover this share of the users who have it.
constexpr double kMinCoverage = 0.5;
constexpr std::size_t kMaxValues = 256;
// An attribute is implied if this share of its entropy, at most, is left when another is known.
constexpr double kMaxOpen = 0.05;

double entropy(const std::map<std::pair<std::uint32_t, std::uint32_t>, double>& counts) {
  double total = 0.0;
  double sum = 0.0;
  for (const auto& [cell, count] : counts) {
    total += count;
    sum += count * std::log(count);
  }
  return total > 0.0 ? std::log(total) - sum / total : 0.0;
}

// Whether `other` settles `use`, over the teaching users who have both.
bool is_implied(const AttributeUse& use, const AttributeUse& other,
                const std::vector<std::size_t>& teachers) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> own;
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> others;
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> both;
  for (const std::size_t user : teachers) {
    if (use.users[user].empty() || other.users[user].empty()) continue;
    const std::uint32_t a = use.users[user].front().first;
    const std::uint32_t b = other.users[user].front().first;
    own[{a, 0}] += 1.0;
    others[{b, 0}] += 1.0;
    both[{a, b}] += 1.0;
  }
  return !own.empty() && entropy(both) - entropy(others) <= kMaxOpen * entropy(own);
}

// The words of a value that have a letter, each once.
std::vector<std::string> words_of(const std::string& value) {
  std::vector<std::string> words;
  for (std::string& word : text::segment_words(value)) {
    const bool has_digit =
        std::any_of(word.begin(), word.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
    const bool is_known = std::find(words.begin(), words.end(), word) != words.end();
    if (!has_digit && !is_known) words.push_back(std::move(word));
  }
  return words;
}

// Indices of what at least `floor` users have; others get `counts.size()`.
std::vector<std::uint32_t> keep_shared(const std::vector<std::size_t>& counts, std::size_t floor,
                                       const std::vector<std::string>& names,
                                       std::vector<std::string>& kept) {
  std::vector<std::uint32_t> indices(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < floor) continue;
    indices[i] = static_cast<std::uint32_t>(kept.size());
    kept.push_back(names[i]);
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < floor) indices[i] = static_cast<std::uint32_t>(kept.size());
  }
  return indices;
}

bool covers(std::size_t covered, std::size_t holders) {
  return static_cast<double>(covered) >= kMinCoverage * static_cast<double>(holders);
}

}  // namespace

Status AttributeBlock::add(const DiscoveryUser& user) {
  for (const auto& [name, value] : user.attributes) {
    if (is_denied_attribute(name)) {
      denied_.insert(name);
      continue;
    }
    if (value.empty()) continue;
    Column& column = columns_[name];
    const auto next = static_cast<std::uint32_t>(column.distinct.size());
    const auto [place, is_new] = column.index.emplace(value, next);
    if (is_new) column.distinct.push_back(value);
    column.entries.emplace_back(static_cast<std::uint32_t>(num_users_), place->second);
  }
  ++num_users_;
  return {};
}

bool AttributeBlock::use_values(const Column& column, const std::vector<bool>& teaches,
                                AttributeUse& use) const {
  std::vector<std::size_t> counts(column.distinct.size());
  std::size_t holders = 0;
  for (const auto& [user, value] : column.entries) {
    if (!teaches[user]) continue;
    ++counts[value];
    ++holders;
  }
  std::vector<std::string> kept;
  const auto indices = keep_shared(counts, floor_, column.distinct, kept);
  std::size_t covered = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) covered += counts[i] >= floor_ ? counts[i] : 0U;
  if (kept.empty() || kept.size() > kMaxValues || !covers(covered, holders)) return false;
  use.values = std::move(kept);
  use.users.assign(num_users_, {});
  for (const auto& [user, value] : column.entries) use.users[user] = {{indices[value], 1.0F}};
  return true;
}

bool AttributeBlock::use_words(const Column& column, const std::vector<bool>& teaches,
                               AttributeUse& use) const {
  std::map<std::string, std::size_t> numbers;
  std::vector<std::string> words;
  std::vector<std::vector<std::size_t>> of_value;
  for (const std::string& value : column.distinct) {
    auto& list = of_value.emplace_back();
    for (const std::string& word : words_of(value)) {
      const auto [place, is_new] = numbers.emplace(word, words.size());
      if (is_new) words.push_back(word);
      list.push_back(place->second);
    }
  }
  std::vector<std::size_t> counts(words.size());
  for (const auto& [user, value] : column.entries) {
    if (!teaches[user]) continue;
    for (const std::size_t word : of_value[value]) ++counts[word];
  }
  std::vector<std::string> kept;
  const auto indices = keep_shared(counts, floor_, words, kept);
  if (kept.empty() || kept.size() > kMaxValues) return false;
  std::size_t holders = 0;
  std::size_t covered = 0;
  use.users.assign(num_users_, {});
  for (const auto& [user, value] : column.entries) {
    ValueWeights& weights = use.users[user];
    for (const std::size_t word : of_value[value]) {
      if (counts[word] >= floor_) weights.emplace_back(indices[word], 1.0F);
    }
    holders += teaches[user] ? 1U : 0U;
    covered += teaches[user] && !weights.empty() ? 1U : 0U;
    if (weights.empty()) weights.emplace_back(static_cast<std::uint32_t>(kept.size()), 1.0F);
    for (auto& [word, weight] : weights) weight = 1.0F / static_cast<float>(weights.size());
  }
  use.values = std::move(kept);
  use.by_words = true;
  return covers(covered, holders);
}

std::optional<std::string> AttributeBlock::reason_against(const std::string& name,
                                                          const Column& column,
                                                          const std::vector<bool>& teaches,
                                                          AttributeUse& use) {
  if (is_name_attribute(name)) return "names";
  std::size_t personal = 0;
  for (const auto& value : column.distinct) personal += redactor_.find(value).empty() ? 0U : 1U;
  if (static_cast<double>(personal) > kMaxPersonal * static_cast<double>(column.distinct.size())) {
    return "personal";
  }
  use.name = name;
  if (!use_values(column, teaches, use) && !use_words(column, teaches, use)) return "identifying";
  std::set<std::uint32_t> seen;
  for (const ValueWeights& values : use.users) {
    for (const auto& [value, weight] : values) seen.insert(value);
  }
  if (seen.size() < 2) return "constant";
  return std::nullopt;
}

MixtureViews AttributeBlock::finish(const std::vector<std::size_t>& teachers) {
  std::vector<bool> teaches(num_users_);
  for (const std::size_t user : teachers) teaches[user] = true;
  for (const std::string& name : denied_) left_out_.push_back({name, "denied"});
  for (const auto& [name, column] : columns_) {
    AttributeUse use;
    if (const auto reason = reason_against(name, column, teaches, use)) {
      left_out_.push_back({name, *reason});
    } else {
      uses_.push_back(std::move(use));
    }
  }
  columns_.clear();
  MixtureViews views;
  std::vector<bool> is_out(uses_.size());
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    for (std::size_t j = 0; j < uses_.size() && !is_out[i]; ++j) {
      const bool may_settle = i != j && !is_out[j] && !uses_[i].by_words && !uses_[j].by_words;
      is_out[i] = may_settle && is_implied(uses_[i], uses_[j], teachers);
    }
    if (is_out[i]) {
      left_out_.push_back({uses_[i].name, "implied"});
    } else {
      views.push_back(std::make_unique<CategoricalView>(uses_[i].name, uses_[i].values.size() + 1,
                                                        uses_[i].users));
    }
  }
  std::sort(left_out_.begin(), left_out_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return views;
}

}  // namespace kith::persona
