#include "kith/memory/chunker.h"

#include <algorithm>

#include "kith/base/check.h"
#include "kith/text/segment.h"
#include "kith/text/utf8.h"

namespace kith::memory {
namespace {

using text::Span;

constexpr std::string_view kSpace = " \t\r\n";

Span trim(std::string_view text, Span span) {
  while (span.begin < span.end && kSpace.find(text[span.begin]) != std::string_view::npos) {
    ++span.begin;
  }
  while (span.end > span.begin && kSpace.find(text[span.end - 1]) != std::string_view::npos) {
    --span.end;
  }
  return span;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(kSpace) == std::string_view::npos;
}

// The words of a heading line ("## Setting up"); empty if it is none.
std::string_view heading_of(std::string_view line) {
  const std::size_t marks = line.find_first_not_of('#');
  if (marks == 0 || marks == std::string_view::npos || marks > 6 || line[marks] != ' ') return {};
  const Span words = trim(line, {marks, line.size()});
  return line.substr(words.begin, words.size());
}

class Chunker {
 public:
  Chunker(std::string_view text, std::size_t max_bytes) : text_(text), max_bytes_(max_bytes) {}

  std::vector<Chunk> run() {
    std::size_t at = 0;
    while (at < text_.size()) {
      const std::size_t end = std::min(text_.find('\n', at), text_.size());
      const std::string_view line = text_.substr(at, end - at);
      if (const std::string_view heading = heading_of(line); !heading.empty()) {
        end_paragraph();
        end_chunk();
        heading_ = heading;
      } else if (is_blank(line)) {
        end_paragraph();
      } else {
        if (paragraph_.size() == 0) paragraph_.begin = at;
        paragraph_.end = end;
      }
      at = end + 1;
    }
    end_paragraph();
    end_chunk();
    return std::move(chunks_);
  }

 private:
  void end_paragraph() {
    const Span whole = trim(text_, paragraph_);
    paragraph_ = {};
    if (whole.size() == 0) return;
    if (whole.size() <= max_bytes_) return add(whole);
    for (const Span& sentence : text::split_sentences(text_.substr(whole.begin, whole.size()))) {
      add_sentence({whole.begin + sentence.begin, whole.begin + sentence.end});
    }
  }

  void add_sentence(Span sentence) {
    while (sentence.size() > max_bytes_) {
      const std::size_t fitting =
          text::truncate_utf8(text_.substr(sentence.begin, sentence.size()), max_bytes_).size();
      // A limit below one character would never advance.
      const std::size_t taken =
          std::max<std::size_t>(fitting, text::decode_code_point(text_, sentence.begin).length);
      add({sentence.begin, sentence.begin + taken});
      sentence = trim(text_, {sentence.begin + taken, sentence.end});
    }
    if (sentence.size() > 0) add(sentence);
  }

  // Joins the piece to the chunk under way if it fits.
  void add(Span piece) {
    if (chunk_.size() > 0 && piece.end - chunk_.begin > max_bytes_) end_chunk();
    if (chunk_.size() == 0) chunk_.begin = piece.begin;
    chunk_.end = piece.end;
  }

  void end_chunk() {
    const Span span = trim(text_, chunk_);
    if (span.size() > 0) chunks_.push_back(Chunk{std::string(heading_), span.begin, span.end});
    chunk_ = {};
  }

  std::string_view text_;
  std::size_t max_bytes_;
  std::string_view heading_;
  Span paragraph_;
  Span chunk_;
  std::vector<Chunk> chunks_;
};

}  // namespace

std::vector<Chunk> split_chunks(std::string_view text, std::size_t max_bytes) {
  KITH_CHECK(max_bytes > 0, "chunks must be allowed at least one byte");
  return Chunker(text, max_bytes).run();
}

}  // namespace kith::memory
