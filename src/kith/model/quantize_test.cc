#include "kith/model/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/model/inspect.h"
#include "kith/model/test_model.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/linear.h"

namespace kith::model {
namespace {

namespace fs = std::filesystem;
using tensor::DType;
using tensor::Int8Layout;
using testing::Contains;
using testing::HasSubstr;
using text::TokenId;

std::vector<TokenId> some_tokens() {
  std::vector<TokenId> tokens(70);
  std::iota(tokens.begin(), tokens.end(), 5);
  return tokens;
}

std::unique_ptr<Decoder> load(const fs::path& dir, DType weights) {
  auto decoder = Decoder::load(dir, {weights, 1});
  EXPECT_TRUE(decoder) << decoder.error().message;
  return decoder ? *std::move(decoder) : nullptr;
}

class QuantizeTest : public testing::TestWithParam<std::tuple<const char*, Int8Layout>> {
 protected:
  const base::TestDirectory dir_;
  const fs::path target_ = dir_.path() / "int8";
};

// Tied and untied heads, biases, head norms, shards; in the CPU's layout and in the other one.
TEST_P(QuantizeTest, GivesTheLogitsOfQuantisingAtLoad) {
  const auto [name, layout] = GetParam();
  const auto report = quantize_checkpoint(testdata(name), target_, {.layout = layout});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->layout, layout);
  const auto at_load = load(testdata(name), DType::kInt8);
  const auto mapped = load(target_, DType::kInt8);
  ASSERT_TRUE(at_load && mapped);
  EXPECT_TRUE(mapped->config().is_quantized);
  EXPECT_EQ(whole_logits(*mapped, some_tokens()), whole_logits(*at_load, some_tokens()));
  EXPECT_EQ(mapped->weight_bytes(), at_load->weight_bytes());
  const auto copied =
      Decoder::load(target_, {.weights = DType::kInt8, .threads = 1, .huge_pages = true});
  ASSERT_TRUE(copied);
  EXPECT_EQ(whole_logits(**copied, some_tokens()), whole_logits(*at_load, some_tokens()));
  EXPECT_EQ((*copied)->weight_bytes(), at_load->weight_bytes());
  // Another type is not to be had from int8.
  EXPECT_EQ(load(target_, DType::kBf16)->weights(), DType::kInt8);

  const auto checked = inspect_checkpoint(target_, Depth::kValues);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_THAT(checked->problems, testing::IsEmpty());
  EXPECT_THAT(checked->ignored, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Cases, QuantizeTest,
                         testing::Combine(testing::Values("gqa_tied", "mha_bias", "llama3_rope",
                                                          "mistral_window", "qwen2", "qwen3"),
                                          testing::Values(Int8Layout::kRows, Int8Layout::kBlocked)),
                         [](const auto& test) {
                           const bool is_rows =
                               std::get<Int8Layout>(test.param) == Int8Layout::kRows;
                           return std::get<const char*>(test.param) +
                                  std::string(is_rows ? "_rows" : "_blocked");
                         });

class QuantizedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    write_tiny_model(source_, 1);
    const auto written = quantize_checkpoint(source_, target_);
    ASSERT_TRUE(written) << written.error().message;
  }

  // Writes the quantised file anew, one tensor changed by `edit`.
  void rewrite(const std::string& name, const std::function<void(tensor::TensorToSave&)>& edit) {
    const auto path = target_ / "model.safetensors";
    const std::string copy = *base::read_file(path);
    const auto header = *tensor::parse_safetensors(std::as_bytes(std::span(copy)));
    std::vector<tensor::TensorToSave> tensors;
    for (const auto& [key, info] : header.tensors) {
      tensors.push_back(
          {key, info.dtype, info.shape,
           std::as_bytes(std::span(copy)).subspan(info.begin, info.end - info.begin)});
      if (key == name) edit(tensors.back());
    }
    ASSERT_TRUE(tensor::save_safetensors(path, tensors));
  }

  std::string load_error() const {
    const auto decoder = Decoder::load(target_, {DType::kInt8, 1});
    return decoder ? "no error" : decoder.error().message;
  }

  const base::TestDirectory dir_;
  const fs::path source_ = dir_.path() / "source";
  const fs::path target_ = dir_.path() / "int8";
  const std::string map_ = "model.layers.1.mlp.down_proj";
};

TEST_F(QuantizedFileTest, SaysWhatItIsToOtherPrograms) {
  const auto config = *base::parse_json(*base::read_file(target_ / "config.json"));
  EXPECT_EQ(config["quantization_config"]["quant_method"], "kith-int8");
  EXPECT_EQ(config["hidden_size"], 32);
}

