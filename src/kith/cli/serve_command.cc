// kith serve, kith demo
#include <iostream>
#include <thread>

#include "kith/base/log.h"
#include "kith/cli/command.h"
#include "kith/runtime/application.h"
#include "kith/runtime/encoder_choice.h"
#include "kith/runtime/heaps.h"
#include "kith/runtime/resources.h"
#include "kith/runtime/seed.h"

namespace kith::cli {
namespace {

void print_ready(const std::string& url, bool json) {
  if (json) {
    print_json({{"url", url}});
  } else {
    std::cout << "Kith serves at " << url << std::endl;
  }
}

void print_suggestions(const std::string& url, const std::string& data_dir) {
  std::cout
      << "\nThree things to try:\n"
      << "  1. Open " << url << " and ask two employees' question once.\n"
      << "  2. curl -s " << url << "/v1/chat/completions -H 'X-Kith-User: e001' \\\n"
      << "       -H 'Content-Type: application/json' \\\n"
      << "       -d '{\"model\":\"kith\",\"messages\":[{\"role\":\"user\",\"content\":\"My VPN "
         "does not connect.\"}]}'\n"
      << "  3. kith user export e001 --data " << data_dir
      << "    (everything Kith knows about one person)\n"
      << "\nCtrl-C stops it." << std::endl;
}

Status serve(const GlobalOptions& options) {
  runtime::limit_heaps();
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto application, runtime::Application::create(config));
  return application->serve([&](const std::string& url) { print_ready(url, options.json); });
}

// Beside the server, which has no need to wait for them.
void seed_events(runtime::Installation& installation) {
  const auto seeded = runtime::seed_events(installation, runtime::service_desk_directory());
  if (!seeded) {
    base::log_warn("the example's events are not all there: " + seeded.error().message);
  } else if (*seeded > 0) {
    base::log_info("seeded " + std::to_string(*seeded) + " events");
  }
}

Status demo(GlobalOptions options) {
  runtime::limit_heaps();
  options.overrides.try_emplace("data.dir", "data/demo");
  options.overrides.try_emplace("answer.default_system",
                                "You are the IT service desk assistant of Northgate Instruments.");
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(auto installation, runtime::Installation::open(config));
  KITH_ASSIGN_OR_RETURN(const auto seeded,
                        runtime::seed_service_desk(*installation, runtime::service_desk_directory(),
                                                   runtime::service_desk_router_directory()));
  KITH_RETURN_IF_ERROR(
      runtime::seed_user_encoder(*installation, runtime::service_desk_user_encoder_directory()));
  KITH_RETURN_IF_ERROR(installation->load_personas(config));
  if (!options.json) {
    std::cout << "The service desk: " << seeded.users.num_added + seeded.users.num_unchanged
              << " employees, " << seeded.knowledge.num_added + seeded.knowledge.num_unchanged
              << " articles, "
              << seeded.conversations.num_added + seeded.conversations.num_unchanged
              << " conversations." << std::endl;
  }
  KITH_ASSIGN_OR_RETURN(const auto application,
                        runtime::Application::create(config, std::move(installation)));
  std::thread events;
  const Status served = application->serve([&](const std::string& url) {
    events = std::thread([&] { seed_events(application->installation()); });
    print_ready(url, options.json);
    if (!options.json) print_suggestions(url, config.data.dir);
  });
  if (events.joinable()) events.join();
  return served;
}

}  // namespace

void add_serve_commands(CLI::App& app, GlobalOptions& options, int& status) {
  app.add_subcommand("serve", "serve the HTTP API and the page")->callback([&] {
    status = finish(serve(options), options.json);
  });
  app.add_subcommand("demo", "seed the IT service desk and serve it")->callback([&] {
    status = finish(demo(options), options.json);
  });
}

}  // namespace kith::cli
