// What must hold for every model: a row's result depends on its own sequence alone, and bad input
// is an error.
#include "kith/model/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <tuple>

#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/model/test_model.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using tensor::DType;
using testing::HasSubstr;
using text::TokenId;

constexpr int kVocab = 97;
constexpr const char* kAdapterConfig = R"({"peft_type":"LORA","r":4,"lora_alpha":8})";

std::vector<TokenId> random_tokens(std::uint64_t seed, int count) {
  base::Rng rng(seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(rng.below(kVocab)));
  return tokens;
}

std::unique_ptr<Decoder> load(const std::filesystem::path& dir, DType weights, int threads = 1) {
  auto decoder = Decoder::load(dir, {weights, threads});
  EXPECT_TRUE(decoder) << decoder.error().message;
  return decoder ? *std::move(decoder) : nullptr;
}

std::shared_ptr<const Adapter> load_adapter(const std::filesystem::path& dir,
                                            const DecoderConfig& config,
                                            DType storage = DType::kF32) {
  auto adapter = Adapter::load(dir, config, storage);
  EXPECT_TRUE(adapter) << adapter.error().message;
  return adapter ? *adapter : nullptr;
}

// Runs over every way to hold the weights and every family.
class DecoderTest : public testing::TestWithParam<std::tuple<DType, TinyFamily>> {
 protected:
  static DType dtype() { return std::get<DType>(GetParam()); }
  static TinyFamily family() { return std::get<TinyFamily>(GetParam()); }

  void SetUp() override {
    write_tiny_model(dir_.path(), 1, family());
    decoder_ = load(dir_.path(), dtype());
    ASSERT_NE(decoder_, nullptr);
  }

  std::shared_ptr<const Adapter> adapter(std::uint64_t seed) {
    const auto path = dir_.path() / ("adapter" + std::to_string(seed));
    write_tiny_adapter(path, tiny_adapter(seed, family()), kAdapterConfig);
    return load_adapter(path, decoder_->config(), decoder_->weights());
  }

  // Logits after every token when the sequence is fed in pieces of `sizes`.
  std::vector<float> chunked_logits(std::span<const TokenId> tokens, std::span<const int> sizes) {
    const auto blocks = consecutive_blocks(0, tokens.size());
    nn::KvCache cache = decoder_->make_cache(static_cast<int>(blocks.size()));
    std::vector<float> all;
    std::int32_t position = 0;
    for (const int size : sizes) {
      const Chunk chunk{
          tokens.subspan(static_cast<std::size_t>(position), static_cast<std::size_t>(size)),
          position,
          blocks,
          {},
          true};
      std::vector<float> logits;
      const auto status = decoder_->forward({&chunk, 1}, cache, logits);
      EXPECT_TRUE(status) << status.error().message;
      all.insert(all.end(), logits.begin(), logits.end());
      position += size;
    }
    return all;
  }

  base::TestDirectory dir_;
  std::unique_ptr<Decoder> decoder_;
};

TEST_P(DecoderTest, ChunkedPrefillEqualsWholePrefill) {
  const auto tokens = random_tokens(2, 61);
  const std::vector<float> whole = whole_logits(*decoder_, tokens);
  EXPECT_EQ(chunked_logits(tokens, std::vector<int>{1, 16, 7, 33, 4}), whole);
  EXPECT_EQ(chunked_logits(tokens, std::vector<int>{40, 21}), whole);
}

TEST_P(DecoderTest, TokenByTokenEqualsWholePrefill) {
  const auto tokens = random_tokens(3, 37);
  EXPECT_EQ(chunked_logits(tokens, std::vector<int>(37, 1)), whole_logits(*decoder_, tokens));
}

