// Feeds any text to what cuts documents into passages and answers out of passages: the first line
// bounds a passage and is the question, the rest is the document. Passages keep the promises of
// chunker.h, and an answer is made of the document's own words. The corpus is testdata/chunker.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/memory/chunker.h"
#include "kith/memory/extract.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace {

namespace memory = kith::memory;

bool is_space(char c) { return std::string_view(" \t\r\n").find(c) != std::string_view::npos; }

bool is_blank(std::string_view line) {
  bool is_blank = true;
  kith::text::for_each_code_point(line, [&](char32_t c, std::size_t, std::size_t) {
    is_blank = is_blank && kith::text::is_whitespace(c);
  });
  return is_blank;
}

// Whether all of the text is white space or heading lines.
bool is_left_out(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with('#') && !is_blank(line)) return false;
  }
  return true;
}

void check(const std::vector<memory::Chunk>& chunks, std::string_view text, std::size_t max_bytes) {
  std::size_t at = 0;
  for (const memory::Chunk& chunk : chunks) {
    KITH_CHECK(at <= chunk.start && chunk.start < chunk.end && chunk.end <= text.size(),
               "passages are in order and hold something");
    // One character may be longer than the bound.
    KITH_CHECK(chunk.end - chunk.start <= std::max<std::size_t>(max_bytes, 4), "and keep it");
    KITH_CHECK(!is_space(text[chunk.start]) && !is_space(text[chunk.end - 1]), "without margins");
    KITH_CHECK(is_left_out(text.substr(at, chunk.start - at)), "nothing between them is lost");
    at = chunk.end;
  }
  KITH_CHECK(is_left_out(text.substr(at)), "nothing behind them is lost");
}

void check_answer(std::string_view question, std::string_view text,
                  const std::vector<memory::Chunk>& chunks) {
  std::vector<memory::Passage> passages;
  for (const memory::Chunk& chunk : chunks) {
    passages.push_back({.heading = chunk.heading,
                        .text = std::string(text.substr(chunk.start, chunk.end - chunk.start)),
                        .start = chunk.start,
                        .end = chunk.end,
                        .score = 1.0 / static_cast<double>(passages.size() + 1)});
    if (passages.size() == 8) break;
  }
  const auto answer = memory::extract_answer(question, passages);
  if (!answer) return;
  std::string joined;
  for (const memory::Quote& quote : answer->quotes) {
    KITH_CHECK(quote.passage < passages.size(), "quotes are from the passages");
    const memory::Passage& passage = passages[quote.passage];
    KITH_CHECK(passage.start <= quote.start && quote.start < quote.end && quote.end <= passage.end,
               "and lie within them");
    if (!joined.empty()) joined += ' ';
    joined += text.substr(quote.start, quote.end - quote.start);
  }
  KITH_CHECK(!answer->quotes.empty() && answer->text == joined, "an answer is its quotes");
  KITH_CHECK(answer->coverage >= 0.0 && answer->coverage <= 1.0 + 1e-9, "a share is a share");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kith::base::FuzzInput input(data, size);
  const std::string_view question = input.take_line();
  const std::size_t max_bytes = 1 + 4 * question.size();
  const auto chunks = memory::split_chunks(input.rest(), max_bytes);
  check(chunks, input.rest(), max_bytes);
  check_answer(question, input.rest(), chunks);
  return 0;
}
