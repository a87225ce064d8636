// Vectors of tiny seeded models against those of the Python reference, and of the public MiniLM
// where it is at hand; see tools/goldens/make_encoder_goldens.py and tools/fetch_minilm.py.
#include "kith/model/sentence_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/model/test_model.h"

namespace kith::model {
namespace {

namespace fs = std::filesystem;
using tensor::DType;
using testing::HasSubstr;
using Texts = std::vector<std::vector<text::TokenId>>;

struct GoldenText {
  std::string text;
  std::vector<text::TokenId> ids;
  std::vector<float> vector;
};

std::vector<GoldenText> read_golden(const fs::path& path) {
  std::vector<GoldenText> rows;
  const auto text = base::read_file(path);
  const auto json = text ? base::parse_json(*text) : Result<base::Json>(text.error());
  if (!json) {
    ADD_FAILURE() << json.error().message;
    return rows;
  }
  for (const auto& row : *json) rows.push_back({row["text"], row["ids"], row["vector"]});
  return rows;
}

std::unique_ptr<SentenceEncoder> load(const fs::path& dir, DType weights = DType::kF32,
                                      int threads = 1) {
  auto encoder = SentenceEncoder::load(dir, {weights, threads});
  if (!encoder) {
    ADD_FAILURE() << encoder.error().message;
    return nullptr;
  }
  return *std::move(encoder);
}

// One vector a text, in one pass.
std::vector<std::vector<float>> embed(SentenceEncoder& encoder, const Texts& texts) {
  std::vector<std::span<const text::TokenId>> spans(texts.begin(), texts.end());
  std::vector<float> flat;
  const Status status = encoder.embed(spans, flat);
  EXPECT_TRUE(status) << status.error().message;
  const auto width = static_cast<std::ptrdiff_t>(encoder.dimensions());
  std::vector<std::vector<float>> vectors;
  for (auto at = flat.begin(); at != flat.end(); at += width) vectors.emplace_back(at, at + width);
  return vectors;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

// Every golden text in one batch; the worst distance 1 - cosine.
double worst_distance(SentenceEncoder& encoder, const std::vector<GoldenText>& golden) {
  Texts texts;
  for (const GoldenText& row : golden) {
    const auto tokenized = encoder.tokenize(row.text, true);
    EXPECT_TRUE(tokenized) << tokenized.error().message;
    EXPECT_EQ(tokenized->tokens, row.ids) << row.text;
    texts.push_back(tokenized->tokens);
  }
  const auto vectors = embed(encoder, texts);
  double worst = 0.0;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    EXPECT_EQ(vectors[i].size(), golden[i].vector.size());
    const double distance = 1.0 - cosine(vectors[i], golden[i].vector);
    // Written so that a NaN is a distance too.
    if (!(distance <= worst)) worst = distance;
  }
  return worst;
}

class SentenceGoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(SentenceGoldenTest, F32VectorsAreThoseOfTheReference) {
  const auto golden = read_golden(testdata(GetParam()) / "golden.json");
  const auto encoder = load(testdata(GetParam()));
  ASSERT_NE(encoder, nullptr);
  EXPECT_LT(worst_distance(*encoder, golden), 1e-6);
  // Lengths too, where vectors are not normalised.
  const auto vectors = embed(*encoder, {golden[0].ids});
  for (std::size_t i = 0; i < vectors[0].size(); ++i) {
    EXPECT_NEAR(vectors[0][i], golden[0].vector[i], 2e-4);
  }
}

TEST_P(SentenceGoldenTest, ShorterWeightsAreClose) {
  const auto golden = read_golden(testdata(GetParam()) / "golden.json");
  const auto bf16 = load(testdata(GetParam()), DType::kBf16);
  const auto int8 = load(testdata(GetParam()), DType::kInt8);
  ASSERT_TRUE(bf16 && int8);
  EXPECT_LT(worst_distance(*bf16, golden), 1e-3);
  EXPECT_LT(worst_distance(*int8, golden), 2e-2);
}

INSTANTIATE_TEST_SUITE_P(Cases, SentenceGoldenTest,
                         testing::Values("sentence_mean", "sentence_cls"),
                         [](const auto& test) { return std::string(test.param); });

TEST(SentenceEncoderTest, GivesMiniLmsVectors) {
  const char* dir = std::getenv("KITH_MINILM_DIR");
  if (dir == nullptr) GTEST_SKIP() << "KITH_MINILM_DIR names no all-MiniLM-L6-v2";
  const auto golden = read_golden(testdata("minilm.golden.json"));
  const auto encoder = load(dir, DType::kF32, 2);
  ASSERT_NE(encoder, nullptr);
  EXPECT_EQ(encoder->dimensions(), 384);
  EXPECT_EQ(encoder->max_tokens(), 256);
  EXPECT_LT(worst_distance(*encoder, golden), 1e-5);
  const auto bf16 = load(dir, DType::kBf16, 2);
  const auto int8 = load(dir, DType::kInt8, 2);
  ASSERT_TRUE(bf16 && int8);
  EXPECT_LT(worst_distance(*bf16, golden), 1e-4);
  // The states of BERT models have outliers, which cost a row's other values their digits.
  EXPECT_LT(worst_distance(*int8, golden), 3e-2);
}

Texts random_texts(std::uint64_t seed, int count, int vocab_size, int max_tokens) {
  base::Rng rng(seed);
  Texts texts(static_cast<std::size_t>(count));
  for (auto& tokens : texts) {
    tokens.resize(1 + rng.below(static_cast<std::uint64_t>(max_tokens)));
    for (text::TokenId& id : tokens) {
      id = static_cast<text::TokenId>(rng.below(static_cast<std::uint64_t>(vocab_size)));
    }
  }
  return texts;
}

TEST(SentenceEncoderTest, ATextsVectorDoesNotDependOnTheBatch) {
  for (const DType weights : {DType::kF32, DType::kBf16, DType::kInt8}) {
    const auto encoder = load(testdata("sentence_mean"), weights);
    ASSERT_NE(encoder, nullptr);
    const Texts texts = random_texts(5, 23, encoder->vocab_size(), encoder->max_tokens());
    const auto together = embed(*encoder, texts);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(embed(*encoder, {texts[i]})[0], together[i]) << "text " << i;
    }
  }
}

TEST(SentenceEncoderTest, NormalisedVectorsHaveLengthOne) {
  const auto encoder = load(testdata("sentence_mean"));
  ASSERT_NE(encoder, nullptr);
  for (const auto& vector : embed(*encoder, random_texts(6, 5, encoder->vocab_size(), 40))) {
    EXPECT_NEAR(dot(vector, vector), 1.0, 1e-5);
  }
}

TEST(SentenceEncoderTest, RefusesOrCutsWhatIsTooLong) {
  const auto encoder = load(testdata("sentence_mean"));
  ASSERT_NE(encoder, nullptr);
  std::string words;
  for (int i = 0; i < 60; ++i) words += "a ";
  const auto refused = encoder->tokenize(words, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("at most 48 tokens: 62"));
  const auto cut = encoder->tokenize(words, true);
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->is_cut);
  EXPECT_EQ(cut->tokens.size(), 48U);
  EXPECT_EQ(cut->tokens.back(), encoder->tokenize("a", false)->tokens.back());
}

