// Assertions for programmer errors. Bytes from outside (weights, JSON, HTTP, database, config)
// never reach one: those are Errors.
#pragma once

namespace kith::base {

// Prints the condition and its place on standard error and aborts.
[[noreturn]] void check_failed(const char* condition, const char* message, const char* file,
                               int line);

}  // namespace kith::base

// Always on, at module edges.
#define KITH_CHECK(condition, message) \
  ((condition) ? static_cast<void>(0)  \
               : ::kith::base::check_failed(#condition, message, __FILE__, __LINE__))

// For loops: on in debug builds only.
#ifdef NDEBUG
#define KITH_DCHECK(condition, message) static_cast<void>(0)
#else
#define KITH_DCHECK(condition, message) KITH_CHECK(condition, message)
#endif
