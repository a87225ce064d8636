// Feeds arbitrary bytes to the readers of tokenizer files and, if a tokenizer results, to its use.
// The input is the file, then a zero byte, then a text; without a zero byte the file alone.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/text/chat_template.h"
#include "kith/text/tokenizer.h"
#include "kith/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace text = kith::text;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), size);
  const std::string_view file = input.substr(0, end);
  const std::string_view words = end < size ? input.substr(end + 1) : std::string_view("a<s> b\n");
  const auto tokenizer = text::Tokenizer::from_json(file, file);
  if (!tokenizer) return 0;
  for (const bool parses : {false, true}) {
    const auto ids = tokenizer->encode(words, {true, parses});
    for (const text::TokenId id : ids) {
      KITH_CHECK(id >= 0 && static_cast<std::size_t>(id) < tokenizer->vocab_size(),
                 "tokens are in the vocabulary");
    }
    KITH_CHECK(text::is_valid_utf8(tokenizer->decode(ids)), "decoded text is UTF-8");
  }
  const std::vector<text::ChatMessage> messages = {{"user", std::string(words)}};
  for (const std::string& name : text::chat_format_names()) {
    (void)text::ChatTemplate::named(name)->encode_chat(*tokenizer, messages, true);
  }
  (void)text::ChatTemplate::recognize(words);
  return 0;
}
