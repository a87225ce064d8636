#include "kith/storage/record_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"

namespace kith::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RecordReaderTest : public testing::Test {
 protected:
  Result<ImportReport> import(const std::string& name, const std::string& content) {
    const auto file = directory_.path() / name;
    std::ofstream(file, std::ios::binary) << content;
    records_.clear();
    return import_records(file, options_, [&](const base::Json& record) -> Result<WriteOutcome> {
      records_.push_back(base::dump_json(record));
      return outcome_;
    });
  }

  static std::vector<std::int64_t> bad_lines(const Result<ImportReport>& report) {
    std::vector<std::int64_t> lines;
    for (const BadLine& line : report->bad_lines) lines.push_back(line.line);
    return lines;
  }

  const base::TestDirectory directory_;
  RecordOptions options_;
  Result<WriteOutcome> outcome_ = WriteOutcome::kAdded;
  std::vector<std::string> records_;
};

TEST_F(RecordReaderTest, ReadsJsonLinesAndReportsTheBadOnes) {
  const auto report = import("a.jsonl",
                             "\xEF\xBB\xBF{\"id\":1}\r\n\n{\"id\":\n[1]\n{\"id\":2}\n"
                             "{\"id\":\"\xFF\"}\n{\"id\":3}");
  ASSERT_TRUE(report);
  EXPECT_THAT(records_, ElementsAre(R"({"id":1})", R"({"id":2})", R"({"id":3})"));
  EXPECT_EQ(report->num_added, 3);
  EXPECT_EQ(report->num_failed, 3);
  EXPECT_THAT(bad_lines(report), ElementsAre(3, 4, 6));
  EXPECT_THAT(report->bad_lines[0].file, HasSubstr("a.jsonl"));
}

TEST_F(RecordReaderTest, ReadsCsvWithQuotesNestingAndEveryLineEnd) {
  const auto report = import("a.csv",
                             "\xEF\xBB\xBFid,attributes.title,turns.0.text,turns.1.text\r\n"
                             "1,\"Nurse, \"\"head\"\"\",\"two\nlines\",b\r\n"
                             "\n"
                             "2,,x,\n");
  ASSERT_TRUE(report);
  EXPECT_THAT(
      records_,
      ElementsAre(
          R"({"attributes":{"title":"Nurse, \"head\""},"id":"1","turns":[{"text":"two\nlines"},{"text":"b"}]})",
          R"({"id":"2","turns":[{"text":"x"}]})"));
}

TEST_F(RecordReaderTest, ABadCsvRowDoesNotTakeTheRestAlong) {
  const auto report = import("a.csv", "id,text\n1,a\n2\n3,\"never closed\n4,d\n5,\xC3\n6,f\n");
  ASSERT_TRUE(report);
  EXPECT_THAT(records_, ElementsAre(R"({"id":"1","text":"a"})", R"({"id":"4","text":"d"})",
                                    R"({"id":"6","text":"f"})"));
  EXPECT_THAT(bad_lines(report), ElementsAre(3, 4, 6));
}

TEST_F(RecordReaderTest, CountsTheLinesOfAMultiLineCell) {
  const auto report = import("a.csv", "id,text\n1,\"a\nb\nc\"\n2\n");
  EXPECT_THAT(bad_lines(report), ElementsAre(5));
}

