#include "kith/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <utility>

namespace kith::text {
namespace {

constexpr std::size_t kMaxPatternBytes = std::size_t{64} << 10;
// Per attempt at one position; ordinary tokenizer patterns use a handful of steps.
constexpr std::uint32_t kMatchLimit = 1'000'000;
constexpr std::uint32_t kHeapLimitKib = 64 * 1024;
constexpr std::size_t kMinJitStackBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxJitStackBytes = std::size_t{4} << 20;

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};

using MatchData = std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>>;

// PCRE2's own \s also holds U+180E, which has not been white space since Unicode 6.3, and its \S
// lacks it.
std::string with_unicode_whitespace(std::string_view pattern) {
  constexpr std::string_view kWhitespace = "\\t-\\r\\x{85}\\p{Z}";
  constexpr std::string_view kOther = "\\S\\x{180E}";
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next != 's' && next != 'S') {
        out.append({c, next});
        continue;
      }
      const std::string_view members = next == 's' ? kWhitespace : kOther;
      if (!in_class) out.push_back('[');
      out += members;
      if (!in_class) out.push_back(']');
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    out.push_back(c);
  }
  return out;
}

}  // namespace

struct Regex::Code {
  std::unique_ptr<pcre2_code, Deleter<pcre2_code_free>> compiled;
};

Regex::Regex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return Error{ErrorCode::kInvalidArgument, "regular expression must be at most 65536 bytes: " +
                                                  std::to_string(pattern.size())};
  }
  const std::string adapted = with_unicode_whitespace(pattern);
  int code = 0;
  PCRE2_SIZE offset = 0;
  auto compiled = std::make_unique<Code>();
  compiled->compiled.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(adapted.data()), adapted.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, nullptr));
  if (!compiled->compiled) {
    std::array<PCRE2_UCHAR, 160> reason{};
    pcre2_get_error_message(code, reason.data(), reason.size());
    return Error{ErrorCode::kInvalidArgument, "invalid regular expression at offset " +
                                                  std::to_string(offset) + ": " +
                                                  reinterpret_cast<const char*>(reason.data())};
  }
  // Without the JIT compiler the interpreter gives the same matches, more slowly.
  pcre2_jit_compile(compiled->compiled.get(), PCRE2_JIT_COMPLETE);
  return Regex(std::move(compiled));
}

// The matcher of one find_all().
class Regex::Matcher {
 public:
  explicit Matcher(const Code& code)
      : code_(code), data_(pcre2_match_data_create_from_pattern(code.compiled.get(), nullptr)) {
    if (!data_) return;
    context_.reset(pcre2_match_context_create(nullptr));
    if (!context_) return;
    pcre2_set_match_limit(context_.get(), kMatchLimit);
    pcre2_set_heap_limit(context_.get(), kHeapLimitKib);
  }

  bool is_ready() const { return data_ && context_; }

  // Whether there is a match at or after `at`; bounds() says where.
  bool find(std::string_view text, std::size_t at, std::uint32_t options) {
    int found = match(text, at, options);
    // JIT code begins on 32 KiB of the thread's own stack, which is enough for patterns of
    // tokenizers. A stack of the heap's is mapped for each text and unmapped behind it, which takes
    // longer than finding the words of a question.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !stack_) {
      stack_.reset(pcre2_jit_stack_create(kMinJitStackBytes, kMaxJitStackBytes, nullptr));
      if (stack_) {
        pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
        found = match(text, at, options);
      }
    }
    return found >= 0;
  }

  const PCRE2_SIZE* bounds() const { return pcre2_get_ovector_pointer(data_.get()); }

 private:
  int match(std::string_view text, std::size_t at, std::uint32_t options) {
    return pcre2_match(code_.compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                       at, options, data_.get(), context_.get());
  }

  const Code& code_;
  MatchData data_;
  MatchContext context_;
  JitStack stack_;
};

void Regex::find_all(std::string_view text, std::vector<Span>& matches) const {
  Matcher matcher(*code_);
  if (!matcher.is_ready()) return;
  const PCRE2_SIZE* bounds = matcher.bounds();
  std::uint32_t options = PCRE2_NO_UTF_CHECK;
  std::size_t at = 0;
  while (at < text.size()) {
    if (!matcher.find(text, at, options)) return;
    // \K can put the start behind the end or before the search position.
    if (bounds[0] < at || bounds[1] <= bounds[0]) {
      // An empty match: ask for a non-empty one from the same place before giving up on it.
      if ((options & PCRE2_NOTEMPTY) != 0) return;
      options |= PCRE2_NOTEMPTY;
      continue;
    }
    matches.push_back({bounds[0], bounds[1]});
    at = bounds[1];
  }
}

Result<bool> Regex::matches_at_start(std::string_view text, std::uint32_t max_steps) const {
  const MatchData data(pcre2_match_data_create_from_pattern(code_->compiled.get(), nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  if (!data || !context) return Error{ErrorCode::kInternal, "out of memory for a match"};
  pcre2_set_match_limit(context.get(), max_steps);
  pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  const int found =
      pcre2_match(code_->compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                  PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, data.get(), context.get());
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found >= 0) return true;
  return Error{ErrorCode::kInvalidArgument,
               "the regular expression takes more than " + std::to_string(max_steps) + " steps"};
}

std::string escape_regex(std::string_view text) {
  constexpr std::string_view kSpecial = "\\^$.|?*+()[]{}-#";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace kith::text
