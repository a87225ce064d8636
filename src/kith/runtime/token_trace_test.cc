#include "kith/runtime/token_trace.h"

#include <gmock/gmock.h>

#include "kith/runtime/test_model.h"

namespace kith::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class TokenTraceTest : public TinyEngineTest {
 protected:
  void add(TokenTrace& trace, std::string_view text) const {
    for (const text::TokenId id : generator_->model().tokenizer.encode(text)) {
      trace.add({.token = id});
    }
  }
  // Text and place of the tokens that have been reached.
  std::vector<std::pair<std::string, std::size_t>> take(TokenTrace& trace,
                                                        std::size_t bytes) const {
    std::vector<std::pair<std::string, std::size_t>> taken;
    for (const auto& [token, code_point, byte] : trace.take(bytes)) {
      taken.emplace_back(generator_->model().tokenizer.id_to_bytes(token.token), code_point);
      EXPECT_LT(byte, bytes);
    }
    return taken;
  }
};

TEST_F(TokenTraceTest, TokensAreToldOfOnceTheTextReachesThem) {
  TokenTrace trace(generator_->model().tokenizer, true, 10);
  add(trace, "abc");
  EXPECT_THAT(take(trace, 0), IsEmpty());
  EXPECT_THAT(take(trace, 2), ElementsAre(Pair("a", 10), Pair("b", 11)));
  EXPECT_THAT(take(trace, 2), IsEmpty());
  add(trace, "d");
  EXPECT_THAT(take(trace, 4), ElementsAre(Pair("c", 12), Pair("d", 13)));
  EXPECT_EQ(trace.code_points(), 14U);
}

TEST_F(TokenTraceTest, ControlTokensTakeNoRoom) {
  TokenTrace trace(generator_->model().tokenizer, true);
  add(trace, "a");
  trace.add({.token = kTurnStart});
  add(trace, "b");
  EXPECT_THAT(take(trace, 1), ElementsAre(Pair("a", 0)));
  EXPECT_THAT(take(trace, 2), ElementsAre(Pair("<|im_start|>", 1), Pair("b", 1)));
}

}  // namespace
}  // namespace kith::runtime
