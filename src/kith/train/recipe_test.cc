#include "kith/train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace kith::train {
namespace {

using ::testing::HasSubstr;

constexpr const char* kBase = R"(
output = "out"
[model]
hidden_size = 64
num_attention_heads = 4
num_key_value_heads = 2
head_dim = 16
[tokenizer]
vocab_size = 512
[[data]]
path = "a.jsonl"
[run]
steps = 10
)";

std::string error_of(const std::string& text, RecipeKind kind = RecipeKind::kBase) {
  const auto recipe = parse_recipe(text, "r.toml", kind);
  return recipe ? "no error" : recipe.error().message;
}

TEST(RecipeTest, ReadsWhatIsGivenAndDefaultsTheRest) {
  const auto recipe = parse_recipe(kBase, "r.toml", RecipeKind::kBase);
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->model.hidden_size, 64);
  EXPECT_EQ(recipe->model.rope_theta, 10000.0);
  EXPECT_EQ(recipe->data.at(0).name, "a");
  EXPECT_EQ(recipe->stages.size(), 1U);
  EXPECT_EQ(recipe->run.budget.steps, 10);
}

TEST(RecipeTest, AnAdapterToGoOnFromDecidesTheShape) {
  const std::string recipe =
      "output = \"out\"\ninit = \"base\"\ninit_adapter = \"before\"\n[[data]]\npath = \"a.jsonl\"\n"
      "[run]\nsteps = 1\n[lora]\n";
  const auto parsed = parse_recipe(recipe + "dropout = 0.1\n", "r.toml", RecipeKind::kAdapter);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->init_adapter, "before");
  EXPECT_EQ(parsed->lora.dropout, 0.1);
  EXPECT_THAT(error_of(recipe + "rank = 8\n", RecipeKind::kAdapter),
              HasSubstr("[lora] rank is that of init_adapter"));
}

TEST(RecipeTest, NamesFileLineAndKeyOfWhatIsWrong) {
  EXPECT_THAT(error_of("output = "), HasSubstr("r.toml: line 1"));
  EXPECT_THAT(error_of(std::string("colour = 1\n") + kBase),
              testing::AllOf(HasSubstr("r.toml: colour is not a key here"), HasSubstr("bf16")));
  EXPECT_THAT(error_of(std::string("device = \"tpu\"\n") + kBase),
              HasSubstr("device must be one of auto, cpu, cuda: tpu"));
  EXPECT_THAT(error_of(std::string("bf16 = 1\n") + kBase), HasSubstr("bf16 must be true or false"));
  EXPECT_THAT(error_of(std::string(kBase) + "batch_tokens = 0\n"),
              HasSubstr("[run] batch_tokens must be at least 1: 0"));
  EXPECT_THAT(error_of(std::string(kBase) + "[[data]]\nweight = 1.0\n"),
              HasSubstr("[[data]] 2: path is missing"));
  EXPECT_THAT(error_of(std::string(kBase) + "[optimizer]\nschedule = \"linear\"\n"),
              HasSubstr("schedule must be one of wsd, cosine, constant: linear"));
  EXPECT_THAT(error_of(std::string(kBase) + "[optimizer]\nname = \"sgd\"\n"),
              HasSubstr("name must be one of adamw, muon: sgd"));
}

constexpr const char* kPreference = R"(
output = "out"
init = "base"
init_adapter = "before"
method = "dpo"
[[data]]
path = "pairs.jsonl"
[[validation]]
path = "held.jsonl"
[[validation]]
holds = "text"
path = "chats.jsonl"
packing = "whole"
loss = "assistant"
[run]
steps = 10
[preference]
beta = 0.5
label_smoothing = 0.1
)";

TEST(RecipeTest, PreferencesAndTextsValidateApart) {
  const auto recipe = parse_recipe(kPreference, "r.toml", RecipeKind::kPreference);
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->preference.method, PreferenceMethod::kDpo);
  EXPECT_EQ(recipe->preference.beta, 0.5);
  ASSERT_EQ(recipe->preference.validation.size(), 1U);
  EXPECT_EQ(recipe->preference.validation[0].name, "held");
  ASSERT_EQ(recipe->validation.size(), 1U);
  EXPECT_EQ(recipe->validation[0].packing, Packing::kWhole);
}

TEST(RecipeTest, PreferenceRunsRefuseWhatTheyDoNotUse) {
  const auto error_with = [](const std::string& tail, const std::string& from = "dpo",
                             const std::string& to = "dpo") {
    std::string text = kPreference;
    text.replace(text.find(from), from.size(), to);
    return error_of(text + tail, RecipeKind::kPreference);
  };
  EXPECT_THAT(error_with("desirable_weight = 2.0\n"),
              HasSubstr("[preference] desirable_weight is of method = \"kto\" only"));
  EXPECT_THAT(error_with("", "dpo", "kto"),
              HasSubstr("[preference] label_smoothing is of method = \"dpo\" only"));
  EXPECT_THAT(error_with("", "dpo", "ppo"), HasSubstr("method must be one of dpo, kto: ppo"));
  EXPECT_THAT(error_with("batch = 0\n"), HasSubstr("batch must be in [1, "));
  EXPECT_THAT(error_with("user_share = 0.0\n"), HasSubstr("user_share must be in"));
  EXPECT_THAT(error_with("", "steps = 10", "steps = 10\nbatch_tokens = 64"),
              HasSubstr("use [preference] batch"));
  EXPECT_THAT(error_with("[[stage]]\nuntil = 1.0\n"), HasSubstr("stage is not a key here"));
}

TEST(RecipeTest, RefusesShapesThatAttentionCannotHave) {
  std::string text = kBase;
  text.replace(text.find("num_key_value_heads = 2"), 23, "num_key_value_heads = 3");
  EXPECT_THAT(error_of(text), HasSubstr("multiple of num_key_value_heads"));
}

