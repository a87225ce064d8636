#include "kith/tensor/huge_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>

#include "kith/tensor/aligned.h"

namespace kith::tensor {
namespace {

// Of the process, in pages of 4 KiB: all that is mapped.
std::size_t mapped_pages() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages;
  return pages;
}

TEST(HugePagesTest, ArraysAreAlignedAndApart) {
  std::vector<HugeVector<std::uint32_t>> arrays;
  // Small ones, some that share a region with others, and one larger than a region.
  for (const std::size_t count : {1U, 17U, 100'000U, 1'000'000U, 3'000'000U, 9'000'000U}) {
    arrays.emplace_back(count);
    std::iota(arrays.back().begin(), arrays.back().end(), static_cast<std::uint32_t>(count));
  }
  for (const auto& array : arrays) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % kAlignment, 0U);
    for (std::size_t i = 0; i < array.size(); ++i) {
      ASSERT_EQ(array[i], static_cast<std::uint32_t>(array.size() + i));
    }
  }
}

TEST(HugePagesTest, GivesMemoryBackOnceNothingLiesInIt) {
  const std::size_t before = mapped_pages();
  {
    std::vector<HugeVector<std::byte>> arrays;
    for (int i = 0; i < 100; ++i) arrays.emplace_back(std::size_t{1} << 20);
    EXPECT_GE(mapped_pages(), before + 100 * 256);
  }
  // What else the process maps in between is small beside it.
  EXPECT_LT(mapped_pages(), before + 4 * 256);
}

TEST(HugePagesTest, WhatIsMadeInAScopeGoesBackByItself) {
  HugeVector<std::byte> before(1000);
  const std::size_t mapped = mapped_pages();
  HugeVector<std::byte> inside;
  {
    const HugePageScope scope;
    inside.resize(std::size_t{1} << 20);
  }
  HugeVector<std::byte> after(1000);
  EXPECT_GT(mapped_pages(), mapped + 256);
  inside = HugeVector<std::byte>();
  EXPECT_LT(mapped_pages(), mapped + 256);
}

TEST(HugePagesTest, AnEmptyArrayCostsNothingAndMaySwap) {
  HugeVector<int> empty;
  HugeVector<int> full(5, 7);
  std::swap(empty, full);
  EXPECT_EQ(empty, (HugeVector<int>{7, 7, 7, 7, 7}));
  EXPECT_TRUE(full.empty());
}

TEST(HugePagesTest, ServesManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (std::size_t i = 1; i < 200; ++i) {
        const HugeVector<int> array(i * 1000, t);
        ASSERT_EQ(std::count(array.begin(), array.end(), t), static_cast<int>(i * 1000));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kith::tensor