TEST_F(RecordReaderTest, RefusesHeadersThatCannotMeanAnything) {
  EXPECT_EQ(import("a.csv", "id,id\n1,2\n").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(import("a.csv", "id,,x\n1,2,3\n").error().code, ErrorCode::kInvalidArgument);
  const auto report = import("a.csv", "a,a.b\n1,2\n");
  EXPECT_EQ(report->num_failed, 1);
}

// A few bytes of a header could ask for gigabytes in every record, or for a tree that is too deep
// to walk over.
TEST_F(RecordReaderTest, RefusesHeadersThatAskForTooMuch) {
  const auto error = [&](const std::string& header) {
    const auto report = import("a.csv", header + "\nx\n");
    return report ? "no error" : report.error().message;
  };
  EXPECT_THAT(error("a.9999"), "no error");
  EXPECT_THAT(error("a.9999.9999"), HasSubstr("at most 10000 elements together: 20000"));
  std::string deep = "a";
  for (int i = 1; i < 32; ++i) deep += ".b";
  EXPECT_THAT(error(deep), "no error");
  EXPECT_THAT(error(deep + ".b"), HasSubstr("at most 32 parts: 33"));
}

// Every line leaves a quote open: read to the end each, these 2 MB would take 400,000,000,000
// steps.
TEST_F(RecordReaderTest, OpenQuotesCostLinearTime) {
  std::string text = "id,text\n";
  for (int i = 0; i < 400'000; ++i) text += "x\",\"\n";
  text += "1,b\n";
  for (const auto& [max_bytes, reason] :
       {std::pair(std::size_t{8} << 20, "never closed"),
        std::pair(std::size_t{1'000'000}, "the longest record")}) {
    options_.max_record_bytes = max_bytes;
    const auto report = import("a.csv", text);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->num_failed, 400'000);
    EXPECT_THAT(report->bad_lines.front().reason, HasSubstr(reason));
    EXPECT_THAT(records_, ElementsAre(R"({"id":"1","text":"b"})"));
  }
}

TEST_F(RecordReaderTest, LimitsTheLengthOfARecord) {
  options_.max_record_bytes = 20;
  const std::string filler(50, 'x');
  EXPECT_THAT(bad_lines(import("a.jsonl", "{\"a\":\"" + filler + "\"}\n{\"b\":1}\n")),
              ElementsAre(1));
  EXPECT_THAT(records_, ElementsAre(R"({"b":1})"));
  EXPECT_THAT(bad_lines(import("a.csv", "id\n\"" + filler + "\"\n7\n")), ElementsAre(2));
  EXPECT_THAT(records_, ElementsAre(R"({"id":"7"})"));
}

TEST_F(RecordReaderTest, KeepsAtMostTheAllowedNumberOfReasonsButCountsAll) {
  options_.max_bad_lines = 1;
  const auto report = import("a.jsonl", "{\n{\n{\n");
  EXPECT_EQ(report->num_failed, 3);
  EXPECT_EQ(report->bad_lines.size(), 1U);
}

TEST_F(RecordReaderTest, ARefusedRecordIsABadLineAndAFailingStoreStops) {
  outcome_ = Error{ErrorCode::kConflict, "taken"};
  const auto refused = import("a.jsonl", "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(refused->num_failed, 2);
  EXPECT_EQ(refused->bad_lines[1].reason, "taken");
  outcome_ = Error{ErrorCode::kUnavailable, "disk full"};
  const auto stopped = import("a.jsonl", "{\"a\":1}\n{\"a\":2}\n");
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(stopped.error().message, HasSubstr("a.jsonl:1: disk full"));
  EXPECT_EQ(records_.size(), 1U);
}

TEST_F(RecordReaderTest, TellsTheFormatByNameAndFirstCharacter) {
  EXPECT_EQ(import("a.txt", "{\"a\":1}\n")->num_added, 1);
  EXPECT_EQ(import("a.txt", "a\n1\n2\n")->num_added, 2);
  EXPECT_EQ(import("empty.jsonl", "")->num_added, 0);
  EXPECT_EQ(import("empty.csv", "\n")->num_added, 0);
  EXPECT_EQ(import_records(directory_.path() / "none", options_, {}).error().code,
            ErrorCode::kNotFound);
}

TEST_F(RecordReaderTest, ReportsProgressUpToTheEnd) {
  std::size_t done = 0;
  options_.on_progress = [&](std::size_t bytes, std::size_t) { done = bytes; };
  ASSERT_TRUE(import("a.jsonl", "{\"a\":1}\n"));
  EXPECT_EQ(done, 8U);
}

}  // namespace
}  // namespace kith::storage
