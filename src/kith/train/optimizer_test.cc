#include "kith/train/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace kith::train {
namespace {

ParameterStore small_store() {
  std::vector<ParameterSpec> specs;
  specs.push_back({{10, 4}, {{"model.embed_tokens.weight", 10}}, 0.02, true});
  specs.push_back({{6, 4}, {{"q", 4}, {"v", 2}}, 0.02});
  specs.push_back({{4}, {{"norm", 4}}});
  ParameterStore store(specs, torch::kCPU, torch::kFloat);
  store.initialize(3);
  return store;
}

TEST(Orthogonalized, BringsEverySingularValueNearOne) {
  torch::manual_seed(1);
  for (const auto& shape : {std::vector<std::int64_t>{64, 64}, {96, 32}, {16, 80}}) {
    const auto values = std::get<1>(at::svd(orthogonalized(torch::randn(shape))));
    EXPECT_GT(values.min().item<double>(), 0.5);
    EXPECT_LT(values.max().item<double>(), 1.3);
  }
}

TEST(Orthogonalized, KeepsTheDirectionOfAnOrthogonalMatrix) {
  const torch::Tensor eye = torch::eye(8);
  const torch::Tensor result = orthogonalized(eye);
  EXPECT_LT((result - eye * result.diagonal().mean()).abs().max().item<double>(), 0.02);
}

// One step of Muon on a rank-one gradient moves along it, by the same amount however large it is;
// the embedding and the norm move as AdamW moves them.
TEST(Muon, MovesMatricesByOrthogonalSteps) {
  ParameterStore muon_store = small_store();
  ParameterStore adamw_store = small_store();
  OptimizerRecipe recipe;
  recipe.weight_decay = 0.0;
  recipe.clip = 0.0;
  Optimizer adamw(recipe, adamw_store);
  recipe.kind = OptimizerKind::kMuon;
  Optimizer muon(recipe, muon_store);
  torch::manual_seed(2);
  const torch::Tensor gradient = torch::randn({muon_store.num_parameters()});
  const torch::Tensor before = muon_store.master().clone();
  muon_store.gradient().copy_(gradient);
  adamw_store.gradient().copy_(gradient);
  muon.step(muon_store, 0.01);
  adamw.step(adamw_store, 0.01);

  EXPECT_TRUE(torch::allclose(muon_store.master_of(0), adamw_store.master_of(0)));
  EXPECT_TRUE(torch::allclose(muon_store.master_of(2), adamw_store.master_of(2)));
  const torch::Tensor change = (muon_store.master() - before).narrow(0, 40, 24).view({6, 4});
  // Query and value, [4, 4] and [2, 4], are orthogonal each for itself: 0.2 * sqrt(4) * 0.01.
  for (const auto& part : {change.narrow(0, 0, 4), change.narrow(0, 4, 2)}) {
    const auto values = std::get<1>(at::svd(part));
    EXPECT_GT(values.min().item<double>(), 0.5 * 0.004);
    EXPECT_LT(values.max().item<double>(), 1.3 * 0.004);
  }
}

TEST(Muon, IgnoresTheScaleOfTheGradient) {
  ParameterStore one = small_store();
  ParameterStore other = small_store();
  OptimizerRecipe recipe;
  recipe.kind = OptimizerKind::kMuon;
  recipe.clip = 0.0;
  torch::manual_seed(4);
  const torch::Tensor gradient = torch::randn({one.num_parameters()});
  one.gradient().copy_(gradient);
  other.gradient().copy_(gradient * 1000.0);
  Optimizer(recipe, one).step(one, 0.01);
  Optimizer(recipe, other).step(other, 0.01);
  EXPECT_TRUE(torch::allclose(one.master_of(1), other.master_of(1), 1e-3, 1e-5));
}

TEST(Optimizer, LeavesTheParametersWhenTheGradientIsNotFinite) {
  for (const auto kind : {OptimizerKind::kAdamW, OptimizerKind::kMuon}) {
    ParameterStore store = small_store();
    OptimizerRecipe recipe;
    recipe.kind = kind;
    Optimizer optimizer(recipe, store);
    const torch::Tensor before = store.master().clone();
    store.gradient().fill_(std::nan(""));
    EXPECT_FALSE(std::isfinite(optimizer.step(store, 0.01)));
    EXPECT_TRUE(torch::equal(store.master(), before));
    EXPECT_EQ(optimizer.num_updates(), 0);
    EXPECT_EQ(store.gradient().abs().sum().item<double>(), 0.0);
  }
}

}  // namespace
}  // namespace kith::train
