#include "kith/train/ops.h"

#include <gtest/gtest.h>

#include "kith/train/decoder.h"

namespace kith::train {
namespace {

using torch::Tensor;

// Largest absolute difference, relative to the largest magnitude of `want`.
double distance(const Tensor& got, const Tensor& want) {
  const Tensor a = got.to(torch::kDouble);
  const Tensor b = want.to(torch::kDouble);
  return ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item<double>();
}

Tensor random(std::vector<std::int64_t> shape, torch::Dtype dtype = torch::kFloat) {
  return torch::randn(shape).to(dtype).detach().requires_grad_(true);
}

Tensor in_double(const Tensor& tensor) {
  return tensor.detach().to(torch::kDouble).requires_grad_(true);
}

class OpsTest : public ::testing::TestWithParam<torch::Dtype> {
 protected:
  OpsTest() { torch::manual_seed(7); }
  // Of results and gradients against the plain form in f64.
  double tolerance() const { return GetParam() == torch::kFloat ? 2e-5 : 3e-2; }
};

TEST_P(OpsTest, RmsNormHasTheGradientsOfThePlainForm) {
  const Tensor x = random({37, 48});
  const Tensor weight = random({48});
  const Tensor up = torch::randn({37, 48});
  const Tensor y = rms_norm(x, weight, 1e-5, GetParam());
  y.backward(up.to(GetParam()));
  const Tensor x2 = in_double(x);
  const Tensor weight2 = in_double(weight);
  const Tensor y2 = plain::rms_norm(x2, weight2, 1e-5, torch::kDouble);
  y2.backward(up.to(GetParam()).to(torch::kDouble));
  EXPECT_LT(distance(y, y2), tolerance());
  EXPECT_LT(distance(x.grad(), x2.grad()), tolerance());
  EXPECT_LT(distance(weight.grad(), weight2.grad()), tolerance());
}

TEST_P(OpsTest, AddRmsNormSendsGradientsToBothSummands) {
  const Tensor residual = random({37, 48});
  const Tensor delta = random({37, 48}, GetParam());
  const Tensor weight = random({48});
  const Tensor up_sum = torch::randn({37, 48});
  const Tensor up_y = torch::randn({37, 48}).to(GetParam());
  const auto [sum, y] = add_rms_norm(residual, delta, weight, 1e-5);
  ((sum * up_sum).sum() + (y * up_y).to(torch::kFloat).sum()).backward();
  const Tensor residual2 = in_double(residual);
  const Tensor delta2 = in_double(delta);
  const Tensor weight2 = in_double(weight);
  const Tensor sum2 = residual2 + delta2;
  const Tensor y2 = plain::rms_norm(sum2, weight2, 1e-5, torch::kDouble);
  ((sum2 * up_sum).sum() + (y2 * up_y.to(torch::kDouble)).sum()).backward();
  EXPECT_LT(distance(sum, sum2), 1e-6);
  EXPECT_LT(distance(residual.grad(), residual2.grad()), tolerance());
  EXPECT_LT(distance(delta.grad(), delta2.grad()), tolerance());
  EXPECT_LT(distance(weight.grad(), weight2.grad()), tolerance());
}

TEST_P(OpsTest, AddRmsNormTakesAnUnusedSum) {
  const Tensor residual = random({5, 16});
  const Tensor delta = random({5, 16}, GetParam());
  const auto out = add_rms_norm(residual, delta, torch::ones({16}), 1e-5);
  out.second.to(torch::kFloat).pow(2).sum().backward();
  EXPECT_TRUE(residual.grad().defined());
}

TEST_P(OpsTest, SwigluHasTheGradientsOfThePlainForm) {
  const Tensor gate_up = random({33, 2 * 40}, GetParam());
  const Tensor up = torch::randn({33, 40}).to(GetParam());
  const Tensor y = swiglu(gate_up);
  y.backward(up);
  const Tensor gate_up2 = in_double(gate_up);
  const Tensor y2 = plain::swiglu(gate_up2);
  y2.backward(up.to(torch::kDouble));
  EXPECT_LT(distance(y, y2), tolerance());
  EXPECT_LT(distance(gate_up.grad(), gate_up2.grad()), tolerance());
}

RotaryTable rotary(std::int64_t seq, std::int64_t half, torch::Dtype dtype) {
  const Tensor angles =
      torch::outer(torch::arange(seq, torch::kDouble),
                   torch::pow(100.0, -torch::arange(half, torch::kDouble) / half));
  return {angles.cos().to(dtype), angles.sin().to(dtype)};
}

// Sequences shorter than a block, equal to it, and with a partial last block.
TEST_P(OpsTest, AttentionHasTheGradientsOfThePlainForm) {
  for (const std::int64_t seq : {1, 5, 16, 37}) {
    const AttentionShape shape{3, seq, 6, 2, 8, 16};
    const Tensor qkv = random({3 * seq, (6 + 2 * 2) * 8}, GetParam());
    const Tensor up = torch::randn({3 * seq, 6 * 8}).to(GetParam());
    const Tensor y = causal_attention(qkv, rotary(64, 4, torch::kFloat), shape);
    y.backward(up);
    const Tensor qkv2 = in_double(qkv);
    const Tensor y2 = plain::causal_attention(qkv2, rotary(64, 4, torch::kDouble), shape);
    y2.backward(up.to(torch::kDouble));
    EXPECT_LT(distance(y, y2), tolerance()) << seq;
    EXPECT_LT(distance(qkv.grad(), qkv2.grad()), tolerance()) << seq;
  }
}

TEST_P(OpsTest, AttentionDoesNotSeeTheFuture) {
  const AttentionShape shape{1, 20, 2, 1, 8, 16};
  const Tensor qkv = torch::randn({20, 4 * 8}).to(GetParam());
  const Tensor before = causal_attention(qkv, rotary(32, 4, torch::kFloat), shape);
  qkv.narrow(0, 13, 7).fill_(3.0);
  const Tensor after = causal_attention(qkv, rotary(32, 4, torch::kFloat), shape);
  EXPECT_TRUE(before.narrow(0, 0, 13).equal(after.narrow(0, 0, 13)));
  EXPECT_FALSE(before.narrow(0, 13, 7).equal(after.narrow(0, 13, 7)));
}

TEST_P(OpsTest, LinearCrossEntropyHasTheGradientsOfThePlainForm) {
  // More rows than one chunk, some of them not counted.
  const std::int64_t rows = 1100;
  const Tensor hidden = random({rows, 24}, GetParam());
  const Tensor weight = random({50, 24}, GetParam());
  Tensor targets = torch::randint(50, {rows}, torch::kLong);
  targets.narrow(0, 3, 9).fill_(-1);
  const double scale = 1.0 / 1091.0;
  const Tensor loss = linear_cross_entropy(hidden, weight, targets, scale);
  loss.backward();
  const Tensor hidden2 = in_double(hidden);
  const Tensor weight2 = in_double(weight);
  const Tensor loss2 = plain::linear_cross_entropy(hidden2, weight2, targets, scale);
  loss2.backward();
  EXPECT_NEAR(loss.item<double>() / loss2.item<double>(), 1.0, tolerance());
  EXPECT_LT(distance(hidden.grad(), hidden2.grad()), tolerance());
  EXPECT_LT(distance(weight.grad(), weight2.grad()), tolerance());
  EXPECT_EQ(hidden.grad().narrow(0, 3, 9).abs().max().item<double>(), 0.0);
}

TEST_P(OpsTest, WeightedRowsCountAsOftenAsTheirWeight) {
  const std::int64_t rows = 70;
  const Tensor hidden = random({rows, 24}, GetParam());
  const Tensor weight = random({50, 24}, GetParam());
  Tensor targets = torch::randint(50, {rows}, torch::kLong);
  targets.narrow(0, 3, 9).fill_(-1);
  const Tensor factors = torch::rand({rows}) + 0.25;
  const Tensor loss = linear_cross_entropy(hidden, weight, targets, 0.02, factors);
  loss.backward();
  const Tensor hidden2 = in_double(hidden);
  const Tensor weight2 = in_double(weight);
  const Tensor loss2 = plain::linear_cross_entropy(hidden2, weight2, targets, 0.02, factors);
  loss2.backward();
  EXPECT_NEAR(loss.item<double>() / loss2.item<double>(), 1.0, tolerance());
  EXPECT_LT(distance(hidden.grad(), hidden2.grad()), tolerance());
  EXPECT_LT(distance(weight.grad(), weight2.grad()), tolerance());
  // By definition: a row of weight 2 is the row twice.
  Tensor twice = torch::ones({rows});
  twice.narrow(0, 20, 10).fill_(2.0);
  const Tensor weighted = plain::linear_cross_entropy(hidden2, weight2, targets, 1.0, twice);
  const Tensor repeated =
      plain::linear_cross_entropy(torch::cat({hidden2, hidden2.narrow(0, 20, 10)}), weight2,
                                  torch::cat({targets, targets.narrow(0, 20, 10)}), 1.0);
  EXPECT_NEAR(weighted.item<double>(), repeated.item<double>(), 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, OpsTest, ::testing::Values(torch::kFloat, torch::kBFloat16),
                         [](const auto& param) {
                           return param.param == torch::kFloat ? "Float" : "Bfloat16";
                         });

ModelConfig tiny() {
  ModelConfig config;
  config.vocab_size = 97;
  config.hidden_size = 32;
  config.num_hidden_layers = 2;
  config.head_dim = 8;
  config.intermediate_size = 48;
  config.max_position_embeddings = 64;
  return config;
}

TEST(DecoderTest, CustomOperationsGiveTheLossAndGradientsOfPlainOnes) {
  torch::manual_seed(3);
  const Tensor ids = torch::randint(97, {2, 40}, torch::kLong);
  const Tensor targets = torch::randint(97, {2, 40}, torch::kLong);
  std::vector<Tensor> gradients;
  std::vector<double> losses;
  for (const Operations operations : {Operations::kCustom, Operations::kPlain}) {
    Decoder decoder(tiny(), torch::kCPU, torch::kFloat);
    decoder.parameters().initialize(5);
    decoder.set_operations(operations);
    const Tensor loss = decoder.loss(ids, targets, 1.0 / 80.0);
    loss.backward();
    decoder.parameters().collect_gradients();
    gradients.push_back(decoder.parameters().gradient().clone());
    losses.push_back(loss.item<double>());
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-5);
  EXPECT_LT(distance(gradients[0], gradients[1]), 2e-5);
  EXPECT_GT(gradients[1].abs().min().item<double>() + gradients[1].norm().item<double>(), 0.1);
}

TEST(DecoderTest, EvaluateEqualsTheSummedLoss) {
  Decoder decoder(tiny(), torch::kCPU, torch::kFloat);
  decoder.parameters().initialize(5);
  const Tensor ids = torch::randint(97, {2, 40}, torch::kLong);
  EXPECT_NEAR(decoder.evaluate(ids, ids), decoder.loss(ids, ids, 1.0).item<double>(), 1e-2);
}

TEST(CpuKernelsTest, PortableAndAvx512Agree) {
  if (!supports_avx512()) GTEST_SKIP() << "this CPU has no AVX-512";
  const Tensor gate_up = torch::randn({9, 2 * 70});
  Tensor a = torch::empty({9, 70});
  Tensor b = torch::empty({9, 70});
  const auto* in = gate_up.data_ptr<float>();
  portable_kernels<float>().swiglu_forward(in, a.data_ptr<float>(), 70, {0, 9});
  avx512_kernels<float>().swiglu_forward(in, b.data_ptr<float>(), 70, {0, 9});
  EXPECT_LT(distance(a, b), 1e-6);
}

}  // namespace
}  // namespace kith::train
