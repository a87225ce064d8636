// The log-probabilities of a whole answer, cut so that each token's come with the piece of text
// that it begins in.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kith::personalize {

// Cuts OpenAI's "logprobs" object at the ends of a text's pieces.
//   logprobs: JSON; nothing to cut if it is empty or no object
//   token_begins: [num_tokens] the byte of the text where each token of `content` begins, ascending
//   piece_ends: [num_pieces] ascending, never empty
//   returns: [num_pieces] the object (JSON) of each piece, empty where it would say nothing. Their
//     `content`s add up to the whole; the last has all that no piece before it took, other members
//     than `content` among it.
std::vector<std::string> split_logprobs(std::string_view logprobs,
                                        std::span<const std::size_t> token_begins,
                                        std::span<const std::size_t> piece_ends);

}  // namespace kith::personalize
