// The body of POST /v1/feedback and its answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/api/error.h"

namespace kith::api {

struct FeedbackSignal {
  std::string kind;             // "thumb", "rating", "dwell", "reply", ...
  std::optional<double> value;  // one of value and text
  std::string text;
  std::int64_t at_micros = 0;  // Unix; 0: now
};

// What came back on one answer.
struct FeedbackItem {
  std::string decision;
  std::string completion;  // one of the two
  std::string user;        // empty if absent
  std::vector<FeedbackSignal> signals;
  std::string key;
};

struct FeedbackBody {
  std::vector<FeedbackItem> items;  // at least one, at most 1000
  bool is_batch = false;
};

// Reads {decision|completion, user, signals:[{kind,value,at}], key} or {batch:[..]}. A value is a
// number, a text, or a boolean; for kind "thumb" also "up" and "down". `at` is ISO 8601 or Unix
// seconds.
// Errors: 400 naming the member in `param`.
Outcome<FeedbackBody> parse_feedback(std::string_view body);

struct FeedbackFailure {
  std::size_t index = 0;  // in the batch
  ApiError error;
};

struct FeedbackAnswer {
  std::vector<std::string> applied_to;  // decisions
  int num_added = 0;
  std::vector<FeedbackFailure> failures;
};

// {"applied_to":[..],"added":n} and, if there are any, "errors":[{index,message,code}].
std::string feedback_body(const FeedbackAnswer& answer);

}  // namespace kith::api
