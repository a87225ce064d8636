// What a good answer looks like, for each kind of request. For tests.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/server/test_server.h"

namespace kith::runtime::load {

// What is wrong; nothing if all is well.
using Complaint = std::optional<std::string>;

// An error as docs/formats/http.md has it, with one of these statuses; 429 says when to come back.
Complaint check_error(const server::TestResponse& reply, const std::vector<int>& allowed);

// What was asked for, as far as an answer shows it.
struct Expected {
  int num_choices = 1;
  // Tokens of one choice at most.
  int max_tokens = 1;
  bool wants_logprobs = false;
  // What texts must not hold.
  std::vector<std::string> stop;
  // What texts must be; null: anything.
  bool (*is_valid_text)(std::string_view text) = nullptr;
};

// The choices of a whole answer, or of a stream put together.
struct Choices {
  std::vector<std::string> texts;
  std::vector<std::string> finish_reasons;
  // Tokens with log-probabilities.
  std::vector<std::size_t> num_logprobs;
  int completion_tokens = 0;
  std::string model;
  std::string decision;
};

// 200 with a whole chat or completion, or a stream that ended as it should.
Complaint read_choices(const server::TestResponse& reply, bool is_stream, Choices& choices);
Complaint check_choices(const Choices& choices, const Expected& expected);

}  // namespace kith::runtime::load
