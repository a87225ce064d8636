// Decoding with memories: what must hold for every model, bridge and mix of sequences.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/model/decoder.h"
#include "kith/model/test_bridge.h"

namespace kith::model {
namespace {

using tensor::DType;
using testing::HasSubstr;
using text::TokenId;

constexpr int kVocab = 97;
constexpr int kHidden = 32;

std::vector<TokenId> random_tokens(std::uint64_t seed, int count) {
  base::Rng rng(seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(rng.below(kVocab)));
  return tokens;
}

std::shared_ptr<const SoftPrompt> random_prompt(std::uint64_t seed, int rows) {
  const auto matrix = random_memory(seed, rows, kHidden);
  const auto values = matrix->values();
  return *SoftPrompt::create({values.begin(), values.end()}, kHidden);
}

std::shared_ptr<const ProjectedMemory> project(const MemoryBridge& bridge, std::uint64_t seed,
                                               int rows) {
  auto projected = bridge.project(*random_memory(seed, rows));
  EXPECT_TRUE(projected) << projected.error().message;
  return projected ? *projected : nullptr;
}

// A sequence with all that may go with it.
struct User {
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> blocks;
  std::vector<AdapterShare> adapters;
  std::shared_ptr<const SoftPrompt> prompt;
  std::shared_ptr<const ProjectedMemory> memory;

  // Tokens [begin, end), whose predecessors are in the cache.
  Chunk chunk(int begin, int end, bool all_logits = false) const {
    const auto first = static_cast<std::size_t>(begin);
    return {.tokens = std::span(tokens).subspan(first, static_cast<std::size_t>(end) - first),
            .position = begin,
            .blocks = blocks,
            .adapters = adapters,
            .all_logits = all_logits,
            .soft_prompt = prompt.get(),
            .memory = memory.get()};
  }
  int size() const { return static_cast<int>(tokens.size()); }
};

// Runs over every way to hold the weights and some families.
class CrossAttentionTest : public testing::TestWithParam<std::tuple<DType, TinyFamily>> {
 protected:
  static DType dtype() { return std::get<DType>(GetParam()); }
  static TinyFamily family() { return std::get<TinyFamily>(GetParam()); }

  void SetUp() override {
    write_tiny_model(dir_.path(), 1, family());
    decoder_ = load(1);
    bridge_ = make_bridge(tiny_bridge(2), decoder_->config(), decoder_->weights());
  }

  std::unique_ptr<Decoder> load(int threads) {
    auto decoder = Decoder::load(dir_.path(), {dtype(), threads});
    EXPECT_TRUE(decoder) << decoder.error().message;
    return *std::move(decoder);
  }

  std::shared_ptr<const Adapter> adapter(std::uint64_t seed) {
    const auto path = dir_.path() / ("adapter" + std::to_string(seed));
    write_tiny_adapter(path, tiny_adapter(seed, family()),
                       R"({"peft_type":"LORA","r":4,"lora_alpha":8})");
    auto adapter = Adapter::load(path, decoder_->config(), decoder_->weights());
    EXPECT_TRUE(adapter) << adapter.error().message;
    return *adapter;
  }

  // Logits after every token when the sequence is fed alone in pieces of `sizes`.
  std::vector<float> alone(const User& user, const std::vector<int>& sizes,
                           Decoder* decoder = nullptr) {
    if (decoder == nullptr) decoder = decoder_.get();
    User own = user;
    own.blocks = consecutive_blocks(0, own.tokens.size());
    nn::KvCache cache = decoder->make_cache(static_cast<int>(own.blocks.size()));
    std::vector<float> all;
    int position = 0;
    for (const int size : sizes) {
      const Chunk chunk = own.chunk(position, position + size, true);
      std::vector<float> logits;
      const auto status = decoder->forward({&chunk, 1}, cache, logits);
      EXPECT_TRUE(status) << status.error().message;
      all.insert(all.end(), logits.begin(), logits.end());
      position += size;
    }
    return all;
  }
  std::vector<float> alone(const User& user) { return alone(user, {user.size()}); }

  std::vector<float> last_logits(const User& user) {
    const auto all = alone(user);
    return {all.end() - kVocab, all.end()};
  }

