#include "kith/persona/assignment_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"

namespace kith::persona {
namespace {

TEST(AssignmentModelTest, SurvivesItsFile) {
  const base::TestDirectory directory;
  AssignmentModel model{.data_hash = "abc",
                        .weights = {.attributes = 0.7, .words = 1.3, .stranger_share = 0.05},
                        .behaviour = {{PersonaId("boss"), {{"cited=kb-1", 3}}}},
                        .figures = {{"ece", 0.02}}};
  ASSERT_TRUE(save_assignment_model(model, directory.path() / "assignment.json"));
  const auto read = load_assignment_model(directory.path() / "assignment.json");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->data_hash, model.data_hash);
  EXPECT_EQ(read->weights, model.weights);
  EXPECT_EQ(read->behaviour, model.behaviour);
  EXPECT_EQ(read->figures, model.figures);
}

TEST(AssignmentModelTest, RefusesFilesThatMakeNoSense) {
  const base::TestDirectory directory;
  EXPECT_EQ(load_assignment_model(directory.path() / "none.json").error().code,
            ErrorCode::kNotFound);
  const std::string weights =
      R"("weights":{"attributes":1,"words":1,"behaviour":1,"attributes_of_none":1,)"
      R"("words_of_none":1,"stranger_share":0.1,"unknown_share":0.9})";
  for (const std::string& text :
       {std::string("[]"), std::string("{}"), std::string(R"({"schema":2})"),
        std::string(R"({"schema":1,"data_hash":"a"})"), R"({"schema":1,)" + weights + "}",
        R"({"schema":1,"data_hash":"a",)" + weights + R"(,"behaviour":[]})",
        R"({"schema":1,"data_hash":"a",)" + weights + R"(,"behaviour":{"boss":{"x":-1}}})",
        std::string(
            R"({"schema":1,"data_hash":"a","weights":{"attributes":1,"words":-1,)"
            R"("behaviour":1,"attributes_of_none":1,"words_of_none":1,"stranger_share":0.1,)"
            R"("unknown_share":0.9}})")}) {
    const auto file = directory.write("assignment.json", text);
    const auto read = load_assignment_model(file);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument) << text;
    EXPECT_THAT(read.error().message, testing::HasSubstr("assignment.json"));
  }
}

}  // namespace
}  // namespace kith::persona
