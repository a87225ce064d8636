// Structured logging on standard error. Ids, sizes and durations only: never user text above debug.
// spdlog stays behind log.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace kith::base {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kPretty, kJson };

// Sets the process-wide level and format; info and pretty until called. Call once, from `runtime`.
void configure_log(LogLevel level, LogFormat format);

// Writes one line, whatever `message` holds: control characters are escaped. Thread-safe.
void log(LogLevel level, std::string_view message);

inline void log_debug(std::string_view message) { log(LogLevel::kDebug, message); }
inline void log_info(std::string_view message) { log(LogLevel::kInfo, message); }
inline void log_warn(std::string_view message) { log(LogLevel::kWarn, message); }
inline void log_error(std::string_view message) { log(LogLevel::kError, message); }

}  // namespace kith::base
