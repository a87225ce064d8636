#include "kith/personalize/recording_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace kith::personalize {
namespace {

storage::Scope scope(const char* user) { return {TenantId("t"), UserId(user)}; }

bool can_write(RecordingGate& gate, const RecordingGate::Visit& visit, const char* user) {
  return gate.write(visit, scope(user), [] { return Status(); }).has_value();
}

TEST(RecordingGateTest, AVisitThatBeganBeforeTheErasureWritesNothingMore) {
  RecordingGate gate;
  const auto before = gate.enter();
  EXPECT_TRUE(can_write(gate, *before, "ada"));
  EXPECT_TRUE(gate.erase(scope("ada"), [] { return Status(); }));
  EXPECT_FALSE(can_write(gate, *before, "ada"));
  EXPECT_TRUE(can_write(gate, *before, "bob"));
  const auto after = gate.enter();
  EXPECT_TRUE(can_write(gate, *after, "ada"));
  EXPECT_FALSE(can_write(gate, *before, "ada"));
}

TEST(RecordingGateTest, AFailedErasureCountsToo) {
  RecordingGate gate;
  const auto visit = gate.enter();
  EXPECT_FALSE(gate.erase(scope("ada"), [] { return Status(Error{}); }));
  EXPECT_FALSE(can_write(gate, *visit, "ada"));
}

TEST(RecordingGateTest, AnEmptyGateForgetsAndStaysRight) {
  RecordingGate gate;
  gate.enter().reset();
  EXPECT_TRUE(gate.erase(scope("ada"), [] { return Status(); }));
  const auto visit = gate.enter();
  EXPECT_TRUE(can_write(gate, *visit, "ada"));
}

// Under load the gate is never empty: one request comes before the other has gone.
TEST(RecordingGateTest, ABusyGateForgetsErasuresThatNoVisitBeganBefore) {
  RecordingGate gate;
  auto visit = gate.enter();
  for (int i = 0; i < 100; ++i) {
    const std::string user = "u" + std::to_string(i);
    EXPECT_TRUE(gate.erase(scope(user.c_str()), [] { return Status(); }));
    EXPECT_FALSE(can_write(gate, *visit, user.c_str()));
    auto next = gate.enter();
    EXPECT_TRUE(can_write(gate, *next, user.c_str()));
    visit = std::move(next);
    EXPECT_EQ(gate.num_remembered(), 0U);
  }
}

// Whatever the interleaving, nothing that a visit wrote about an erased user is left.
TEST(RecordingGateTest, NoWriteFollowsAnErasureThatItOverlapped) {
  RecordingGate gate;
  std::atomic<int> rows{0};
  for (int round = 0; round < 200; ++round) {
    rows = 0;
    std::jthread eraser;
    {
      const auto visit = gate.enter();
      eraser = std::jthread([&] {
        static_cast<void>(gate.erase(scope("ada"), [&] {
          rows = 0;
          return Status();
        }));
      });
      std::jthread writer([&, visit] {
        static_cast<void>(gate.write(*visit, scope("ada"), [&] {
          ++rows;
          return Status();
        }));
      });
    }
    eraser.join();
    EXPECT_EQ(rows.load(), 0);
  }
}

}  // namespace
}  // namespace kith::personalize
