#include "kith/timeline/event_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/model/test_model.h"
#include "kith/timeline/test_perceiver.h"
#include "kith/timeline/test_texts.h"

namespace kith::timeline {
namespace {

using storage::TimelineEvent;
using testing::HasSubstr;

constexpr base::UnixMicros kSecond = 1'000'000;

// A tiny decoder with a window of 21 events and 97 ids: 50 hashed items, the gap, 16 hashed kinds.
class EventEncoderTest : public testing::Test {
 protected:
  EventEncoderTest() {
    model::write_tiny_model(dir_.path(), 3, model::TinyFamily::kMistral);
    std::string config = model::tiny_config_json(model::TinyFamily::kMistral);
    replace(config, "\"max_position_embeddings\":128", "\"max_position_embeddings\":4096");
    model::write_text(dir_.path() / "config.json", config);
    write_features(48);
  }

  static void replace(std::string& text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
  }

  void write_features(int items) {
    const auto schema = parse_schema(
        "name = \"t\"\nburst_seconds = 1\n[[feature]]\nname = \"item\"\ntype = \"hashed\"\nbuckets "
        "= " +
            std::to_string(items) +
            "\npredict = 1\n[[feature]]\nname = \"gap\"\ntype = \"gap\"\n"
            "[[feature]]\nname = \"kind\"\ntype = \"hashed\"\nbuckets = 16\n",
        "t");
    ASSERT_TRUE(schema) << schema.error().message;
    const FeatureMap map = FeatureMapBuilder(*schema).build();
    model::write_text(dir_.path() / "features.json", base::dump_json(map.to_json()));
  }

  std::unique_ptr<EventEncoder> load(const EventEncoderOptions& options = {}) {
    auto encoder = EventEncoder::load(dir_.path(), options);
    EXPECT_TRUE(encoder) << encoder.error().message;
    return encoder ? *std::move(encoder) : nullptr;
  }

  std::string error() {
    const auto encoder = EventEncoder::load(dir_.path());
    return encoder ? "no error" : encoder.error().message;
  }

  static std::vector<TimelineEvent> random_events(std::uint64_t seed, int count) {
    base::Rng rng(seed);
    std::vector<TimelineEvent> events;
    base::UnixMicros at = 0;
    for (int i = 0; i < count; ++i) {
      at += static_cast<base::UnixMicros>(2 + rng.below(1000)) * kSecond;
      TimelineEvent event;
      event.at = at;
      event.item = "item " + std::to_string(rng.below(30));
      event.kind = rng.below(3) == 0 ? "" : "click";
      events.push_back(std::move(event));
    }
    return events;
  }

  static std::vector<float> encoded(EventEncoder& encoder, std::span<const TimelineEvent> events) {
    auto state = encoder.start();
    EXPECT_TRUE(state) << state.error().message;
    EXPECT_TRUE(encoder.append(*state, events));
    return {state->values().begin(), state->values().end()};
  }

  const base::TestDirectory dir_;
};

// Three hundred events in a ring that holds some eighty: by one, by seven, all at once.
TEST_F(EventEncoderTest, CarriedOnEventByEventEqualsTheWhole) {
  const auto encoder = load();
  const auto events = random_events(1, 300);
  const std::vector<float> whole = encoded(*encoder, events);
  ASSERT_EQ(whole.size(), static_cast<std::size_t>(encoder->width()));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{90}}) {
    auto state = encoder->start();
    ASSERT_TRUE(state);
    for (std::size_t at = 0; at < events.size(); at += piece) {
      const auto count = std::min(piece, events.size() - at);
      ASSERT_TRUE(encoder->append(*state, std::span(events).subspan(at, count)));
    }
    EXPECT_EQ(state->num_events(), 300);
    EXPECT_TRUE(std::equal(whole.begin(), whole.end(), state->values().begin())) << piece;
  }
}

