#include "kith/model/module_pattern.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace kith::model {
namespace {

constexpr std::size_t kMaxKeyBytes = 1000;
// Paths of modules are short, and real expressions take some dozens of steps. 64 hostile ones on
// the modules of a hundred layers end within a second.
constexpr std::uint32_t kMaxSteps = 10'000;

bool is_name(std::string_view key) {
  return key.find_first_of("\\*+?()[]{}|$^") == std::string_view::npos;
}

// A dot of `name` matches any character.
bool equals_name(std::string_view name, std::string_view text) {
  return std::equal(name.begin(), name.end(), text.begin(), text.end(),
                    [](char wanted, char c) { return wanted == '.' || wanted == c; });
}

}  // namespace

Result<ModulePattern> ModulePattern::create(std::string_view key) {
  if (key.empty() || key.size() > kMaxKeyBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "a module pattern must have 1 to 1000 bytes: " + std::to_string(key.size())};
  }
  ModulePattern pattern;
  pattern.key_ = std::string(key);
  if (is_name(key)) return pattern;
  auto compiled = text::Regex::compile("(.*\\.)?(" + pattern.key_ + ")$");
  if (!compiled) return std::move(compiled).error().with_context(pattern.key_.substr(0, 100));
  pattern.expression_ = std::make_shared<const text::Regex>(*std::move(compiled));
  return pattern;
}

Result<bool> ModulePattern::matches(std::string_view module) const {
  if (expression_ != nullptr) {
    auto found = expression_->matches_at_start(module, kMaxSteps);
    if (!found) return std::move(found).error().with_context(key_.substr(0, 100));
    return *found;
  }
  if (module.size() < key_.size()) return false;
  const std::size_t begin = module.size() - key_.size();
  return equals_name(key_, module.substr(begin)) && (begin == 0 || module[begin - 1] == '.');
}

Status ModuleNumbers::add(std::string_view key, double number) {
  KITH_ASSIGN_OR_RETURN(ModulePattern pattern, ModulePattern::create(key));
  if (pattern.is_expression() && ++num_expressions_ > kMaxExpressions) {
    return Error{ErrorCode::kInvalidArgument,
                 "at most " + std::to_string(kMaxExpressions) + " keys may be regular expressions"};
  }
  entries_.push_back({std::move(pattern), number});
  return {};
}

Result<std::optional<double>> ModuleNumbers::find(std::string_view module) const {
  for (const Entry& entry : entries_) {
    KITH_ASSIGN_OR_RETURN(const bool is_meant, entry.pattern.matches(module));
    if (is_meant) return std::optional<double>(entry.number);
  }
  return std::optional<double>();
}

}  // namespace kith::model
