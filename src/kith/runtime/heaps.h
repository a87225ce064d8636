// How many heaps the allocator may keep for this process.
#pragma once

namespace kith::runtime {

// glibc gives every few threads a heap of their own, each of which keeps what it once needed: under
// load a server's memory creeps upwards for hours although nothing is lost. With two heaps it stays
// flat. Call before the first thread starts. No effect with another C library.
void limit_heaps();

}  // namespace kith::runtime
