#include "kith/api/kith_request.h"

#include <vector>

#include "kith/api/field_reader.h"
#include "kith/api/sampling_fields.h"
#include "kith/base/base64.h"

namespace kith::api {
namespace {

constexpr int kMaxRows = 65'536;
constexpr int kMaxWidth = 65'536;

void refuse_unknown(FieldReader& reader) {
  for (const std::string& name : reader.unread()) reader.fail(name, "is not known");
}

KithStyle read_style(const base::Json& object, std::optional<ApiError>& failure) {
  constexpr std::size_t kMaxBytes = 200;
  KithStyle style;
  FieldReader reader(object, "kith.style.", failure);
  style.tone = reader.string("tone", kMaxBytes).value_or("");
  style.length = reader.choice("length", {"short", "medium", "long"}).value_or("");
  style.format = reader.string("format", kMaxBytes).value_or("");
  style.language = reader.string("language", 35).value_or("");
  style.reading_level = reader.number("reading_level", 1.0, 20.0);
  refuse_unknown(reader);
  return style;
}

void read_context(FieldReader& reader, KithRequest& kith) {
  const base::Json* context = reader.object("context");
  if (context == nullptr) return;
  for (const auto& [key, value] : context->items()) {
    if (value.is_null()) continue;
    if (value.is_structured()) return reader.fail("context." + key, "must be a text or a number");
    kith.context[key] = value.is_string() ? value.get<std::string>() : base::dump_json(value);
  }
}

void read_plan(FieldReader& reader, KithRequest& kith) {
  const base::Json* plan = reader.object("plan");
  if (plan == nullptr) return;
  for (const auto& [key, value] : plan->items()) {
    if (!value.is_boolean()) return reader.fail("plan." + key, "must be a boolean", "invalid_type");
    kith.plan[key] = value.get<bool>();
  }
}

std::string read_bytes(FieldReader& reader, const char* key) {
  const auto text = reader.string(key);
  if (!text) return {};
  auto bytes = base::decode_base64(*text);
  if (!bytes || bytes->empty()) {
    reader.fail(key, "must be base64 in the standard alphabet with its padding, not empty");
    return {};
  }
  return *std::move(bytes);
}

void read_shape(FieldReader& reader, KithSoftPrompt& prompt) {
  const base::Json* shape = reader.array("shape");
  if (shape == nullptr) return reader.fail("shape", "is required: [rows, width]");
  const auto is_size = [&](std::size_t i, int limit) {
    const base::Json& size = (*shape)[i];
    return size.is_number_unsigned() && size.get<std::uint64_t>() >= 1 &&
           size.get<std::uint64_t>() <= static_cast<std::uint64_t>(limit);
  };
  if (shape->size() != 2 || !is_size(0, kMaxRows) || !is_size(1, kMaxWidth)) {
    return reader.fail("shape", "must be [rows, width], both in [1, 65536]");
  }
  prompt.rows = (*shape)[0].get<int>();
  prompt.width = (*shape)[1].get<int>();
}

void read_raw_rows(FieldReader& reader, KithSoftPrompt& prompt) {
  const auto type = reader.choice("dtype", {"f32", "f16"});
  if (!type) return reader.fail("dtype", "is required: f32 or f16");
  prompt.format = *type == "f32" ? KithSoftPrompt::Format::kF32 : KithSoftPrompt::Format::kF16;
  read_shape(reader, prompt);
  prompt.bytes = read_bytes(reader, "data");
  if (reader.has_failed()) return;
  const std::size_t value_bytes = *type == "f32" ? 4 : 2;
  const auto wanted =
      static_cast<std::size_t>(prompt.rows) * static_cast<std::size_t>(prompt.width) * value_bytes;
  if (prompt.bytes.empty()) return reader.fail("data", "is required");
  if (prompt.bytes.size() != wanted) {
    reader.fail("data", "must hold the " + std::to_string(wanted) +
                            " bytes of its shape: " + std::to_string(prompt.bytes.size()));
  }
}

// {"dtype", "shape", "data"} or {"safetensors"}: nothing that would have to be unpickled.
KithSoftPrompt read_soft_prompt(const base::Json& object, std::optional<ApiError>& failure) {
  KithSoftPrompt prompt;
  FieldReader reader(object, "kith.soft_prompt.", failure);
  if (reader.member("safetensors") != nullptr) {
    prompt.format = KithSoftPrompt::Format::kSafetensors;
    prompt.bytes = read_bytes(reader, "safetensors");
    for (const std::string& name : reader.unread()) {
      reader.fail(name, "cannot stand beside safetensors");
    }
    return prompt;
  }
  read_raw_rows(reader, prompt);
  refuse_unknown(reader);
  return prompt;
}

}  // namespace

KithRequest read_kith(FieldReader& outer) {
  KithRequest kith;
  const base::Json* object = outer.object("kith");
  if (object == nullptr) return kith;
  std::optional<ApiError> failure;
  FieldReader reader(*object, "kith.", failure);
  kith.user = reader.id("user").value_or("");
  kith.tenant = reader.id("tenant").value_or("");
  kith.conversation = reader.id("conversation").value_or("");
  kith.is_temporary = reader.boolean("temporary").value_or(false);
  kith.candidates = to_int(reader.integer("candidates", 1, 8));
  read_context(reader, kith);
  read_plan(reader, kith);
  if (const base::Json* style = reader.object("style")) kith.style = read_style(*style, failure);
  if (const base::Json* rows = reader.object("soft_prompt")) {
    kith.soft_prompt = read_soft_prompt(*rows, failure);
  }
  refuse_unknown(reader);
  if (failure) outer.fail(*std::move(failure));
  return kith;
}

}  // namespace kith::api
