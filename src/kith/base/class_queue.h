// What waits, in the order of arrival less the head start of its class.
//
// The bound that keeps everybody served: what leaves before an item arrived before it, or less than
// the difference of their head starts after it. However many urgent ones keep coming, those that
// come later than that stand behind.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "kith/base/queue_class.h"

namespace kith::base {

// Items of one class keep their order, and so do those of equal time, also when their class is
// changed. Not thread-safe.
template <typename T>
class ClassQueue {
 public:
  explicit ClassQueue(const HeadStarts& head_starts = {}) : head_starts_(head_starts) {}

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  // O(size).
  std::size_t size_of(QueueClass queue_class) const {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(),
        [queue_class](const Entry& entry) { return entry.queue_class == queue_class; }));
  }

  // O(size). `arrived` is any monotonic time, the same for all.
  void push(T item, QueueClass queue_class, std::chrono::nanoseconds arrived) {
    insert(Entry{std::move(item), queue_class, arrived, num_pushed_++});
  }

  // The next to leave. REQUIRES: not empty.
  T& front() { return entries_.front().item; }
  T pop() {
    T item = std::move(entries_.front().item);
    entries_.pop_front();
    return item;
  }

  // Gives the first item that `is_meant` another class; false if there is none. O(size).
  template <typename Predicate>
  bool set_class(Predicate is_meant, QueueClass queue_class) {
    const auto found = find(is_meant);
    if (found == entries_.end()) return false;
    Entry entry = std::move(*found);
    entries_.erase(found);
    entry.queue_class = queue_class;
    insert(std::move(entry));
    return true;
  }

  // Removes the first item that `is_meant` and hands it to `take`; false if there is none. O(size).
  template <typename Predicate, typename Take>
  bool remove_first(Predicate is_meant, Take take) {
    const auto found = find(is_meant);
    if (found == entries_.end()) return false;
    take(std::move(found->item));
    entries_.erase(found);
    return true;
  }

  // All that are left, in their order.
  std::deque<T> drain() {
    std::deque<T> items;
    for (Entry& entry : entries_) items.push_back(std::move(entry.item));
    entries_.clear();
    return items;
  }

 private:
  struct Entry {
    T item;
    QueueClass queue_class;
    std::chrono::nanoseconds arrived;
    std::uint64_t number;  // of the push
  };

  std::pair<std::chrono::nanoseconds, std::uint64_t> rank(const Entry& entry) const {
    return {entry.arrived - head_starts_.of(entry.queue_class), entry.number};
  }
  void insert(Entry entry) {
    const auto place =
        std::upper_bound(entries_.begin(), entries_.end(), entry,
                         [this](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
    entries_.insert(place, std::move(entry));
  }
  template <typename Predicate>
  auto find(Predicate is_meant) {
    return std::find_if(entries_.begin(), entries_.end(),
                        [&is_meant](const Entry& entry) { return is_meant(entry.item); });
  }

  HeadStarts head_starts_;
  std::uint64_t num_pushed_ = 0;
  std::deque<Entry> entries_;  // by rank
};

}  // namespace kith::base
