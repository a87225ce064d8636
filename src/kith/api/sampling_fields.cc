#include "kith/api/sampling_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "kith/api/field_reader.h"

namespace kith::api {
namespace {

constexpr std::size_t kMaxStops = 4;
constexpr std::size_t kMaxLoraEntries = 1024;
constexpr int kMaxBlended = 2;

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

void read_logit_bias(FieldReader& reader, SamplingFields& fields) {
  const base::Json* bias = reader.object("logit_bias");
  if (bias == nullptr) return;
  for (const auto& [key, value] : bias->items()) {
    std::int32_t token = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    // One way to write each: "05" and "5" would be two members that mean one token.
    const bool is_token = error == std::errc() && end == key.data() + key.size() && token >= 0 &&
                          std::to_string(token) == key;
    const bool is_bias =
        value.is_number() && value.get<double>() >= -100.0 && value.get<double>() <= 100.0;
    if (!is_token || !is_bias) {
      return reader.fail("logit_bias", "must map token ids to numbers in [-100, 100]");
    }
    fields.logit_bias[token] = value.get<double>();
  }
}

std::optional<LoraScale> read_lora_entry(const base::Json& entry, const std::string& path,
                                         FieldReader& reader) {
  if (!entry.is_object()) {
    reader.fail(path, "must be an object with id and scale", "invalid_type");
    return std::nullopt;
  }
  std::optional<ApiError> failure;
  FieldReader inner(entry, path + ".", failure);
  const auto id = inner.integer("id", 0, INT32_MAX);
  const auto scale = inner.number("scale", -10.0, 10.0);
  if (!failure && !id) inner.fail("id", "is required");
  if (!failure && !scale) inner.fail("scale", "is required");
  for (const std::string& name : inner.unread()) inner.fail(name, "is not known");
  if (failure) {
    reader.fail(*std::move(failure));
    return std::nullopt;
  }
  return LoraScale{static_cast<int>(*id), *scale};
}

}  // namespace

std::optional<int> to_int(const std::optional<std::int64_t>& value) {
  return value ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
}

void read_sampling(FieldReader& reader, SamplingFields& fields) {
  constexpr double kTiny = 1e-9;
  fields.temperature = reader.number("temperature", 0.0, 2.0);
  fields.top_p = reader.number("top_p", 0.0, 1.0);
  // 0 means "only the best token", which top_p as a share of mass cannot say.
  if (fields.top_p) fields.top_p = std::max(*fields.top_p, kTiny);
  fields.min_p = reader.number("min_p", 0.0, 1.0);
  fields.top_k = to_int(reader.integer("top_k", -1, INT32_MAX));
  if (fields.top_k && *fields.top_k < 0) fields.top_k = 0;
  fields.presence_penalty = reader.number("presence_penalty", -2.0, 2.0);
  fields.frequency_penalty = reader.number("frequency_penalty", -2.0, 2.0);
  fields.repetition_penalty = reader.number("repetition_penalty", kTiny, 10.0);
  fields.seed = reader.integer("seed", INT64_MIN, INT64_MAX);
  read_logit_bias(reader, fields);
}

std::vector<ForeignConstraint> read_foreign_constraints(FieldReader& reader) {
  // Of vLLM, SGLang and llama-server.
  constexpr std::array<const char*, 14> kNames{
      "guided_regex",    "guided_grammar", "regex",          "ebnf",         "grammar",
      "json_schema",     "structural_tag", "stop_token_ids", "bad_words",    "allowed_token_ids",
      "use_beam_search", "min_tokens",     "ignore_eos",     "prompt_embeds"};
  std::vector<ForeignConstraint> found;
  for (const char* name : kNames) {
    const base::Json* value = reader.member(name);
    if (value == nullptr) continue;
    const bool is_set = value->is_boolean()  ? value->get<bool>()
                        : value->is_number() ? value->get<double>() != 0.0
                        : value->is_string() ? !value->get_ref<const std::string&>().empty()
                                             : !value->empty();
    found.push_back({name, is_set});
  }
  return found;
}

std::vector<std::string> read_stop(FieldReader& reader) {
  std::vector<std::string> stops;
  const base::Json* stop = reader.member("stop");
  if (stop == nullptr) return stops;
  const base::Json list = stop->is_array() ? *stop : base::Json::array({*stop});
  if (list.size() > kMaxStops) reader.fail("stop", "must hold at most 4 sequences");
  for (const base::Json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      reader.fail("stop", "must be a text or an array of texts, none empty", "invalid_type");
      break;
    }
    stops.push_back(item.get<std::string>());
  }
  return stops;
}

StreamFields read_stream(FieldReader& reader) {
  StreamFields stream;
  stream.is_stream = reader.boolean("stream").value_or(false);
  const base::Json* options = reader.object("stream_options");
  if (options == nullptr) return stream;
  if (!stream.is_stream) {
    reader.fail("stream_options", "needs stream to be true");
    return stream;
  }
  std::optional<ApiError> failure;
  FieldReader inner(*options, "stream_options.", failure);
  stream.wants_usage = inner.boolean("include_usage").value_or(false);
  inner.boolean("include_obfuscation");
  if (failure) reader.fail(*std::move(failure));
  return stream;
}

std::string read_metadata(FieldReader& reader) {
  const base::Json* metadata = reader.object("metadata");
  if (metadata == nullptr) return {};
  if (metadata->size() > 16) reader.fail("metadata", "must hold at most 16 pairs");
  for (const auto& [key, value] : metadata->items()) {
    if (count_characters(key) > 64) {
      reader.fail("metadata", "must have keys of at most 64 characters");
    }
    if (!value.is_string() || count_characters(value.get_ref<const std::string&>()) > 512) {
      reader.fail("metadata." + key, "must be a string of at most 512 characters");
    }
  }
  const auto user = metadata->find("user_id");
  if (user == metadata->end() || reader.has_failed()) return {};
  const auto& id = user->get_ref<const std::string&>();
  if (!id.empty() && !is_valid_id(id)) {
    reader.fail("metadata.user_id", "must be at most 256 bytes without control characters");
  }
  return id;
}

std::optional<std::vector<LoraScale>> read_lora(FieldReader& reader) {
  const base::Json* list = reader.array("lora");
  if (list == nullptr) return std::nullopt;
  if (list->size() > kMaxLoraEntries) {
    reader.fail("lora", "must hold at most " + std::to_string(kMaxLoraEntries) + " entries");
    return std::nullopt;
  }
  std::vector<LoraScale> scales;
  std::set<int> seen;
  int num_used = 0;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string path = "lora[" + std::to_string(i) + "]";
    const auto entry = read_lora_entry((*list)[i], path, reader);
    if (!entry) return std::nullopt;
    if (!seen.insert(entry->id).second) {
      reader.fail(path + ".id", "stands twice: " + std::to_string(entry->id));
    }
    if (entry->scale != 0.0 && ++num_used > kMaxBlended) {
      reader.fail("lora", "may blend at most 2 adapters: give the others the scale 0");
    }
    scales.push_back(*entry);
  }
  return scales;
}

}  // namespace kith::api
