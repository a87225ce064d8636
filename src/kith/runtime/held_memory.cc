#include "kith/runtime/held_memory.h"

#include "kith/base/check.h"

namespace kith::runtime {
namespace {

bool is_of_encoder(const model::Bridge& bridge, const std::string& version) {
  return bridge.encoder_version().empty() || bridge.encoder_version() == version;
}

std::string other_encoder(const model::Bridge& bridge, const std::string& version) {
  return "the bridge was trained with the encoder " + bridge.encoder_version() + ", not " + version;
}

}  // namespace

Result<std::shared_ptr<const personalize::HeldMemory>> hold_through(
    const model::Bridge& bridge, const personalize::UserMemory& memory) {
  if (!is_of_encoder(bridge, memory.version)) {
    return Error{ErrorCode::kConflict, other_encoder(bridge, memory.version)};
  }
  KITH_ASSIGN_OR_RETURN(auto matrix, model::MemoryMatrix::create(*memory.latents, memory.width));
  std::shared_ptr<const personalize::HeldMemory> held;
  if (bridge.soft_prompt == nullptr) {
    if (memory.width != bridge.memory_width()) {
      return Error{ErrorCode::kInvalidArgument, "a memory must be " +
                                                    std::to_string(bridge.memory_width()) +
                                                    " wide: " + std::to_string(memory.width)};
    }
    held = std::make_shared<const HeldUserMemory>(bridge, std::move(matrix));
    return held;
  }
  KITH_ASSIGN_OR_RETURN(const auto prompt, bridge.soft_prompt->project(*matrix));
  const auto values = prompt->values();
  auto rows = std::make_shared<const personalize::SoftPrompt>(
      personalize::SoftPrompt{prompt->width(), {values.begin(), values.end()}});
  held = std::make_shared<const HeldUserMemory>(bridge, std::move(rows));
  return held;
}

const HeldUserMemory* find_held(const std::shared_ptr<const personalize::HeldMemory>& memory) {
  if (memory == nullptr) return nullptr;
  const auto* held = dynamic_cast<const HeldUserMemory*>(memory.get());
  KITH_CHECK(held != nullptr, "memories are held by the generator that generates");
  return held;
}

std::shared_ptr<const personalize::SoftPrompt> join_rows(
    const std::shared_ptr<const personalize::SoftPrompt>& first,
    const std::shared_ptr<const personalize::SoftPrompt>& second) {
  if (first == nullptr || second == nullptr) return first == nullptr ? second : first;
  KITH_CHECK(first->width == second->width, "rows of one prompt are equally wide");
  auto joined = std::make_shared<personalize::SoftPrompt>(*first);
  joined->values.insert(joined->values.end(), second->values.begin(), second->values.end());
  return joined;
}

Status check_bridge(const model::Bridge& bridge, const EncoderShape& encoder) {
  const auto invalid = [](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, "user_encoder.bridge: " + what};
  };
  if (!is_of_encoder(bridge, encoder.version)) {
    return invalid(other_encoder(bridge, encoder.version));
  }
  if (bridge.memory_width() != encoder.width) {
    return invalid("the bridge takes memories " + std::to_string(bridge.memory_width()) +
                   " wide, the encoder's are " + std::to_string(encoder.width));
  }
  if (bridge.memory_rows() != 0 && bridge.memory_rows() != encoder.rows) {
    return invalid("the bridge takes memories of " + std::to_string(bridge.memory_rows()) +
                   " rows, the encoder's have " + std::to_string(encoder.rows));
  }
  return {};
}

}  // namespace kith::runtime
