#include "kith/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace kith::base {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> logger = make_logger();
  LogFormat format = LogFormat::kPretty;

  static std::shared_ptr<spdlog::logger> make_logger() {
    auto logger = spdlog::stderr_color_mt("kith");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    return logger;
  }
};

LogState& state() {
  static LogState state;
  return state;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7F; }

// Whatever a stranger's text holds, a message stays one line and moves no terminal: control
// characters (the second row of Unicode's, C2 80 to C2 9F, too) are written as "\x1b".
std::string escape_controls(std::string_view message) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(message.size());
  for (std::size_t i = 0; i < message.size(); ++i) {
    auto c = static_cast<unsigned char>(message[i]);
    const auto next = static_cast<unsigned char>(i + 1 < message.size() ? message[i + 1] : 0);
    const bool is_second_row = c == 0xC2 && next >= 0x80 && next <= 0x9F;
    if (is_second_row) {
      c = next;
      ++i;
    } else if (!is_control(c)) {
      out.push_back(static_cast<char>(c));
      continue;
    }
    if (c == '\n') {
      out += "\\n";
    } else {
      out.append({'\\', 'x', kDigits[c >> 4U], kDigits[c & 15U]});
    }
  }
  return out;
}

}  // namespace

void configure_log(LogLevel level, LogFormat format) {
  state().logger->set_level(to_spdlog(level));
  state().format = format;
  if (format == LogFormat::kJson) {
    state().logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%v})");
  }
}

void log(LogLevel level, std::string_view message) {
  if (state().format == LogFormat::kJson) {
    using nlohmann::json;
    state().logger->log(
        to_spdlog(level),
        json(std::string(message)).dump(-1, ' ', false, json::error_handler_t::replace));
    return;
  }
  state().logger->log(to_spdlog(level), escape_controls(message));
}

}  // namespace kith::base