TEST_F(EventEncoderTest, UsersDoNotTouchEachOther) {
  const auto encoder = load({.threads = 1, .max_states = 2});
  const auto first = random_events(2, 120);
  const auto second = random_events(3, 120);
  const std::vector<float> alone = encoded(*encoder, first);
  auto a = encoder->start();
  auto b = encoder->start();
  for (std::size_t i = 0; i < first.size(); ++i) {
    ASSERT_TRUE(encoder->append(*a, std::span(first).subspan(i, 1)));
    ASSERT_TRUE(encoder->append(*b, std::span(second).subspan(i, 1)));
  }
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), a->values().begin()));
  // There is room for two, and again once one is gone.
  EXPECT_EQ(encoder->start().error().code, ErrorCode::kUnavailable);
  EventState moved = *std::move(a);
  { const EventState gone = *std::move(b); }
  EXPECT_TRUE(encoder->start());
}

// Three layers that look back 21 events each see no further than 61.
TEST_F(EventEncoderTest, WhatLiesBeyondTheWindowsCountsNoMore) {
  const auto encoder = load();
  auto events = random_events(4, 200);
  const auto before = encoded(*encoder, events);
  events[100].item = "another";
  EXPECT_EQ(encoded(*encoder, events), before);
  events[190].item = "another";
  EXPECT_NE(encoded(*encoder, events), before);
}

TEST_F(EventEncoderTest, ABurstIsOneEventHoweverItComes) {
  const auto encoder = load();
  auto events = random_events(5, 9);
  const auto once = encoded(*encoder, events);
  TimelineEvent again = events.back();
  again.at += kSecond;
  events.push_back(again);
  EXPECT_EQ(encoded(*encoder, events), once);
  auto state = encoder->start();
  ASSERT_TRUE(encoder->append(*state, std::span(events).first(9)));
  ASSERT_TRUE(encoder->append(*state, std::span(events).last(1)));
  EXPECT_EQ(state->num_events(), 9);
}

TEST_F(EventEncoderTest, ScoresEveryValueOfAFeature) {
  const auto encoder = load();
  const auto state = encoded(*encoder, random_events(6, 5));
  EXPECT_EQ(encoder->scores(state, 0).size(), 50U);
  EXPECT_EQ(encoder->scores(state, 1).size(), 29U);
  EXPECT_EQ(encoder->scores(state, 2).size(), 18U);
  for (const float score : encoder->scores(state, 0)) EXPECT_TRUE(std::isfinite(score));
}

// Before the ring of states is full, at its turn and long after.
TEST_F(EventEncoderTest, AnEmbeddingCarriedOnEqualsThatOfTheWhole) {
  TestPerceiver{.width = load()->width()}.write(dir_.path(), 5);
  const auto encoder = load();
  EXPECT_EQ(encoder->num_latents(), 4);
  const auto events = random_events(7, 150);
  auto carried = encoder->start();
  for (std::size_t count = 1; count <= events.size(); ++count) {
    ASSERT_TRUE(encoder->append(*carried, std::span(events).subspan(count - 1, 1)));
    if (count % 29 != 0 && count != 21 && count != 22) continue;
    auto whole = encoder->start();
    ASSERT_TRUE(encoder->append(*whole, std::span(events).first(count)));
    EXPECT_EQ(encoder->embed(*carried)->latents, encoder->embed(*whole)->latents) << count;
    EXPECT_EQ(encoder->embed(*carried)->vector, encoder->embed(*whole)->vector) << count;
  }
}

TEST_F(EventEncoderTest, APerceiverIsAPartOfTheVersion) {
  const std::string without = load()->version();
  TestPerceiver{.width = load()->width()}.write(dir_.path(), 5);
  const std::string with = load()->version();
  EXPECT_NE(with, without);
  TestPerceiver{.width = load()->width()}.write(dir_.path(), 6);
  EXPECT_NE(load()->version(), with);
}

