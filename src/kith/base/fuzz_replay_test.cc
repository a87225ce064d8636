// Replays a committed corpus, and deterministic mutations of it, through the fuzz harness that this
// program is linked with: see kith_fuzz() in cmake/kith_library.cmake, which names the corpus.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace kith::base {
namespace {

// What numbers, JSON and markup are made of.
constexpr std::string_view kAlphabet = "0123456789-\"{}[],:e.<>|\\";

void replay(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::vector<std::string> read_corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(KITH_FUZZ_CORPUS)) {
    paths.push_back(entry.path());
  }
  // The order of a directory differs between machines; mutations depend on it.
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) inputs.push_back(*read_file(path));
  return inputs;
}

// Changes, removes or repeats a few bytes.
std::string mutate(std::string input, Rng& rng) {
  for (auto left = 1 + rng.below(4); left > 0 && !input.empty(); --left) {
    const std::size_t at = rng.below(input.size());
    switch (rng.below(4)) {
      case 0:
        input[at] = static_cast<char>(rng.below(256));
        break;
      case 1:
        input.erase(at, 1 + rng.below(8));
        break;
      case 2:
        input.insert(at, input.substr(rng.below(input.size()), rng.below(32)));
        break;
      default:
        input[at] = kAlphabet[rng.below(kAlphabet.size())];
    }
  }
  return input;
}

TEST(FuzzReplayTest, SurvivesTheCorpus) {
  const auto inputs = read_corpus();
  ASSERT_GE(inputs.size(), 5U);
  for (const std::string& input : inputs) replay(input);
}

TEST(FuzzReplayTest, SurvivesMutationsOfTheCorpus) {
  Rng rng(2024);
  const auto inputs = read_corpus();
  for (int round = 0; round < 300; ++round) {
    for (const std::string& input : inputs) replay(mutate(input, rng));
  }
}

}  // namespace
}  // namespace kith::base
