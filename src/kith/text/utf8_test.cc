#include "kith/text/utf8.h"

#include <gtest/gtest.h>

#include "kith/base/rng.h"
#include "kith/text/byte_symbols.h"
#include "kith/text/unicode.h"

namespace kith::text {
namespace {

TEST(Utf8Test, AcceptsWellFormedText) {
  for (const std::string_view text : {"", "plain", "größe", "打印机", "😀", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
    EXPECT_EQ(sanitize_utf8(text), text);
  }
}

// The rows are from the Unicode standard, table 3-8 and the definition of well-formed sequences.
TEST(Utf8Test, ReplacesEveryMaximalIllFormedPart) {
  EXPECT_EQ(sanitize_utf8("a\x80z"), "a\uFFFDz");
  EXPECT_EQ(sanitize_utf8("\xC0\xAF"), "\uFFFD\uFFFD");
  EXPECT_EQ(sanitize_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(sanitize_utf8("\xF4\x91\x92\x93"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(sanitize_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(sanitize_utf8("ends \xE6\x89"), "ends \uFFFD");
}

TEST(Utf8Test, KnowsHowManyBytesAtTheEndAwaitMore) {
  EXPECT_EQ(incomplete_suffix_length("abc"), 0U);
  EXPECT_EQ(incomplete_suffix_length("a\xE6"), 1U);
  EXPECT_EQ(incomplete_suffix_length("a\xE6\x89"), 2U);
  EXPECT_EQ(incomplete_suffix_length("a\xE6\x89\x93"), 0U);
  EXPECT_EQ(incomplete_suffix_length("\xF0\x9F\x98"), 3U);
  // No later byte can complete these.
  EXPECT_EQ(incomplete_suffix_length("a\x80"), 0U);
  EXPECT_EQ(incomplete_suffix_length("\xED\xA0"), 0U);
  EXPECT_EQ(incomplete_suffix_length("\xC0"), 0U);
}

TEST(Utf8Test, CutsBetweenCodePoints) {
  EXPECT_EQ(truncate_utf8("打印", 6), "打印");
  EXPECT_EQ(truncate_utf8("打印", 5), "打");
  EXPECT_EQ(truncate_utf8("打印", 3), "打");
  EXPECT_EQ(truncate_utf8("打印", 2), "");
  EXPECT_EQ(truncate_utf8("ab", 1), "a");
  EXPECT_EQ(truncate_utf8("😀x", 4), "😀");
  EXPECT_EQ(truncate_utf8("", 0), "");
}

TEST(Utf8Test, SurvivesAnyBytes) {
  base::Rng rng(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (int i = 0; i < 12; ++i) bytes.push_back(static_cast<char>(rng.below(256)));
    const std::string clean = sanitize_utf8(bytes);
    EXPECT_TRUE(is_valid_utf8(clean));
    EXPECT_EQ(count_code_points(bytes), count_code_points(clean));
    // Cutting off what awaits more bytes must not change what stands before it.
    const std::size_t whole = bytes.size() - incomplete_suffix_length(bytes);
    EXPECT_TRUE(clean.starts_with(sanitize_utf8(bytes.substr(0, whole))));
    EXPECT_LE(truncate_utf8(bytes, 5).size(), 5U);
  }
}

TEST(Utf8Test, EncodesWhatItDecodes) {
  for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string encoded;
    append_utf8(encoded, c);
    const DecodedCodePoint step = decode_code_point(encoded, 0);
    ASSERT_TRUE(step.well_formed);
    ASSERT_EQ(step.value, c);
    ASSERT_EQ(step.length, encoded.size());
  }
}

TEST(ByteSymbolsTest, GivesEveryByteASymbolOfItsOwn) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  const std::string symbols = bytes_to_symbols(all);
  EXPECT_EQ(count_code_points(symbols), 256U);
  EXPECT_EQ(symbols_to_bytes(symbols), all);
  EXPECT_EQ(bytes_to_symbols("\n the"), "ĊĠthe");
  EXPECT_EQ(symbols_to_bytes("a b"), std::nullopt);
  EXPECT_EQ(symbols_to_bytes("打"), std::nullopt);
}

TEST(UnicodeTest, NormalizesToTheFourForms) {
  EXPECT_EQ(normalize("e\u0301", NormalForm::kNfc), "é");
  EXPECT_EQ(normalize("é", NormalForm::kNfd), "e\u0301");
  EXPECT_EQ(normalize("ﬁ ①", NormalForm::kNfc), "ﬁ ①");
  EXPECT_EQ(normalize("ﬁ ①", NormalForm::kNfkc), "fi 1");
  EXPECT_EQ(normalize("Å", NormalForm::kNfkd), "A\u030A");
  EXPECT_EQ(normalize("\u2126", NormalForm::kNfc), "Ω");
  EXPECT_EQ(normalize(std::string_view("a\0b", 3), NormalForm::kNfkc), std::string("a\0b", 3));
}

TEST(UnicodeTest, LowersCaseBeyondAscii) {
  EXPECT_EQ(to_lower("GRÖSSE ПРИНТЕР"), "grösse принтер");
  EXPECT_EQ(to_lower("İ"), "i\u0307");
}

TEST(UnicodeTest, KnowsWhiteSpaceAsTheStandardListsIt) {
  for (const char32_t c : {U' ', U'\t', U'\u00A0', U'\u0085', U'\u2003', U'\u2028', U'\u3000'}) {
    EXPECT_TRUE(is_whitespace(c)) << static_cast<unsigned>(c);
  }
  for (const char32_t c : {U'a', U'\u200B', U'\u180E', U'\uFEFF', U'\u2060'}) {
    EXPECT_FALSE(is_whitespace(c)) << static_cast<unsigned>(c);
  }
}

}  // namespace
}  // namespace kith::text
