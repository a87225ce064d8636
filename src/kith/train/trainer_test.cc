#include "kith/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstring>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/tensor/safetensors.h"
#include "kith/train/model_files.h"
#include "kith/train/prepare.h"
#include "kith/train/test_support.h"

namespace kith::train {
namespace {

TEST(TrainerTest, ResumingGivesTheSameWeightsBitForBit) {
  const base::TestDirectory directory;
  Recipe straight = tiny_recipe(directory);
  straight.bf16 = false;
  straight.stages = {{0.5, 32}, {1.0, 48}};  // the stage changes where the run is cut
  ASSERT_TRUE(train_base(straight, quiet()));
  Recipe cut = straight;
  cut.output = directory.path() / "cut";
  TrainOptions options = quiet();
  options.max_steps = 2;
  for (int part = 0; part < 3; ++part) {
    options.resume = part > 0;
    const auto report = train_base(cut, options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->finished, part == 2);
  }
  EXPECT_EQ(weights_of(straight), weights_of(cut));
}

TEST(TrainerTest, MuonLowersTheLossAndResumesToTheSameBytes) {
  const base::TestDirectory directory;
  Recipe straight = tiny_recipe(directory);
  straight.optimizer.kind = OptimizerKind::kMuon;
  straight.optimizer.schedule.peak = 1e-2;
  straight.run.budget.steps = 20;
  const auto report = train_base(straight, quiet());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LT(report->loss, 0.8 * std::log(300.0));
  Recipe cut = straight;
  cut.output = directory.path() / "cut";
  TrainOptions options = quiet();
  options.max_steps = 9;
  ASSERT_TRUE(train_base(cut, options));
  options.max_steps = 0;
  options.resume = true;
  ASSERT_TRUE(train_base(cut, options));
  EXPECT_EQ(weights_of(straight), weights_of(cut));
}

TEST(TrainerTest, TrainingLowersTheLoss) {
  const base::TestDirectory directory;
  Recipe recipe = tiny_recipe(directory);
  recipe.optimizer.schedule.peak = 1e-2;
  recipe.run.budget.steps = 1;
  const auto first = train_base(recipe, quiet());
  recipe.run.budget.steps = 60;
  recipe.output = directory.path() / "longer";
  const auto last = train_base(recipe, quiet());
  ASSERT_TRUE(first && last);
  EXPECT_NEAR(first->loss, std::log(300.0), 0.5);
  EXPECT_LT(last->loss, 0.5 * first->loss);
  EXPECT_LT(last->validation.at(0).loss, 0.5 * first->validation.at(0).loss);
}

TEST(TrainerTest, MicroBatchesDoNotChangeTheResult) {
  const base::TestDirectory directory;
  Recipe recipe = tiny_recipe(directory);
  recipe.bf16 = false;
  recipe.run.micro_batch_tokens = recipe.run.batch_tokens;
  const auto whole = train_base(recipe, quiet());
  recipe.output = directory.path() / "micro";
  recipe.run.micro_batch_tokens = 32;
  const auto micro = train_base(recipe, quiet());
  ASSERT_TRUE(whole && micro);
  EXPECT_NEAR(whole->loss, micro->loss, 1e-4);
}

TEST(TrainerTest, ACheckpointOfAnotherShapeIsRefused) {
  const base::TestDirectory directory;
  Recipe recipe = tiny_recipe(directory);
  ASSERT_TRUE(train_base(recipe, quiet()));
  recipe.model.intermediate_size = 40;
  TrainOptions options = quiet();
  options.resume = true;
  const auto report = train_base(recipe, options);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, testing::HasSubstr("belongs to another model"));
}

TEST(TrainerTest, WhatAKilledRunLeftHalfWrittenIsIgnoredAndRemoved) {
  const base::TestDirectory directory;
  Recipe recipe = tiny_recipe(directory);
  TrainOptions options = quiet();
  options.max_steps = 2;
  ASSERT_TRUE(train_base(recipe, options));
  const auto torn = recipe.output / "checkpoint.safetensors.Ab12Cd";
  std::ofstream(torn) << "half";
  options.resume = true;
  const auto report = train_base(recipe, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->steps, 4);
  EXPECT_FALSE(std::filesystem::exists(torn));
}

TEST(TrainerTest, TheExportedModelHasTheLogitsOfTheTrainedOne) {
  const base::TestDirectory directory;
  Recipe recipe = tiny_recipe(directory);
  recipe.bf16 = false;
  ASSERT_TRUE(train_base(recipe, quiet()));
  const auto exported = directory.path() / "exported";
  ASSERT_TRUE(export_checkpoint(recipe.output / "checkpoint.safetensors", torch::kFloat, exported));
  const auto a = load_model(recipe.output / "model", torch::kCPU, torch::kFloat);
  const auto b = load_model(exported, torch::kCPU, torch::kFloat);
  ASSERT_TRUE(a) << a.error().message;
  ASSERT_TRUE(b) << b.error().message;
  const torch::NoGradGuard no_grad;
  const auto ids = torch::randint(300, {1, 20}, torch::kLong);
  EXPECT_TRUE((*a)->logits(ids).equal((*b)->logits(ids)));
  const auto config = base::parse_json(bytes_of(exported / "config.json"));
  ASSERT_TRUE(config);
  EXPECT_EQ((*config)["eos_token_id"], 2);
  EXPECT_EQ((*config)["architectures"][0], "LlamaForCausalLM");
  EXPECT_TRUE(std::filesystem::exists(exported / "tokenizer.json"));
}

TEST(TrainerTest, AWarmStartBeginsWithTheGivenWeights) {
  const base::TestDirectory directory;
  Recipe recipe = tiny_recipe(directory);
  recipe.optimizer.schedule.peak = 1e-2;
  recipe.run.budget.steps = 60;
  const auto first = train_base(recipe, quiet());
  ASSERT_TRUE(first);
  recipe.init = recipe.output / "model";
  recipe.tokenizer.path = recipe.init;
  recipe.output = directory.path() / "warm";
  recipe.optimizer.schedule.peak = 0.0;
  recipe.run.budget.steps = 1;
  const auto warm = train_base(recipe, quiet());
  ASSERT_TRUE(warm) << warm.error().message;
  EXPECT_NEAR(warm->validation.at(0).loss, first->validation.at(0).loss, 0.05);
}

class AdapterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = tiny_recipe(directory_);
    base_.bf16 = false;
    base_.optimizer.schedule.peak = 1e-2;
    base_.run.budget.steps = 40;
    // The base knows the texts, the adapter learns the chats.
    const DataSource chats = base_.data.back();
    base_.data.pop_back();
    ASSERT_TRUE(train_base(base_, quiet()));
    adapter_ = base_;
    adapter_.data = {chats};
    adapter_.init = base_.output / "model";
    adapter_.tokenizer.path = adapter_.init;
    adapter_.output = directory_.path() / "adapter";
    adapter_.lora.rank = 4;
    adapter_.lora.alpha = 8.0;
    adapter_.lora.dropout = 0.1;
    adapter_.optimizer.schedule.peak = 2e-2;
    adapter_.run.budget.steps = 40;
  }

  base::TestDirectory directory_;
  Recipe base_;
  Recipe adapter_;
};

