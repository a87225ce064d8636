#include "kith/persona/attribute_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace kith::persona {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr std::size_t kUsers = 60;

class AttributeBlockTest : public ::testing::Test {
 protected:
  // `value_of` says what each of the users 0, 1, ... has; empty: nothing.
  template <typename ValueOf>
  void set(const std::string& name, ValueOf&& value_of) {
    for (std::size_t i = 0; i < kUsers; ++i) {
      const std::string value = value_of(i);
      if (!value.empty()) attributes_[i][name] = value;
    }
  }

  std::vector<std::string> finish() {
    std::vector<std::size_t> teachers(kUsers);
    std::iota(teachers.begin(), teachers.end(), std::size_t{0});
    for (std::size_t i = 0; i < kUsers; ++i) {
      EXPECT_TRUE(block_.add(
          {.id = UserId("u" + std::to_string(i)), .attributes = attributes_[i], .messages = {}}));
    }
    std::vector<std::string> names;
    for (const auto& view : block_.finish(teachers)) names.push_back(view->name());
    return names;
  }

  AttributeLeftOut out(const std::string& name, const std::string& reason) {
    return {name, reason};
  }

  AttributeBlock block_{10};
  std::vector<storage::Attributes> attributes_{kUsers};
};

std::string pick(std::initializer_list<const char*> values, std::size_t i) {
  return values.begin()[i % values.size()];
}

TEST_F(AttributeBlockTest, LeavesOutWhatMayNotCountOrNamesPeople) {
  set("department", [](std::size_t i) { return pick({"A", "B", "C"}, i); });
  set("religion", [](std::size_t i) { return pick({"x", "y"}, i); });
  set("name", [](std::size_t i) { return pick({"Jonas Turner", "Gwen Ellis"}, i); });
  set("contact",
      [](std::size_t i) { return "desk" + std::to_string(i % 3) + "@northgate.example"; });
  set("badge", [](std::size_t i) { return "b" + std::to_string(i); });
  set("hired", [](std::size_t i) { return "2020-01-" + std::to_string(10 + i); });
  set("company", [](std::size_t) { return std::string("Northgate"); });
  EXPECT_THAT(finish(), ElementsAre("department"));
  EXPECT_THAT(block_.left_out(),
              UnorderedElementsAre(out("religion", "denied"), out("name", "names"),
                                   out("contact", "personal"), out("badge", "identifying"),
                                   out("hired", "identifying"), out("company", "constant")));
}

TEST_F(AttributeBlockTest, LeavesOutWhatAnotherAttributeSettles) {
  set("site", [](std::size_t i) { return pick({"Leeds", "Rotterdam", "Suzhou"}, i); });
  set("language", [](std::size_t i) { return pick({"en", "en", "zh"}, i); });
  set("device", [](std::size_t i) { return pick({"phone", "laptop"}, i / 7); });
  EXPECT_THAT(finish(), ElementsAre("device", "site"));
  EXPECT_THAT(block_.left_out(), ElementsAre(out("language", "implied")));
}

TEST_F(AttributeBlockTest, RareValuesAreOneAndHaveNoName) {
  set("department", [](std::size_t i) {
    return i < 20 ? "A" : i < 40 ? "B" : i < 51 ? "C" : "rare" + std::to_string(i / 5);
  });
  finish();
  ASSERT_EQ(block_.uses().size(), 1U);
  const AttributeUse& use = block_.uses()[0];
  EXPECT_THAT(use.values, ElementsAre("A", "B", "C"));
  EXPECT_THAT(use.users[55], ElementsAre(testing::Pair(3U, 1.0F)));
}

TEST_F(AttributeBlockTest, ManyValuesCountByTheirSharedWords) {
  set("title", [](std::size_t i) {
    return "Section" + std::string(1, static_cast<char>('a' + i % 20)) + " " +
           pick({"Engineer", "Director"}, i);
  });
  EXPECT_THAT(finish(), ElementsAre("title"));
  const AttributeUse& use = block_.uses()[0];
  EXPECT_TRUE(use.by_words);
  EXPECT_THAT(use.values, UnorderedElementsAre("engineer", "director"));
}

// Who does not teach must not make a value known, be it shared by all who do not.
TEST_F(AttributeBlockTest, OnlyTeachersSayWhichValuesThereAre) {
  std::vector<std::size_t> teachers(30);
  std::iota(teachers.begin(), teachers.end(), std::size_t{0});
  for (std::size_t i = 0; i < kUsers; ++i) {
    const std::string value = i >= 30 ? "new" : pick({"A", "B"}, i);
    ASSERT_TRUE(
        block_.add({.id = UserId("u"), .attributes = {{"department", value}}, .messages = {}}));
  }
  block_.finish(teachers);
  ASSERT_EQ(block_.uses().size(), 1U);
  EXPECT_THAT(block_.uses()[0].values, ElementsAre("A", "B"));
}

}  // namespace
}  // namespace kith::persona