// Sequences of several lengths on several adapters, some in prefill and some decoding, done by a
// team of three, each compared with itself alone on one thread.
TEST_P(DecoderTest, MixedBatchEqualsEverySequenceAlone) {
  const auto team = load(dir_.path(), dtype(), 3);
  const auto first = adapter(5);
  const auto second = adapter(6);
  const AdapterShare one{first.get(), 1.0F};
  const AdapterShare two{second.get(), 1.0F};
  const std::vector<std::vector<AdapterShare>> adapters{
      {}, {one}, {two}, {{first.get(), 0.25F}, {second.get(), 0.75F}}, {two}, {one}, {}};
  const std::vector<int> lengths{5, 33, 16, 1, 20, 64, 17};
  // Of these, the last tokens come in a second batch.
  const std::vector<int> late{1, 1, 10, 1, 1, 30, 1};
  std::vector<std::vector<TokenId>> tokens;
  std::vector<std::vector<std::int32_t>> blocks;
  std::int32_t next_block = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    tokens.push_back(random_tokens(20 + i, lengths[i]));
    blocks.push_back(consecutive_blocks(next_block, tokens.back().size()));
    next_block += static_cast<std::int32_t>(blocks.back().size());
  }
  nn::KvCache cache = decoder_->make_cache(next_block);
  std::vector<Chunk> early_batch;
  std::vector<Chunk> late_batch;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const int split = lengths[i] - late[i];
    const std::span<const TokenId> all(tokens[i]);
    if (split > 0) {
      early_batch.push_back(
          {all.first(static_cast<std::size_t>(split)), 0, blocks[i], adapters[i], false});
    }
    late_batch.push_back(
        {all.subspan(static_cast<std::size_t>(split)), split, blocks[i], adapters[i], false});
  }
  std::vector<float> logits;
  ASSERT_TRUE(team->forward(early_batch, cache, logits));
  ASSERT_TRUE(team->forward(late_batch, cache, logits));
  ASSERT_EQ(logits.size(), lengths.size() * kVocab);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const std::vector<float> alone = whole_logits(*decoder_, tokens[i], adapters[i]);
    const std::vector<float> expected(alone.end() - kVocab, alone.end());
    const std::vector<float> actual(logits.begin() + static_cast<std::ptrdiff_t>(i) * kVocab,
                                    logits.begin() + static_cast<std::ptrdiff_t>(i + 1) * kVocab);
    EXPECT_EQ(actual, expected) << "sequence " << i;
  }
}

TEST_P(DecoderTest, AdapterWithZeroBEqualsTheBase) {
  NamedTensors tensors = tiny_adapter(7, family());
  for (auto& [name, tensor] : tensors) {
    if (name.find("lora_B") != std::string::npos) tensor.values.assign(tensor.values.size(), 0.0F);
  }
  write_tiny_adapter(dir_.path() / "zero", tensors, kAdapterConfig);
  const auto zero = load_adapter(dir_.path() / "zero", decoder_->config());
  const auto tokens = random_tokens(8, 40);
  EXPECT_EQ(whole_logits(*decoder_, tokens, zero.get()), whole_logits(*decoder_, tokens));
}

TEST_P(DecoderTest, ThreadsDoNotChangeTheResult) {
  const auto first = adapter(5);
  const auto tokens = random_tokens(9, 90);
  const std::vector<float> expected = whole_logits(*decoder_, tokens, first.get());
  for (const int threads : {2, 3, 7}) {
    const auto team = load(dir_.path(), dtype(), threads);
    EXPECT_EQ(whole_logits(*team, tokens, first.get()), expected) << threads;
  }
}

TEST_P(DecoderTest, LastLogitsAreTheLastOfAllLogits) {
  const auto tokens = random_tokens(10, 21);
  const auto blocks = consecutive_blocks(0, tokens.size());
  nn::KvCache cache = decoder_->make_cache(2);
  const Chunk chunk{tokens, 0, blocks, {}, false};
  std::vector<float> logits;
  ASSERT_TRUE(decoder_->forward({&chunk, 1}, cache, logits));
  const std::vector<float> all = whole_logits(*decoder_, tokens);
  EXPECT_EQ(logits, std::vector<float>(all.end() - kVocab, all.end()));
}

// Blocks are handed out in any order, and what an earlier sequence left in them must not show.
// Token by token and all at once: the states that a user encoder keeps are carried on this way.
TEST_P(DecoderTest, StatesTokenByTokenEqualThoseOfTheWhole) {
  const auto tokens = random_tokens(6, 40);
  const auto blocks = consecutive_blocks(0, tokens.size());
  nn::KvCache cache = decoder_->make_cache(static_cast<int>(blocks.size()));
  std::vector<float> whole;
  const Chunk all{tokens, 0, blocks, {}, true};
  ASSERT_TRUE(decoder_->states({&all, 1}, cache, whole));
  const auto width = static_cast<std::size_t>(decoder_->config().hidden_size);
  ASSERT_EQ(whole.size(), tokens.size() * width);
  std::vector<float> grown;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Chunk chunk{std::span(tokens).subspan(i, 1), static_cast<std::int32_t>(i), blocks};
    std::vector<float> state;
    ASSERT_TRUE(decoder_->states({&chunk, 1}, cache, state));
    grown.insert(grown.end(), state.begin(), state.end());
  }
  EXPECT_EQ(grown, whole);
}

