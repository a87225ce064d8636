// Personal data in text: where it stands, and the text without it.
//
// Method: one pass from left to right. At each place recognisers for typed patterns are tried, each
// of which looks at a bounded stretch: e-mail and IP addresses by their grammar, cards, IBANs and
// national ids by their checksums, telephone numbers by the shapes of numbering plans, addresses by
// words for streets, secrets by the prefixes that their issuers give them, by what names them
// ("password: ...") and by their randomness. People are found by name, from a list: which words are
// a name cannot be told without one. Numbers of tickets, versions, dates and times stay.
// What the patterns are and what they leave alone: docs/formats/redaction.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/text/pii_names.h"
#include "kith/text/regex.h"

namespace kith::text {

enum class PiiKind : std::uint8_t {
  kEmail,
  kPhone,
  kBankAccount,
  kCard,
  kIpAddress,
  kMacAddress,
  kNationalId,
  kStreetAddress,
  kLink,
  kSecret,
  kName,
};
inline constexpr std::size_t kNumPiiKinds = 11;

// "email", "phone", ...: for cards and reports.
std::string_view to_string(PiiKind kind);
// What stands in the text instead: "[e-mail address]", "[phone number]", ...
std::string_view placeholder_of(PiiKind kind);

struct PiiFinding {
  PiiKind kind = PiiKind::kEmail;
  Span span;  // on UTF-8 boundaries

  friend bool operator==(const PiiFinding&, const PiiFinding&) = default;
};

struct PiiOptions {
  // People of the installation, as written ("Jonas Turner", "陈静").
  std::vector<std::string> names;
  // What belongs to the company and stays: values as they are written (a shared mailbox, the desk's
  // telephone number, the head office's address), and "@example.com" for every address of a domain.
  // Case, spaces and the separators of numbers do not count.
  std::vector<std::string> allowed;
};

// How many of each kind were replaced; index by static_cast<std::size_t>(kind).
using PiiCounts = std::array<std::int64_t, kNumPiiKinds>;

// Immutable; thread-safe.
class PiiRedactor {
 public:
  explicit PiiRedactor(const PiiOptions& options = {});

  // In order and not overlapping. `text` may be ill-formed. Placeholders are not found again.
  // Linear in the text.
  std::vector<PiiFinding> find(std::string_view text) const;

  // The text with a placeholder for every finding, valid UTF-8. Redacting twice changes nothing.
  //   counts: may be null; else the replacements are added
  std::string redact(std::string_view text, PiiCounts* counts = nullptr) const;

 private:
  bool is_allowed(PiiKind kind, std::string_view found) const;

  PiiNames names_;
  std::vector<std::string> allowed_;  // sorted keys
};

}  // namespace kith::text
