#include "kith/tensor/onednn.h"

#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "kith/base/check.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/huge_pages.h"

namespace kith::tensor {
namespace {

// A primitive for a new size costs 0.25 ms once per shape; padding costs time at every use.
constexpr std::array<int, 18> kBuckets{1,  2,  3,  4,  6,   8,   12,  16,  24,
                                       32, 48, 64, 96, 128, 192, 256, 384, 512};

std::size_t bucket_index(int rows) {
  const auto it = std::lower_bound(kBuckets.begin(), kBuckets.end(), rows);
  KITH_CHECK(rows >= 1 && it != kBuckets.end(), "rows outside [1, kMaxRows]");
  return static_cast<std::size_t>(it - kBuckets.begin());
}

struct Types {
  dnnl::memory::data_type source;
  dnnl::memory::data_type weights;
  dnnl::memory::data_type result;
};

Types types_of(MatmulKind kind) {
  using Type = dnnl::memory::data_type;
  switch (kind) {
    case MatmulKind::kF32:
      return {Type::f32, Type::f32, Type::f32};
    case MatmulKind::kBf16:
      return {Type::bf16, Type::bf16, Type::f32};
    case MatmulKind::kInt8:
      return {Type::u8, Type::s8, Type::s32};
  }
  return {Type::undef, Type::undef, Type::undef};
}

// oneDNN wants pointers to mutable memory even where it only reads.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
void* mutable_pointer(const void* pointer) { return const_cast<void*>(pointer); }

}  // namespace

bool onednn_supports(MatmulKind kind) {
  // Bits of an instruction set include those of the sets below it.
  const auto has = [](dnnl::cpu_isa isa) {
    const auto wanted = static_cast<unsigned>(isa);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
  };
  switch (kind) {
    case MatmulKind::kF32:
      return has(dnnl::cpu_isa::avx512_core);
    case MatmulKind::kBf16:
      // With AMX, oneDNN gives few rows to vectors and many to tiles, which sum in other orders.
      return has(dnnl::cpu_isa::avx512_core_bf16) && !has(dnnl::cpu_isa::avx512_core_amx);
    case MatmulKind::kInt8:
      return has(dnnl::cpu_isa::avx512_core_vnni);
  }
  return false;
}

int bucket_rows(int rows) { return kBuckets[bucket_index(rows)]; }

namespace {

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// Made once for each thread: to make one costs as much as a small product.
dnnl::stream& own_stream() {
  thread_local dnnl::stream stream(cpu_engine());
  return stream;
}

// The products of one shape, for every bucket of rows. They know no weights: all maps of a shape
// share them. Immutable; thread-safe.
struct Primitives {
  dnnl::memory::desc packed_desc;
  // One per bucket.
  std::vector<dnnl::matmul::primitive_desc> descs;
  std::vector<dnnl::matmul> primitives;

  Primitives(MatmulKind kind, int in, int out);

  // Whether weights are packed as Int8Layout::kBlocked.
  bool is_blocked(int in, int out) const;

 private:
  dnnl::matmul::primitive_desc desc_for(const Types& types, int rows, int in, int out,
                                        const dnnl::memory::desc& weights_desc) const;
};

dnnl::matmul::primitive_desc Primitives::desc_for(const Types& types, int rows, int in, int out,
                                                  const dnnl::memory::desc& weights_desc) const {
  using Tag = dnnl::memory::format_tag;
  const dnnl::memory::desc source({rows, in}, types.source, Tag::ab);
  const dnnl::memory::desc result({rows, out}, types.result, Tag::ab);
  // Where a primitive brings its own scratch memory, only one thread may use it.
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return {dnnl::matmul::desc(source, weights_desc, result), attributes, cpu_engine()};
}

Primitives::Primitives(MatmulKind kind, int in, int out) {
  using Tag = dnnl::memory::format_tag;
  const Types types = types_of(kind);
  // The layout is taken from a middling batch and must serve every other.
  packed_desc = desc_for(types, 16, in, out, {{in, out}, types.weights, Tag::any}).weights_desc();
  for (const int rows : kBuckets) {
    descs.push_back(desc_for(types, rows, in, out, packed_desc));
    primitives.emplace_back(descs.back());
  }
}

bool Primitives::is_blocked(int in, int out) const {
  return packed_desc == dnnl::memory::desc({in, out}, dnnl::memory::data_type::s8,
                                           dnnl::memory::format_tag::BA16a64b4a);
}

// Those of a shape, made once for as long as a map uses them.
std::shared_ptr<const Primitives> primitives_for(MatmulKind kind, int in, int out) {
  static std::mutex mutex;
  static std::map<std::tuple<MatmulKind, int, int>, std::weak_ptr<const Primitives>> known;
  const std::lock_guard lock(mutex);
  std::weak_ptr<const Primitives>& entry = known[{kind, in, out}];
  std::shared_ptr<const Primitives> shared = entry.lock();
  if (!shared) {
    shared = std::make_shared<const Primitives>(kind, in, out);
    entry = shared;
  }
  return shared;
}

}  // namespace

struct PackedMatmul::Impl {
  std::shared_ptr<const Primitives> shape;
  // What `weights` points to, unless it is borrowed.
  HugeVector<std::byte> packed;
  const std::byte* weights = nullptr;