TEST_F(QuantizedFileTest, LiesAtMultiplesOf64) {
  const auto file = tensor::SafetensorsFile::open(target_ / "model.safetensors");
  ASSERT_TRUE(file);
  for (const auto& [name, info] : file->header().tensors) {
    if (info.shape.size() != 5) continue;
    EXPECT_EQ(info.begin % 64, 0U) << name;
  }
}

TEST_F(QuantizedFileTest, HalvesTheFileOfABf16Model) {
  const auto report =
      quantize_checkpoint(testdata("qwen2"), dir_.path() / "rows", {.layout = Int8Layout::kRows});
  ASSERT_TRUE(report);
  // Besides the weights, 8 bytes for each output.
  EXPECT_LT(report->bytes, report->source_bytes * 8 / 10);
}

TEST_F(QuantizedFileTest, TakesTokenizerAndAdaptersAlong) {
  write_text(source_ / "tokenizer.json", "{}");
  write_tiny_adapter(source_ / "adapters/novice", tiny_adapter(1), "{}");
  const auto target = dir_.path() / "with_companions";
  ASSERT_TRUE(quantize_checkpoint(source_, target));
  EXPECT_TRUE(fs::exists(target / "tokenizer.json"));
  EXPECT_TRUE(fs::exists(target / "adapters/novice/adapter_model.safetensors"));
}

TEST_F(QuantizedFileTest, RefusesAnExistingDirectoryUnlessToldToReplaceIt) {
  const auto refused = quantize_checkpoint(source_, target_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  write_text(target_ / "extra", "old");
  EXPECT_TRUE(quantize_checkpoint(source_, target_, {.replace = true}));
  EXPECT_FALSE(fs::exists(target_ / "extra"));
  EXPECT_EQ(load_error(), "no error");
}

TEST_F(QuantizedFileTest, RefusesAQuantisedOrBrokenSourceAndLeavesNothing) {
  const auto target = dir_.path() / "again";
  const auto twice = quantize_checkpoint(target_, target);
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, HasSubstr("is quantised"));
  NamedTensors tensors = tiny_weights(1);
  tensors["model.norm.weight"].values[3] = std::nanf("");
  write_tensors(source_ / "model.safetensors", tensors);
  const auto broken = quantize_checkpoint(source_, target);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message,
              HasSubstr("model.norm.weight holds values that are not finite: 1"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 2);
}

TEST_F(QuantizedFileTest, NamesTheTensorThatIsMissingOrMisshapen) {
  rewrite(map_ + ".scales", [](tensor::TensorToSave& tensor) { tensor.name = "other"; });
  EXPECT_THAT(load_error(), HasSubstr("lacks tensor " + map_ + ".scales"));
  const auto checked = inspect_checkpoint(target_, Depth::kShapes);
  ASSERT_TRUE(checked);
  EXPECT_THAT(checked->problems, Contains(HasSubstr(map_ + ".scales")));
  EXPECT_THAT(checked->ignored, Contains("other"));
}

TEST_F(QuantizedFileTest, RefusesAShapeThatDoesNotFit) {
  rewrite(map_ + ".weight", [](tensor::TensorToSave& tensor) {
    tensor.shape = {1, static_cast<std::int64_t>(tensor.bytes.size())};
  });
  EXPECT_THAT(load_error(), HasSubstr(map_ + ".weight has a wrong shape"));
}

TEST_F(QuantizedFileTest, InspectionFindsSumsThatDoNotFit) {
  std::vector<std::int32_t> wrong(32, 7);
  rewrite(map_ + ".compensation",
          [&](tensor::TensorToSave& tensor) { tensor.bytes = std::as_bytes(std::span(wrong)); });
  const auto checked = inspect_checkpoint(target_, Depth::kValues);
  ASSERT_TRUE(checked);
  EXPECT_THAT(checked->problems, Contains(HasSubstr(map_ + ".compensation does not fit")));
}

TEST_F(QuantizedFileTest, RefusesALaterVersionAndOtherMethods) {
  auto config = *base::parse_json(*base::read_file(target_ / "config.json"));
  config["quantization_config"]["version"] = 2;
  write_text(target_ / "config.json", base::dump_json(config));
  EXPECT_THAT(load_error(), HasSubstr("version must be 1: 2"));
  config["quantization_config"]["quant_method"] = "gptq";
  write_text(target_ / "config.json", base::dump_json(config));
  EXPECT_THAT(load_error(), HasSubstr("quantization_config is not supported"));
}

}  // namespace
}  // namespace kith::model
