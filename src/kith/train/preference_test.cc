#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstring>
#include <fstream>

#include "kith/base/file.h"
#include "kith/train/preference_data.h"
#include "kith/train/sequence_scores.h"
#include "kith/train/test_support.h"
#include "kith/train/trainer.h"

namespace kith::train {
namespace {

using ::testing::HasSubstr;

// The persona wants to hear the floor, not the room.
std::string tiny_pairs() {
  std::string lines;
  for (int i = 0; i < 24; ++i) {
    const std::string n = std::to_string(i % 7);
    lines += R"({"prompt": "where is printer )" + n + R"(", "chosen": "it is on floor )" + n +
             R"(", "rejected": "look for it in room )" + n + R"(", "user": "u)" +
             std::to_string(i % 5) + "\"}\n";
  }
  return lines;
}

std::string tiny_thumbs() {
  std::string lines;
  for (int i = 0; i < 24; ++i) {
    const std::string n = std::to_string(i % 7);
    const bool up = i % 2 == 0;
    lines += R"({"messages": [{"role": "user", "content": "where is printer )" + n +
             R"("}], "completion": ")" + (up ? "it is on floor " : "look for it in room ") + n +
             R"(", "label": )" + (up ? "true" : "false") + "}\n";
  }
  return lines;
}

std::vector<std::filesystem::path> files_like(const std::filesystem::path& directory,
                                              const std::string& prefix) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
  }
  return found;
}

class PreferenceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Recipe base = tiny_recipe(directory_);
    base.bf16 = false;
    base.run.budget.steps = 20;
    base.optimizer.schedule.peak = 1e-2;
    ASSERT_TRUE(train_base(base, quiet()));
    recipe_ = base;
    recipe_.init = base.output / "model";
    recipe_.tokenizer.path = recipe_.init;
    recipe_.output = directory_.path() / "tuned";
    recipe_.lora.rank = 4;
    recipe_.lora.alpha = 8.0;
    recipe_.data = {{"pairs", directory_.write("pairs.jsonl", tiny_pairs())}};
    recipe_.validation = {base.validation.front()};
    recipe_.preference.validation = {recipe_.data.front()};
    recipe_.preference.batch = 8;
    recipe_.preference.max_tokens = 64;
    recipe_.stages = {{1.0, 64}};
    recipe_.run.budget.steps = 12;
  }

  std::string error_for(const std::string& lines) {
    recipe_.data = {{"bad", directory_.write("bad.jsonl", lines)}};
    const auto report = train_preference(recipe_, quiet());
    return report ? "no error" : report.error().message;
  }

  base::TestDirectory directory_;
  Recipe recipe_;
};

TEST_F(PreferenceTest, DpoLearnsWhatIsChosenAndLeavesTheBaseAlone) {
  const std::string before = bytes_of(recipe_.init / "model.safetensors");
  const auto report = train_preference(recipe_, quiet());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->finished);
  EXPECT_LT(report->loss, 0.6 * std::log(2.0));
  ASSERT_EQ(report->preferences.size(), 1U);
  EXPECT_EQ(report->preferences[0].examples, 24);
  EXPECT_EQ(report->preferences[0].accuracy, 1.0);
  EXPECT_GT(report->preferences[0].margin, 0.0);
  EXPECT_EQ(report->preferences[0].likelier, 1.0);
  EXPECT_EQ(report->validation.size(), 1U);
  EXPECT_EQ(bytes_of(recipe_.init / "model.safetensors"), before);
  EXPECT_TRUE(std::filesystem::exists(report->result / "adapter_config.json"));
}

TEST_F(PreferenceTest, TheReferenceIsWhatTheRunStartsFrom) {
  recipe_.run.budget.steps = 6;
  recipe_.preference.user_share = 1.0;  // equal weights, so that the mean loss is that of a pair
  const auto first = train_preference(recipe_, quiet());
  ASSERT_TRUE(first) << first.error().message;
  Recipe further = recipe_;
  further.init_adapter = first->result;
  further.output = directory_.path() / "further";
  further.optimizer.schedule.peak = 0.0;
  further.run.budget.steps = 1;
  const auto same = train_preference(further, quiet());
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_NEAR(same->preferences[0].margin, 0.0, 1e-4);
  EXPECT_NEAR(same->loss, std::log(2.0), 1e-4);
  EXPECT_EQ(same->preferences[0].likelier, first->preferences[0].likelier);
}

TEST_F(PreferenceTest, KtoLearnsFromThumbs) {
  recipe_.preference.method = PreferenceMethod::kKto;
  recipe_.data = {{"thumbs", directory_.write("thumbs.jsonl", tiny_thumbs())}};
  recipe_.preference.validation.push_back(recipe_.data.front());
  recipe_.run.budget.steps = 20;
  const auto report = train_preference(recipe_, quiet());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->preferences[0].accuracy, 1.0);
  EXPECT_GT(report->preferences[1].margin, 0.0);
  EXPECT_FALSE(report->preferences[1].likelier);
}

