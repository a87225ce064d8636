#include "kith/train/user_encoder.h"

#include <algorithm>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/tensor/checkpoint.h"
#include "kith/train/model_files.h"
#include "kith/train/tensor_file.h"

namespace kith::train {

using torch::Tensor;

namespace {

namespace fs = std::filesystem;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

struct EncoderShape {
  ModelConfig model;
  std::int64_t window = 0;
};

// The configuration of a Mistral, whose layers are Llama's with a window.
Result<EncoderShape> read_shape(const fs::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  KITH_ASSIGN_OR_RETURN(base::OrderedJson json, base::parse_ordered_json(text));
  if (!json.is_object() || !json.contains("sliding_window") ||
      !json["sliding_window"].is_number_integer()) {
    return invalid("must have a sliding_window: " + file.string());
  }
  EncoderShape shape;
  shape.window = json["sliding_window"].get<std::int64_t>();
  json["architectures"] = {"LlamaForCausalLM"};
  json["model_type"] = "llama";
  json["max_position_embeddings"] = shape.window;
  KITH_ASSIGN_OR_RETURN(shape.model, parse_config_json(json.dump()));
  return shape;
}

}  // namespace

Result<std::unique_ptr<UserEncoder>> UserEncoder::load(const fs::path& directory,
                                                       const TimelineData& data,
                                                       torch::Device device, torch::Dtype dtype) {
  KITH_ASSIGN_OR_RETURN(const EncoderShape shape, read_shape(directory / "config.json"));
  if (shape.model.vocab_size != data.num_ids()) {
    return invalid("the encoder was made for other features than the timelines have: " +
                   directory.string());
  }
  KITH_ASSIGN_OR_RETURN(const auto reader, tensor::CheckpointReader::open(directory));
  KITH_ASSIGN_OR_RETURN(auto perceiver, load_perceiver(directory, device, dtype));
  TimelineModel model(shape.model, data.features(), device, dtype);
  model.set_texts(data.texts());
  {
    const torch::NoGradGuard no_grad;
    KITH_RETURN_IF_ERROR(read_all([&](std::string_view name) { return reader.find(name); },
                                  model.decoder().parameters()));
  }
  return std::unique_ptr<UserEncoder>(
      new UserEncoder(std::move(model), std::move(perceiver), shape.window));
}

void UserEncoder::set_requires_grad(bool value) {
  for (ParameterStore* const store : stores()) store->set_requires_grad(value);
}

Tensor UserEncoder::memories(const TimelineData& data,
                             const std::vector<History>& histories) const {
  const auto count = static_cast<std::int64_t>(histories.size());
  std::int64_t longest = 1;
  for (const History& h : histories) longest = std::max(longest, std::min(h.events, window_));
  Tensor ids = torch::full({count, longest, data.num_columns()}, -1, torch::kLong);
  Tensor lengths = torch::empty({count}, torch::kLong);
  for (std::int64_t row = 0; row < count; ++row) {
    const History& h = histories[static_cast<std::size_t>(row)];
    const std::int64_t length = std::min(h.events, window_);
    const auto own = data.events(h.user, h.events - length, h.events);
    std::copy(own.begin(), own.end(),
              ids.data_ptr<std::int64_t>() + row * longest * data.num_columns());
    lengths[row] = length;
  }
  const auto device = model_.decoder().device();
  const Tensor states = model_.states(ids.to(device)).view({count, longest, width()});
  return perceiver_->latents(states, lengths.to(device));
}

Status UserEncoder::save(const fs::path& directory) const {
  KITH_RETURN_IF_ERROR(save_encoder(model_.decoder(), window_, directory));
  return save_perceiver(*perceiver_, directory);
}

}  // namespace kith::train