TEST_F(EventEncoderTest, AnEmbeddingHasAVectorOfLengthOne) {
  const auto encoder = load();
  auto state = encoder->start();
  ASSERT_TRUE(encoder->append(*state, random_events(6, 5)));
  const auto embedding = encoder->embed(*state);
  ASSERT_TRUE(embedding);
  EXPECT_EQ(embedding->latents.size(),
            static_cast<std::size_t>(encoder->num_latents() * encoder->width()));
  double square = 0.0;
  for (const float value : embedding->vector) square += value * value;
  EXPECT_EQ(embedding->vector.size(), static_cast<std::size_t>(encoder->width()));
  EXPECT_NEAR(square, 1.0, 1e-5);
}

TEST_F(EventEncoderTest, AStateOfNoEventsIsEmptyAndItsSizeBounded) {
  const auto encoder = load();
  EXPECT_TRUE(encoder->start()->values().empty());
  EXPECT_LT(encoder->state_bytes(), std::size_t{2} << 20);
}

TEST_F(EventEncoderTest, RefusesFilesThatDoNotFitEachOther) {
  write_features(47);
  EXPECT_THAT(error(), HasSubstr("96 ids, the weights 97"));
  write_features(48);
  const std::string version = load()->version();
  model::write_text(dir_.path() / "config.json",
                    model::tiny_config_json(model::TinyFamily::kLlama));
  EXPECT_THAT(error(), HasSubstr("sliding_window"));
  model::write_text(dir_.path() / "features.json", "[]");
  EXPECT_THAT(error(), HasSubstr("features.json"));
  model::write_tiny_model(dir_.path(), 4, model::TinyFamily::kMistral);
  write_features(48);
  EXPECT_NE(load()->version(), version);
}

// 97 ids: 48 hashed items with two more, the gap, and a text with 3 + 15 ids.
class TextEventEncoderTest : public EventEncoderTest {
 protected:
  TextEventEncoderTest() {
    const auto schema = parse_schema(
        "name = \"t\"\n[[feature]]\nname = \"item\"\ntype = \"hashed\"\nbuckets = 48\npredict = "
        "1\n[[feature]]\nname = \"gap\"\ntype = \"gap\"\n[[feature]]\nname = \"words\"\ntype = "
        "\"text\"\n",
        "t");
    EXPECT_TRUE(schema) << schema.error().message;
    FeatureMapBuilder builder(*schema);
    builder.set_text_source({"test", 15});
    model::write_text(dir_.path() / "features.json", base::dump_json(builder.build().to_json()));
  }

  std::vector<float> state_after(EventEncoder& encoder, const std::string& words) {
    TimelineEvent event;
    event.item = "item 1";
    event.text = words;
    auto state = encoder.start();
    EXPECT_TRUE(state);
    EXPECT_TRUE(encoder.append(*state, {&event, 1}));
    return {state->values().begin(), state->values().end()};
  }
};

TEST_F(TextEventEncoderTest, WhatWasSaidCountsAndNotOnlyThatSomethingWas) {
  const auto encoder = load({.texts = std::make_shared<TestTexts>(15)});
  ASSERT_NE(encoder, nullptr);
  const auto first = state_after(*encoder, "my laptop is slow");
  EXPECT_EQ(first, state_after(*encoder, "my laptop is slow"));
  EXPECT_NE(first, state_after(*encoder, "my phone is lost"));
  EXPECT_NE(first, state_after(*encoder, ""));
}

TEST_F(TextEventEncoderTest, AnotherTextEncoderIsRefused) {
  EXPECT_THAT(error(), HasSubstr("needs the text encoder test"));
  for (const auto& [dimensions, hash] : {std::pair{15, "other"}, std::pair{16, "test"}}) {
    const auto refused = EventEncoder::load(
        dir_.path(),
        {.texts = std::make_shared<TestTexts>(static_cast<std::size_t>(dimensions), hash)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("trained on the text encoder test"));
  }
}

}  // namespace
}  // namespace kith::timeline