TEST_F(PreferenceTest, KtoTakesPairsAsTwoThumbs) {
  recipe_.preference.method = PreferenceMethod::kKto;
  const auto report = train_preference(recipe_, quiet());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->preferences[0].accuracy, 0.9);
}

TEST_F(PreferenceTest, ResumingGivesTheSameAdapterBitForBit) {
  for (const auto method : {PreferenceMethod::kDpo, PreferenceMethod::kKto}) {
    Recipe straight = recipe_;
    straight.preference.method = method;
    straight.lora.dropout = 0.1;
    straight.run.budget.steps = 7;  // the cycle of three batches ends on the way
    straight.output = directory_.path() / (method == PreferenceMethod::kDpo ? "dpo" : "kto");
    ASSERT_TRUE(train_preference(straight, quiet()));
    Recipe cut = straight;
    cut.output = straight.output.string() + "-cut";
    TrainOptions options = quiet();
    options.max_steps = 3;
    for (int part = 0; part < 3; ++part) {
      options.resume = part > 0;
      const auto report = train_preference(cut, options);
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_EQ(report->finished, part == 2);
    }
    EXPECT_EQ(weights_of(straight), weights_of(cut));
  }
}

TEST_F(PreferenceTest, TheReferenceIsComputedOnceForTheSameDataAndModel) {
  recipe_.run.budget.steps = 1;
  const auto made = train_preference(recipe_, quiet());
  ASSERT_TRUE(made) << made.error().message;
  const auto files = files_like(recipe_.output / "cache", "reference-");
  ASSERT_EQ(files.size(), 1U);  // training and validation data are one file here
  const auto written = std::filesystem::last_write_time(files[0]);
  ASSERT_TRUE(train_preference(recipe_, quiet()));
  EXPECT_EQ(std::filesystem::last_write_time(files[0]), written);
  recipe_.init_adapter = made->result;
  ASSERT_TRUE(train_preference(recipe_, quiet()));
  EXPECT_EQ(files_like(recipe_.output / "cache", "reference-").size(), 2U);
}

TEST_F(PreferenceTest, ADamagedReferenceFileIsMadeAgain) {
  recipe_.run.budget.steps = 2;
  ASSERT_TRUE(train_preference(recipe_, quiet()));
  const std::string weights = weights_of(recipe_);
  std::ofstream(files_like(recipe_.output / "cache", "reference-").at(0)) << "half";
  ASSERT_TRUE(train_preference(recipe_, quiet()));
  EXPECT_EQ(weights_of(recipe_), weights);
}

