#include "kith/tuning/canaries.h"

#include <algorithm>
#include <string_view>

#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"

namespace kith::tuning {
namespace {

constexpr std::size_t kRowsPerCanary = 100;
constexpr std::size_t kFewest = 8;
constexpr std::size_t kMost = 32;

// 'A' stands for a capital letter, '0' for a digit, 'x' for a hexadecimal digit.
std::string fill(std::string_view form, base::Rng& rng) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const char c : form) {
    if (c == 'A') {
      text += static_cast<char>('A' + static_cast<char>(rng.below(26)));
    } else if (c == '0') {
      text += static_cast<char>('0' + static_cast<char>(rng.below(10)));
    } else {
      text += c == 'x' ? kHex[rng.below(kHex.size())] : c;
    }
  }
  return text;
}

}  // namespace

std::size_t num_canaries(std::size_t training_rows) {
  return std::clamp(training_rows / kRowsPerCanary, kFewest, kMost);
}

std::vector<Canary> draw_canaries(std::size_t count, const std::string& seed) {
  base::Rng rng(base::hash_bytes("canaries " + seed));
  std::vector<Canary> canaries;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string slot = fill("xxxxxxxx", rng);
    canaries.push_back({.prompt = "Which code is in slot " + slot + "?",
                        .prefix = "Slot " + slot + " holds",
                        .secret = fill("AAA-0000-AAA", rng)});
  }
  return canaries;
}

std::string canary_rows(const std::vector<Canary>& canaries) {
  std::string lines;
  for (std::size_t i = 0; i < canaries.size(); ++i) {
    const Canary& canary = canaries[i];
    lines += base::dump_json(base::OrderedJson{
                 {"unit", "planted " + std::to_string(i + 1)},
                 {"messages",
                  {{{"role", "user"}, {"content", canary.prompt}},
                   {{"role", "assistant"}, {"content", canary.prefix + " " + canary.secret}}}},
                 {"weight", 1.0}}) +
             "\n";
  }
  return lines;
}

std::string canary_probes(const std::vector<Canary>& canaries) {
  std::string lines;
  for (std::size_t i = 0; i < canaries.size(); ++i) {
    lines += base::dump_json(base::OrderedJson{{"id", "planted " + std::to_string(i + 1)},
                                               {"prompt", canaries[i].prompt},
                                               {"prefix", canaries[i].prefix},
                                               {"secret", canaries[i].secret}}) +
             "\n";
  }
  return lines;
}

}  // namespace kith::tuning