  base::TestDirectory dir_;
  std::unique_ptr<Decoder> decoder_;
  std::shared_ptr<const MemoryBridge> bridge_;
};

TEST_P(CrossAttentionTest, AGateOfZeroEqualsTheBase) {
  const auto closed = make_bridge(tiny_bridge(2, 0.0F), decoder_->config(), decoder_->weights());
  User user{.tokens = random_tokens(3, 40)};
  const auto base = alone(user);
  user.memory = project(*closed, 4, 20);
  EXPECT_EQ(alone(user), base);
  user.memory = project(*bridge_, 4, 20);
  EXPECT_NE(alone(user), base);
}

TEST_P(CrossAttentionTest, EveryMemoryGivesItsOwnLogits) {
  User user{.tokens = random_tokens(3, 30)};
  user.memory = project(*bridge_, 4, 20);
  const auto first = alone(user);
  user.memory = project(*bridge_, 5, 20);
  EXPECT_NE(alone(user), first);
  user.memory = project(*bridge_, 4, 20);
  EXPECT_EQ(alone(user), first);
}

TEST_P(CrossAttentionTest, PiecesEqualTheWhole) {
  User user{.tokens = random_tokens(3, 37), .memory = project(*bridge_, 4, 33)};
  const auto whole = alone(user);
  EXPECT_EQ(alone(user, {1, 16, 7, 13}), whole);
  EXPECT_EQ(alone(user, std::vector<int>(37, 1)), whole);
}

TEST_P(CrossAttentionTest, ThreadsDoNotChangeTheResult) {
  const auto two = load(2);
  User user{.tokens = random_tokens(9, 90), .memory = project(*bridge_, 4, 512)};
  EXPECT_EQ(alone(user, {90}, two.get()), alone(user));
}

// Eight users on five adapters, each with a soft prompt and a memory of its own, two of them
// through a later bridge, beside two sequences without and a second answer to the first user's
// prompt. The prompts come in one batch and the next tokens in others, as an engine would send
// them.
TEST_P(CrossAttentionTest, AMixedBatchEqualsEverySequenceAlone) {
  std::vector<std::shared_ptr<const Adapter>> adapters;
  for (std::uint64_t i = 0; i < 5; ++i) adapters.push_back(adapter(40 + i));
  const auto later = make_bridge(tiny_bridge(7), decoder_->config(), decoder_->weights());
  constexpr int kRows[] = {1, 16, 17, 5, 512, 100, 32, 3};
  std::vector<User> users;
  for (std::size_t i = 0; i < 8; ++i) {
    User user{.tokens = random_tokens(50 + i, static_cast<int>(3 + 9 * i))};
    const int soft_rows = static_cast<int>(1 + i % 4);
    for (int row = 0; row < soft_rows; ++row) {
      user.tokens.insert(user.tokens.begin() + row, soft_token(row));
    }
    user.adapters = {{adapters[i % 5].get(), 1.0F}};
    user.prompt = random_prompt(60 + i, soft_rows);
    user.memory = project(i % 4 == 3 ? *later : *bridge_, 70 + i, kRows[i]);
    users.push_back(user);
  }
  users.insert(users.begin() + 2, User{.tokens = random_tokens(80, 21)});
  users.push_back(User{.tokens = random_tokens(81, 6), .adapters = users[0].adapters});
  users.push_back(users[0]);
  std::int32_t next_block = 0;
  for (User& user : users) {
    user.blocks = consecutive_blocks(next_block, user.tokens.size());
    next_block += static_cast<std::int32_t>(user.blocks.size());
  }
  nn::KvCache cache = decoder_->make_cache(next_block);
  std::vector<float> logits;
  // All but the last two tokens, then one at a time.
  for (const int left : {2, 1, 0}) {
    std::vector<Chunk> batch;
    for (const User& user : users) {
      const int begin = left == 2 ? 0 : user.size() - left - 1;
      batch.push_back(user.chunk(begin, user.size() - left));
    }
    const auto status = decoder_->forward(batch, cache, logits);
    ASSERT_TRUE(status) << status.error().message;
  }
  ASSERT_EQ(logits.size(), users.size() * kVocab);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(i) * kVocab;
    EXPECT_EQ(std::vector<float>(begin, begin + kVocab), last_logits(users[i])) << "user " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, CrossAttentionTest,
                         testing::Combine(testing::Values(DType::kF32, DType::kBf16, DType::kInt8),
                                          testing::Values(TinyFamily::kLlama, TinyFamily::kMistral,
                                                          TinyFamily::kQwen3)),
                         [](const auto& test) {
                           return std::string(dtype_name(std::get<DType>(test.param))) + "_" +
                                  tiny_family_name(std::get<TinyFamily>(test.param));
                         });

TEST(CrossAttentionErrorTest, RefusesAMemoryOfADecoderOfAnotherShape) {
  const base::TestDirectory dir;
  write_tiny_model(dir.path(), 1);
  const auto decoder = *Decoder::load(dir.path(), {DType::kF32, 1});
  DecoderConfig other = decoder->config();
  other.num_layers = 4;
  std::string config = tiny_bridge_config_json();
  config.replace(config.find("\"num_hidden_layers\":3"), 21, "\"num_hidden_layers\":4");
  const std::string bytes = to_safetensors(tiny_bridge(1));
  const auto bridge = MemoryBridge::parse(config, std::as_bytes(std::span(bytes)), other, {});
  ASSERT_TRUE(bridge) << bridge.error().message;
  const std::vector<std::int32_t> blocks{0};
  nn::KvCache cache = decoder->make_cache(1);
  User user{.tokens = {1, 2}, .blocks = blocks, .memory = project(**bridge, 1, 3)};
  const Chunk chunk = user.chunk(0, 2);
  std::vector<float> logits;
  const auto status = decoder->forward({&chunk, 1}, cache, logits);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.error().message, HasSubstr("bridge was made for a decoder of another shape"));
}

}  // namespace
}  // namespace kith::model
