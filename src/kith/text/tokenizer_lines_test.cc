// 12,000 lines of mixed English, Chinese, code, emoji and control characters against digests of
// what the reference library makes of them (tools/goldens/make_mixed_line_goldens.py).
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/json.h"
#include "kith/text/test_published.h"
#include "kith/text/test_tokenizers.h"
#include "kith/text/tokenizer.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

// Knuth's MMIX generator, as in the script: both draw the same lines.
class Draw {
 public:
  std::uint64_t below(std::uint64_t limit) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 7;
};

std::vector<std::string> draw_lines(const base::Json& golden) {
  const std::vector<std::string> fragments = golden["fragments"];
  const std::vector<std::array<char32_t, 2>> ranges = golden["ranges"];
  Draw draw;
  std::vector<std::string> lines(golden["num_lines"].get<std::size_t>());
  for (std::string& line : lines) {
    for (std::uint64_t left = 1 + draw.below(14); left > 0; --left) {
      if (draw.below(6) == 0) {
        const auto [first, last] = ranges[draw.below(ranges.size())];
        append_utf8(line, first + static_cast<char32_t>(draw.below(last - first + 1)));
      } else {
        line += fragments[draw.below(fragments.size())];
      }
    }
  }
  return lines;
}

void add_to_digest(std::uint32_t value, std::uint64_t& digest) {
  digest = (digest ^ value) * 0x100000001B3ULL;
}

class MixedLinesTest : public testing::TestWithParam<const char*> {
 protected:
  static const base::Json& golden() {
    static const base::Json json = *base::parse_json(read_testdata("mixed_lines.golden.json"));
    return json;
  }

  static void expect_reference(const Tokenizer& tokenizer, const std::string& kind) {
    const std::vector<std::uint32_t> expected = golden()["digests"][kind];
    const std::vector<std::string> lines = draw_lines(golden());
    const auto block = golden()["block"].get<std::size_t>();
    ASSERT_GE(lines.size(), 10'000U);
    ASSERT_EQ(expected.size() * block, lines.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      std::uint64_t digest = 0xCBF29CE484222325ULL;
      for (std::size_t line = i * block; line < (i + 1) * block; ++line) {
        for (const TokenId id : tokenizer.encode(lines[line], {false, true})) {
          add_to_digest(static_cast<std::uint32_t>(id), digest);
        }
        add_to_digest(0xFFFFFFFFU, digest);
      }
      EXPECT_EQ(static_cast<std::uint32_t>(digest >> 32), expected[i])
          << kind << ", lines from " << i * block;
    }
  }
};

class CommittedKindsTest : public MixedLinesTest {};
class PublishedKindsTest : public MixedLinesTest {};

TEST_P(CommittedKindsTest, EncodesLikeTheReference) {
  expect_reference(load_test_tokenizer(GetParam()), GetParam());
}

TEST_P(PublishedKindsTest, EncodesLikeTheReference) {
  const auto tokenizer = load_published_tokenizer(GetParam());
  if (!tokenizer) GTEST_SKIP() << "no such vocabulary in the test data";
  expect_reference(*tokenizer, GetParam());
}

std::string test_name(const testing::TestParamInfo<const char*>& kind) {
  std::string name = kind.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Kinds, CommittedKindsTest,
                         testing::Values("gpt2", "llama3", "qwen2", "digits", "llama2", "metaspace",
                                         "metaspace_whole", "words", "bert", "bert_cased"),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Models, PublishedKindsTest,
                         testing::Values("gpt-2", "gpt-neox", "bert-bge"), test_name);

}  // namespace
}  // namespace kith::text
