// Memory for what is read from end to end at every step: model weights and the key-value cache.
//
// With pages of 4 KiB a core that streams weights waits for an address translation every few
// cache lines, and a virtual machine makes each of them dearer; pages of 2 MiB give a fifth to a
// third more bandwidth. Matrices are smaller than such a page, so they lie side by side in regions
// of many. Where the system has no huge pages to give, the memory is ordinary.
#pragma once

#include <cstddef>
#include <vector>

namespace kith::tensor {

// Whether the system gives huge pages to programs that ask for them.
bool has_huge_pages();

// `bytes` of memory at a multiple of 64. Thread-safe. Throws std::bad_alloc like operator new.
void* allocate_huge(std::size_t bytes);
// Memory goes back to the system when all that lies in its region is free. Thread-safe.
void free_huge(void* pointer);

// While it lives, arrays that the calling thread makes lie together and apart from all others, so
// that their memory goes back to the system with them. For what is unloaded by itself.
class HugePageScope {
 public:
  HugePageScope();
  ~HugePageScope();
  HugePageScope(const HugePageScope&) = delete;
  HugePageScope& operator=(const HugePageScope&) = delete;

 private:
  friend class Regions;
  HugePageScope* outer_;
  // The region that the next small array goes to.
  std::byte* shared_ = nullptr;
};

template <typename T>
struct HugePageAllocator {
  using value_type = T;

  HugePageAllocator() = default;
  template <typename U>
  HugePageAllocator(const HugePageAllocator<U>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_huge(count * sizeof(T))); }
  void deallocate(T* pointer, std::size_t) { free_huge(pointer); }
  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) { return true; }
};

// For large arrays that live as long as a model.
template <typename T>
using HugeVector = std::vector<T, HugePageAllocator<T>>;

}  // namespace kith::tensor
