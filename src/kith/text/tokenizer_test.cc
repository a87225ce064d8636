#include "kith/text/tokenizer.h"

#include <gtest/gtest.h>

namespace kith::text {
namespace {

TEST(TokenizerTest, Loads) { EXPECT_FALSE(Tokenizer::from_json("{}")); }

}  // namespace
}  // namespace kith::text
