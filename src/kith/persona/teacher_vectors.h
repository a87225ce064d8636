// The vectors that a word encoder learns from, kept in a file: a sentence encoder takes minutes for
// a hundred thousand texts, and a run that was killed goes on where it was.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/text_encoder.h"

namespace kith::persona {

// The teacher's vectors of `texts`, [texts.size() * teacher.dimensions()], rounded to f16.
//   file: safetensors with one tensor "vectors" (F16 [rows, dimensions]), the hashes of the teacher
//     and of the texts in its metadata; read if it is there, and written every 8,192 texts. Empty:
//     none.
// Errors: kConflict if the file belongs to other texts or another teacher; kInvalidArgument if it
//   is damaged; kUnavailable; those of the teacher.
Result<std::vector<float>> teacher_vectors(std::span<const std::string> texts,
                                           const TextEncoder& teacher,
                                           const std::filesystem::path& file,
                                           const std::function<void(double share)>& progress);

}  // namespace kith::persona
