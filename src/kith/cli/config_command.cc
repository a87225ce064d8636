// kith config check|print, kith doctor
#include <sys/resource.h>

#include <iomanip>
#include <iostream>

#include "kith/cli/bridge_report.h"
#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/engine/bench_machine.h"
#include "kith/engine/chat_model.h"
#include "kith/model/sentence_encoder.h"
#include "kith/runtime/model_settings.h"
#include "kith/runtime/resources.h"

namespace kith::cli {
namespace {

Status print_config(const GlobalOptions& options) {
  KITH_ASSIGN_OR_RETURN(const auto loader, load_settings(options));
  for (const auto& setting : loader.settings()) {
    if (options.json) {
      print_json({{"key", setting.key}, {"value", setting.value}, {"source", setting.source}});
    } else {
      std::cout << std::left << std::setw(26) << setting.key << std::setw(34) << setting.value
                << setting.source << "\n";
    }
  }
  return {};
}

Status check_config(const GlobalOptions& options) {
  KITH_ASSIGN_OR_RETURN(const auto loader, load_settings(options));
  KITH_RETURN_IF_ERROR(loader.finish());
  if (!options.json) std::cout << "the settings are valid" << std::endl;
  return {};
}

struct Finding {
  std::string what;
  bool ok = true;
  // What to do about it.
  std::string advice;
};

Finding check_model(const runtime::Config& config) {
  if (!config.upstream.url.empty()) return {"answers come from " + config.upstream.url, true, {}};
  const auto dir = runtime::model_directory(config);
  const auto model = engine::ChatModel::load(
      dir, {.decoder = runtime::decoder_options(config), .chat_format = config.model.chat_format});
  if (!model) return {"model: " + model.error().message, false, "name another one with --model"};
  return {"model in " + dir.string() + ": " + model->decoder->config().architecture + ", " +
              std::to_string(model->decoder->config().num_parameters()) + " parameters",
          true,
          {}};
}

Finding check_embedding_model(const runtime::Config& config) {
  const std::string& dir = config.embedding.model;
  if (dir.empty()) {
    const bool passes_on = !config.upstream.url.empty();
    return {
        passes_on ? "embeddings come from " + config.upstream.url : "no embedding model", true, {}};
  }
  const auto encoder = model::SentenceEncoder::load(dir, runtime::encoder_options(config));
  if (!encoder) {
    return {"embedding model: " + encoder.error().message, false,
            "name another one with --embedding-model"};
  }
  return {"embedding model in " + dir + ": " + std::to_string((*encoder)->dimensions()) +
              " dimensions, texts of up to " + std::to_string((*encoder)->max_tokens()) + " tokens",
          true,
          {}};
}

Finding check_bridge(const runtime::Config& config) {
  const std::string& dir = config.user_encoder.bridge;
  if (dir.empty()) return {"no bridge for users' memories", true, {}};
  const bool takes_none = !config.upstream.url.empty() && config.upstream.dialect != "vllm";
  if (takes_none) {
    return {"bridge: the upstream takes no embeddings", false, "set upstream.dialect to vllm"};
  }
  const auto bridge = describe_bridge(config, dir);
  if (!bridge) {
    return {"bridge: " + bridge.error().message, false, "name another in user_encoder.bridge"};
  }
  return {"bridge in " + dir + ": " + bridge->at("bridge").get<std::string>() + ", memories " +
              bridge->at("memory_width").dump() + " wide",
          true,
          {}};
}

Finding check_directory(const runtime::Config& config) {
  const auto access = open_directory(config);
  if (!access)
    return {"data directory: " + access.error().message, false, "choose one with --data"};
  if (access->server) return {"data directory is served at " + access->server->url, true, {}};
  return {"data directory " + config.data.dir + " opens", true, {}};
}

Finding check_processor() {
  const auto machine = engine::describe_machine();
  const bool has_bf16 = machine.isa.find("avx512_bf16") != std::string::npos;
  return {machine.cpu + ", " + std::to_string(machine.cores) + " cores, " + machine.isa, has_bf16,
          has_bf16 ? "" : "bf16 falls back to f32 on this processor; --dtype int8 is faster"};
}

Finding check_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const bool enough = limit.rlim_cur >= 2048;
  return {"open files at most: " + std::to_string(limit.rlim_cur), enough,
          enough ? "" : "raise it with ulimit -n for many streams"};
}

Finding check_page() {
  std::error_code error;
  const bool built = std::filesystem::exists(runtime::web_directory() / "index.html", error);
  return {built ? "the page is built" : "the page is not built", built,
          built ? "" : "scripts/build_web.sh builds it"};
}

Status doctor(const GlobalOptions& options, int& status) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  status = kExitOk;
  for (const Finding& finding :
       {check_processor(), check_descriptors(), check_directory(config), check_model(config),
        check_embedding_model(config), check_bridge(config), check_page()}) {
    if (!finding.ok) status = kExitFailure;
    if (options.json) {
      print_json({{"check", finding.what}, {"ok", finding.ok}, {"advice", finding.advice}});
    } else {
      std::cout << (finding.ok ? "ok    " : "look  ") << finding.what;
      if (!finding.advice.empty()) std::cout << "\n      -> " << finding.advice;
      std::cout << "\n";
    }
  }
  return {};
}

}  // namespace

void add_config_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("config", "settings");
  command->require_subcommand(1);
  command->add_subcommand("print", "every setting with its source")->callback([&options, &status] {
    status = finish(print_config(options), options.json);
  });
  command->add_subcommand("check", "whether the settings are valid")->callback([&options, &status] {
    status = finish(check_config(options), options.json);
  });
}

void add_doctor_command(CLI::App& app, GlobalOptions& options, int& status) {
  app.add_subcommand("doctor", "what is wrong here, and what to do")->callback([&] {
    const int failed = finish(doctor(options, status), options.json);
    if (failed != kExitOk) status = failed;
  });
}

}  // namespace kith::cli
