#include "kith/personalize/logprob_pieces.h"

#include <gmock/gmock.h>

namespace kith::personalize {
namespace {

using testing::ElementsAre;

std::vector<std::string> split(std::string_view logprobs, const std::vector<std::size_t>& begins,
                               const std::vector<std::size_t>& ends) {
  return split_logprobs(logprobs, begins, ends);
}

// "I am here": tokens "I", " am", " he", "re" and the pieces "I ", "am ", "here".
TEST(LogprobPiecesTest, TokensComeWithThePieceThatTheyBeginIn) {
  EXPECT_THAT(split(R"({"content":[{"t":0},{"t":1},{"t":2},{"t":3}],"refusal":null})", {0, 1, 4, 7},
                    {2, 5, 9}),
              ElementsAre(R"({"content":[{"t":0},{"t":1}],"refusal":null})",
                          R"({"content":[{"t":2}],"refusal":null})",
                          R"({"content":[{"t":3}],"refusal":null})"));
}

TEST(LogprobPiecesTest, PiecesWithinOneTokenHaveNone) {
  EXPECT_THAT(split(R"({"content":[{"t":0}],"refusal":null})", {0}, {1, 2, 3}),
              ElementsAre(R"({"content":[{"t":0}],"refusal":null})", "", ""));
}

TEST(LogprobPiecesTest, TheLastPieceHasWhatIsLeft) {
  // Places that the text does not have, fewer places than tokens, and members of an upstream's own.
  EXPECT_THAT(split(R"({"content":[{"t":0},{"t":1},{"t":2}],"odd":[1]})", {0, 99}, {2, 4}),
              ElementsAre(R"({"content":[{"t":0}],"refusal":null})",
                          R"({"content":[{"t":1},{"t":2}],"odd":[1]})"));
  EXPECT_THAT(split(R"({"content":null,"refusal":[{"t":0}]})", {}, {2, 4}),
              ElementsAre("", R"({"content":null,"refusal":[{"t":0}]})"));
}

TEST(LogprobPiecesTest, MorePlacesThanTokensDoNoHarm) {
  EXPECT_THAT(split(R"({"content":[{"t":0}]})", {0, 1, 2}, {2, 4}),
              ElementsAre(R"({"content":[{"t":0}],"refusal":null})", ""));
}

TEST(LogprobPiecesTest, NothingIsCutFromNothing) {
  for (const char* empty : {"", "null", "[1]", "{", R"({"content":[],"refusal":null})"}) {
    EXPECT_THAT(split(empty, {}, {2, 4}), ElementsAre("", "")) << empty;
  }
}

}  // namespace
}  // namespace kith::personalize
