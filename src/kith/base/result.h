// Result<T>: a value or an Error. The subset of std::expected (C++23) that we use, so that the
// type can become an alias when the compiler allows it.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace kith {

// The eight kinds of expected failure. `api/` owns the one table from these to HTTP.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,
  kNotFound,
  kConflict,
  kOverloaded,
  kCancelled,
  kDeadlineExceeded,
  kUnavailable,
  kInternal,
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  // Lower case; what was wrong, what was allowed, value last. Never user text or secrets.
  std::string message;

  // Prefixes the message: "loading adapter x: <message>".
  Error with_context(const std::string& context) && {
    return Error{code, context + ": " + message};
  }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // REQUIRES: has_value().
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  // By value, so that `for (auto& x : *f())` does not outlive what it walks over.
  T operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  // REQUIRES: !has_value().
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)), has_value_(false) {}

  bool has_value() const noexcept { return has_value_; }
  explicit operator bool() const noexcept { return has_value_; }

  // REQUIRES: !has_value().
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_;
  bool has_value_ = true;
};

using Status = Result<void>;

}  // namespace kith

// Returns the error of `expr` from the enclosing function, if it has one.
#define KITH_RETURN_IF_ERROR(expr)                   \
  do {                                               \
    if (auto kith_status_ = (expr); !kith_status_) { \
      return std::move(kith_status_).error();        \
    }                                                \
  } while (false)

#define KITH_CONCAT_INNER_(a, b) a##b
#define KITH_CONCAT_(a, b) KITH_CONCAT_INNER_(a, b)
#define KITH_ASSIGN_OR_RETURN_IMPL_(result, lhs, expr) \
  auto result = (expr);                                \
  if (!result) return std::move(result).error();       \
  lhs = *std::move(result)

// KITH_ASSIGN_OR_RETURN(const auto x, f()): binds the value of a Result, or returns its error.
#define KITH_ASSIGN_OR_RETURN(lhs, expr) \
  KITH_ASSIGN_OR_RETURN_IMPL_(KITH_CONCAT_(kith_result_, __LINE__), lhs, expr)
