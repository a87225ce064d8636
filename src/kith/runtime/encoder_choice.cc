#include "kith/runtime/encoder_choice.h"

#include <utility>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/persona/version_registry.h"
#include "kith/runtime/sentence_features.h"
#include "kith/tuning/encoder_trial.h"
#include "kith/tuning/event_text_encoder.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBy = "kith demo";

AdapterId encoder_name() { return AdapterId(storage::kUserEncoder); }

persona::VersionRegistry registry_of(Installation& installation) {
  return {installation.stores().adapter_versions(), installation.path(), installation.clock()};
}

// Also after a kill between the steps; what somebody has made of the version since is left alone.
Status finish_seeding(persona::VersionRegistry& registry, const storage::AdapterVersionRow& row) {
  const bool is_new = row.created_by == kBy && row.status == storage::VersionStatus::kCandidate &&
                      row.id.version == 1;
  if (!is_new) return {};
  KITH_ASSIGN_OR_RETURN(storage::GateOutcome gate, tuning::judge_encoder(row.metrics));
  gate.at = row.created_at;
  KITH_RETURN_IF_ERROR(registry.store().set_gate(row.id, gate, kBy));
  KITH_RETURN_IF_ERROR(registry.promote(row.id, {kBy, "ships with Kith"}));
  return {};
}

}  // namespace

Result<fs::path> find_user_encoder(Installation& installation, const std::string& configured) {
  if (!configured.empty()) return fs::path(configured);
  const auto registry = registry_of(installation);
  KITH_ASSIGN_OR_RETURN(const auto serving, registry.find_serving(encoder_name()));
  if (!serving) return fs::path();
  return registry.verified_path(*serving);
}

Result<std::unique_ptr<timeline::EventEncoder>> load_user_encoder(
    const fs::path& dir, const fs::path& text_encoder, const base::Clock& clock,
    timeline::EventEncoderOptions options) {
  KITH_ASSIGN_OR_RETURN(const std::string features, base::read_file(dir / "features.json"));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(features));
  if (json.is_object() && json.contains("text_encoder")) {
    KITH_ASSIGN_OR_RETURN(auto texts, load_text_encoder(text_encoder, clock));
    options.texts = std::make_shared<tuning::EventTextEncoder>(std::move(texts));
  }
  return timeline::EventEncoder::load(dir, options);
}

Status seed_user_encoder(Installation& installation, const fs::path& shipped) {
  auto registry = registry_of(installation);
  KITH_ASSIGN_OR_RETURN(const auto rows, registry.list(encoder_name()));
  if (!rows.empty()) return finish_seeding(registry, rows.back());
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(shipped / "card.json"));
  KITH_ASSIGN_OR_RETURN(const base::Json card, base::parse_json(text));
  if (!card.is_object() || !card.contains("metrics")) {
    return Error{ErrorCode::kInvalidArgument, (shipped / "card.json").string() + " has no metrics"};
  }
  persona::NewVersion version;
  version.adapter = encoder_name();
  version.source = shipped;
  version.by = kBy;
  version.reason = "ships with Kith";
  version.data_hash = card.value("data_hash", "");
  version.metrics = base::dump_json(card["metrics"]);
  KITH_ASSIGN_OR_RETURN(const auto row, registry.add(version));
  return finish_seeding(registry, row);
}

}  // namespace kith::runtime