TEST(SentenceEncoderTest, RefusesForeignTokens) {
  const auto encoder = load(testdata("sentence_mean"));
  ASSERT_NE(encoder, nullptr);
  std::vector<float> vectors;
  const auto refusal = [&](const std::vector<text::TokenId>& tokens) {
    const std::span<const text::TokenId> span(tokens);
    const Status status = encoder->embed({&span, 1}, vectors);
    return status ? "accepted" : status.error().message;
  };
  EXPECT_THAT(refusal({}), HasSubstr("must have tokens"));
  EXPECT_THAT(refusal({1, -1}), HasSubstr("token id must be in [0, "));
  EXPECT_THAT(refusal({encoder->vocab_size()}), HasSubstr("token id must be in [0, "));
  EXPECT_THAT(refusal(std::vector<text::TokenId>(49, 1)), HasSubstr("at most 48 tokens: 49"));
}

// A copy of a committed directory in which files can be changed.
class SentenceDirectoryTest : public testing::Test {
 protected:
  SentenceDirectoryTest() {
    fs::copy(testdata("sentence_mean"), directory_.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }

  void write(const std::string& file, const std::string& text) {
    ASSERT_TRUE(base::write_file_atomically(directory_.path() / file, text));
  }
  std::string refusal() {
    const auto encoder = SentenceEncoder::load(directory_.path());
    return encoder ? "accepted" : encoder.error().message;
  }
  static std::string modules(const std::string& second, const std::string& path) {
    return R"([{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": ")" +
           path + R"(", "type": ")" + second + R"("}])";
  }

  base::TestDirectory directory_;
};

