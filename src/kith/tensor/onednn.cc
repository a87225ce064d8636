#include "kith/tensor/onednn.h"

#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <utility>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "kith/base/check.h"
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
      return has(dnnl::cpu_isa::avx512_core_bf16);
    case MatmulKind::kInt8:
      return has(dnnl::cpu_isa::avx512_core_vnni);
  }
  return false;
}

int bucket_rows(int rows) { return kBuckets[bucket_index(rows)]; }

struct PackedMatmul::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::memory::desc packed_desc;
  // What `weights` points to, unless it is borrowed.
  HugeVector<std::byte> packed;
  const std::byte* weights = nullptr;
  // One per bucket.
  std::vector<dnnl::matmul::primitive_desc> descs;
  std::vector<dnnl::matmul> primitives;

  dnnl::matmul::primitive_desc desc_for(const Types& types, int rows, int in, int out,
                                        const dnnl::memory::desc& weights_desc) const;
  // Whether it is Int8Layout::kBlocked.
  bool choose_layout(MatmulKind kind, int in, int out);
  void pack(dnnl::memory::data_type type, int in, int out, const void* rows);
  void prepare_buckets(MatmulKind kind, int in, int out);
};

dnnl::matmul::primitive_desc PackedMatmul::Impl::desc_for(
    const Types& types, int rows, int in, int out, const dnnl::memory::desc& weights_desc) const {
  using Tag = dnnl::memory::format_tag;
  const dnnl::memory::desc source({rows, in}, types.source, Tag::ab);
  const dnnl::memory::desc result({rows, out}, types.result, Tag::ab);
  return {dnnl::matmul::desc(source, weights_desc, result), engine};
}

// The layout is taken from a middling batch and must serve every other.
bool PackedMatmul::Impl::choose_layout(MatmulKind kind, int in, int out) {
  using Tag = dnnl::memory::format_tag;
  const Types types = types_of(kind);
  packed_desc = desc_for(types, 16, in, out, {{in, out}, types.weights, Tag::any}).weights_desc();
  return kind == MatmulKind::kInt8 &&
         packed_desc == dnnl::memory::desc({in, out}, types.weights, Tag::BA16a64b4a);
}

void PackedMatmul::Impl::pack(dnnl::memory::data_type type, int in, int out, const void* rows) {
  // As a [in, out] matrix, [out, in] row-major is column-major: tag ba.
  const dnnl::memory::desc plain({in, out}, type, dnnl::memory::format_tag::ba);
  packed.resize(packed_desc.get_size());
  dnnl::memory from(plain, engine, mutable_pointer(rows));
  dnnl::memory to(packed_desc, engine, packed.data());
  dnnl::stream stream(engine);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  weights = packed.data();
}

void PackedMatmul::Impl::prepare_buckets(MatmulKind kind, int in, int out) {
  for (const int rows : kBuckets) {
    descs.push_back(desc_for(types_of(kind), rows, in, out, packed_desc));
    primitives.emplace_back(descs.back());
  }
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
    impl->choose_layout(kind, in, out);
    impl->pack(types_of(kind).weights, in, out, weights);
    impl->prepare_buckets(kind, in, out);
    return PackedMatmul(std::move(impl));
  });
}

Result<std::optional<PackedMatmul>> PackedMatmul::borrow_blocked_int8(int in, int out,
                                                                      const std::int8_t* weights) {
  KITH_CHECK(in > 0 && out > 0, "sizes must be positive");
  return guarded([&]() -> std::optional<PackedMatmul> {
    auto impl = std::make_unique<Impl>();
    if (!impl->choose_layout(MatmulKind::kInt8, in, out)) return std::nullopt;
    impl->weights = reinterpret_cast<const std::byte*>(weights);
    impl->prepare_buckets(MatmulKind::kInt8, in, out);
    return PackedMatmul(std::move(impl));
  });
}

Status PackedMatmul::run(const void* x, int rows, void* y) const {
  const std::size_t index = bucket_index(rows);
  KITH_CHECK(kBuckets[index] == rows, "rows must be a bucket");
  try {
    const dnnl::matmul::primitive_desc& desc = impl_->descs[index];
    const dnnl::memory source(desc.src_desc(), impl_->engine, mutable_pointer(x));
    const dnnl::memory weights(impl_->packed_desc, impl_->engine, mutable_pointer(impl_->weights));
    const dnnl::memory result(desc.dst_desc(), impl_->engine, y);
    dnnl::stream stream(impl_->engine);
    impl_->primitives[index].execute(
        stream, {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, result}});
    stream.wait();
  } catch (const dnnl::error& error) {
    return Error{ErrorCode::kInternal, std::string("onednn: ") + error.what()};
  }
  return {};
}

std::size_t PackedMatmul::bytes() const { return impl_->packed_desc.get_size(); }

std::string PackedMatmul::implementation(int rows) const {
  return impl_->descs[bucket_index(rows)].impl_info_str();
}

}  // namespace kith::tensor
