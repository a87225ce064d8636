#include "kith/train/packing.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "kith/base/check.h"

namespace kith::train {
namespace {

template <typename T>
void shuffle(std::vector<T>& items, base::Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

std::vector<std::uint32_t> document_order(const TokenShard& shard, base::Rng* rng) {
  std::vector<std::uint32_t> order(shard.num_documents());
  std::iota(order.begin(), order.end(), 0U);
  if (rng != nullptr) shuffle(order, *rng);
  return order;
}

std::uint32_t length_of(const TokenShard& shard, std::uint32_t document) {
  return static_cast<std::uint32_t>(shard.document(document).size());
}

std::vector<Window> stream_windows(const TokenShard& shard, std::int64_t sequence,
                                   const std::vector<std::uint32_t>& order) {
  const auto capacity = static_cast<std::uint32_t>(sequence) + 1;
  std::vector<Window> windows(1);
  std::uint32_t used = 0;
  for (const std::uint32_t document : order) {
    const std::uint32_t length = length_of(shard, document);
    std::uint32_t begin = 0;
    while (begin < length) {
      if (used == capacity) {
        // The last token of a full window is the first input of the next.
        Piece last = windows.back().pieces.back();
        last.begin = last.end - 1;
        windows.push_back({0, {last}});
        used = 1;
      }
      const std::uint32_t take = std::min(length - begin, capacity - used);
      windows.back().pieces.push_back({document, begin, begin + take});
      begin += take;
      used += take;
    }
  }
  if (used < 2) windows.pop_back();
  return windows;
}

// Splits documents so that none is longer than a window, neighbours overlapping by one token.
std::vector<Piece> whole_pieces(const TokenShard& shard, std::uint32_t capacity,
                                const std::vector<std::uint32_t>& order) {
  std::vector<Piece> pieces;
  for (const std::uint32_t document : order) {
    const std::uint32_t length = length_of(shard, document);
    std::uint32_t begin = 0;
    while (length - begin > capacity) {
      pieces.push_back({document, begin, begin + capacity});
      begin += capacity - 1;
    }
    if (length - begin > 1) pieces.push_back({document, begin, length});
  }
  return pieces;
}

// Best fit decreasing: the longest piece first, into the fullest window that still has room.
void best_fit(std::span<Piece> pieces, std::uint32_t capacity, std::vector<Window>& windows) {
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return a.end - a.begin > b.end - b.begin;
  });
  std::multimap<std::uint32_t, std::size_t> room;
  for (const Piece& piece : pieces) {
    const std::uint32_t length = piece.end - piece.begin;
    const auto found = room.lower_bound(length);
    if (found == room.end()) {
      windows.push_back({0, {piece}});
      room.emplace(capacity - length, windows.size() - 1);
      continue;
    }
    const auto [left, window] = *found;
    room.erase(found);
    windows[window].pieces.push_back(piece);
    room.emplace(left - length, window);
  }
}

std::vector<Window> whole_windows(const TokenShard& shard, std::int64_t sequence,
                                  const std::vector<std::uint32_t>& order) {
  // Packing a part at a time keeps the combinations random: over the whole file the longest
  // documents would always meet the same neighbours.
  constexpr std::size_t kPart = 4096;
  const auto capacity = static_cast<std::uint32_t>(sequence) + 1;
  std::vector<Piece> pieces = whole_pieces(shard, capacity, order);
  std::vector<Window> windows;
  for (std::size_t begin = 0; begin < pieces.size(); begin += kPart) {
    const std::size_t count = std::min(kPart, pieces.size() - begin);
    best_fit(std::span(pieces).subspan(begin, count), capacity, windows);
  }
  return windows;
}

void write_window(const Window& window, const TokenShard& shard, std::int32_t pad, std::int64_t row,
                  Batch& batch) {
  const auto at = static_cast<std::size_t>(row * batch.sequence);
  const auto sequence = static_cast<std::size_t>(batch.sequence);
  std::fill_n(batch.ids.begin() + static_cast<std::ptrdiff_t>(at), sequence, pad);
  std::size_t i = 0;
  for (const Piece& piece : window.pieces) {
    const auto tokens = shard.document(piece.document);
    for (std::uint32_t t = piece.begin; t < piece.end; ++t, ++i) {
      const std::int64_t id = tokens[t] & ~kCountedBit;
      if (i < sequence) batch.ids[at + i] = id;
      if (i == 0 || (tokens[t] & kCountedBit) == 0) continue;
      batch.targets[at + i - 1] = id;
      if (!batch.weights.empty()) batch.weights[at + i - 1] = shard.weight(piece.document);
      ++batch.counted;
    }
  }
}

Batch empty_batch(std::int64_t rows, std::int64_t sequence) {
  Batch batch;
  batch.rows = rows;
  batch.sequence = sequence;
  batch.ids.resize(static_cast<std::size_t>(rows * sequence));
  batch.targets.assign(static_cast<std::size_t>(rows * sequence), -1);
  return batch;
}

std::uint64_t mix(std::uint64_t seed, std::int64_t stage, std::int64_t cycle) {
  return seed + 0x9E3779B97F4A7C15ULL * static_cast<std::uint64_t>(stage + 1) +
         0xC2B2AE3D27D4EB4FULL * static_cast<std::uint64_t>(cycle + 1);
}

}  // namespace