TEST_F(SentenceDirectoryTest, NamesModulesThatAreNotSupported) {
  write("modules.json", modules("sentence_transformers.models.Dense", "2_Dense"));
  EXPECT_THAT(refusal(), HasSubstr("supported: Transformer, Pooling, Normalize"));
  EXPECT_THAT(refusal(), HasSubstr("): Dense"));
  write("modules.json", modules("custom_code.Pooling", "1_Pooling"));
  EXPECT_THAT(refusal(), HasSubstr("): custom_code.Pooling"));
  write("modules.json", "[]");
  EXPECT_THAT(refusal(), HasSubstr("modules.json"));
}

TEST_F(SentenceDirectoryTest, StaysInsideItsDirectory) {
  for (const char* path : {"..", "/etc", "a/../../b"}) {
    write("modules.json", modules("sentence_transformers.models.Pooling", path));
    EXPECT_THAT(refusal(), HasSubstr("must name a directory of the model")) << path;
  }
}

TEST_F(SentenceDirectoryTest, NamesPoolingsThatAreNotSupported) {
  write("1_Pooling/config.json", R"({"pooling_mode_max_tokens": true})");
  EXPECT_THAT(refusal(), HasSubstr("must be mean or cls: max_tokens"));
  write("1_Pooling/config.json",
        R"({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true})");
  EXPECT_THAT(refusal(), HasSubstr("must be mean or cls: "));
  write("1_Pooling/config.json", R"({"pooling_mode": "lasttoken"})");
  EXPECT_THAT(refusal(), HasSubstr("lasttoken"));
  write("1_Pooling/config.json", R"({"pooling_mode": "mean"})");
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(SentenceDirectoryTest, APlainEncoderIsPooledByMeanAndNotNormalised) {
  fs::remove(directory_.path() / "modules.json");
  fs::remove(directory_.path() / "sentence_bert_config.json");
  const auto encoder = load(directory_.path());
  ASSERT_NE(encoder, nullptr);
  EXPECT_EQ(encoder->config(), SentenceConfig{});
  EXPECT_EQ(encoder->max_tokens(), 64) << "as many as there are positions";
}

TEST_F(SentenceDirectoryTest, TheDefaultPromptStandsBeforeEveryText) {
  const auto plain = load(directory_.path());
  write("config_sentence_transformers.json",
        R"({"prompts": {"query": "printer "}, "default_prompt_name": "query"})");
  const auto prompted = load(directory_.path());
  ASSERT_TRUE(plain && prompted);
  EXPECT_EQ(prompted->tokenize("a", false)->tokens, plain->tokenize("printer a", false)->tokens);
  write("config_sentence_transformers.json", R"({"default_prompt_name": "no"})");
  EXPECT_THAT(refusal(), HasSubstr("names none of the prompts"));
}

TEST_F(SentenceDirectoryTest, NamesWhatIsWrongWithAnEncoder) {
  const std::string config = *base::read_file(directory_.path() / "config.json");
  const auto with = [&](const std::string& key, const base::Json& value) {
    base::Json json = *base::parse_json(config);
    json[key] = value;
    write("config.json", base::dump_json(json));
    return refusal();
  };
  EXPECT_THAT(with("architectures", {"RobertaModel"}), HasSubstr("BertModel): RobertaModel"));
  EXPECT_THAT(with("hidden_act", "gelu_new"), HasSubstr("gelu_new"));
  EXPECT_THAT(with("position_embedding_type", "relative_key"), HasSubstr("relative_key"));
  EXPECT_THAT(with("num_attention_heads", 3), HasSubstr("must divide hidden_size"));
  EXPECT_THAT(with("num_attention_heads", 32), HasSubstr("even size"));
  EXPECT_THAT(with("vocab_size", -1), HasSubstr("vocab_size must be in"));
  EXPECT_THAT(with("vocab_size", 10), HasSubstr("must have shape [10, 32]"));
  EXPECT_THAT(with("num_hidden_layers", 3), HasSubstr("lacks tensor encoder.layer.2."));
  EXPECT_THAT(with("layer_norm_eps", -1.0), HasSubstr("layer_norm_eps"));
  write("sentence_bert_config.json", R"({"max_seq_length": 2})");
  EXPECT_THAT(with("vocab_size", base::parse_json(config)->at("vocab_size")),
              HasSubstr("must leave room"));
}

}  // namespace
}  // namespace kith::model
