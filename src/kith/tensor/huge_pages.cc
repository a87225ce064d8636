#include "kith/tensor/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <new>
#include <string>

#include "kith/tensor/aligned.h"

namespace kith::tensor {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;
constexpr std::size_t kRegion = 16 * kPage;
// What is larger has a region of its own, so that it can be given back by itself.
constexpr std::size_t kOwnRegion = kRegion / 4;

std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// `size` bytes at a multiple of kPage. REQUIRES: size is a multiple of kPage.
std::byte* map_pages(std::size_t size) {
  // One page more, of which the ends are given back.
  const std::size_t mapped = size + kPage;
  void* raw = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) throw std::bad_alloc();
  auto* first = static_cast<std::byte*>(raw);
  const std::size_t address = reinterpret_cast<std::uintptr_t>(raw);
  const std::size_t before = round_up(address, kPage) - address;
  if (before > 0) ::munmap(first, before);
  if (before < kPage) ::munmap(first + before + size, kPage - before);
  // Only advice: without huge pages the memory serves as well.
  ::madvise(first + before, size, MADV_HUGEPAGE);
  return first + before;
}

thread_local HugePageScope* current_scope = nullptr;

}  // namespace

// Regions, in each of which arrays lie one after the other; space is not used twice.
class Regions {
 public:
  void* allocate(std::size_t bytes) {
    const std::size_t size = round_up(bytes == 0 ? 1 : bytes, kAlignment);
    const std::lock_guard lock(mutex_);
    if (size > kOwnRegion) return place(open_region(round_up(size, kPage)), size);
    std::byte*& shared = current_scope != nullptr ? current_scope->shared_ : shared_;
    auto region = regions_.find(shared);
    if (region == regions_.end() || region->second.size - region->second.used < size) {
      region = open_region(kRegion);
      shared = region->first;
    }
    return place(region, size);
  }

  void free(void* pointer) {
    const std::lock_guard lock(mutex_);
    // The last region that does not begin after the pointer.
    const auto region = std::prev(regions_.upper_bound(static_cast<std::byte*>(pointer)));
    if (--region->second.arrays > 0) return;
    ::munmap(region->first, region->second.size);
    regions_.erase(region);
  }

 private:
  struct Region {
    std::size_t size = 0;
    std::size_t used = 0;
    // That are not free.
    int arrays = 0;
  };
  using Map = std::map<std::byte*, Region>;

  Map::iterator open_region(std::size_t size) {
    std::byte* first = map_pages(size);
    return regions_.insert({first, {.size = size}}).first;
  }

  static void* place(Map::iterator region, std::size_t size) {
    std::byte* at = region->first + region->second.used;
    region->second.used += size;
    ++region->second.arrays;
    return at;
  }

  std::mutex mutex_;
  Map regions_;
  // The region that the next small array goes to, if it is still there.
  std::byte* shared_ = nullptr;
};

namespace {

Regions& regions() {
  // Never destroyed: arrays of static objects may be freed after it.
  static auto* all = new Regions;
  return *all;
}

}  // namespace

HugePageScope::HugePageScope() : outer_(current_scope) { current_scope = this; }

HugePageScope::~HugePageScope() { current_scope = outer_; }

bool has_huge_pages() {
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string words;
  // As "always [madvise] never": what is chosen stands in brackets.
  return std::getline(setting, words) && words.find("[never]") == std::string::npos;
}

void* allocate_huge(std::size_t bytes) { return regions().allocate(bytes); }

void free_huge(void* pointer) {
  if (pointer != nullptr) regions().free(pointer);
}

}  // namespace kith::tensor