std::vector<Window> pack_stream(const TokenShard& shard, std::int64_t sequence, base::Rng& rng) {
  return stream_windows(shard, sequence, document_order(shard, &rng));
}

std::vector<Window> pack_whole(const TokenShard& shard, std::int64_t sequence, base::Rng& rng) {
  return whole_windows(shard, sequence, document_order(shard, &rng));
}

WindowStream::WindowStream(std::vector<StreamSource> sources, std::uint64_t seed, std::int32_t pad)
    : sources_(std::move(sources)), seed_(seed), pad_(pad) {}

void WindowStream::set_stage(std::int64_t stage, std::int64_t sequence) {
  if (sequence_ != 0 && stage == position_.stage) return;
  seek({stage, 0, 0}, sequence);
}

void WindowStream::seek(const StreamPosition& position, std::int64_t sequence) {
  position_ = position;
  sequence_ = sequence;
  build_cycle();
}

void WindowStream::build_cycle() {
  base::Rng rng(mix(seed_, position_.stage, position_.cycle));
  windows_.clear();
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    const StreamSource& source = sources_[s];
    for (double left = source.weight; left > 1e-9; left -= 1.0) {
      auto windows = source.packing == Packing::kWhole ? pack_whole(*source.shard, sequence_, rng)
                                                       : pack_stream(*source.shard, sequence_, rng);
      shuffle(windows, rng);
      const auto size = static_cast<double>(windows.size());
      const auto keep = static_cast<std::size_t>(size * std::min(left, 1.0) + rng.uniform());
      windows.resize(std::min(windows.size(), keep));
      for (Window& window : windows) {
        window.source = static_cast<std::uint32_t>(s);
        windows_.push_back(std::move(window));
      }
    }
  }
  shuffle(windows_, rng);
}

Batch WindowStream::next(std::int64_t rows) {
  Batch batch = empty_batch(rows, sequence_);
  const bool is_weighted =
      std::any_of(sources_.begin(), sources_.end(),
                  [](const StreamSource& source) { return source.shard->has_weights(); });
  if (is_weighted) batch.weights.assign(batch.targets.size(), 1.0F);
  for (std::int64_t row = 0; row < rows; ++row) {
    // A tiny weighted source may give an empty cycle by chance, but not for ever.
    for (int tries = 0; position_.index >= cycle_size(); ++tries) {
      KITH_CHECK(tries < 1000, "the data sources hold no window");
      ++position_.cycle;
      position_.index = 0;
      build_cycle();
    }
    const Window& window = windows_[static_cast<std::size_t>(position_.index++)];
    write_window(window, *sources_[window.source].shard, pad_, row, batch);
  }
  return batch;
}

std::vector<Batch> validation_batches(const TokenShard& shard, Packing packing,
                                      std::int64_t sequence, std::int64_t max_tokens,
                                      std::int64_t rows, std::int32_t pad) {
  const auto order = document_order(shard, nullptr);
  auto windows = packing == Packing::kWhole ? whole_windows(shard, sequence, order)
                                            : stream_windows(shard, sequence, order);
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, max_tokens / sequence));
  if (windows.size() > most) windows.resize(most);
  std::vector<Batch> batches;
  for (std::size_t begin = 0; begin < windows.size(); begin += static_cast<std::size_t>(rows)) {
    const auto count = std::min(static_cast<std::size_t>(rows), windows.size() - begin);
    Batch batch = empty_batch(static_cast<std::int64_t>(count), sequence);
    for (std::size_t i = 0; i < count; ++i) {
      write_window(windows[begin + i], shard, pad, static_cast<std::int64_t>(i), batch);
    }
    batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace kith::train
