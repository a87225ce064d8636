// Cuts a document into passages that can be found, quoted and cited: by Markdown headings first,
// then by paragraphs, then by sentences.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kith::memory {

struct Chunk {
  std::string heading;    // the nearest heading above, without "#"; empty before the first
  std::size_t start = 0;  // bytes [start, end) of the document, without surrounding white space
  std::size_t end = 0;

  friend bool operator==(const Chunk&, const Chunk&) = default;
};

// Paragraphs of one section are joined while they fit into `max_bytes` (> 0; a Chinese character is
// three); longer ones are cut at sentences, and sentences at characters. Heading lines are in no
// chunk. In order, without overlap; every other character that is not white space is in one.
// Linear.
std::vector<Chunk> split_chunks(std::string_view text, std::size_t max_bytes = 900);

}  // namespace kith::memory
