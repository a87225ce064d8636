#include "kith/persona/text_classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"

namespace kith::persona {
namespace {

using testing::HasSubstr;

// Length and vowels: enough to be an encoder.
class TinyEncoder final : public TextEncoder {
 public:
  explicit TinyEncoder(std::string hash = "0123456789abcdef") : hash_(std::move(hash)) {}
  std::string hash() const override { return hash_; }
  std::size_t dimensions() const override { return 2; }
  Status encode(std::string_view text, std::span<float> vector) const override {
    vector[0] = text.size() > 20 ? 1.0F : 0.0F;
    vector[1] = text.empty() ? 0.0F : 0.5F;
    return {};
  }

 private:
  std::string hash_;
};

std::vector<LabelledText> desk_texts() {
  std::vector<LabelledText> texts;
  const std::vector<std::string> things{"laptop",      "phone",    "account", "tablet", "desktop",
                                        "workstation", "terminal", "profile", "login",  "mailbox"};
  for (const auto& thing : things) {
    texts.push_back({"please reset the password of my " + thing, "password"});
    texts.push_back({"i forgot the password for my " + thing + " again", "password"});
    texts.push_back({"the printer beside my " + thing + " is jammed", "printer"});
    texts.push_back({"cannot print from my " + thing + ", paper jam", "printer"});
    texts.push_back({"how do i order a new " + thing + " for a colleague", "order"});
    texts.push_back({"purchase request for another " + thing, "order"});
    texts.push_back({"sing a song about the moon and my " + thing, ""});
  }
  return texts;
}

TrainOptions small_options() { return {.seed = 7, .epochs = 20, .held_out = 0.2}; }

TrainOptions with_network() {
  return {.seed = 7, .epochs = 20, .hidden = 16, .network_texts = 0, .held_out = 0.2};
}

TextClassifier train_desk(const TrainOptions& options = small_options()) {
  auto classifier = TextClassifier::train(desk_texts(), std::make_shared<TinyEncoder>(), options);
  EXPECT_TRUE(classifier.has_value()) << classifier.error().message;
  return *std::move(classifier);
}

TEST(TextClassifierTest, NamesTheLabelOfTextsItHasNotSeen) {
  for (const TrainOptions& options : {small_options(), with_network()}) {
    const TextClassifier classifier = train_desk(options);
    ASSERT_EQ(classifier.labels(), (std::vector<std::string>{"order", "password", "printer"}));
    const auto of = [&](std::string_view text) {
      return classifier.labels()[classifier.classify(text)->best];
    };
    EXPECT_EQ(of("My password does not work, reset it"), "password");
    EXPECT_EQ(of("paper jam in the PRINTER"), "printer");
    EXPECT_EQ(of("i want to order a monitor"), "order");
  }
}

TEST(TextClassifierTest, ProbabilitiesSumToOneWhateverTheBytes) {
  const TextClassifier classifier = train_desk();
  std::string bytes(5000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 37);
  for (const std::string& text :
       {std::string("reset my password"), std::string(), std::string("\xff\xfe"), bytes,
        std::string("\xE6\x88\x91\xE5\xBF\x98\xE4\xBA\x86\xE5\xAF\x86\xE7\xA0\x81")}) {
    const auto prediction = classifier.classify(text);
    ASSERT_TRUE(prediction);
    const double sum =
        std::accumulate(prediction->probabilities.begin(), prediction->probabilities.end(), 0.0);
    EXPECT_NEAR(sum, 1.0, 1e-5);
    EXPECT_LT(prediction->best, classifier.labels().size());
  }
}

TEST(TextClassifierTest, AbstainsOnWhatResemblesNothing) {
  const TextClassifier classifier = train_desk();
  EXPECT_FALSE(classifier.classify("please reset the password of my phone")->abstains);
  EXPECT_TRUE(classifier.classify("zxqv wuggle brimp")->abstains);
  EXPECT_TRUE(classifier.classify("")->abstains);
  EXPECT_TRUE(classifier.classify("...!?")->abstains);
  EXPECT_GT(classifier.classify("zxqv wuggle brimp")->out_of_scope,
            classifier.classify("please reset the password of my phone")->out_of_scope);
}

TEST(TextClassifierTest, StrangeTextsHaveAnOutputFromTwentyOnAndItIsSaved) {
  const base::TestDirectory dir;
  auto texts = desk_texts();
  for (const std::string animal : {"heron", "otter", "badger", "lynx", "wolf", "hare", "mole"}) {
    texts.push_back({"sing a song about the " + animal, ""});
    texts.push_back({"write a poem for a " + animal + " at night", ""});
  }
  const auto encoder = std::make_shared<TinyEncoder>();
  const auto few = TextClassifier::train(desk_texts(), encoder, small_options());
  const auto many = TextClassifier::train(texts, encoder, small_options());
  ASSERT_TRUE(few && many);
  const std::string known = "please reset the password of my phone";
  const std::string strange = "a song for the owl, and a poem";
  const auto gap = [&](const TextClassifier& classifier) {
    return classifier.classify(strange)->out_of_scope - classifier.classify(known)->out_of_scope;
  };
  EXPECT_GT(gap(*many), gap(*few));
  EXPECT_TRUE(many->classify(strange)->abstains);
  EXPECT_FALSE(many->classify(known)->abstains);
  ASSERT_TRUE(many->save(dir.path() / "router"));
  const auto loaded = TextClassifier::load(dir.path() / "router", encoder);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->classify(strange)->out_of_scope, many->classify(strange)->out_of_scope);
  EXPECT_EQ(many->logits(known)->size(), many->labels().size());
}

TEST(TextClassifierTest, SameSeedSameBytes) {
  EXPECT_EQ(train_desk().version(), train_desk().version());
  TrainOptions other = small_options();
  other.seed = 8;
  EXPECT_NE(train_desk().version(), train_desk(other).version());
}

TEST(TextClassifierTest, WhatIsLoadedAnswersAsWhatWasSaved) {
  const base::TestDirectory dir;
  TrainOptions options = with_network();
  options.members = 2;
  const TextClassifier saved = train_desk(options);
  ASSERT_TRUE(saved.save(dir.path() / "router"));
  ASSERT_TRUE(saved.save(dir.path() / "router")) << "an earlier classifier is replaced";
  const auto loaded = TextClassifier::load(dir.path() / "router", std::make_shared<TinyEncoder>());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->version(), saved.version());
  EXPECT_EQ(loaded->threshold(), saved.threshold());
  EXPECT_EQ(loaded->metrics(), saved.metrics());
  for (const auto& text : desk_texts()) {
    EXPECT_EQ(loaded->classify(text.text)->probabilities, saved.classify(text.text)->probabilities);
  }
}

