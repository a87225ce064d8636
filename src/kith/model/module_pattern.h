// Keys of PEFT's rank_pattern and alpha_pattern: which modules an exception is for.
//
// PEFT takes a key for a regular expression that must match a module's whole path, or its end after
// a dot: re.match(r"(.*\.)?(KEY)$", path). Of several keys that match, the first in the file
// counts. Internal to model.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/regex.h"

namespace kith::model {

// Immutable; const members may be called from any thread.
class ModulePattern {
 public:
  // Errors: kInvalidArgument if `key` is empty, longer than 1,000 bytes, or no regular expression.
  static Result<ModulePattern> create(std::string_view key);

  // Whether `module` (a path, "model.layers.0.self_attn.q_proj") is meant.
  // Errors: kInvalidArgument if an expression would take too many steps to tell.
  Result<bool> matches(std::string_view module) const;

  // Whether the key says more than a name does; such are slower to match.
  bool is_expression() const { return expression_ != nullptr; }

 private:
  std::string key_;
  // Null for keys that are names; a dot in those stands for any character, as in an expression.
  std::shared_ptr<const text::Regex> expression_;
};

// A number for each of some patterns, in the order of the file.
class ModuleNumbers {
 public:
  // Expressions in one file at most. Names are not limited: some methods write one for each module.
  static constexpr int kMaxExpressions = 64;

  // Errors: those of ModulePattern::create(); kInvalidArgument for too many expressions.
  Status add(std::string_view key, double number);

  // That of the first pattern that matches; absent if none does. Errors: those of matches().
  Result<std::optional<double>> find(std::string_view module) const;

 private:
  struct Entry {
    ModulePattern pattern;
    double number = 0.0;
  };
  std::vector<Entry> entries_;
  int num_expressions_ = 0;
};

}  // namespace kith::model
