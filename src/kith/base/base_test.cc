#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "kith/base/base64.h"
#include "kith/base/bounded_queue.h"
#include "kith/base/clock.h"
#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/ids.h"
#include "kith/base/json.h"
#include "kith/base/log.h"
#include "kith/base/result.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"

namespace kith::base {
namespace {

Result<std::vector<std::string>> three_words() {
  return std::vector<std::string>{"a first word that is on the heap", "second", "third"};
}

TEST(ResultTest, AValueTakenFromATemporaryLivesOnItsOwn) {
  std::string all;
  for (const std::string& word : *three_words()) all += word + ";";
  EXPECT_EQ(all, "a first word that is on the heap;second;third;");
}

// A line of the log is one line, and colours nothing, whatever a stranger's key was.
TEST(LogTest, ControlCharactersAreEscaped) {
  testing::internal::CaptureStderr();
  log_warn(
      "ignored: a\n\x1b[31mb\r\t\x7f\xc2\x9b"
      "c\xc3\x9b end");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("ignored: a\\n\\x1b[31mb\\x0d\\x09\\x7f\\x9bc\xc3\x9b end\n"),
            std::string::npos)
      << line;
}

TEST(ClockTest, PrintsAndReadsTheSameInstant) {
  const auto at = from_iso8601("2026-03-01T09:30:05.25Z");
  ASSERT_TRUE(at);
  EXPECT_EQ(to_iso8601(*at), "2026-03-01T09:30:05.250000Z");
}

TEST(ClockTest, AppliesTheOffsetFromUtc) {
  EXPECT_EQ(*from_iso8601("2026-03-01T11:30:00+02:00"), *from_iso8601("2026-03-01T09:30:00Z"));
  EXPECT_EQ(*from_iso8601("1970-01-01"), 0);
}

TEST(ClockTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "soon", "2026-02-30", "2026-03-01T25:00:00", "2026-03-01T09:30:00x"}) {
    EXPECT_FALSE(from_iso8601(text)) << text;
  }
}

TEST(ClockTest, ReadsTheYearsThatItCanPrint) {
  EXPECT_EQ(*from_iso8601("0000-01-01"), kFirstMicros);
  EXPECT_EQ(*from_iso8601("9999-12-31T23:59:59.999999"), kLastMicros);
  EXPECT_FALSE(from_iso8601("0000-01-01T00:00:00+00:01"));
  EXPECT_FALSE(from_iso8601("9999-12-31T23:59:60"));
  EXPECT_FALSE(from_iso8601("9999-12-31T23:59:59-00:01"));
}

// First outputs for seed 0, computed with the authors' C reference (SplitMix64 seeding).
TEST(RngTest, StreamIsTheReferenceStream) {
  Rng rng(0);
  EXPECT_EQ(rng(), 11091344671253066420ULL);
  EXPECT_EQ(rng(), 13793997310169335082ULL);
}

TEST(RngTest, ResumesFromItsState) {
  Rng a(7);
  a();
  Rng b(1);
  b.set_state(a.state());
  EXPECT_EQ(a(), b());
}

TEST(JsonTest, NamesTheLineOfAnError) {
  const auto json = parse_json("{\n\"a\": }");
  ASSERT_FALSE(json);
  EXPECT_NE(json.error().message.find("line 2"), std::string::npos) << json.error().message;
}

TEST(JsonTest, RefusesDeepNestingAndBrokenUtf8) {
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
  EXPECT_FALSE(parse_json("\"\xff\""));
  EXPECT_TRUE(parse_json("\"" + std::string(1000, '[') + "\""));
}

TEST(JsonTest, ErrorsQuoteNothingOfTheText) {
  for (const char* text : {"{\"secret\":\xff}", "{\"n\": secret}", "\"secret\x01\"", "1e999"}) {
    const auto json = parse_json(text);
    ASSERT_FALSE(json) << text;
    EXPECT_THAT(json.error().message, testing::Not(testing::HasSubstr("secret")));
    EXPECT_THAT(json.error().message, testing::Not(testing::HasSubstr("999")));
    EXPECT_TRUE(parse_json(Json(json.error().message).dump()));
  }
}

TEST(JsonTest, RefusesAnIntegerThatWouldWrap) {
  const auto json = parse_json(R"({"n": 18446744073709551615})");
  ASSERT_TRUE(json);
  EXPECT_FALSE(read_integer(*json, "n"));
}

TEST(FileTest, ReplacesAtomicallyAndMaps) {
  const TestDirectory directory;
  const auto path = directory.path() / "file";
  ASSERT_TRUE(write_file_atomically(path, "one", 0600));
  ASSERT_TRUE(write_file_atomically(path, "two", 0600));
  EXPECT_EQ(*read_file(path), "two");
  const auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->bytes().size(), 3U);
  mapped->drop_pages();
  EXPECT_EQ(mapped->bytes()[1], std::byte{'w'});
  EXPECT_FALSE(read_file(path, 2));
  std::filesystem::remove(path);
  EXPECT_EQ(read_file(path).error().code, ErrorCode::kNotFound);
}

TEST(FingerprintTest, IsTheKnownHashAndGoesOnOverPieces) {
  EXPECT_EQ(to_hex(hash_bytes("")), "cbf29ce484222325");
  EXPECT_EQ(to_hex(hash_bytes("foobar")), "85944171f73967e8");
  EXPECT_EQ(hash_bytes("bar", hash_bytes("foo")), hash_bytes("foobar"));
  EXPECT_EQ(to_hex(0xAB), "00000000000000ab");
}

TEST(BoundedQueueTest, RefusesWhenFullAndDrainsAfterClose) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.try_push(1));
  EXPECT_FALSE(queue.try_push(2));
  queue.close();
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueueTest, WakesAWaitingReader) {
  BoundedQueue<int> queue(1);
  std::thread writer([&] { queue.try_push(5); });
  EXPECT_EQ(queue.pop(), 5);
  writer.join();
}

// The vectors of RFC 4648, section 10, and what is not in the alphabet.
TEST(Base64Test, DecodesTheStandardAndNothingElse) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm8="), "fo");
  EXPECT_EQ(decode_base64("Zm9v"), "foo");
  EXPECT_EQ(decode_base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decode_base64("+/+/"), "\xFB\xFF\xBF");
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "Zm9=", "Zh==", "-_-_", "Zm9v\n", "Zm 9", "=",
                           "====", "Z===", "Zg==Zg=="}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
}

TEST(Base64Test, EveryLengthComesBack) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg==");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    bytes += static_cast<char>(i * 37);
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes) << i;
  }
}

}  // namespace
}  // namespace kith::base