TEST_F(PreferenceTest, PreparedDataTrainsWithoutTheFiles) {
  recipe_.run.budget.steps = 2;
  ASSERT_TRUE(train_preference(recipe_, quiet()));
  const std::string weights = weights_of(recipe_);
  std::filesystem::remove(recipe_.data.front().path);
  TrainOptions options = quiet();
  options.prepared_only = true;
  const auto report = train_preference(recipe_, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(weights_of(recipe_), weights);
}

TEST_F(PreferenceTest, RefusesLinesByNumber) {
  const std::string good = R"({"prompt": "a", "chosen": "b", "rejected": "c"})"
                           "\n";
  EXPECT_THAT(error_for(good + "{"), HasSubstr("bad.jsonl:2"));
  EXPECT_THAT(error_for(good + "[]"), HasSubstr("bad.jsonl:2: a line must be an object"));
  EXPECT_THAT(error_for(R"({"chosen": "b", "rejected": "c"})"),
              HasSubstr("bad.jsonl:1: a preference needs \"prompt\" or \"messages\""));
  EXPECT_THAT(error_for(good + R"({"prompt": "a", "chosen": "b"})"),
              HasSubstr("bad.jsonl:2: a preference needs \"chosen\" and \"rejected\""));
  EXPECT_THAT(error_for(R"({"prompt": "a", "chosen": "b", "rejected": "c", "label": true})"),
              HasSubstr("a preference needs"));
  EXPECT_THAT(error_for(R"({"prompt": "a", "chosen": "b", "rejected": "b"})"),
              HasSubstr("must differ"));
  EXPECT_THAT(error_for(R"({"prompt": "a", "chosen": "", "rejected": "b"})"),
              HasSubstr("must not be empty"));
  EXPECT_THAT(error_for(R"({"prompt": "a", "chosen": "b", "rejected": 1})"), HasSubstr("rejected"));
  EXPECT_THAT(error_for(R"({"messages": [], "chosen": "b", "rejected": "c"})"),
              HasSubstr("messages must be a non-empty array"));
  EXPECT_THAT(error_for(R"({"messages": [{"role": "assistant", "content": "x"}], "chosen": "b",)"
                        R"( "rejected": "c"})"),
              HasSubstr("must not end with the assistant"));
  EXPECT_THAT(error_for(""), HasSubstr("holds no preference"));
  EXPECT_THAT(error_for(R"({"prompt": "a", "completion": "b", "label": true})"),
              HasSubstr("method = \"dpo\" needs pairs"));
  const std::string longer(400, 'x');
  EXPECT_THAT(error_for(R"({"prompt": "a", "chosen": ")" + longer + R"(", "rejected": "b"})"),
              HasSubstr("preference.max_tokens allows 64"));
  recipe_.preference.method = PreferenceMethod::kKto;
  EXPECT_THAT(error_for(good), HasSubstr("two different prompts"));
}

TEST_F(PreferenceTest, ThatABeginningStopsDoesNotCount) {
  const auto counted_in = [&](const std::string& more) {
    recipe_.data = {{"pairs", directory_.write("one.jsonl", R"({"prompt": "a", "chosen": "b c", )"
                                                            R"("rejected": "c b")" +
                                                                more + "}\n")}};
    const auto prepared = prepare_preferences(recipe_, [](const std::string&) {});
    const auto set = PreferenceSet::open(prepared->data.front());
    const auto tokens = set->first(0);
    return std::count_if(tokens.begin(), tokens.end(),
                         [](std::uint32_t token) { return (token & kCountedBit) != 0; });
  };
  const auto whole = counted_in("");
  EXPECT_EQ(counted_in(R"(, "complete": true)"), whole);
  EXPECT_EQ(counted_in(R"(, "complete": false)"), whole - 1);
}

TEST_F(PreferenceTest, ADamagedCardIsRefused) {
  recipe_.run.budget.steps = 1;
  ASSERT_TRUE(train_preference(recipe_, quiet()));
  const auto shard =
      files_like(recipe_.output / "cache", "pairs-").at(0).replace_extension(".tokens");
  const auto error_with = [&](const std::string& card) {
    std::ofstream(preference_card(shard)) << card;
    const auto set = PreferenceSet::open(shard);
    return set ? "no error" : set.error().message;
  };
  EXPECT_THAT(error_with("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(error_with(R"({"form": "stars"})"), HasSubstr("form must be pairs or thumbs"));
  EXPECT_THAT(error_with(R"({"form": "pairs", "users": [-1], "labels": []})"),
              HasSubstr("users must hold numbers"));
  EXPECT_THAT(error_with(R"({"form": "pairs", "users": [0], "labels": []})"),
              HasSubstr("does not fit its token shard"));
  EXPECT_THAT(error_with(R"({"form": "thumbs", "users": [0], "labels": [1]})"),
              HasSubstr("labels must hold true or false"));
}

TEST_F(PreferenceTest, ACheckpointOfTheOtherMethodIsRefused) {
  recipe_.run.budget.steps = 1;
  ASSERT_TRUE(train_preference(recipe_, quiet()));
  recipe_.preference.method = PreferenceMethod::kKto;
  TrainOptions options = quiet();
  options.resume = true;
  EXPECT_FALSE(train_preference(recipe_, options));
}

std::vector<std::vector<std::uint32_t>> some_documents() {
  std::vector<std::vector<std::uint32_t>> documents;
  for (std::uint32_t length : {9U, 5U, 14U}) {
    documents.emplace_back();
    for (std::uint32_t i = 0; i < length; ++i) {
      documents.back().push_back((7 * length + 13 * i) % 300 | (i > 2 ? kCountedBit : 0U));
    }
  }
  return documents;
}

TEST(SequenceScoresTest, ABatchScoresAsEachDocumentAloneAndAsTheLogitsSay) {
  Decoder decoder(tiny_model(), torch::kCPU, torch::kFloat);
  decoder.parameters().initialize(3);
  const auto documents = some_documents();
  const std::vector<ScoredDocument> views(documents.begin(), documents.end());
  const torch::NoGradGuard no_grad;
  const auto batch = score_batch(decoder, views, 0);
  const auto split = score_all(decoder, views, 16, 0);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    std::vector<std::int64_t> ids;
    for (const auto token : documents[i]) ids.push_back(token & ~kCountedBit);
    const auto all =
        torch::log_softmax(decoder.logits(torch::tensor(ids).view({1, -1}).slice(1, 0, -1)), 1);
    double expected = 0.0;
    for (std::size_t t = 3; t < ids.size(); ++t) {
      expected += all[static_cast<std::int64_t>(t) - 1][ids[t]].item<double>();
    }
    EXPECT_NEAR(batch[row].item<double>(), expected, 1e-4);
    EXPECT_NEAR(split[row].item<double>(), expected, 1e-4);
    EXPECT_EQ(counted_tokens(views[i]), static_cast<std::int64_t>(ids.size()) - 3);
  }
}

TEST(SequenceScoresTest, BatchesHoldEveryExampleOnceAndStayInTheirBudget) {
  const std::vector<std::int64_t> lengths{30, 5, 90, 31, 29, 6, 200};
  const auto batches = batches_of(lengths, 2, 128);
  std::vector<std::size_t> seen;
  for (const auto& batch : batches) {
    std::int64_t longest = 0;
    for (const auto index : batch) longest = std::max(longest, lengths[index]);
    if (batch.size() > 1) {
      EXPECT_LE(static_cast<std::int64_t>(batch.size()) * 2 * longest, 128);
    }
    seen.insert(seen.end(), batch.begin(), batch.end());
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6));
}

}  // namespace
}  // namespace kith::train