TEST_P(DecoderTest, ScatteredDirtyBlocksEqualFreshOnes) {
  const auto tokens = random_tokens(12, 50);
  const std::vector<float> expected = whole_logits(*decoder_, tokens);
  nn::KvCache cache = decoder_->make_cache(6);
  const auto other = random_tokens(13, 96);
  const auto other_blocks = consecutive_blocks(0, other.size());
  std::vector<float> logits;
  const Chunk dirt{other, 0, other_blocks, {}, false};
  ASSERT_TRUE(decoder_->forward({&dirt, 1}, cache, logits));
  const std::vector<std::int32_t> blocks{4, 1, 5, 0};
  const Chunk chunk{tokens, 0, blocks, {}, true};
  ASSERT_TRUE(decoder_->forward({&chunk, 1}, cache, logits));
  EXPECT_EQ(logits, expected);
}

TEST_P(DecoderTest, CopiedBlockContinuesLikeTheOriginal) {
  const auto tokens = random_tokens(14, 12);
  nn::KvCache cache = decoder_->make_cache(2);
  const std::vector<std::int32_t> original{0};
  const std::vector<std::int32_t> copy{1};
  const Chunk prompt{std::span(tokens).first(11), 0, original, {}, false};
  std::vector<float> logits;
  ASSERT_TRUE(decoder_->forward({&prompt, 1}, cache, logits));
  cache.copy_block(0, 1);
  const Chunk chunk{std::span(tokens).last(1), 11, copy, {}, false};
  ASSERT_TRUE(decoder_->forward({&chunk, 1}, cache, logits));
  const std::vector<float> all = whole_logits(*decoder_, tokens);
  EXPECT_EQ(logits, std::vector<float>(all.end() - kVocab, all.end()));
}

INSTANTIATE_TEST_SUITE_P(Weights, DecoderTest,
                         testing::Combine(testing::Values(DType::kF32, DType::kBf16, DType::kInt8),
                                          testing::Values(TinyFamily::kLlama, TinyFamily::kMistral,
                                                          TinyFamily::kQwen2, TinyFamily::kQwen3)),
                         [](const auto& test) {
                           return std::string(dtype_name(std::get<DType>(test.param))) + "_" +
                                  tiny_family_name(std::get<TinyFamily>(test.param));
                         });

TEST(DecoderStatesTest, TheHeadOverTheStatesIsTheLogits) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1, TinyFamily::kMistral);
  const auto decoder = load(dir.path(), DType::kF32);
  ASSERT_NE(decoder, nullptr);
  const auto tokens = random_tokens(7, 5);
  const auto blocks = consecutive_blocks(0, tokens.size());
  nn::KvCache cache = decoder->make_cache(static_cast<int>(blocks.size()));
  const Chunk chunk{tokens, 0, blocks, {}, true};
  std::vector<float> states;
  std::vector<float> logits;
  ASSERT_TRUE(decoder->states({&chunk, 1}, cache, states));
  ASSERT_TRUE(decoder->forward({&chunk, 1}, cache, logits));
  const auto file = tensor::SafetensorsFile::open(dir.path() / "model.safetensors");
  ASSERT_TRUE(file);
  const auto head = file->find("lm_head.weight");
  ASSERT_TRUE(head && head->dtype == DType::kF32);
  const auto width = static_cast<std::size_t>(decoder->config().hidden_size);
  std::vector<float> weights(kVocab * width);
  std::memcpy(weights.data(), head->bytes.data(), head->bytes.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float* state = states.data() + i / kVocab * width;
    const float* row = weights.data() + i % kVocab * width;
    EXPECT_NEAR(logits[i], std::inner_product(row, row + width, state, 0.0F), 1e-4F);
  }
}

