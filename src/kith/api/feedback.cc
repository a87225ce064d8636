#include "kith/api/feedback.h"

#include <cmath>

#include "kith/api/field_reader.h"
#include "kith/base/clock.h"

namespace kith::api {
namespace {

constexpr std::size_t kMaxItems = 1000;
constexpr std::size_t kMaxSignals = 100;
constexpr std::size_t kMaxTextBytes = 65'536;

void read_value(FieldReader& reader, FeedbackSignal& signal) {
  const base::Json* value = reader.member("value");
  if (value == nullptr) return reader.fail("value", "is required");
  const bool is_thumb = signal.kind == "thumb";
  if (value->is_boolean()) {
    const double no = is_thumb ? -1.0 : 0.0;
    signal.value = value->get<bool>() ? 1.0 : no;
  } else if (value->is_number()) {
    signal.value = value->get<double>();
    if (!std::isfinite(*signal.value)) reader.fail("value", "must be finite");
  } else if (value->is_string()) {
    signal.text = reader.string("value", kMaxTextBytes).value_or("");
    if (is_thumb && (signal.text == "up" || signal.text == "down")) {
      signal.value = signal.text == "up" ? 1.0 : -1.0;
      signal.text.clear();
    }
  } else {
    reader.fail("value", "must be a number, a boolean or a text", "invalid_type");
  }
}

std::int64_t read_time(FieldReader& reader) {
  const base::Json* at = reader.member("at");
  if (at == nullptr) return 0;
  if (at->is_number()) {
    constexpr double kLatestSeconds = 253402300799.0;  // of the year 9999
    const std::optional<double> seconds = reader.number("at", 1.0, kLatestSeconds);
    return seconds ? static_cast<std::int64_t>(*seconds * 1e6) : 0;
  }
  const std::optional<std::string> text = reader.string("at", 64);
  if (!text) return 0;
  const Result<base::UnixMicros> time = base::from_iso8601(*text);
  if (!time) reader.fail("at", "must be a time like 2026-03-01T09:30:00Z, or Unix seconds");
  return time ? *time : 0;
}

FeedbackSignal read_signal(const base::Json& json, const std::string& path,
                           std::optional<ApiError>& failure) {
  FeedbackSignal signal;
  FieldReader reader(json, path + ".", failure);
  signal.kind = reader.id("kind").value_or("");
  if (signal.kind.empty()) reader.fail("kind", "is required");
  read_value(reader, signal);
  signal.at_micros = read_time(reader);
  return signal;
}

FeedbackItem read_item(const base::Json& json, const std::string& prefix,
                       std::optional<ApiError>& failure) {
  FeedbackItem item;
  FieldReader reader(json, prefix, failure);
  item.decision = reader.id("decision").value_or("");
  item.completion = reader.id("completion").value_or("");
  if (item.decision.empty() && item.completion.empty()) {
    reader.fail("decision", "or completion is required");
  }
  item.user = reader.id("user").value_or("");
  item.key = reader.id("key").value_or("");
  const base::Json* signals = reader.array("signals");
  if (signals == nullptr || signals->empty() || signals->size() > kMaxSignals) {
    reader.fail("signals", "must hold 1 to 100 signals");
    return item;
  }
  for (std::size_t i = 0; i < signals->size() && !failure; ++i) {
    const std::string path = prefix + "signals[" + std::to_string(i) + "]";
    if (!(*signals)[i].is_object()) {
      failure = bad_request(path + " must be an object", path, "invalid_type");
      break;
    }
    item.signals.push_back(read_signal((*signals)[i], path, failure));
  }
  return item;
}

void read_batch(const base::Json& batch, FeedbackBody& feedback, std::optional<ApiError>& failure) {
  if (batch.empty() || batch.size() > kMaxItems) {
    failure = bad_request("batch must hold 1 to 1000 items", "batch");
    return;
  }
  for (std::size_t i = 0; i < batch.size() && !failure; ++i) {
    const std::string path = "batch[" + std::to_string(i) + "]";
    if (!batch[i].is_object()) {
      failure = bad_request(path + " must be an object", path, "invalid_type");
      return;
    }
    feedback.items.push_back(read_item(batch[i], path + ".", failure));
  }
}

}  // namespace

Outcome<FeedbackBody> parse_feedback(std::string_view body) {
  const Result<base::Json> json = base::parse_json(body);
  if (!json)
    return bad_request("the body is not JSON: " + json.error().message, {}, "invalid_json");
  if (!json->is_object()) return bad_request("the body must be a JSON object", {}, "invalid_json");
  FeedbackBody feedback;
  std::optional<ApiError> failure;
  FieldReader reader(*json, "", failure);
  const base::Json* batch = reader.array("batch");
  feedback.is_batch = batch != nullptr;
  if (batch != nullptr) {
    read_batch(*batch, feedback, failure);
  } else if (!failure) {
    feedback.items.push_back(read_item(*json, "", failure));
  }
  if (failure) return *std::move(failure);
  return feedback;
}

std::string feedback_body(const FeedbackAnswer& answer) {
  base::OrderedJson body;
  body["applied_to"] = answer.applied_to;
  body["added"] = answer.num_added;
  if (!answer.failures.empty()) {
    body["errors"] = base::OrderedJson::array();
    for (const FeedbackFailure& failure : answer.failures) {
      body["errors"].push_back({{"index", failure.index},
                                {"message", failure.error.message},
                                {"code", failure.error.code}});
    }
  }
  return base::dump_json(body);
}

}  // namespace kith::api