TEST(RecipeTest, RefusesStagesThatDoNotReachTheEnd) {
  EXPECT_THAT(error_of(std::string(kBase) + "[[stage]]\nuntil = 0.5\nsequence = 8\n"),
              HasSubstr("must reach until = 1.0"));
  EXPECT_THAT(error_of(std::string(kBase) +
                       "[[stage]]\nuntil = 0.5\n[[stage]]\nuntil = 0.5\n[[stage]]\nuntil = 1.0\n"),
              HasSubstr("must grow"));
}

TEST(RecipeTest, AdaptersNeedABase) {
  EXPECT_THAT(
      error_of("output = \"o\"\n[[data]]\npath = \"a\"\n[run]\nsteps = 1\n", RecipeKind::kAdapter),
      HasSubstr("init is missing"));
}

TEST(RecipeTest, ABudgetIsNeeded) {
  std::string text = kBase;
  text.replace(text.find("steps = 10"), 10, "steps = 0");
  EXPECT_THAT(error_of(text), HasSubstr("steps or tokens or minutes must be given"));
}

TEST(RecipeTest, ATimelineRunHasAWindowThatAStepHolds) {
  const std::string recipe = "output = \"out\"\ntimelines = \"data\"\nwindow = 50\n";
  const std::string run = "[run]\nsteps = 1\nbatch_tokens = ";
  const auto parsed = parse_recipe(recipe + "[model]\nhidden_size = 64\n" + run + "51\n", "r.toml",
                                   RecipeKind::kTimeline);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->timeline.window, 50);
  EXPECT_EQ(parsed->model.head_dim, 16);
  EXPECT_EQ(parsed->model.max_position_embeddings, 50);
  // A Perceiver is trained where the recipe has its table.
  EXPECT_EQ(parsed->timeline.perceiver.num_latents, 0);
  const auto read = parse_recipe(recipe + "[perceiver]\nsteps = 9\n" + run + "51\n", "recipe",
                                 RecipeKind::kTimeline);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->timeline.perceiver.num_latents, 16);
  EXPECT_EQ(read->timeline.perceiver.steps, 9);
  EXPECT_THAT(error_of(recipe + "[perceiver]\nnum_attention_heads = 3\n" + run + "51\n",
                       RecipeKind::kTimeline),
              HasSubstr("must divide hidden_size 128: 3"));
  EXPECT_THAT(error_of(recipe + run + "50\n", RecipeKind::kTimeline),
              HasSubstr("batch_tokens must be above window"));
  EXPECT_THAT(error_of("output = \"out\"\n" + run + "500\n", RecipeKind::kTimeline),
              HasSubstr("timelines is missing"));
  EXPECT_THAT(
      error_of(recipe + "[model]\nhidden_size = 65\n" + run + "51\n", RecipeKind::kTimeline),
      HasSubstr("[model] hidden_size must be a multiple"));
}

TEST(RecipeTest, ABridgeNamesItsPartsAndNothingElse) {
  const std::string rest = "[[data]]\npath = \"d.jsonl\"\n[run]\nsteps = 5\n";
  const std::string parts = "encoder = \"e\"\ntimelines = \"t\"\n";
  const std::string head = "output = \"out\"\ninit = \"m\"\ntype = ";
  const auto parsed =
      parse_recipe(head + "\"cross_attention\"\n" + parts + "[bridge]\nlayers = [2, 5]\n" + rest,
                   "r", RecipeKind::kBridge);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->bridge.layers, (std::vector<std::int64_t>{2, 5}));
  EXPECT_EQ(parsed->bridge.strategy, BridgeStrategy::kProjection);
  const auto of = [&](const std::string& text) { return error_of(text, RecipeKind::kBridge); };
  EXPECT_THAT(of(head + "\"soft_prompt\"\n" + rest), HasSubstr("encoder is missing"));
  EXPECT_THAT(of(head + "\"soft_prompt\"\n" + parts + "[bridge]\nlayers = [2]\n" + rest),
              HasSubstr("layers is of type = \"cross_attention\" only"));
  EXPECT_THAT(of(head + "\"none\"\nstrategy = \"proj\"\n" + rest), HasSubstr("must be lora"));
  EXPECT_THAT(of(head + "\"none\"\n" + parts + rest), HasSubstr("not read without a bridge"));
  EXPECT_THAT(of(head + "\"soft_prompt\"\n" + parts + "[lora]\nrank = 2\n" + rest),
              HasSubstr("lora is of strategy = \"lora\" only"));
}

TEST(RecipeTest, ProgressFollowsTheBudgetThatIsSpentMost) {
  const Budget budget{100, 1000, 0.0};
  EXPECT_DOUBLE_EQ(progress_of(budget, 10, 500, 1e9), 0.5);
  EXPECT_DOUBLE_EQ(progress_of(budget, 60, 500, 0.0), 0.6);
}

TEST(RecipeTest, EveryCommittedRecipeIsValid) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(source) / "recipes")) {
    if (entry.path().extension() != ".toml") continue;
    const std::string name = entry.path().filename().string();
    const RecipeKind kind = name.starts_with("adapter")      ? RecipeKind::kAdapter
                            : name.starts_with("preference") ? RecipeKind::kPreference
                            : name.starts_with("timeline")   ? RecipeKind::kTimeline
                            : name.starts_with("bridge")     ? RecipeKind::kBridge
                                                             : RecipeKind::kBase;
    const auto recipe = load_recipe(entry.path(), kind);
    EXPECT_TRUE(recipe) << recipe.error().message;
    ++count;
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace kith::train
