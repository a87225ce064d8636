// Which language a text is in.
//
// Method: scripts first (Han, kana, Hangul, Cyrillic, ... settle most cases by themselves); Latin
// text by the share of English function words, and from 20 letters on by CLD2 (naive Bayes over
// character quadgrams) where the build has it. Short texts ("vpn", "ok thanks") carry too little:
// the answer is then marked unreliable, and a caller should keep what it knew of the user.
#pragma once

#include <string>
#include <string_view>

namespace kith::text {

struct Language {
  // ISO 639-1: "en", "zh", "ja", "ko", "ru", "de", ...; "other" if it has letters but none of these
  // can be told; empty without letters.
  std::string code;
  bool is_reliable = false;
};

// Looks at the first 16 KiB. Thread-safe. About 30 us a call.
Language detect_language(std::string_view text);

}  // namespace kith::text