  void pack(dnnl::memory::data_type type, int in, int out, const void* rows);
};

void PackedMatmul::Impl::pack(dnnl::memory::data_type type, int in, int out, const void* rows) {
  // As a [in, out] matrix, [out, in] row-major is column-major: tag ba.
  const dnnl::memory::desc plain({in, out}, type, dnnl::memory::format_tag::ba);
  packed.resize(shape->packed_desc.get_size());
  dnnl::memory from(plain, cpu_engine(), mutable_pointer(rows));
  dnnl::memory to(shape->packed_desc, cpu_engine(), packed.data());
  dnnl::reorder(from, to).execute(own_stream(), from, to);
  own_stream().wait();
  weights = packed.data();
}

PackedMatmul::PackedMatmul(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PackedMatmul::PackedMatmul(PackedMatmul&&) noexcept = default;
PackedMatmul& PackedMatmul::operator=(PackedMatmul&&) noexcept = default;
PackedMatmul::~PackedMatmul() = default;

namespace {

// Runs `make`, with oneDNN's exceptions turned into errors. oneDNN fixes the number of threads when
// a primitive is made: one.
template <typename Make>
auto guarded(Make&& make) -> Result<decltype(make())> {
#if defined(_OPENMP)
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
#endif
  auto made = [&]() -> Result<decltype(make())> {
    try {
      return make();
    } catch (const dnnl::error& error) {
      return Error{ErrorCode::kInternal, std::string("onednn: ") + error.what()};
    }
  }();
#if defined(_OPENMP)
  omp_set_num_threads(threads);
#endif
  return made;
}

}  // namespace

Result<PackedMatmul> PackedMatmul::create(MatmulKind kind, int in, int out, const void* weights) {
  KITH_CHECK(in > 0 && out > 0, "sizes must be positive");
  return guarded([&] {
    auto impl = std::make_unique<Impl>();
    impl->shape = primitives_for(kind, in, out);
    impl->pack(types_of(kind).weights, in, out, weights);
    return PackedMatmul(std::move(impl));
  });
}

Result<std::optional<PackedMatmul>> PackedMatmul::borrow_blocked_int8(int in, int out,
                                                                      const std::int8_t* weights) {
  KITH_CHECK(in > 0 && out > 0, "sizes must be positive");
  return guarded([&]() -> std::optional<PackedMatmul> {
    auto impl = std::make_unique<Impl>();
    impl->shape = primitives_for(MatmulKind::kInt8, in, out);
    if (!impl->shape->is_blocked(in, out)) return std::nullopt;
    impl->weights = reinterpret_cast<const std::byte*>(weights);
    return PackedMatmul(std::move(impl));
  });
}

Status PackedMatmul::run(const void* x, int rows, void* y) const {
  const std::size_t index = bucket_index(rows);
  KITH_CHECK(kBuckets[index] == rows, "rows must be a bucket");
  try {
    const Primitives& shape = *impl_->shape;
    const dnnl::matmul::primitive_desc& desc = shape.descs[index];
    const dnnl::memory source(desc.src_desc(), cpu_engine(), mutable_pointer(x));
    const dnnl::memory weights(shape.packed_desc, cpu_engine(), mutable_pointer(impl_->weights));
    const dnnl::memory result(desc.dst_desc(), cpu_engine(), y);
    dnnl::stream& stream = own_stream();
    thread_local AlignedVector<std::byte> scratch;
    scratch.resize(std::max(scratch.size(), desc.scratchpad_desc().get_size()));
    const dnnl::memory scratchpad(desc.scratchpad_desc(), cpu_engine(), scratch.data());
    shape.primitives[index].execute(stream, {{DNNL_ARG_SRC, source},
                                             {DNNL_ARG_WEIGHTS, weights},
                                             {DNNL_ARG_DST, result},
                                             {DNNL_ARG_SCRATCHPAD, scratchpad}});
    stream.wait();
  } catch (const dnnl::error& error) {
    return Error{ErrorCode::kInternal, std::string("onednn: ") + error.what()};
  }
  return {};
}

std::size_t PackedMatmul::bytes() const { return impl_->shape->packed_desc.get_size(); }

std::string PackedMatmul::implementation(int rows) const {
  return impl_->shape->descs[bucket_index(rows)].impl_info_str();
}

}  // namespace kith::tensor
