#include "kith/personalize/composer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/personalize/pipeline_fixture.h"
#include "kith/personalize/style.h"

namespace kith::personalize {
namespace {

memory::Passage passage(std::string title, std::string text, std::string heading = "") {
  memory::Passage out;
  out.title = std::move(title);
  out.heading = std::move(heading);
  out.text = std::move(text);
  return out;
}

// The layout that tools/corpus/prompt.py writes for training, byte for byte.
TEST(ComposerTest, SystemMessageHasTheLayoutThatTheModelIsTrainedOn) {
  const std::vector<memory::Passage> passages = {passage("Vault", "Needs a form."),
                                                 passage("Gate", "Opens at 9.")};
  EXPECT_EQ(render_system("You are a desk.", "Persona: Boss.", passages),
            "You are a desk.\n\n## About the user\nPersona: Boss.\n\n"
            "## Documents\n[1] Vault\nNeeds a form.\n[2] Gate\nOpens at 9.");
  EXPECT_EQ(render_system("", "", passages),
            "## Documents\n[1] Vault\nNeeds a form.\n[2] Gate\nOpens at 9.");
  EXPECT_EQ(render_system("", "", passages, "Opens at 9."),
            "## Documents\n[1] Vault\nNeeds a form.\n[2] Gate\nOpens at 9.\n\n"
            "## Evidence\nOpens at 9.");
  EXPECT_EQ(render_system("Head.", "", {}), "Head.");
  EXPECT_EQ(render_system("", "", {}), "");
}

TEST(ComposerTest, TitleTakesTheSectionAlong) {
  EXPECT_EQ(passage_title(passage("Vault", "", "Opening")), "Vault: Opening");
  EXPECT_EQ(passage_title(passage("Vault", "", "Vault")), "Vault");
  EXPECT_EQ(passage_title(passage("", "", "Opening")), "Opening");
  EXPECT_EQ(passage_title(passage("Vault", "", std::string(90, 'x'))), "Vault");
}

TEST(ComposerTest, ClientMessagesAreNeverChangedOrDropped) {
  const FakeGenerator generator;
  TokenCounter counter(generator);
  const std::vector<Message> messages = {{"system", "App.", ""},
                                         {"user", "one", R"({"role":"user","content":"one"})"},
                                         {"assistant", "two", ""},
                                         {"system", "late note", ""},
                                         {"user", std::string(4000, 'q'), ""}};
  Ingredients ingredients;
  ingredients.style = "Persona: Boss.";
  ingredients.passages = {passage("Vault", std::string(3000, 'x'))};
  PromptLimits limits;
  limits.context = 1500;
  const Prompt prompt = compose(messages, ingredients, limits, counter);
  EXPECT_EQ(prompt.messages, messages);
  EXPECT_FALSE(prompt.has_style);
  EXPECT_TRUE(prompt.passages.empty());
}

TEST(ComposerTest, NoSystemMessageIsMadeOfNothing) {
  const FakeGenerator generator;
  TokenCounter counter(generator);
  const std::vector<Message> messages = {{"user", "one", ""}};
  EXPECT_EQ(compose(messages, {}, {}, counter).messages, messages);
}

TEST(ComposerTest, DocumentsStayWithinTheirShare) {
  const FakeGenerator generator;
  TokenCounter counter(generator);
  const std::vector<Message> messages = {{"user", "one", ""}};
  Ingredients ingredients;
  for (int i = 0; i < 4; ++i) ingredients.passages.push_back(passage("T", std::string(300, 'x')));
  PromptLimits limits;
  limits.passages = 250;
  const Prompt prompt = compose(messages, ingredients, limits, counter);
  EXPECT_EQ(prompt.passages.size(), 2U);
  EXPECT_LE(prompt.passage_tokens, 250U);
  EXPECT_LE(generator.count_tokens(prompt.messages[0].content), 250U);
}

TEST(ComposerTest, EvidenceIsNamedAfterTheDocumentsThatHoldIt) {
  const FakeGenerator generator;
  TokenCounter counter(generator);
  const std::vector<Message> messages = {{"user", "When does the gate open?", ""}};
  Ingredients ingredients;
  ingredients.passages = {passage("Gate", "Bring a badge. The gate does open at 9. Park outside.")};
  ingredients.query = messages[0].content;
  const Prompt named = compose(messages, ingredients, {}, counter);
  ASSERT_TRUE(named.evidence);
  EXPECT_GT(named.evidence_tokens, 0U);
  EXPECT_TRUE(named.messages[0].content.ends_with("\n\n## Evidence\nThe gate does open at 9."));

  ingredients.names_evidence = false;
  const Prompt found = compose(messages, ingredients, {}, counter);
  EXPECT_TRUE(found.evidence);
  EXPECT_TRUE(found.messages[0].content.ends_with("Park outside."));

  ingredients.names_evidence = true;
  ingredients.query = "Where is the moon?";
  EXPECT_FALSE(compose(messages, ingredients, {}, counter).evidence);
  ingredients.query = messages[0].content;
  ingredients.passages[0].text += std::string(9000, 'x');  // no document, no evidence
  EXPECT_FALSE(compose(messages, ingredients, {}, counter).evidence);
}

TEST(ComposerTest, AnExchangeIsOneShortLine) {
  const std::string line = describe_exchange("what\nis  it", std::string(900, 'a'));
  EXPECT_TRUE(line.starts_with("Asked earlier: what is it Answered: aaa"));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_LT(line.size(), 300U);
}

TEST(StyleTest, CardIsOneLine) {
  StyleWish wish;
  wish.persona = "Boss";
  wish.tone = "crisp";
  wish.length = "short";
  wish.format = "two sentences.\nno lists";
  wish.language = "user";
  wish.reading_level = 11;
  EXPECT_EQ(render_style(wish),
            "Persona: Boss. Tone: crisp. Length: short. Format: two sentences. no lists.");
  wish.language = "zh";
  EXPECT_TRUE(render_style(wish).ends_with(" Language: zh."));
  EXPECT_EQ(render_style({}), "");
}

TEST(StyleTest, TheRequestsWishWinsOverTheCard) {
  persona::Persona persona;
  persona.name = "Boss";
  persona.style.tone = "crisp";
  persona.style.format = "sentences";
  StyleWish asked;
  asked.tone = "jolly";
  const StyleWish wish = merge_style(&persona, asked);
  EXPECT_EQ(wish.tone, "jolly");
  EXPECT_EQ(wish.format, "sentences");
  EXPECT_TRUE(merge_style(nullptr, {}).empty());
}

TEST(StyleTest, LayoutFollowsTheFormat) {
  const auto layout = [](const char* format) {
    StyleWish wish;
    wish.format = format;
    return layout_of(wish);
  };
  EXPECT_EQ(layout("numbered steps of at most twelve words"), Layout::kNumbered);
  EXPECT_EQ(layout("procedure with dashes: form, approver"), Layout::kDashes);
  EXPECT_EQ(layout("two to four sentences; no step lists"), Layout::kSentences);
  EXPECT_EQ(layout("outcome first; no numbered lists"), Layout::kSentences);
  EXPECT_EQ(layout(""), Layout::kSentences);
}

TEST(StyleTest, MeasuresWhatWasWritten) {
  const MeasuredStyle english = measure_style("Switch the tablet off. Then wait for the light.");
  EXPECT_EQ(english.language, "en");
  EXPECT_EQ(english.words, 9);
  EXPECT_EQ(english.sentences, 2);
  ASSERT_TRUE(english.reading_level);
  EXPECT_LT(*english.reading_level, 6.0);
  const MeasuredStyle chinese = measure_style("请先关机。等灯亮。");
  EXPECT_EQ(chinese.language, "zh");
  EXPECT_EQ(chinese.words, 7);
  EXPECT_FALSE(chinese.reading_level);
}

TEST(PortsTest, TokenEstimateIsOnTheSafeSide) {
  const FakeGenerator generator;
  EXPECT_EQ(generator.count_tokens(""), 0U);
  EXPECT_EQ(generator.count_tokens("abcd"), 2U);
  EXPECT_EQ(generator.count_tokens("你好"), 2U);
}

}  // namespace
}  // namespace kith::personalize
