// Errors as HTTP clients see them: status, OpenAI error type, message, and the parameter at fault.
// Holds the one table from ErrorCode to HTTP; see docs/formats/http.md.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "kith/base/result.h"

namespace kith::api {

struct ApiError {
  int status = 500;
  std::string type;     // OpenAI's error type, "invalid_request_error"
  std::string message;  // lower case; what was wrong, what was allowed
  std::string param;    // the member at fault ("messages[0].role"); empty: none
  std::string code;     // machine-readable reason; empty: none

  friend bool operator==(const ApiError&, const ApiError&) = default;
};

// A value, or what to tell the client instead. As Result<T>, with the error of the wire.
template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(ApiError error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // REQUIRES: has_value().
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  // REQUIRES: !has_value().
  const ApiError& error() const& { return *std::get_if<1>(&state_); }
  ApiError&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, ApiError> state_;
};

// The table. Messages of the server's own failures (status 500 and above) are replaced by a general
// one, since they may name files and hosts: log the original.
ApiError to_api_error(const Error& error);

// Failures that exist only on the wire.
ApiError bad_request(std::string message, std::string param = {}, std::string code = {});
ApiError unauthorized(std::string message);
ApiError forbidden(std::string message, std::string param = {});
ApiError not_found(std::string message, std::string code = "not_found");
ApiError method_not_allowed(std::string message);
ApiError request_timeout();
ApiError too_large(std::string message);
ApiError unsupported_media_type(std::string message);
ApiError header_too_large(std::string message);
ApiError overloaded(std::string message);
ApiError unavailable(std::string message);

// {"error":{"message","type","param","code"}}: all four members, `param` and `code` a string or
// null.
std::string error_body(const ApiError& error);

}  // namespace kith::api
