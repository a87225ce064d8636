// The `kith` object of a request. Strict: a name in it that is not known is an error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace kith::api {

class FieldReader;

struct KithStyle {
  std::string tone;
  std::string length;  // "short", "medium", "long"
  std::string format;
  std::string language;
  std::optional<double> reading_level;  // [1, 20]
};

// `kith.soft_prompt`: embedding rows before the prompt, raw or as a file.
struct KithSoftPrompt {
  enum class Format : std::uint8_t { kF32, kF16, kSafetensors };

  Format format = Format::kF32;
  // The shape of raw values, each >= 1; 0 for a file, which knows its own.
  int rows = 0;
  int width = 0;
  // Raw little-endian values that fill the shape, or the whole file.
  std::string bytes;
};

struct KithRequest {
  std::string user;
  std::string tenant;
  std::string conversation;
  std::map<std::string, std::string> context;
  bool is_temporary = false;
  std::map<std::string, bool> plan;
  std::optional<int> candidates;  // [1, 8]
  KithStyle style;
  std::optional<KithSoftPrompt> soft_prompt;
};

// Reads the member `kith` of the object that `outer` reads.
KithRequest read_kith(FieldReader& outer);

}  // namespace kith::api
