// Users' memories on their way into a model: through the bridge of the own engine, or as rows of a
// prompt for an upstream. Internal to runtime.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kith/base/result.h"
#include "kith/engine/engine.h"
#include "kith/model/bridge.h"
#include "kith/personalize/ports.h"

namespace kith::runtime {

// One of `rows` and `attended` is there.
class HeldUserMemory final : public personalize::HeldMemory {
 public:
  HeldUserMemory(model::Bridge bridge, std::shared_ptr<const personalize::SoftPrompt> rows)
      : bridge_(std::move(bridge)), rows_(std::move(rows)) {}
  HeldUserMemory(model::Bridge bridge, std::shared_ptr<const model::MemoryMatrix> matrix)
      : bridge_(std::move(bridge)),
        attended_(engine::BridgedMemory{bridge_.cross_attention, std::move(matrix)}) {}

  int prompt_rows() const override { return rows_ == nullptr ? 0 : rows_->rows(); }
  std::string bridge() const override { return bridge_.name(); }
  std::string bridge_version() const override { return bridge_.version(); }

  // Of the prompt; may be null.
  const std::shared_ptr<const personalize::SoftPrompt>& rows() const { return rows_; }
  // What every token attends to.
  const std::optional<engine::BridgedMemory>& attended() const { return attended_; }

 private:
  model::Bridge bridge_;
  std::shared_ptr<const personalize::SoftPrompt> rows_;
  std::optional<engine::BridgedMemory> attended_;
};

// Brings a memory through the bridge.
// Errors: kConflict if the bridge names the encoder that it was trained with, and it is another;
//   kInvalidArgument for a memory of another shape.
Result<std::shared_ptr<const personalize::HeldMemory>> hold_through(
    const model::Bridge& bridge, const personalize::UserMemory& memory);

// What is in a request's memory; null for none. REQUIRES: it is from hold_through().
const HeldUserMemory* find_held(const std::shared_ptr<const personalize::HeldMemory>& memory);

// The rows of the application, then those of the user; null without any.
// REQUIRES: both are for the same model.
std::shared_ptr<const personalize::SoftPrompt> join_rows(
    const std::shared_ptr<const personalize::SoftPrompt>& first,
    const std::shared_ptr<const personalize::SoftPrompt>& second);

// What an encoder gives, for a bridge to be compared with.
struct EncoderShape {
  int rows = 0;
  int width = 0;
  std::string version;
};

// Whether the encoder's memories can go through the bridge.
// Errors: kInvalidArgument, naming `user_encoder.bridge` and what does not fit.
Status check_bridge(const model::Bridge& bridge, const EncoderShape& encoder);

}  // namespace kith::runtime
