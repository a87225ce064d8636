#include "kith/server/model_choice.h"

#include <algorithm>
#include <utility>

#include "kith/personalize/model_names.h"

namespace kith::server {
namespace {

personalize::EncodedSoftPrompt to_encoded(api::KithSoftPrompt rows) {
  using From = api::KithSoftPrompt::Format;
  using To = personalize::EncodedSoftPrompt::Format;
  const To format = rows.format == From::kSafetensors ? To::kSafetensors
                    : rows.format == From::kF16       ? To::kF16
                                                      : To::kF32;
  return {format, rows.rows, rows.width, std::move(rows.bytes)};
}

// What `lora` names of the adapters that are loaded.
api::Outcome<NamedAdapters> find_shares(const std::vector<personalize::LoadedAdapter>& loaded,
                                        const std::vector<api::LoraScale>& lora) {
  std::vector<personalize::AdapterShare> shares;
  for (std::size_t i = 0; i < lora.size(); ++i) {
    const auto found = std::find_if(loaded.begin(), loaded.end(), [&](const auto& adapter) {
      return adapter.number == lora[i].id;
    });
    if (found == loaded.end()) {
      const std::string param = "lora[" + std::to_string(i) + "].id";
      return api::bad_request(
          param + " must be one that GET /lora-adapters lists: " + std::to_string(lora[i].id),
          param);
    }
    if (lora[i].scale != 0.0) shares.push_back({found->id, lora[i].scale});
  }
  return NamedAdapters(std::move(shares));
}

api::ApiError unknown_model(const std::string& model) {
  api::ApiError error =
      api::not_found("model must be one that GET /v1/models lists: " + model, "model_not_found");
  error.param = "model";
  return error;
}

}  // namespace

bool is_base_model(const personalize::GeneratorCapabilities& capabilities, std::string_view name) {
  return personalize::means_any_model(name) || name == capabilities.model;
}

api::Outcome<NamedAdapters> find_named_adapters(
    const personalize::Generator& generator, const std::string& model,
    const std::optional<std::vector<api::LoraScale>>& lora, bool accepts_any) {
  const auto capabilities = generator.capabilities();
  const bool is_usual = !lora && (model.empty() || model == capabilities.model);
  if (is_usual || !capabilities.is_own_engine) return NamedAdapters();
  const auto loaded = generator.loaded_adapters();
  const auto named =
      std::find_if(loaded.begin(), loaded.end(), [&](const personalize::LoadedAdapter& adapter) {
        return adapter.id.str() == model && model != capabilities.model;
      });
  if (named != loaded.end() && lora) {
    return api::bad_request("lora cannot stand beside an adapter as model: " + model, "lora");
  }
  if (named != loaded.end()) return NamedAdapters(personalize::only_adapter(named->id));
  if (!accepts_any && !is_base_model(capabilities, model)) return unknown_model(model);
  return lora ? find_shares(loaded, *lora) : NamedAdapters();
}

api::Outcome<std::shared_ptr<const personalize::SoftPrompt>> read_soft_prompt(
    const personalize::Generator& generator, std::optional<api::KithSoftPrompt> rows) {
  if (!rows) return std::shared_ptr<const personalize::SoftPrompt>();
  auto prompt = generator.read_soft_prompt(to_encoded(*std::move(rows)));
  if (prompt) return *std::move(prompt);
  api::ApiError error = api::to_api_error(prompt.error());
  error.param = "kith.soft_prompt";
  return error;
}

}  // namespace kith::server
