#include "kith/runtime/installation.h"

#include <system_error>

#include "kith/base/log.h"
#include "kith/runtime/router.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::runtime {
namespace {

namespace fs = std::filesystem;

// The configured file, or the one in the data directory if there is one, or none.
fs::path choose_file(const std::string& configured, const fs::path& in_data) {
  if (!configured.empty()) return configured;
  std::error_code error;
  return fs::exists(in_data, error) ? in_data : fs::path();
}

// With the model that was fitted for this catalogue and these texts, if there is one.
Result<persona::Assigner> make_assigner(const persona::PersonaCatalogue& catalogue,
                                        const std::vector<persona::TrainingText>& texts,
                                        const fs::path& model_file) {
  std::error_code error;
  if (!fs::exists(model_file, error)) return persona::Assigner::create(catalogue, texts);
  KITH_ASSIGN_OR_RETURN(const auto model, persona::load_assignment_model(model_file));
  auto assigner = persona::Assigner::create(catalogue, texts, {}, model);
  if (assigner || assigner.error().code != ErrorCode::kConflict) return assigner;
  // Nobody should go unanswered because the personas have changed.
  base::log_warn(model_file.string() + " is not used: " + assigner.error().message);
  return persona::Assigner::create(catalogue, texts);
}

}  // namespace

storage::TenantScope default_tenant() { return {TenantId(storage::kDefaultTenant)}; }

Result<std::unique_ptr<Installation>> Installation::open(const Config& config) {
  KITH_ASSIGN_OR_RETURN(storage::DataDirectory directory,
                        storage::DataDirectory::open(config.data.dir));
  return open_in(std::move(directory), config);
}

Result<std::unique_ptr<Installation>> Installation::open_beside(const Config& config) {
  KITH_ASSIGN_OR_RETURN(storage::DataDirectory directory,
                        storage::DataDirectory::open_beside(config.data.dir));
  return open_in(std::move(directory), config);
}

Result<std::unique_ptr<Installation>> Installation::open_in(storage::DataDirectory directory,
                                                            const Config& config) {
  KITH_ASSIGN_OR_RETURN(auto stores, storage::open_sqlite(directory.database_path()));
  auto installation =
      std::unique_ptr<Installation>(new Installation(std::move(directory), std::move(stores)));
  KITH_RETURN_IF_ERROR(installation->load_personas(config));
  return installation;
}

Status Installation::load_personas(const Config& config) {
  assigner_ = nullptr;
  router_ = nullptr;
  const fs::path file = choose_file(config.personas.file, path() / "personas.toml");
  if (file.empty()) return {};
  KITH_ASSIGN_OR_RETURN(auto catalogue, persona::PersonaCatalogue::load(file));
  std::vector<persona::TrainingText> texts;
  const fs::path texts_file = choose_file(config.personas.texts, path() / "persona_texts.jsonl");
  if (!texts_file.empty()) {
    KITH_ASSIGN_OR_RETURN(texts, persona::load_training_texts(texts_file));
  }
  KITH_ASSIGN_OR_RETURN(auto assigner, make_assigner(catalogue, texts, path() / kAssignmentFile));
  assigner_ = std::make_shared<const persona::Assigner>(std::move(assigner));
  auto router = load_router(config, path());
  if (router) {
    router_ = *std::move(router);
  } else if (config.router.dir.empty() && router.error().code == ErrorCode::kConflict) {
    // Its thresholds mean nothing under another encoder. Nobody should go unanswered for that.
    base::log_warn("prompts are not routed: " + router.error().message);
  } else {
    return std::move(router).error();
  }
  return {};
}

}  // namespace kith::runtime
