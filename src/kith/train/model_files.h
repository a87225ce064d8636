// Models, adapters and checkpoints as files: what a run reads and leaves behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "kith/base/result.h"
#include "kith/train/decoder.h"
#include "kith/train/lora.h"
#include "kith/train/optimizer.h"
#include "kith/train/packing.h"

namespace kith::train {

// Writes a Hugging Face directory: config.json, generation_config.json, model.safetensors and the
// tokenizer's files, copied from `tokenizer`.
//   dtype: torch::kFloat or torch::kBFloat16
// Errors: kUnavailable, kNotFound.
Status save_model(const Decoder& decoder, const std::filesystem::path& tokenizer,
                  torch::Dtype dtype, const std::filesystem::path& directory);

// A decoder with the weights of a Hugging Face directory.
// Errors: those of the files; kInvalidArgument for missing tensors or other shapes.
Result<std::unique_ptr<Decoder>> load_model(const std::filesystem::path& directory,
                                            torch::Device device, torch::Dtype dtype);

// Writes a PEFT directory: adapter_config.json and adapter_model.safetensors.
// Errors: kUnavailable.
Status save_adapter(const LoraWeights& lora, const std::string& base_model,
                    const std::filesystem::path& directory);

// The adapter of a PEFT directory, for a model of this shape.
//   dropout: for further training; the file's own is not used
// Errors: those of the files; kInvalidArgument naming what the directory asks for and training does
//   not do (another method, rsLoRA, DoRA, trained biases), and for tensors that are missing, of
//   another shape or unknown.
Result<std::unique_ptr<LoraWeights>> load_adapter(const std::filesystem::path& directory,
                                                  const ModelConfig& config, double dropout,
                                                  torch::Device device, torch::Dtype dtype);

// Writes the user encoder's decoder as a Hugging Face directory without a tokenizer, whose
// attention is limited to `window` events. Errors: kUnavailable.
Status save_encoder(const Decoder& decoder, std::int64_t window,
                    const std::filesystem::path& directory);

// Everything beside the weights that a run needs to go on as if it had not stopped.
struct RunState {
  std::int64_t step = 0;
  std::int64_t tokens = 0;
  double elapsed_seconds = 0.0;
  StreamPosition position;
};

// What is trained, with its moments; borrowed.
struct TrainedStore {
  ParameterStore* parameters;
  Optimizer* optimizer;
};

// Written to a temporary name, synced and renamed: at any moment the file is the last or the new
// one. Tensors of the second store and up have its number behind their names.
// Errors: kUnavailable.
Status save_checkpoint(const std::filesystem::path& path, std::span<const TrainedStore> stores,
                       const RunState& state, const std::string& config_json);

// Errors: kNotFound; kInvalidArgument if the file is damaged or belongs to another model shape.
Result<RunState> load_checkpoint(const std::filesystem::path& path,
                                 std::span<const TrainedStore> stores,
                                 const std::string& config_json);

// Turns a base run's checkpoint into a Hugging Face directory; the tokenizer is expected beside the
// checkpoint. Errors: as above.
Status export_checkpoint(const std::filesystem::path& checkpoint, torch::Dtype dtype,
                         const std::filesystem::path& directory);

}  // namespace kith::train
