#include "kith/upstream/answer_check.h"

#include <string>

#include "kith/base/json.h"

namespace kith::upstream {
namespace {

using base::Json;

// Members, the entries of lists in them, and the members of objects in them; what lies deeper is
// checked and left out. Discarded if `text` is not JSON.
Json parse_outline(std::string_view text) {
  constexpr int kDepth = 2;
  const auto keeps = [](int depth, Json::parse_event_t, const Json&) { return depth <= kDepth; };
  return Json::parse(text, keeps, /*allow_exceptions=*/false);
}

// As Python and JavaScript, in which OpenAI's clients are written, understand it.
bool is_truthy(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0.0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

// Null if the answer reports no failure.
const Json* find_error(const Json& answer) {
  if (!answer.is_object()) return nullptr;
  const auto error = answer.find("error");
  return error != answer.end() && is_truthy(*error) ? &*error : nullptr;
}

// ": why", or nothing if the error does not say it.
std::string reason_of(const Json& error) {
  const Json* message = &error;
  if (error.is_object()) {
    const auto member = error.find("message");
    if (member == error.end()) return {};
    message = &*member;
  }
  return message->is_string() ? ": " + message->get<std::string>() : std::string();
}

ErrorCode code_of_status(std::int64_t status) {
  switch (status) {
    case 400:
    case 404:
    case 413:
    case 422:
      return ErrorCode::kInvalidArgument;
    case 429:
      return ErrorCode::kOverloaded;
    default:
      return ErrorCode::kUnavailable;
  }
}

// vLLM and proxies put the status that they would have answered with into "code".
ErrorCode code_of(const Json& error) {
  if (!error.is_object()) return ErrorCode::kUnavailable;
  const auto code = base::read_integer(error, "code");
  return code && *code ? code_of_status(**code) : ErrorCode::kUnavailable;
}

}  // namespace

Status check_status(int status, std::string_view body) {
  if (status >= 200 && status < 300) return {};
  const Json answer = parse_outline(body);
  const Json* error = find_error(answer);
  return Error{code_of_status(status), "the upstream answered " + std::to_string(status) +
                                           (error != nullptr ? reason_of(*error) : "")};
}

Result<AnswerOutline> check_answer(std::string_view text, const char* list) {
  const Json answer = parse_outline(text);
  if (!answer.is_object()) {
    return Error{ErrorCode::kUnavailable, "the upstream's answer is no JSON object"};
  }
  if (const Json* error = find_error(answer)) {
    return Error{code_of(*error), "the upstream failed" + reason_of(*error)};
  }
  const auto items = answer.find(list);
  return AnswerOutline{items != answer.end() && items->is_array() && !items->empty()};
}

}  // namespace kith::upstream
