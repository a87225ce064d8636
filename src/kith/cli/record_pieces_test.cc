#include "kith/cli/record_pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace kith::cli {
namespace {

using testing::ElementsAre;

std::vector<RecordPiece> pieces_of(std::string_view text, bool is_csv, std::size_t max_bytes) {
  std::vector<RecordPiece> pieces;
  EXPECT_TRUE(for_each_piece(text, is_csv, max_bytes, [&](const RecordPiece& piece) {
    pieces.push_back(piece);
    return Status();
  }));
  return pieces;
}

std::vector<std::string> texts_of(const std::vector<RecordPiece>& pieces) {
  std::vector<std::string> texts;
  for (const auto& piece : pieces) texts.push_back(piece.text);
  return texts;
}

TEST(RecordPiecesTest, CutsBetweenLines) {
  const auto pieces = pieces_of("{\"a\"}\n{\"b\"}\n{\"c\"}", false, 12);
  EXPECT_THAT(texts_of(pieces), ElementsAre("{\"a\"}\n{\"b\"}\n", "{\"c\"}"));
  EXPECT_EQ(pieces[1].line_offset, 2);
}

TEST(RecordPiecesTest, RepeatsTheHeaderAndKeepsQuotedLinesTogether) {
  const auto pieces = pieces_of("id,text\r\n1,\"a\nb \"\"c\"\"\n\"\n2,d\n3,e\n", true, 18);
  EXPECT_THAT(texts_of(pieces),
              ElementsAre("id,text\r\n1,\"a\nb \"\"c\"\"\n\"\n", "id,text\r\n2,d\n3,e\n"));
  // Line 2 of the second piece is line 5 of the file.
  EXPECT_EQ(pieces[1].line_offset, 3);
}

TEST(RecordPiecesTest, ALongRecordIsAPieceOfItsOwnAndAnEmptyFileOnePiece) {
  EXPECT_THAT(texts_of(pieces_of("a\nbbbbbbbb\nc\n", false, 4)),
              ElementsAre("a\n", "bbbbbbbb\n", "c\n"));
  EXPECT_THAT(texts_of(pieces_of("", false, 4)), ElementsAre(""));
  EXPECT_THAT(texts_of(pieces_of("id\n", true, 4)), ElementsAre("id\n"));
}

TEST(RecordPiecesTest, StopsAtTheFirstError) {
  int calls = 0;
  const Status status = for_each_piece("a\nb\n", false, 1, [&](const RecordPiece&) -> Status {
    ++calls;
    return Error{ErrorCode::kUnavailable, "gone"};
  });
  EXPECT_FALSE(status);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace kith::cli
