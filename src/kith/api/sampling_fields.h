// Members that requests for chats and for plain completions have in common. Internal to api, but
// for the types.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kith::api {

class FieldReader;

// How tokens are drawn. Absent members take the generator's default.
struct SamplingFields {
  std::optional<double> temperature;         // [0, 2]
  std::optional<double> top_p;               // (0, 1]
  std::optional<double> min_p;               // [0, 1]
  std::optional<int> top_k;                  // >= 0; 0 is off
  std::optional<double> presence_penalty;    // [-2, 2]
  std::optional<double> frequency_penalty;   // [-2, 2]
  std::optional<double> repetition_penalty;  // (0, 10]
  std::optional<std::int64_t> seed;
  std::map<std::int32_t, double> logit_bias;  // token id to [-100, 100]
};

// One entry of llama-server's `lora`.
struct LoraScale {
  int id = 0;          // as GET /lora-adapters lists it
  double scale = 0.0;  // [-10, 10]
};

// `stream` and `stream_options`.
struct StreamFields {
  bool is_stream = false;
  bool wants_usage = false;  // stream_options.include_usage
};

// Longest answer that can be asked for, in tokens.
inline constexpr std::int64_t kMaxAnswerTokens = std::int64_t{1} << 24;

void read_sampling(FieldReader& reader, SamplingFields& fields);

// A member of another server's interface that says what an answer must be, or how it is sought.
struct ForeignConstraint {
  const char* name = nullptr;
  // Whether it asks for something: not false, 0 or empty. An engine that cannot honour it must
  // then refuse it, for without it the answer would be a wrong one.
  bool is_set = false;
};
// Those of the request that are not null. What the engine has never heard of is none of them.
std::vector<ForeignConstraint> read_foreign_constraints(FieldReader& reader);

// At most 4 texts, none empty.
std::vector<std::string> read_stop(FieldReader& reader);
StreamFields read_stream(FieldReader& reader);
// Checks `metadata` and returns its `user_id`, empty if absent.
std::string read_metadata(FieldReader& reader);
// Absent if the request says nothing of adapters. No id twice; at most two have a scale other than
// 0, for more are not blended.
std::optional<std::vector<LoraScale>> read_lora(FieldReader& reader);

std::optional<int> to_int(const std::optional<std::int64_t>& value);

}  // namespace kith::api
