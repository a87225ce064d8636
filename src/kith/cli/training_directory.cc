#include "kith/cli/training_directory.h"

#include "kith/base/json.h"
#include "kith/cli/directory_client.h"
#include "kith/persona/version_registry.h"
#include "kith/tuning/registration.h"

namespace kith::cli {

using base::OrderedJson;

Status TrainingDirectory::with(const std::function<Status(runtime::Installation&)>& use) const {
  KITH_ASSIGN_OR_RETURN(const auto installation, open_to_read(config_));
  return use(*installation);
}

Status TrainingDirectory::view(
    const std::function<Status(const tuning::InstallationView&)>& use) const {
  return with([&](runtime::Installation& installation) {
    return use({.stores = installation.stores(),
                .knowledge = installation.knowledge(),
                .scope = runtime::default_tenant(),
                .clock = installation.clock(),
                .assigner = installation.assigner().get()});
  });
}

Result<std::optional<tuning::StartingPoint>> TrainingDirectory::find_serving(
    const AdapterId& adapter) const {
  std::optional<tuning::StartingPoint> start;
  KITH_RETURN_IF_ERROR(with([&](runtime::Installation& installation) -> Status {
    const persona::VersionRegistry registry(installation.stores().adapter_versions(),
                                            installation.path(), installation.clock());
    KITH_ASSIGN_OR_RETURN(const auto row, registry.find_serving(adapter));
    if (!row) return {};
    KITH_ASSIGN_OR_RETURN(auto path, registry.verified_path(*row));
    start = tuning::StartingPoint{std::move(path), to_string(row->id)};
    return {};
  }));
  return start;
}

Result<std::string> TrainingDirectory::register_version(
    const std::string& name, const tuning::FinishedTraining& finished) const {
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config_));
  if (access.installation != nullptr) {
    runtime::Installation& home = *access.installation;
    persona::VersionRegistry registry(home.stores().adapter_versions(), home.path(), home.clock());
    KITH_ASSIGN_OR_RETURN(const auto row, tuning::register_training(registry, finished));
    return to_string(row.id);
  }
  KITH_ASSIGN_OR_RETURN(
      const std::string answer,
      call_server(*access.server, {.method = "POST",
                                   .url = "/v1/personas/" + encode_segment(name) + "/register",
                                   .headers = {"Content-Type: application/json"},
                                   .body = "{}"}));
  KITH_ASSIGN_OR_RETURN(const OrderedJson row, base::parse_ordered_json(answer));
  return row.value("adapter", "") + "@" + std::to_string(row.value("version", 0));
}

}  // namespace kith::cli
