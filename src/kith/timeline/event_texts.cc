#include "kith/timeline/event_texts.h"

#include "kith/tensor/dtype.h"

namespace kith::timeline {

Result<std::vector<float>> rounded_vector(const EventTexts& texts, std::string_view text) {
  std::vector<float> vector(texts.dimensions());
  KITH_RETURN_IF_ERROR(texts.encode(text, vector));
  for (float& value : vector) value = tensor::f16_to_f32(tensor::f32_to_f16(value));
  return vector;
}

}  // namespace kith::timeline
