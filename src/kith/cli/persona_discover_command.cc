// kith persona discover
#include <iostream>

#include "kith/base/file.h"
#include "kith/cli/directory_client.h"
#include "kith/cli/persona_version_commands.h"
#include "kith/cli/progress_bar.h"
#include "kith/persona/discovery.h"
#include "kith/persona/discovery_users.h"
#include "kith/persona/person_names.h"
#include "kith/persona/proposal_document.h"
#include "kith/runtime/sentence_features.h"

namespace kith::cli {
namespace {

struct DiscoverArguments {
  persona::DiscoveryOptions options;
  // Latest messages that are read of a user.
  std::size_t max_messages = 32;
  std::string encoder;
  std::string draft;
};

Result<persona::Discovery> discover(const GlobalOptions& options, DiscoverArguments arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto installation, open_to_read(config));
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto encoder, runtime::load_text_encoder(arguments.encoder, clock));
  const storage::TenantScope tenant = runtime::default_tenant();
  storage::StoreSet& stores = installation->stores();
  KITH_ASSIGN_OR_RETURN(auto names, persona::all_person_names(stores, tenant));
  const text::PiiRedactor redactor({.names = std::move(names), .allowed = {}});
  arguments.options.mixture.progress = progress_bar();
  const auto assigner = installation->assigner();
  KITH_ASSIGN_OR_RETURN(auto discovery,
                        persona::PersonaDiscovery::create(arguments.options, encoder.get(),
                                                          assigner.get(), redactor));
  KITH_ASSIGN_OR_RETURN(const auto counts,
                        persona::visit_discovery_users(stores, tenant, arguments.max_messages,
                                                       [&](const persona::DiscoveryUser& user) {
                                                         return discovery.add(user);
                                                       }));
  std::cerr << counts.visited << " users; " << counts.without_consent
            << " without consent to both personalisation and learning were not read\n";
  return discovery.finish();
}

Status run_discovery(const GlobalOptions& options, const DiscoverArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const persona::Discovery found, discover(options, arguments));
  if (!arguments.draft.empty()) {
    KITH_RETURN_IF_ERROR(base::write_file_atomically(arguments.draft, persona::to_toml(found)));
  }
  std::cout << (options.json ? persona::to_json(found) + "\n" : persona::to_table(found));
  return {};
}

}  // namespace

void add_persona_discover_command(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<DiscoverArguments>();
  auto& settings = arguments->options;
  auto* sub = command.add_subcommand("discover", "propose personas from users who are alike");
  sub->add_option("--toml", arguments->draft, "write a draft of a personas file here");
  sub->add_option("--min-users", settings.floor,
                  "fewest users in a group and behind anything shown (default: 10)")
      ->check(CLI::Range(2, 1'000'000));
  sub->add_option("--max-personas", settings.mixture.max_clusters,
                  "most groups that are tried (default: 12)")
      ->check(CLI::Range(std::size_t{1}, persona::kMaxPersonas));
  sub->add_option("--nearest", settings.num_nearest,
                  "show the ids of as many users who belong to each group most clearly");
  sub->add_option("--messages", arguments->max_messages,
                  "latest messages that are read of each user; 0: attributes alone (default: 32)")
      ->check(CLI::Range(0, 1000));
  sub->add_option("--learn-from", settings.max_teachers,
                  "users that groups are learned from, at most; all are counted (default: 5000)");
  sub->add_option("--seed", settings.mixture.seed, "seed of starts and samples (default: 1)");
  sub->add_option("--encoder", arguments->encoder, "text encoder: a directory (default: built in)");
  sub->callback([&options, &status, arguments] {
    arguments->options.uses_texts = arguments->max_messages > 0;
    status = finish(run_discovery(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
