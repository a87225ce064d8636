#include "kith/runtime/load/options.h"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace kith::runtime::load {
namespace {

template <typename Number>
Status read(const char* name, Number low, Number high, Number& value) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return {};
  const std::string_view view(text);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  const bool is_number = error == std::errc() && end == view.data() + view.size();
  if (is_number && value >= low && value <= high) return {};
  std::string message(name);
  message += " must be a number in [" + std::to_string(low) + ", " + std::to_string(high) + "]: ";
  return Error{ErrorCode::kInvalidArgument, message + text};
}

void read(const char* name, std::string& value) {
  if (const char* text = std::getenv(name); text != nullptr && *text != '\0') value = text;
}

}  // namespace

Result<LoadOptions> read_load_options() {
  constexpr std::uint64_t kAnySeed = std::numeric_limits<std::uint64_t>::max();
  LoadOptions options;
  KITH_RETURN_IF_ERROR(read("KITH_LOAD_SECONDS", 1, 86'400, options.seconds));
  KITH_RETURN_IF_ERROR(read("KITH_LOAD_SEED", std::uint64_t{0}, kAnySeed, options.seed));
  KITH_RETURN_IF_ERROR(read("KITH_LOAD_CLIENTS", 1, 256, options.clients));
  KITH_RETURN_IF_ERROR(read("KITH_LOAD_THREADS", 0, 256, options.threads));
  KITH_RETURN_IF_ERROR(read("KITH_LOAD_PATIENCE", 1, 3600, options.patience));
  read("KITH_LOAD_MODEL", options.model);
  read("KITH_LOAD_REPORT", options.report);
  return options;
}

std::string LoadOptions::command() const {
  return "KITH_LOAD_SEED=" + std::to_string(seed) +
         " KITH_LOAD_SECONDS=" + std::to_string(seconds) +
         " KITH_LOAD_CLIENTS=" + std::to_string(clients) + " KITH_LOAD_MODEL=" + model +
         " KITH_LOAD_THREADS=" + std::to_string(threads) + " kith_load_test";
}

}  // namespace kith::runtime::load
