#include "kith/train/preference_loss.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "kith/base/file.h"
#include "kith/base/json.h"

namespace kith::train {
namespace {

using base::Json;
using torch::Tensor;

// Values and gradients of tools/goldens/make_preference.py, in double.
class PreferenceGoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* source = std::getenv("KITH_SOURCE_DIR");
    if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
    const auto text =
        base::read_file(std::filesystem::path(source) / "src/kith/train/testdata/preference.json");
    ASSERT_TRUE(text) << text.error().message;
    auto json = base::parse_json(*text);
    ASSERT_TRUE(json) << json.error().message;
    golden_ = *std::move(json);
  }

  Json golden_;
};

Tensor read(const Json& values, bool wants_gradient = false) {
  return torch::tensor(values.get<std::vector<double>>(), torch::kDouble)
      .set_requires_grad(wants_gradient);
}

double distance(const Tensor& a, const Json& b) {
  return (a.detach() - read(b)).abs().max().item<double>();
}

TEST_F(PreferenceGoldenTest, DpoHasTheReferencesValuesAndGradients) {
  for (const Json& c : golden_["dpo"]) {
    const DpoOptions options{c["beta"], c["label_smoothing"], c["length_normalised"],
                             c["sft_weight"]};
    const PairLogProbabilities pairs{read(c["chosen"], true),     read(c["rejected"], true),
                                     read(c["reference_chosen"]), read(c["reference_rejected"]),
                                     read(c["chosen_tokens"]),    read(c["rejected_tokens"])};
    const Tensor losses = dpo_losses(pairs, options);
    losses.sum().backward();
    EXPECT_LT(distance(dpo_margins(pairs, options), c["margins"]), 1e-9);
    EXPECT_LT(distance(losses, c["losses"]), 1e-9);
    EXPECT_LT(distance(pairs.chosen.grad(), c["gradient_chosen"]), 1e-9);
    EXPECT_LT(distance(pairs.rejected.grad(), c["gradient_rejected"]), 1e-9);
  }
}

TEST_F(PreferenceGoldenTest, KtoHasTheReferencesValuesAndGradients) {
  for (const Json& c : golden_["kto"]) {
    const KtoOptions options{c["beta"], c["desirable_weight"], c["undesirable_weight"]};
    const Tensor policy = read(c["policy"], true);
    const Tensor mismatched = read(c["mismatched"], true);
    const auto labels = c["desirable"].get<std::vector<bool>>();
    Tensor desirable = torch::zeros({static_cast<std::int64_t>(labels.size())}, torch::kBool);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      desirable[static_cast<std::int64_t>(i)] = static_cast<bool>(labels[i]);
    }
    const Tensor divergence = kto_divergence(mismatched, read(c["mismatched_reference"]));
    const Tensor losses = kto_losses(policy, read(c["reference"]), desirable, divergence, options);
    losses.sum().backward();
    EXPECT_NEAR(divergence.item<double>(), c["divergence"].get<double>(), 1e-9);
    EXPECT_LT(distance(losses, c["losses"]), 1e-9);
    EXPECT_LT(distance(policy.grad(), c["gradient"]), 1e-9);
    EXPECT_FALSE(mismatched.grad().defined());
  }
}

// Training computes in float: as near to the reference as its digits allow.
TEST_F(PreferenceGoldenTest, InFloatTheDistanceStaysBelowOneInAHundredThousand) {
  for (const Json& c : golden_["kto"]) {
    const auto low = [&](const char* key) { return read(c[key]).to(torch::kFloat); };
    const Tensor divergence = kto_divergence(low("mismatched"), low("mismatched_reference"));
    const Tensor losses = kto_losses(low("policy"), low("reference"),
                                     torch::ones({7}, torch::kBool), divergence, {c["beta"]});
    const Tensor exact = kto_losses(
        read(c["policy"]), read(c["reference"]), torch::ones({7}, torch::kBool),
        kto_divergence(read(c["mismatched"]), read(c["mismatched_reference"])), {c["beta"]});
    EXPECT_LT((losses.to(torch::kDouble) - exact).abs().max().item<double>(), 1e-5);
  }
}

TEST(PreferenceLossTest, APolicyThatIsTheReferenceLosesLogTwo) {
  const Tensor p = torch::tensor({-20.0, -30.0});
  const Tensor n = torch::tensor({5.0, 6.0});
  EXPECT_NEAR(dpo_losses({p, p, p, p, n, n}, {}).mean().item<double>(), std::log(2.0), 1e-6);
}

TEST(PreferenceLossTest, SmoothingPenalisesAMarginThatIsTooSure) {
  const Tensor zero = torch::zeros({2});
  const Tensor n = torch::ones({2});
  const Tensor margins = torch::tensor({20.0, 80.0});
  const auto losses = dpo_losses({margins, zero, zero, zero, n, n}, {1.0, 0.1});
  EXPECT_LT(losses[0].item<double>(), losses[1].item<double>());
}

}  // namespace
}  // namespace kith::train
