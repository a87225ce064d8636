// A whole installation under load: data directory, personas, knowledge, a small model with
// adapters, an encoder, and the server on a port of its own. For tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kith/base/result.h"
#include "kith/base/test_directory.h"
#include "kith/runtime/application.h"
#include "kith/runtime/engine_generator.h"
#include "kith/runtime/load/options.h"
#include "kith/runtime/load/requests.h"

namespace kith::runtime::load {

// Runs from start() to stop(). Make it before any thread (see StopSignals).
class LoadServer {
 public:
  // Threads that answer, and requests that may wait for one: few, so that clients meet full queues.
  static constexpr int kWorkers = 12;
  static constexpr int kWaiting = 14;

  // Errors: kNotFound without KITH_SOURCE_DIR or the model; those of Application.
  static Result<std::unique_ptr<LoadServer>> start(const LoadOptions& options);
  ~LoadServer();
  LoadServer(const LoadServer&) = delete;
  LoadServer& operator=(const LoadServer&) = delete;

  // Sends the process SIGTERM, as an operator would, and waits for the end of the drain.
  // Errors: those of Application::serve(). Call once.
  Status stop();

  std::uint16_t port() const { return port_; }
  EngineGenerator& generator() { return *generator_; }
  const base::Clock& clock() { return application_->installation().clock(); }
  // What random requests may name.
  RequestFacts facts() const;
  // The persona's adapter that comes and goes under its users (Probes::unload()).
  static constexpr const char* kMissed = "leadership";
  // Adapters that are loaded all the time, those of the other personas among them.
  const std::vector<std::string>& adapters() const { return adapters_; }
  // Directories, for /v1/load_lora_adapter, of different adapters that may stand in for each other.
  const std::vector<std::string>& versions() const { return versions_; }

 private:
  LoadServer() = default;

  Status write_model(const LoadOptions& options, const std::filesystem::path& source);
  Status write_adapters(const std::filesystem::path& from);
  Config make_config(const LoadOptions& options, const std::filesystem::path& source) const;
  Status serve();

  base::TestDirectory directory_;
  std::filesystem::path model_dir_;
  std::vector<std::string> adapters_;
  std::vector<std::string> versions_;
  int num_lora_ids_ = 0;
  std::unique_ptr<Application> application_;
  EngineGenerator* generator_ = nullptr;
  std::uint16_t port_ = 0;
  Status served_;
  std::thread thread_;
};

}  // namespace kith::runtime::load
