// Tokenizers and directories that several tests use. Test code only.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "kith/base/check.h"
#include "kith/base/file.h"
#include "kith/text/tokenizer.h"

namespace kith::text {

inline std::filesystem::path source_dir() {
  const char* root = std::getenv("KITH_SOURCE_DIR");
  return root == nullptr ? "." : root;
}

inline std::filesystem::path testdata(const std::string& name) {
  return source_dir() / "src/kith/text/testdata" / name;
}

// Public data that is not part of the project; tests skip visibly without it.
inline std::filesystem::path public_data(const std::string& name) {
  const char* root = std::getenv("KITH_TEST_DATA");
  return (root == nullptr ? source_dir() / "../shared/data" : std::filesystem::path(root)) / name;
}

inline std::string read_testdata(const std::string& name) {
  auto text = base::read_file(testdata(name));
  KITH_CHECK(text.has_value(), "the test data is there");
  return *std::move(text);
}

// One of the committed kinds: "gpt2", "llama2", ...
inline Tokenizer load_test_tokenizer(const std::string& kind) {
  auto tokenizer = Tokenizer::from_json(read_testdata(kind + ".json"));
  KITH_CHECK(tokenizer.has_value(), "the test tokenizer loads");
  return *std::move(tokenizer);
}

}  // namespace kith::text