TEST_F(AdapterTest, TrainingLowersTheLossAndLeavesTheBaseAlone) {
  const std::string before = bytes_of(adapter_.init / "model.safetensors");
  Recipe none = adapter_;
  none.run.budget.steps = 1;
  none.optimizer.schedule.peak = 0.0;
  const auto first = train_adapter(none, quiet());
  ASSERT_TRUE(first) << first.error().message;
  adapter_.output = directory_.path() / "longer";
  const auto last = train_adapter(adapter_, quiet());
  ASSERT_TRUE(last) << last.error().message;
  EXPECT_LT(last->validation.at(0).loss, 0.6 * first->validation.at(0).loss);
  EXPECT_EQ(bytes_of(adapter_.init / "model.safetensors"), before);
}

// Weights of 1 change no bit; others change what is learned.
TEST_F(AdapterTest, WeightsOfRowsAreWeightsOfTheLoss) {
  const auto row = [](const std::string& answer, const char* weight) {
    return R"({"messages": [{"role": "user", "content": "where"}, {"role": "assistant", "content": ")" +
           answer + R"("}])" + weight + "}\n";
  };
  adapter_.lora.dropout = 0.0;
  adapter_.run.budget.steps = 30;
  adapter_.stages = {{1.0, 32}};
  const auto loss_with = [&](const char* one, const char* other) {
    adapter_.output =
        directory_.path() / ("w" + std::to_string(base::hash_bytes(one + std::string(other))));
    std::string lines;
    for (int i = 0; i < 8; ++i) lines += row("floor two", one) + row("floor nine", other);
    adapter_.data[0].path = directory_.write("weighted.jsonl", lines);
    const auto report = train_adapter(adapter_, quiet());
    EXPECT_TRUE(report) << report.error().message;
    return report ? bytes_of(report->result / "adapter_model.safetensors") : std::string();
  };
  const std::string equal = loss_with("", "");
  EXPECT_EQ(equal, loss_with(R"(, "weight": 1)", R"(, "weight": 1.0)"));
  EXPECT_NE(equal, loss_with(R"(, "weight": 1.9)", R"(, "weight": 0.1)"));
}

