#include "kith/personalize/escalation.h"

#include <gtest/gtest.h>

namespace kith::personalize {
namespace {

const persona::Escalation kLine{"the field line", "+44 113 555 0148", "day and night"};

TEST(EscalationTest, KnowsWhoAsksForAPerson) {
  for (const char* message :
       {"Can I talk to someone?", "I'd rather SPEAK WITH a person, please", "put me through now",
        "Get me a real person.", "who do I call?", "请帮我转人工", "Could somebody call me?"}) {
    EXPECT_TRUE(asks_for_person(message)) << message;
  }
  for (const char* message :
       {"Which person approves the form?", "How do I call a meeting?", "The agent is red", "",
        "Our talk to the board", "人工成本是多少？"}) {
    EXPECT_FALSE(asks_for_person(message)) << message;
  }
}

TEST(EscalationTest, GoesOnWithTheAnswersOwnList) {
  const EscalationStyle steps{Layout::kNumbered, true, "en"};
  EXPECT_EQ(render_escalation(kLine, steps, "1. Keep working.\n2. Sync later."),
            "\n3. Call the field line: +44 113 555 0148 (day and night).");
  const EscalationStyle dashes{Layout::kDashes, false, "en"};
  EXPECT_EQ(render_escalation({"payroll", "extension 4", ""}, dashes, "- Form HR-2."),
            "\n- To speak to a person, contact payroll: extension 4.");
}

TEST(EscalationTest, IsASentenceBehindOthers) {
  EXPECT_EQ(render_escalation(kLine, {Layout::kNumbered, true, ""}, "Keep working."),
            " Call the field line: +44 113 555 0148 (day and night).");
  EXPECT_EQ(render_escalation(kLine, {Layout::kSentences, false, "zh"}, "请稍候。"),
            "如需人工协助，请联系the field line：+44 113 555 0148（day and night）。");
}

}  // namespace
}  // namespace kith::personalize
