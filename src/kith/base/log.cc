#include "kith/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

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
  state().logger->log(to_spdlog(level), message);
}

}  // namespace kith::base