TEST_F(AdapterTest, WritesAPeftDirectory) {
  adapter_.lora.targets = {"q_proj", "down_proj"};
  ASSERT_TRUE(train_adapter(adapter_, quiet()));
  const auto directory = adapter_.output / "adapter";
  const auto config = base::parse_json(bytes_of(directory / "adapter_config.json"));
  ASSERT_TRUE(config);
  EXPECT_EQ((*config)["peft_type"], "LORA");
  EXPECT_EQ((*config)["r"], 4);
  const auto file = tensor::SafetensorsFile::open(directory / "adapter_model.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->header().tensors.size(), 2U * 2U * 2U);
  const auto a = file->find("base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight");
  const auto b = file->find("base_model.model.model.layers.1.mlp.down_proj.lora_B.weight");
  ASSERT_TRUE(a && b);
  EXPECT_THAT(a->shape, testing::ElementsAre(4, 32));
  EXPECT_THAT(b->shape, testing::ElementsAre(32, 4));
}

TEST_F(AdapterTest, GoesOnFromAnotherAdapter) {
  const auto first = train_adapter(adapter_, quiet());
  ASSERT_TRUE(first) << first.error().message;
  Recipe further = adapter_;
  further.init_adapter = first->result;
  further.lora = {};  // rank, alpha and targets are the adapter's
  further.output = directory_.path() / "further";
  further.optimizer.schedule.peak = 0.0;
  further.run.budget.steps = 1;
  const auto same = train_adapter(further, quiet());
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->validation.at(0).loss, first->validation.at(0).loss);
  EXPECT_EQ(bytes_of(same->result / "adapter_model.safetensors"),
            bytes_of(first->result / "adapter_model.safetensors"));
}

TEST_F(AdapterTest, RefusesAnAdapterThatItCannotGoOnFrom) {
  adapter_.run.budget.steps = 1;
  const auto made = train_adapter(adapter_, quiet());
  ASSERT_TRUE(made) << made.error().message;
  const auto path = made->result / "adapter_config.json";
  const std::string config = bytes_of(path);
  const auto error_with = [&](const std::string& from, const std::string& to) {
    std::string text = config;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    std::ofstream(path) << text.replace(at, from.size(), to);
    Recipe further = adapter_;
    further.init_adapter = made->result;
    const auto report = train_adapter(further, quiet());
    return report ? "no error" : report.error().message;
  };
  EXPECT_THAT(error_with("\"LORA\"", "\"LOHA\""), testing::HasSubstr("peft_type must be LORA"));
  EXPECT_THAT(error_with("\"use_dora\": false", "\"use_dora\": true"),
              testing::HasSubstr("use_dora is not supported"));
  EXPECT_THAT(error_with("\"r\": 4", "\"r\": 8"), testing::HasSubstr("shape of"));
  EXPECT_THAT(error_with("\"r\": 4", "\"r\": 0"), testing::HasSubstr("rank must be in [1, 256]"));
  EXPECT_THAT(error_with("\"q_proj\",", ""), testing::HasSubstr("not in target_modules"));
}

TEST_F(AdapterTest, ResumingGivesTheSameAdapterBitForBitWithDropout) {
  adapter_.run.budget.steps = 4;
  ASSERT_TRUE(train_adapter(adapter_, quiet()));
  Recipe cut = adapter_;
  cut.output = directory_.path() / "cut";
  TrainOptions options = quiet();
  options.max_steps = 2;
  ASSERT_TRUE(train_adapter(cut, options));
  options.resume = true;
  ASSERT_TRUE(train_adapter(cut, options));
  EXPECT_EQ(weights_of(adapter_), weights_of(cut));
}

TEST(LoraTest, AFreshAdapterChangesNothingAndATrainedOneIsItsMergedWeights) {
  const ModelConfig config = tiny_model();
  torch::manual_seed(1);
  Decoder decoder(config, torch::kCPU, torch::kFloat);
  decoder.parameters().initialize(1);
  LoraWeights lora(config, {4, 8.0, 0.0, {"k_proj", "o_proj", "up_proj"}}, torch::kCPU,
                   torch::kFloat);
  lora.initialize(2);
  const torch::NoGradGuard no_grad;
  const auto ids = torch::randint(300, {2, 20}, torch::kLong);
  const auto plain = decoder.logits(ids);
  decoder.set_lora(&lora);
  EXPECT_TRUE(decoder.logits(ids).equal(plain));
  for (std::size_t i = 1; i < lora.parameters().specs().size(); i += 2) {
    lora.parameters().master_of(i).normal_(0.0, 0.1);
  }
  lora.parameters().refresh();
  const auto adapted = decoder.logits(ids);
  EXPECT_GT((adapted - plain).abs().max().item<double>(), 1e-2);
  // Merge by name: W += alpha / rank * B A.
  decoder.set_lora(nullptr);
  auto& base = decoder.parameters();
  for (std::size_t i = 0; i < lora.parameters().specs().size(); i += 2) {
    const std::string name = lora.parameters().specs()[i].parts[0].name;
    const std::string module = name.substr(17, name.rfind(".lora_A") - 17);
    for (std::size_t p = 0; p < base.specs().size(); ++p) {
      std::int64_t row = 0;
      for (const auto& part : base.specs()[p].parts) {
        if (part.name == module + ".weight") {
          base.master_of(p).narrow(0, row, part.rows) +=
              2.0 * lora.parameters().master_of(i + 1).mm(lora.parameters().master_of(i));
        }
        row += part.rows;
      }
    }
  }
  EXPECT_LT((decoder.logits(ids) - adapted).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace kith::train
