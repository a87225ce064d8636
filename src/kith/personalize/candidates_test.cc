#include "kith/personalize/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace kith::personalize {
namespace {

using ::testing::ElementsAre;

constexpr const char* kPassage = "The vault needs form HB-27. Requests close after 14 days.";

Candidate draft(std::string text, double mean_logprob = -0.5) {
  Candidate candidate;
  candidate.source = kSourceDraft;
  candidate.text = std::move(text);
  candidate.mean_logprob = mean_logprob;
  return candidate;
}

RankContext vault_context() {
  RankContext context;
  context.question = "Which form does the vault need?";
  context.language = "en";
  context.sources.add(kPassage);
  context.sources.add(context.question);
  context.has_passages = true;
  context.extractive = "The vault needs form HB-27.";
  return context;
}

TEST(CandidatesTest, ScoresAsTheFormulaSays) {
  std::vector<Candidate> candidates = {draft("The vault needs form HB-27.", std::log(0.5))};
  NeWeights weights;
  weights.likelihood = 0.4;
  weights.grounding = 0.3;
  weights.overlap = 0.2;
  weights.agreement = 0.1;
  rank(candidates, vault_context(), weights);
  // Likelihood 0.5; every word grounded; form, vault and need taken up; the one fact agreed on.
  EXPECT_NEAR(candidates[0].ne, 0.4 * 0.5 + 0.3 + 0.2 + 0.1, 1e-9);
  EXPECT_EQ(candidates[0].grounding, 1.0);
}

TEST(CandidatesTest, GroundedOnesGoFirstWhateverTheirLikelihood) {
  std::vector<Candidate> candidates = {draft("The vault needs form XY-99.", -0.001),
                                       draft("The vault needs form HB-27.", -3.0)};
  EXPECT_THAT(rank(candidates, vault_context()), ElementsAre(1, 0));
  EXPECT_FALSE(candidates[0].is_grounded);
  EXPECT_TRUE(candidates[1].is_grounded);
}

TEST(CandidatesTest, WithoutPassagesTheLikelierDraftWins) {
  RankContext context;
  context.question = "How are you?";
  std::vector<Candidate> candidates = {draft("I am fine, thank you.", -2.0),
                                       draft("I am well, thank you.", -0.2)};
  EXPECT_THAT(rank(candidates, context), ElementsAre(1, 0));
  EXPECT_FALSE(candidates[0].grounding);
}

TEST(CandidatesTest, EqualCandidatesKeepTheirOrder) {
  std::vector<Candidate> candidates = {draft("The vault needs form HB-27."),
                                       draft("The vault needs form HB-27.")};
  EXPECT_THAT(rank(candidates, vault_context()), ElementsAre(0, 1));
}

TEST(CandidatesTest, AgreeingWithTheQuotedFactBeatsSayingAnotherTrueThing) {
  std::vector<Candidate> candidates = {draft("Requests close after 14 days."),
                                       draft("You need form HB-27 for the vault.")};
  EXPECT_THAT(rank(candidates, vault_context()), ElementsAre(1, 0));
}

TEST(CandidatesTest, FaultsOfShapeCost) {
  const auto penalty = [](const std::string& text, const std::string& finish = "stop") {
    std::vector<Candidate> candidates = {draft(text)};
    candidates[0].finish_reason = finish;
    rank(candidates, vault_context());
    return candidates[0].penalty;
  };
  EXPECT_DOUBLE_EQ(penalty("The vault needs form HB-27."), 0.0);
  EXPECT_GT(penalty("The vault needs form HB-27.", "length"), 0.1);
  EXPECT_GT(penalty("The vault needs form HB-27 and then"), 0.1);
  EXPECT_GT(penalty("Yes."), 0.2);
  EXPECT_DOUBLE_EQ(penalty("HB-27."), 0.0);
  EXPECT_GT(penalty("Which form does the vault need?"), 0.3);
  EXPECT_GT(penalty("申请保险库的时候一定要填写这张表单，谢谢。"), 0.3);
  EXPECT_GT(penalty("the form is ready the form is ready the form is ready the form is ready."),
            0.3);
}

TEST(CandidatesTest, RepetitionIsTheShareOfRepeatedFourGrams) {
  EXPECT_DOUBLE_EQ(measure_repetition("one two three four"), 0.0);
  EXPECT_DOUBLE_EQ(measure_repetition("a b c d e f g h"), 0.0);
  // a b c d | b c d a | c d a b | d a b c | a b c d: one of five repeats.
  EXPECT_DOUBLE_EQ(measure_repetition("a b c d a b c d"), 0.2);
}

TEST(CandidatesTest, AMissingLikelihoodCountsAsTheUsualOne) {
  std::vector<Candidate> candidates = {draft("The vault needs form HB-27.", std::log(0.8)),
                                       draft("Form HB-27 is what the vault needs.")};
  candidates[1].mean_logprob.reset();
  rank(candidates, vault_context());
  EXPECT_NEAR(candidates[1].likelihood, 0.8, 1e-9);
}

TEST(CandidatesTest, QuotesAreLaidOutWithoutChangingAWord) {
  memory::Passage passage;
  passage.text = kPassage;
  passage.start = 100;
  passage.end = 100 + passage.text.size();
  memory::ExtractiveAnswer answer;
  answer.quotes = {{0, 100, 127, 1.0}, {0, 128, 100 + passage.text.size(), 0.9}};
  const std::vector<memory::Passage> passages = {passage};
  EXPECT_EQ(render_quotes(answer, passages, Layout::kSentences), kPassage);
  EXPECT_EQ(render_quotes(answer, passages, Layout::kNumbered),
            "1. The vault needs form HB-27.\n2. Requests close after 14 days.");
  EXPECT_EQ(render_quotes(answer, passages, Layout::kDashes),
            "- The vault needs form HB-27.\n- Requests close after 14 days.");
}

TEST(CandidatesTest, ChineseQuotesAreJoinedWithoutSpaces) {
  memory::Passage passage;
  passage.text = "要填表单。三天后关闭。";
  passage.end = passage.text.size();
  memory::ExtractiveAnswer answer;
  answer.quotes = {{0, 0, 15, 1.0}, {0, 15, passage.text.size(), 0.9}};
  EXPECT_EQ(render_quotes(answer, std::vector{passage}, Layout::kSentences), passage.text);
}

}  // namespace
}  // namespace kith::personalize
