// The Perceiver in service: trained latents read a user's last states and become a fixed number of
// rows, and one vector (kith/train/perceiver.h has the computation and the papers;
// docs/formats/user-encoder.md the files).
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/tensor/linear.h"

namespace kith::timeline {

// What the encoder says of a user, for others to use. Of one version of the encoder alone: numbers
// of two versions are never compared.
struct UserEmbedding {
  // [num_latents, width], row-major: for a language model.
  std::vector<float> latents;
  // [width], of length 1: for similarity, groups, routers and policies.
  std::vector<float> vector;
};

// Immutable; thread-safe.
class Perceiver {
 public:
  // Null where the directory has none: an encoder without a Perceiver.
  //   width: of the states;  threads: of a read
  // Errors: kInvalidArgument naming what is wrong with a file; kNotFound for one of the two.
  static Result<std::unique_ptr<const Perceiver>> load(const std::filesystem::path& dir, int width,
                                                       int threads);

  int num_latents() const { return num_latents_; }
  // States that are read at most, the last ones.
  int window() const { return window_; }
  // Hash of both files.
  const std::string& version() const { return version_; }

  //   states: [n, width], oldest first, 1 <= n <= window()
  // Errors: kInternal if a product fails.
  Result<UserEmbedding> read(std::span<const float> states) const;

 private:
  struct Layer {
    std::vector<float> attention_norm;  // [width]
    std::vector<float> mlp_norm;        // [width]
    std::vector<float> age_bias;        // [heads, buckets]
    tensor::Linear q;
    tensor::Linear kv;
    tensor::Linear o;
    tensor::Linear gate_up;
    tensor::Linear down;
  };
  struct Buffers;
  class Reader;

  Perceiver() = default;
  // Numbers of a head's keys: its own, and one for each bucket of ages.
  int key_size() const;
  void write_keys(int rows, Buffers& buffers) const;
  void write_queries(const Layer& layer, Buffers& buffers) const;
  Status attend(const Layer& layer, int rows, Buffers& buffers) const;
  Status feed_forward(const Layer& layer, Buffers& buffers) const;
  Result<std::vector<float>> vector_of(std::span<const float> latents) const;

  int width_ = 0;
  int window_ = 0;
  int num_latents_ = 0;
  int num_heads_ = 0;
  int intermediate_size_ = 0;
  int num_buckets_ = 0;
  int threads_ = 1;
  std::string version_;
  std::vector<float> latents_;  // [num_latents, width]
  std::vector<float> norm_;     // [width]
  std::vector<Layer> layers_;
  std::vector<tensor::Linear> vector_proj_;  // one
};

// The same direction, of length 1; zeros stay zeros.
std::vector<float> normalised(std::vector<float> values);

// Bucket of an age in events, 0 for the last one: 0, 1-2, 3-6, 7-14, ...
int age_bucket(int age);

}  // namespace kith::timeline
