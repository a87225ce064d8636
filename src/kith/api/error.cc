#include "kith/api/error.h"

#include <array>

#include "kith/base/json.h"

namespace kith::api {
namespace {

struct TableRow {
  ErrorCode error;
  int status;
  const char* type;
  const char* code;
  // Told instead of the original message; null: the message is meant for the client.
  const char* general_message;
};

constexpr std::array<TableRow, 8> kTable{{
    {ErrorCode::kInvalidArgument, 400, "invalid_request_error", "invalid_value", nullptr},
    {ErrorCode::kNotFound, 404, "invalid_request_error", "not_found", nullptr},
    {ErrorCode::kConflict, 409, "conflict_error", "conflict", nullptr},
    {ErrorCode::kOverloaded, 429, "rate_limit_error", "overloaded", nullptr},
    {ErrorCode::kCancelled, 499, "cancelled_error", "cancelled", "the request was cancelled"},
    {ErrorCode::kDeadlineExceeded, 504, "timeout_error", "deadline_exceeded",
     "the answer was not ready in time"},
    {ErrorCode::kUnavailable, 503, "unavailable_error", "unavailable",
     "a part of the service is not available now"},
    {ErrorCode::kInternal, 500, "server_error", "internal", "internal error"},
}};

ApiError make(int status, const char* type, std::string message, std::string param,
              std::string code) {
  return ApiError{status, type, std::move(message), std::move(param), std::move(code)};
}

base::OrderedJson string_or_null(const std::string& text) {
  return text.empty() ? base::OrderedJson(nullptr) : base::OrderedJson(text);
}

}  // namespace

ApiError to_api_error(const Error& error) {
  for (const TableRow& row : kTable) {
    if (row.error != error.code) continue;
    return make(row.status, row.type,
                row.general_message != nullptr ? row.general_message : error.message, {}, row.code);
  }
  return make(500, "server_error", "internal error", {}, "internal");
}

ApiError bad_request(std::string message, std::string param, std::string code) {
  if (code.empty()) code = "invalid_value";
  return make(400, "invalid_request_error", std::move(message), std::move(param), std::move(code));
}
ApiError unauthorized(std::string message) {
  return make(401, "authentication_error", std::move(message), {}, "invalid_api_key");
}
ApiError forbidden(std::string message, std::string param) {
  return make(403, "permission_error", std::move(message), std::move(param), "forbidden");
}
ApiError not_found(std::string message, std::string code) {
  return make(404, "invalid_request_error", std::move(message), {}, std::move(code));
}
ApiError method_not_allowed(std::string message) {
  return make(405, "invalid_request_error", std::move(message), {}, "method_not_allowed");
}
ApiError request_timeout() {
  return make(408, "timeout_error", "the request did not arrive in time", {}, "request_timeout");
}
ApiError too_large(std::string message) {
  return make(413, "invalid_request_error", std::move(message), {}, "request_too_large");
}
ApiError unsupported_media_type(std::string message) {
  return make(415, "invalid_request_error", std::move(message), {}, "unsupported_media_type");
}
ApiError header_too_large(std::string message) {
  return make(431, "invalid_request_error", std::move(message), {}, "header_too_large");
}
ApiError overloaded(std::string message) {
  return make(429, "rate_limit_error", std::move(message), {}, "overloaded");
}
ApiError unavailable(std::string message) {
  return make(503, "unavailable_error", std::move(message), {}, "unavailable");
}

std::string error_body(const ApiError& error) {
  base::OrderedJson inner;
  inner["message"] = error.message;
  inner["type"] = error.type;
  inner["param"] = string_or_null(error.param);
  inner["code"] = string_or_null(error.code);
  base::OrderedJson body;
  body["error"] = std::move(inner);
  return base::dump_json(body);
}

}  // namespace kith::api
