#include "kith/eval/discovery_bench.h"

#include <chrono>
#include <string>
#include <vector>

#include "kith/base/rng.h"
#include "kith/eval/rand_index.h"
#include "kith/persona/discovery.h"

namespace kith::eval {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTypicalAttributes = 5;
constexpr std::size_t kOtherAttributes = 2;
constexpr std::size_t kValues = 8;
// Chance that a user shows his group's value, and that a word is one of his group's.
constexpr double kTypicalValue = 0.6;
constexpr double kTypicalWord = 0.3;
constexpr std::size_t kMessages = 3;
constexpr std::size_t kWords = 12;
constexpr std::size_t kGroupWords = 40;
constexpr std::size_t kCommonWords = 400;

std::string word(const char* prefix, std::size_t number) {
  std::string text = prefix;
  for (std::size_t left = number + 26; left > 0; left /= 26) {
    text.push_back(static_cast<char>('a' + left % 26));
  }
  return text;
}

persona::DiscoveryUser simulate_user(std::size_t number, std::size_t group, base::Rng& rng) {
  persona::DiscoveryUser user{.id = UserId("u" + std::to_string(number)),
                              .attributes = {{"badge", "b" + std::to_string(number)}},
                              .messages = {}};
  for (std::size_t a = 0; a < kTypicalAttributes + kOtherAttributes; ++a) {
    const bool is_typical = a < kTypicalAttributes && rng.uniform() < kTypicalValue;
    const std::size_t value = is_typical ? (group * 3 + a) % kValues : rng.below(kValues);
    user.attributes["attribute" + std::to_string(a)] = "value" + std::to_string(value);
  }
  for (std::size_t m = 0; m < kMessages; ++m) {
    std::string& message = user.messages.emplace_back();
    for (std::size_t w = 0; w < kWords; ++w) {
      const bool is_typical = rng.uniform() < kTypicalWord;
      message += (w == 0 ? "" : " ") +
                 (is_typical ? word("g", group * kGroupWords + rng.below(kGroupWords))
                             : word("c", rng.below(kCommonWords)));
    }
  }
  return user;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Result<DiscoveryBenchResult> bench_discovery(const DiscoveryBench& options,
                                             const persona::TextEncoder& encoder) {
  persona::DiscoveryOptions settings;
  settings.mixture.seed = options.seed;
  const text::PiiRedactor redactor;
  KITH_ASSIGN_OR_RETURN(auto discovery,
                        persona::PersonaDiscovery::create(settings, &encoder, nullptr, redactor));
  base::Rng rng(options.seed);
  std::vector<std::size_t> hidden;
  DiscoveryBenchResult result;
  auto start = Clock::now();
  for (std::size_t i = 0; i < options.users; ++i) {
    hidden.push_back(rng.below(options.groups));
    KITH_RETURN_IF_ERROR(discovery.add(simulate_user(i, hidden.back(), rng)));
  }
  result.read_seconds = seconds_since(start);
  start = Clock::now();
  KITH_ASSIGN_OR_RETURN(const persona::Discovery found, discovery.finish());
  result.find_seconds = seconds_since(start);
  std::vector<std::size_t> groups;
  for (const auto& group : found.group_of) {
    groups.push_back(group.value_or(found.proposals.size()));
  }
  result.groups_found = found.proposals.size();
  result.adjusted_rand_index = adjusted_rand_index(groups, hidden);
  return result;
}

}  // namespace kith::eval
