#include "kith/memory/terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::memory {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TermsTest, BringsFormsOfAWordTogether) {
  EXPECT_THAT(to_terms("Expires expiring EXPIRED"), ElementsAre("expir", "expir", "expir"));
  EXPECT_EQ(to_terms("printers"), to_terms("Printer"));
}

TEST(TermsTest, LeavesCodesNumbersAndChineseAlone) {
  EXPECT_THAT(to_terms("KR-217"), ElementsAre("kr", "217"));
  EXPECT_THAT(to_terms("打印机"), ElementsAre("打印", "印机"));
  EXPECT_EQ(to_index_terms("reset 密码"), "reset 密码");
}

TEST(TermsTest, AsksOnlyForWhatTheQuestionIsAbout) {
  EXPECT_THAT(to_query_terms("How long is the VPN session, and how long the VPN lease?"),
              ElementsAre("vpn", "session", "leas"));
  EXPECT_THAT(to_query_terms("What is it?"), IsEmpty());
  EXPECT_THAT(to_query_terms("什么？"), IsEmpty());
  EXPECT_THAT(to_query_terms("密码什么"), ElementsAre("密码", "码什"));
  EXPECT_THAT(to_query_terms(""), IsEmpty());
}

TEST(TermsTest, TakesAnyBytes) {
  EXPECT_THAT(to_terms(std::string("a\0b \xFF\xFE c", 8)), testing::Contains("c"));
}

}  // namespace
}  // namespace kith::memory