TEST(TextClassifierTest, ACardOfBeforeCurvaturesIsRead) {
  const base::TestDirectory dir;
  const TextClassifier saved = train_desk();
  ASSERT_TRUE(saved.save(dir.path() / "router"));
  const auto path = dir.path() / "router" / "card.json";
  std::string card = *base::read_file(path);
  for (const std::string name : {"curvature", "scope_output"}) {
    card.replace(card.find('"' + name + '"'), name.size() + 2, "\"of another time " + name + "\"");
  }
  std::ofstream(path, std::ios::binary) << card;
  const auto loaded = TextClassifier::load(dir.path() / "router", std::make_shared<TinyEncoder>());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->scale().curvature, 0.0F);
  EXPECT_EQ(loaded->scale().temperature, saved.scale().temperature);
  EXPECT_EQ(loaded->classify("reset my password")->best, saved.classify("reset my password")->best);
}

TEST(TextClassifierTest, FewTextsAreLeftToMachinesAlone) {
  EXPECT_EQ(train_desk().metrics().at("linear_share"), 1.0);
  const auto version = train_desk().version();
  TrainOptions options = small_options();
  options.hidden = 64;
  EXPECT_EQ(train_desk(options).version(), version) << "there are no hidden units";
}

TEST(TextClassifierTest, WritersTextsAreHeldOutTogetherAndAloneCalibrate) {
  // Every writer signs with a word of his own and writes of one label: who is held out text by text
  // is known by the word, who is held out whole is not.
  std::vector<LabelledText> texts;
  for (int writer = 0; writer < 24; ++writer) {
    const std::string name = "qz" + std::to_string(writer) + "xw";
    for (int i = 0; i < 4; ++i) {
      texts.push_back({name + " " + name, writer % 2 == 0 ? "a" : "b", {}});
    }
  }
  const auto accuracy = [&] {
    const auto encoder = std::make_shared<TinyEncoder>();
    const auto classifier = TextClassifier::train(texts, encoder, small_options());
    return classifier ? classifier->metrics().at("accuracy") : -1.0;
  };
  EXPECT_GT(accuracy(), 0.95);
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].group = std::to_string(i / 4);
  EXPECT_LT(accuracy(), 0.8);
}

TEST(TextClassifierTest, AnotherEncoderForcesRecalibration) {
  const base::TestDirectory dir;
  ASSERT_TRUE(train_desk().save(dir.path() / "router"));
  const auto loaded = TextClassifier::load(dir.path() / "router",
                                           std::make_shared<TinyEncoder>("fedcba9876543210"));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kConflict);
  EXPECT_THAT(loaded.error().message, HasSubstr("recalibrate it (kith train router)"));
}

TEST(TextClassifierTest, WeightsAndCardBelongTogether) {
  const base::TestDirectory dir;
  ASSERT_TRUE(train_desk().save(dir.path() / "router"));
  const auto path = dir.path() / "router" / "classifier.safetensors";
  std::string bytes = *base::read_file(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  const auto loaded = TextClassifier::load(dir.path() / "router", std::make_shared<TinyEncoder>());
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("version"));
}

TEST(TextClassifierTest, RefusesTextsThatCannotTrain) {
  const auto refusal = [](const std::vector<LabelledText>& texts, const TrainOptions& options) {
    const auto result = TextClassifier::train(texts, std::make_shared<TinyEncoder>(), options);
    return result ? std::string() : result.error().message;
  };
  EXPECT_THAT(refusal({{"a", "x"}, {"b", "x"}}, {}), HasSubstr("2 to 1024 labels: 1"));
  EXPECT_THAT(refusal({{"a", "x"}, {"b", "x"}, {"c", "y"}}, {}),
              HasSubstr("at least two texts: y"));
  EXPECT_THAT(refusal(desk_texts(), {.hidden = 17}), HasSubstr("multiple of 16"));
  EXPECT_THAT(refusal(desk_texts(), {.members = 0}), HasSubstr("members"));
  EXPECT_THAT(refusal(desk_texts(), {.held_out = 0.9}), HasSubstr("held_out"));
}

}  // namespace
}  // namespace kith::persona