// The last of 60 tokens is 21 or more away from the first ten, in one layer: what they are matters
// to a Mistral of one layer no more.
TEST(SlidingWindowTest, HidesWhatIsFurtherBack) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1, TinyFamily::kMistral);
  auto json = *base::parse_json(tiny_config_json(TinyFamily::kMistral));
  json["num_hidden_layers"] = 1;
  const auto last_logits = [&](const std::vector<TokenId>& tokens) {
    write_text(dir.path() / "config.json", base::dump_json(json));
    const auto decoder = load(dir.path(), DType::kF32);
    const auto logits = whole_logits(*decoder, tokens);
    return std::vector<float>(logits.end() - kVocab, logits.end());
  };
  auto tokens = random_tokens(31, 60);
  const auto expected = last_logits(tokens);
  // The first token that the last one sees is 60 - 21 = 39.
  tokens[38] = (tokens[38] + 1) % kVocab;
  EXPECT_EQ(last_logits(tokens), expected);
  json["sliding_window"] = 22;
  EXPECT_NE(last_logits(tokens), expected);
}

// Held as int8, an adapter moves the logits as the precise one does, but for a few percent.
TEST(DecoderLoraTest, Int8AdaptersAreCloseToPreciseOnes) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path() / "base", 1);
  write_tiny_adapter(dir.path() / "adapter", tiny_adapter(4), kAdapterConfig);
  const auto base = load(dir.path() / "base", DType::kF32);
  const auto tokens = random_tokens(5, 50);
  const auto plain = whole_logits(*base, tokens);
  const auto precise = load_adapter(dir.path() / "adapter", base->config());
  const auto int8 = load_adapter(dir.path() / "adapter", base->config(), DType::kInt8);
  EXPECT_LT(int8->bytes(), precise->bytes() / 3);
  const auto want = whole_logits(*base, tokens, precise.get());
  const auto got = whole_logits(*base, tokens, int8.get());
  double error = 0.0;
  double effect = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += std::pow(got[i] - want[i], 2);
    effect += std::pow(want[i] - plain[i], 2);
  }
  EXPECT_LT(std::sqrt(error / effect), 0.03);
  EXPECT_GT(error, 0.0);
}

TEST(DecoderLoraTest, ABlendLiesBetweenItsAdapters) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path() / "base", 1);
  const auto base = load(dir.path() / "base", DType::kF32);
  write_tiny_adapter(dir.path() / "one", tiny_adapter(4), kAdapterConfig);
  write_tiny_adapter(dir.path() / "two", tiny_adapter(5), kAdapterConfig);
  const auto one = load_adapter(dir.path() / "one", base->config());
  const auto two = load_adapter(dir.path() / "two", base->config());
  const auto tokens = random_tokens(5, 20);
  const auto blend = [&](float first, float second) {
    const std::vector<AdapterShare> shares{{one.get(), first}, {two.get(), second}};
    return whole_logits(*base, tokens, shares);
  };
  const auto near = [](const std::vector<float>& a, const std::vector<float>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (std::fabs(a[i] - b[i]) > 1e-4F) return false;
    }
    return true;
  };
  EXPECT_TRUE(near(blend(1.0F, 0.0F), whole_logits(*base, tokens, one.get())));
  EXPECT_TRUE(near(blend(0.0F, 1.0F), whole_logits(*base, tokens, two.get())));
  EXPECT_TRUE(near(blend(0.0F, 0.0F), whole_logits(*base, tokens)));
  EXPECT_FALSE(near(blend(0.5F, 0.5F), blend(1.0F, 0.0F)));

  // To the last bit: in a batch the order is that of other requests.
  const std::vector<AdapterShare> turned{{two.get(), 0.75F}, {one.get(), 0.25F}};
  EXPECT_EQ(whole_logits(*base, tokens, turned), blend(0.25F, 0.75F));
}

// Rows of the embedding table, given as a soft prompt, are the tokens that they belong to.
TEST(DecoderSoftPromptTest, RowsOfTheEmbeddingTableAreTheirTokens) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1);
  const auto decoder = load(dir.path(), DType::kF32);
  const auto tokens = random_tokens(31, 40);
  const NamedTensors weights = tiny_weights(1);
  const auto& table = weights.at("model.embed_tokens.weight").values;
  std::vector<float> rows;
  std::vector<TokenId> soft = tokens;
  for (int i = 0; i < 10; ++i) {
    const auto begin = table.begin() + tokens[static_cast<std::size_t>(i)] * 32;
    rows.insert(rows.end(), begin, begin + 32);
    soft[static_cast<std::size_t>(i)] = soft_token(i);
  }
  const auto prompt = *SoftPrompt::create(rows, 32);
  const auto blocks = consecutive_blocks(0, soft.size());
  nn::KvCache cache = decoder->make_cache(static_cast<int>(blocks.size()));
  // In two pieces, as a chunked prefill sends them.
  std::vector<float> logits;
  const std::span<const TokenId> all(soft);
  Chunk chunk{all.first(7), 0, blocks, {}, false, prompt.get()};
  ASSERT_TRUE(decoder->forward({&chunk, 1}, cache, logits));
  chunk = {all.subspan(7), 7, blocks, {}, false, prompt.get()};
  ASSERT_TRUE(decoder->forward({&chunk, 1}, cache, logits));
  const auto want = whole_logits(*decoder, tokens);
  EXPECT_EQ(logits, std::vector<float>(want.end() - kVocab, want.end()));
}

