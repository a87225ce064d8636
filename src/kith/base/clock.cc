#include "kith/base/clock.h"

#include <array>
#include <cstdio>

namespace kith::base {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

Error bad_time() {
  return Error{ErrorCode::kInvalidArgument, "time must be ISO 8601, like 2026-03-01T09:30:00Z"};
}

// Reads exactly `count` digits at `pos`; -1 if there are fewer.
int read_digits(const std::string& text, std::size_t& pos, std::size_t count) {
  if (pos + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[pos + i];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  pos += count;
  return value;
}

bool accept(const std::string& text, std::size_t& pos, char c) {
  if (pos >= text.size() || text[pos] != c) return false;
  ++pos;
  return true;
}

// Up to six digits after the point count; further ones are dropped.
std::int64_t read_fraction_micros(const std::string& text, std::size_t& pos) {
  std::int64_t micros = 0;
  std::int64_t unit = 100'000;
  while (pos < text.size() && text[pos] >= '0' && text[pos] <= '9') {
    micros += unit * (text[pos] - '0');
    unit /= 10;
    ++pos;
  }
  return micros;
}

// Seconds east of UTC, or no value if what stands at `pos` is no offset.
bool read_offset(const std::string& text, std::size_t& pos, std::int64_t& seconds) {
  seconds = 0;
  if (pos == text.size() || accept(text, pos, 'Z')) return pos == text.size();
  const bool west = text[pos] == '-';
  if (!west && text[pos] != '+') return false;
  ++pos;
  const int hours = read_digits(text, pos, 2);
  accept(text, pos, ':');
  const int minutes = read_digits(text, pos, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  seconds = (std::int64_t{hours} * 3600 + std::int64_t{minutes} * 60) * (west ? -1 : 1);
  return pos == text.size();
}

}  // namespace

UnixMicros SystemClock::now() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return duration_cast<microseconds>(since).count();
}

std::chrono::nanoseconds SystemClock::monotonic() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

std::string to_iso8601(UnixMicros at) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(at)};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

Result<UnixMicros> from_iso8601(const std::string& text) {
  using namespace std::chrono;
  std::size_t pos = 0;
  const int y = read_digits(text, pos, 4);
  const bool dash1 = accept(text, pos, '-');
  const int m = read_digits(text, pos, 2);
  const bool dash2 = accept(text, pos, '-');
  const int d = read_digits(text, pos, 2);
  if (y < 0 || !dash1 || m < 0 || !dash2 || d < 0) return bad_time();
  const year_month_day date{year(y), month(static_cast<unsigned>(m)),
                            day(static_cast<unsigned>(d))};
  if (!date.ok()) return bad_time();
  std::int64_t micros = duration_cast<microseconds>(sys_days(date).time_since_epoch()).count();
  if (pos == text.size()) return micros;

  if (!accept(text, pos, 'T') && !accept(text, pos, ' ')) return bad_time();
  const int hour = read_digits(text, pos, 2);
  const bool colon1 = accept(text, pos, ':');
  const int minute = read_digits(text, pos, 2);
  if (hour < 0 || hour > 23 || !colon1 || minute < 0 || minute > 59) return bad_time();
  int second = 0;
  if (accept(text, pos, ':')) second = read_digits(text, pos, 2);
  if (second < 0 || second > 60) return bad_time();
  micros += (hour * 3600LL + minute * 60LL + second) * 1'000'000;
  if (accept(text, pos, '.')) micros += read_fraction_micros(text, pos);
  std::int64_t offset_seconds = 0;
  if (!read_offset(text, pos, offset_seconds)) return bad_time();
  micros -= offset_seconds * 1'000'000;
  // An offset may lead out of the years that can be printed.
  if (micros < kFirstMicros || micros > kLastMicros) return bad_time();
  return micros;
}

}  // namespace kith::base
