#include "kith/runtime/load/load_server.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <string_view>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/log.h"
#include "kith/runtime/heaps.h"
#include "kith/runtime/load/small_checkpoint.h"

namespace kith::runtime::load {
namespace {

namespace fs = std::filesystem;

constexpr int kContext = 4096;
// Room for a handful of long requests at a time: admission has to wait, and the prefix cache to
// forget.
constexpr int kKvTokens = 16'384;
constexpr int kNumExtra = 24;

Error copy_error(const fs::path& path, const std::error_code& error) {
  return Error{ErrorCode::kUnavailable, "copying " + path.string() + ": " + error.message()};
}

// Copies an adapter with its update multiplied by `scale`: other weights, as far as anybody can
// see.
Status copy_adapter(const fs::path& from, const fs::path& to, double scale) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::copy(from, to, fs::copy_options::recursive, error);
  if (error) return copy_error(to, error);
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(to / "adapter_config.json"));
  KITH_ASSIGN_OR_RETURN(auto config, base::parse_json(text));
  config["lora_alpha"] = config["lora_alpha"].get<double>() * scale;
  return base::write_file_atomically(to / "adapter_config.json", base::dump_json(config));
}

}  // namespace

Result<std::unique_ptr<LoadServer>> LoadServer::start(const LoadOptions& options) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) return Error{ErrorCode::kNotFound, "KITH_SOURCE_DIR is not set"};
  // A warning for every late step would be most of the output.
  base::configure_log(base::LogLevel::kError, base::LogFormat::kPretty);
  limit_heaps();
  std::unique_ptr<LoadServer> server(new LoadServer);
  KITH_RETURN_IF_ERROR(server->write_model(options, source));
  KITH_ASSIGN_OR_RETURN(server->application_,
                        Application::create(server->make_config(options, source)));
  server->generator_ = dynamic_cast<EngineGenerator*>(&server->application_->generator());
  // Those before that of the adapter which comes and goes: it gets another one each time.
  for (const auto& adapter : server->generator_->loaded_adapters()) {
    if (adapter.id == AdapterId(kMissed)) server->num_lora_ids_ = adapter.number;
  }
  KITH_RETURN_IF_ERROR(server->serve());
  return server;
}

Status LoadServer::write_model(const LoadOptions& options, const fs::path& source) {
  model_dir_ = directory_.path() / "model";
  const fs::path testdata = source / "src/kith/model/testdata";
  if (options.model == "small") {
    KITH_RETURN_IF_ERROR(write_small_checkpoint(testdata / "gqa_tied", model_dir_, kContext));
    return write_adapters(testdata / "adapter");
  }
  const fs::path from =
      options.model == "builtin" ? source / "models/builtin" : fs::path(options.model);
  std::error_code error;
  fs::create_directory(model_dir_, error);
  for (const auto& entry : fs::directory_iterator(from, error)) {
    if (entry.is_regular_file()) fs::copy(entry.path(), model_dir_, error);
  }
  if (error) return copy_error(from, error);
  for (const auto& entry : fs::directory_iterator(from / "adapters", error)) {
    return write_adapters(entry.path());
  }
  return Error{ErrorCode::kNotFound,
               "the model needs an adapter in " + (from / "adapters").string()};
}

// One PEFT directory becomes many adapters that differ.
Status LoadServer::write_adapters(const fs::path& from) {
  const fs::path dir = model_dir_ / "adapters";
  double scale = 1.0;
  for (const char* name :
       {"leadership", "knowledge_worker", "field_worker", "admin_hr", "new_hire"}) {
    if (std::string_view(name) != kMissed) adapters_.emplace_back(name);
    KITH_RETURN_IF_ERROR(copy_adapter(from, dir / name, scale += 0.5));
  }
  // More than fit the memory for adapters, so that the least used leave it and come back.
  for (int i = 0; i < kNumExtra; ++i) {
    const std::string name = "extra" + std::to_string(i);
    adapters_.push_back(name);
    KITH_RETURN_IF_ERROR(copy_adapter(from, dir / name, scale += 0.1));
  }
  for (const double version : {-4.0, 3.0, 8.0}) {
    const std::string path = "versions/v" + std::to_string(versions_.size());
    versions_.push_back(path);
    KITH_RETURN_IF_ERROR(copy_adapter(from, dir / path, version));
  }
  return {};
}

Config LoadServer::make_config(const LoadOptions& options, const fs::path& source) const {
  Config config;
  config.server.port = 0;
  config.server.workers = kWorkers;
  config.server.max_requests = kWaiting;
  config.data.dir = (directory_.path() / "data").string();
  config.model.dir = model_dir_.string();
  config.model.threads = options.threads;
  config.model.kv_tokens = kKvTokens;
  config.model.adapters_mb = options.model == "small" ? 1 : 16;
  config.embedding.model = (source / "src/kith/model/testdata/sentence_mean").string();
  config.personas.file = (source / "examples/service-desk/personas.toml").string();
  return config;
}

Status LoadServer::serve() {
  std::promise<std::string> ready;
  auto address = ready.get_future();
  thread_ = std::thread([this, &ready] {
    bool is_ready = false;
    served_ = application_->serve([&](const std::string& url) {
      is_ready = true;
      ready.set_value(url);
    });
    if (!is_ready) ready.set_value("");
  });
  const std::string url = address.get();
  if (url.empty()) {
    thread_.join();
    return served_;
  }
  port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  return {};
}

RequestFacts LoadServer::facts() const {
  return {.adapters = adapters_,
          .num_lora_ids = num_lora_ids_,
          .hidden_size = generator_->model().decoder->config().hidden_size};
}

Status LoadServer::stop() {
  ::kill(::getpid(), SIGTERM);
  thread_.join();
  return served_;
}

LoadServer::~LoadServer() {
  if (thread_.joinable()) static_cast<void>(stop());
}

}  // namespace kith::runtime::load
