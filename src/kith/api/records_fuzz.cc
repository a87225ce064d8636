// Feeds any bytes to the parsers of user updates and of orders to load and unload adapters: they
// must answer with what was asked or an error, and what a user update says must come back from the
// document that GET returns. The corpus is testdata/records.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kith/api/field_reader.h"
#include "kith/api/records.h"
#include "kith/api/version_orders.h"
#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"

namespace {

void check_refusal(const kith::api::ApiError& error) {
  KITH_CHECK(error.status == 400, "the client is told that it is wrong");
  kith::base::check_message(error.message);
}

void check_update(std::string_view text) {
  const auto update = kith::api::parse_user_update(text);
  if (!update) return check_refusal(update.error());
  kith::api::UserView user{.id = "u", .consent = update->consent};
  if (update->attributes) user.attributes = *update->attributes;
  const auto again = kith::api::parse_user_update(kith::api::user_body(user));
  KITH_CHECK(again && again->attributes, "the document of a user can be sent back");
  KITH_CHECK(*again->attributes == user.attributes, "attributes come back as they were");
  KITH_CHECK(again->consent == user.consent, "choices come back as they were");
}

void check_version_orders(std::string_view text) {
  const auto order = kith::api::parse_version_order(text);
  if (!order) check_refusal(order.error());
  if (order) KITH_CHECK(order->version >= 1, "versions count from one");
  const auto trial = kith::api::parse_trial_order(text);
  if (!trial) check_refusal(trial.error());
  if (trial) KITH_CHECK(trial->share > 0.0 && trial->share <= 1.0, "shares keep their range");
  const auto gate = kith::api::parse_gate_result(text);
  if (!gate) check_refusal(gate.error());
  if (gate) KITH_CHECK(gate->document.starts_with('{'), "a gate's document is an object");
  const auto reason = kith::api::parse_rollback(text);
  if (!reason) check_refusal(reason.error());
}

void check_orders(std::string_view text) {
  const auto load = kith::api::parse_load_adapter(text);
  if (!load) check_refusal(load.error());
  const auto unload = kith::api::parse_unload_adapter(text);
  if (!unload) check_refusal(unload.error());
  if (unload) KITH_CHECK(kith::api::is_valid_id(unload->name), "adapters have names");
  if (!load) return;
  KITH_CHECK(unload && unload->name == load->name, "what can be loaded can be unloaded");
  KITH_CHECK(!load->path.empty() && load->path.size() <= 4096, "paths keep their bound");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_update(text);
  check_orders(text);
  check_version_orders(text);
  return 0;
}