TEST(DecoderSoftPromptTest, RefusesWhatDoesNotFit) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1);
  const auto decoder = load(dir.path(), DType::kF32);
  nn::KvCache cache = decoder->make_cache(1);
  const std::vector<std::int32_t> blocks{0};
  const auto error_of = [&](const SoftPrompt* prompt, TokenId token) {
    const std::vector<TokenId> tokens{token};
    const Chunk chunk{tokens, 0, blocks, {}, false, prompt};
    std::vector<float> logits;
    const auto status = decoder->forward({&chunk, 1}, cache, logits);
    return status ? std::string("no error") : status.error().message;
  };
  const auto fits = *SoftPrompt::create(std::vector<float>(64, 0.5F), 32);
  const auto narrow = *SoftPrompt::create(std::vector<float>(64, 0.5F), 16);
  EXPECT_EQ(error_of(fits.get(), soft_token(1)), "no error");
  EXPECT_THAT(error_of(fits.get(), soft_token(2)), HasSubstr("token id must be in [-2, 97)"));
  EXPECT_THAT(error_of(nullptr, soft_token(0)), HasSubstr("token id must be in [0, 97)"));
  EXPECT_THAT(error_of(narrow.get(), 5), HasSubstr("must be 32 wide: 16"));
}

TEST(DecoderLoraTest, UnmergedEqualsMerged) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path() / "base", 1);
  const NamedTensors lora = tiny_adapter(4);
  write_tiny_adapter(dir.path() / "adapter", lora, kAdapterConfig);
  NamedTensors merged = tiny_weights(1);
  for (auto& [name, tensor] : merged) {
    const std::string module = "base_model.model." + name.substr(0, name.rfind(".weight"));
    const auto a = lora.find(module + ".lora_A.weight");
    if (a == lora.end()) continue;
    const auto& b = lora.at(module + ".lora_B.weight").values;
    const auto in = static_cast<std::size_t>(tensor.shape[1]);
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      for (std::size_t r = 0; r < 4; ++r) {
        tensor.values[i] += 2.0F * b[i / in * 4 + r] * a->second.values[r * in + i % in];
      }
    }
  }
  write_tiny_model(dir.path() / "merged", 1);
  write_tensors(dir.path() / "merged/model.safetensors", merged);

  const auto base = load(dir.path() / "base", DType::kF32);
  const auto merged_decoder = load(dir.path() / "merged", DType::kF32);
  const auto adapter = load_adapter(dir.path() / "adapter", base->config());
  const auto tokens = random_tokens(5, 50);
  const std::vector<float> unmerged_logits = whole_logits(*base, tokens, adapter.get());
  const std::vector<float> merged_logits = whole_logits(*merged_decoder, tokens);
  float largest_logit = 0.0F;
  for (std::size_t i = 0; i < merged_logits.size(); ++i) {
    largest_logit = std::max(largest_logit, std::fabs(merged_logits[i]));
    ASSERT_NEAR(unmerged_logits[i], merged_logits[i], 1e-4F);
  }
  EXPECT_GT(largest_logit, 1.0F);
}

// Bad input, one case each.
class DecoderErrorTest : public testing::Test {
 protected:
  void SetUp() override {
    write_tiny_model(dir_.path(), 1);
    decoder_ = load(dir_.path(), DType::kF32);
    ASSERT_NE(decoder_, nullptr);
    cache_.emplace(decoder_->make_cache(2));
  }

  std::string error_of(const Chunk& chunk) {
    std::vector<float> logits;
    const auto status = decoder_->forward({&chunk, 1}, *cache_, logits);
    if (status) return "no error";
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    return status.error().message;
  }

