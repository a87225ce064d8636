#include "kith/persona/denied_words.h"

#include <gtest/gtest.h>

namespace kith::persona {
namespace {

TEST(DeniedWordsTest, KnowsWordsOfEveryMatter) {
  for (const char* text :
       {"my diabetes got worse", "I was diagnosed last week", "she is Catholic", "during Ramadan",
        "he votes for the labour party", "a republican", "I am gay", "as a lesbian woman",
        "our trade union", "the shop steward said so", "an ethnic minority", "he is Kurdish",
        "Han Chinese", "我得了糖尿病", "她信仰佛教", "他是共产党党员", "他是同性恋", "加入工会",
        "少数民族"}) {
    EXPECT_TRUE(holds_denied_word(text)) << text;
  }
}

TEST(DeniedWordsTest, LeavesTheWordsOfADeskAlone) {
  for (const char* text :
       {"the health check of the server fails", "run the diagnostics again",
        "my account is disabled", "cancel the order", "a latin font", "which method do I use",
        "labour cost per hour", "which party pays for the licence", "50 ms latency",
        "the illustration is straight", "服务器的状态检查失败", "请帮我重置密码"}) {
    EXPECT_FALSE(holds_denied_word(text)) << text;
  }
}

TEST(DeniedWordsTest, LeavesOutTheWholeSentence) {
  EXPECT_EQ(without_denied_sentences("Reset my token. I am sick since Monday. It is urgent!"),
            "Reset my token.\nIt is urgent!\n");
  EXPECT_EQ(without_denied_sentences("请重置密码。我在工会工作。谢谢。"), "请重置密码。\n谢谢。\n");
  EXPECT_EQ(without_denied_sentences("Reset my token. Thanks"), "Reset my token. Thanks");
  EXPECT_EQ(without_denied_sentences("I am a Sikh"), "");
  EXPECT_EQ(without_denied_sentences(""), "");
}

}  // namespace
}  // namespace kith::persona
