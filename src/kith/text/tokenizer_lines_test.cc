// Lines of mixed English, Chinese, code, emoji and control characters against what the reference
// library makes of them: the tokens of some (tools/goldens/compare_tokenizers.py wrote them and
// compares thousands more), and digests of 12,000 others (make_mixed_line_goldens.py).
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kith/base/json.h"
#include "kith/text/test_published.h"
#include "kith/text/test_tokenizers.h"
#include "kith/text/tokenizer.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

struct Kind {
  const char* name;
  // Read from the public test data, not committed.
  bool is_published = false;

  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

class TokenizerLinesTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    const auto [name, is_published] = GetParam();
    tokenizer_ = is_published ? load_published_tokenizer(name)
                              : std::optional<Tokenizer>(load_test_tokenizer(name));
    if (!tokenizer_) GTEST_SKIP() << "no vocabulary of " << name << " in the test data";
  }

  std::vector<TokenId> encode(const std::string& line) const {
    return tokenizer_->encode(line, {false, true});
  }

  std::optional<Tokenizer> tokenizer_;
};

std::string test_name(const testing::TestParamInfo<Kind>& kind) {
  std::string name = kind.param.name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

class SomeLinesTest : public TokenizerLinesTest {};

TEST_P(SomeLinesTest, EncodesLikeTheReference) {
  const auto rows = base::parse_json(read_testdata("lines.golden.json"));
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_GT(rows->size(), 50U);
  for (const auto& row : *rows) {
    const std::vector<TokenId> expected = row[GetParam().name];
    EXPECT_EQ(encode(row["text"]), expected) << row["text"];
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, SomeLinesTest,
                         testing::Values(Kind{"llama3"}, Kind{"qwen2"}, Kind{"tekken"},
                                         Kind{"llama2"}, Kind{"bert"}, Kind{"bert_cased"},
                                         Kind{"gpt-2", true}, Kind{"gpt-neox", true},
                                         Kind{"bert-bge", true}),
                         test_name);

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

class TwelveThousandLinesTest : public TokenizerLinesTest {};

TEST_P(TwelveThousandLinesTest, EncodesLikeTheReference) {
  const auto golden = base::parse_json(read_testdata("mixed_lines.golden.json"));
  ASSERT_TRUE(golden) << golden.error().message;
  const std::vector<std::uint32_t> expected = (*golden)["digests"][GetParam().name];
  const std::vector<std::string> lines = draw_lines(*golden);
  const auto block = (*golden)["block"].get<std::size_t>();
  ASSERT_EQ(lines.size(), 12'000U);
  ASSERT_EQ(expected.size() * block, lines.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::uint64_t digest = 0xCBF29CE484222325ULL;
    for (std::size_t line = i * block; line < (i + 1) * block; ++line) {
      for (const TokenId id : encode(lines[line])) {
        add_to_digest(static_cast<std::uint32_t>(id), digest);
      }
      add_to_digest(0xFFFFFFFFU, digest);
    }
    EXPECT_EQ(static_cast<std::uint32_t>(digest >> 32), expected[i]) << "lines from " << i * block;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TwelveThousandLinesTest,
                         testing::Values(Kind{"gpt2"}, Kind{"llama3"}, Kind{"qwen2"},
                                         Kind{"digits"}, Kind{"tekken"}, Kind{"llama2"},
                                         Kind{"metaspace"}, Kind{"metaspace_whole"}, Kind{"words"},
                                         Kind{"bert"}, Kind{"bert_cased"}, Kind{"gpt-2", true},
                                         Kind{"gpt-neox", true}, Kind{"bert-bge", true}),
                         test_name);

}  // namespace
}  // namespace kith::text