  const std::vector<TokenId> tokens_{1, 2, 3};
  const std::vector<std::int32_t> blocks_{0, 1};
  base::TestDirectory dir_;
  std::unique_ptr<Decoder> decoder_;
  std::optional<nn::KvCache> cache_;
};

TEST_F(DecoderErrorTest, RefusesTokensOutsideTheVocabulary) {
  const std::vector<TokenId> high{1, kVocab};
  const std::vector<TokenId> negative{-1};
  EXPECT_THAT(error_of({high, 0, blocks_, {}, false}), HasSubstr("token id"));
  EXPECT_THAT(error_of({negative, 0, blocks_, {}, false}), HasSubstr("token id"));
}

TEST_F(DecoderErrorTest, RefusesAnEmptyChunk) {
  EXPECT_THAT(error_of({{}, 0, blocks_, {}, false}), HasSubstr("must have tokens"));
}

TEST_F(DecoderErrorTest, RefusesPositionsThatTheModelLacks) {
  EXPECT_THAT(error_of({tokens_, 126, blocks_, {}, false}), HasSubstr("128 positions"));
  EXPECT_THAT(error_of({tokens_, -1, blocks_, {}, false}), HasSubstr("positions"));
  EXPECT_THAT(error_of({tokens_, 2147483647, blocks_, {}, false}), HasSubstr("positions"));
}

TEST_F(DecoderErrorTest, RefusesBlocksThatDoNotSufficeOrExist) {
  EXPECT_THAT(error_of({tokens_, 30, blocks_, {}, false}), HasSubstr("too few cache blocks"));
  const std::vector<std::int32_t> absent{2};
  const std::vector<std::int32_t> negative{-1};
  EXPECT_THAT(error_of({tokens_, 0, absent, {}, false}), HasSubstr("no such cache block"));
  EXPECT_THAT(error_of({tokens_, 0, negative, {}, false}), HasSubstr("no such cache block"));
}

TEST_F(DecoderErrorTest, RefusesACacheOfAnotherShape) {
  nn::KvShape shape = decoder_->cache_shape();
  ++shape.num_layers;
  cache_.emplace(shape, 2);
  EXPECT_THAT(error_of({tokens_, 0, blocks_, {}, false}), HasSubstr("cache"));
}

TEST_F(DecoderErrorTest, AnEmptyBatchGivesNoLogits) {
  std::vector<float> logits{1.0F};
  EXPECT_TRUE(decoder_->forward({}, *cache_, logits));
  EXPECT_TRUE(logits.empty());
}

TEST_F(DecoderErrorTest, NamesTheTensorThatIsMissingOrMisshapen) {
  NamedTensors tensors = tiny_weights(1);
  const auto load_error = [&] {
    write_tensors(dir_.path() / "model.safetensors", tensors);
    const auto decoder = Decoder::load(dir_.path(), {});
    return decoder ? std::string("no error") : decoder.error().message;
  };
  auto& down = tensors["model.layers.1.mlp.down_proj.weight"];
  std::swap(down.shape[0], down.shape[1]);
  EXPECT_THAT(load_error(),
              HasSubstr("model.layers.1.mlp.down_proj.weight must have shape [32, 48]"));
  tensors.erase("model.layers.1.mlp.down_proj.weight");
  EXPECT_THAT(load_error(), HasSubstr("lacks tensor model.layers.1.mlp.down_proj.weight"));
}

TEST_F(DecoderErrorTest, ReportsADirectoryWithoutAModel) {
  const base::TestDirectory empty;
  const auto decoder = Decoder::load(empty.path(), {});
  ASSERT_FALSE(decoder);
  EXPECT_EQ(decoder.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(decoder.error().message, HasSubstr("config.json"));
}

TEST_F(DecoderErrorTest, CountsItsMemory) {
  // Vocabulary 97, hidden 32: the embedding table in f32, and everything else with padding.
  const std::size_t embedding = 97U * 32U * 4U;
  EXPECT_EQ(decoder_->weight_bytes() - decoder_->weight_bytes_read_per_token(), embedding);
  const auto parameters = static_cast<std::size_t>(decoder_->config().num_parameters());
  EXPECT_GE(decoder_->weight_bytes(), 4 * parameters);
  const auto int8 = load(dir_.path(), DType::kInt8);
  EXPECT_LT(int8->weight_bytes(), decoder_->weight_bytes());
}

}  // namespace
}  // namespace kith::model
