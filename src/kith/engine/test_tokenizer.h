// A tokenizer for tests: token i is byte i.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kith/base/json.h"
#include "kith/text/byte_symbols.h"
#include "kith/text/tokenizer.h"

namespace kith::engine {

// Fails the test on an error.
inline text::Tokenizer byte_tokenizer() {
  base::Json vocab = base::Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[text::bytes_to_symbols(std::string(1, static_cast<char>(byte)))] = byte;
  }
  const base::Json root = {
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", base::Json::array()}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"decoder", {{"type", "ByteLevel"}}}};
  auto tokenizer = text::Tokenizer::from_json(base::dump_json(root));
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return *std::move(tokenizer);
}

}  // namespace kith::engine
