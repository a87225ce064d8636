// A tensor as PyTorch's torch.save() writes it, for servers that take embeddings in that form
// (vLLM's `prompt_embeds`). Written only: reading a pickle can run code, and nothing in Kith reads
// one.
//
// The container is a ZIP archive whose entries are stored, each beginning at a multiple of 64
// bytes: data.pkl (the pickle protocol 2 program that rebuilds a tensor from its storage, of a
// fixed form), data/0 (the values, little-endian), version and byteorder.
#pragma once

#include <span>
#include <string>

#include "kith/base/result.h"

namespace kith::upstream {

// What torch.load(weights_only=True) reads as a contiguous CPU tensor of float32.
//   values: [rows, width], row-major
// Errors: kInvalidArgument if the values do not fill a shape of at least one row and one number, or
//   take 2 GiB or more.
Result<std::string> save_torch_tensor(std::span<const float> values, int rows, int width);

}  // namespace kith::upstream
