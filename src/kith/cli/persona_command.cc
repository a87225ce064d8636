// kith persona list|assign|explain
#include <iomanip>
#include <iostream>

#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/cli/persona_version_commands.h"

namespace kith::cli {
namespace {

// Changes of persona that are told, newest first.
constexpr std::size_t kMaxChanges = 20;

struct PersonaArguments {
  std::string user;
  std::string text;
};

Result<std::unique_ptr<runtime::Installation>> open_with_personas(const GlobalOptions& options) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(auto installation, open_to_read(config));
  if (!installation->assigner()) {
    return Error{ErrorCode::kNotFound, "no personas: put a personas.toml into " + config.data.dir};
  }
  return installation;
}

Status list(const GlobalOptions& options, const PersonaArguments&) {
  KITH_ASSIGN_OR_RETURN(const auto installation, open_with_personas(options));
  for (const auto& persona : installation->assigner()->catalogue().personas()) {
    if (options.json) {
      print_json({{"id", persona.id.str()},
                  {"name", persona.name},
                  {"adapter", persona.adapter.str()},
                  {"priority", std::string(to_string(persona.priority))}});
    } else {
      std::cout << std::left << std::setw(20) << persona.id.str() << persona.name << "\n    "
                << persona.description << "\n";
    }
  }
  return {};
}

struct Found {
  persona::Assignment assignment;
  std::vector<storage::EventRow> changes;  // newest first
};

// The posterior from the user's attributes, what he is known to have written and done, and `text`.
Result<Found> assign(runtime::Installation& installation, const PersonaArguments& arguments) {
  const storage::Scope scope{TenantId(storage::kDefaultTenant), UserId(arguments.user)};
  const auto assigner = installation.assigner();
  Found found;
  persona::UserFacts facts{.attributes = {}, .now = installation.clock().now()};
  persona::AssignmentState state;
  if (!arguments.user.empty()) {
    KITH_ASSIGN_OR_RETURN(const auto user, installation.stores().users().find(scope));
    if (!user) return Error{ErrorCode::kNotFound, "no such user: " + arguments.user};
    facts.attributes = user->attributes;
    facts.recorded_at = user->recorded_at;
    KITH_ASSIGN_OR_RETURN(const auto row, installation.stores().personas().find(scope));
    if (row) state = assigner->from_row(*row);
    KITH_ASSIGN_OR_RETURN(found.changes, installation.stores().events().list(
                                             scope, storage::kEventPersonaChanged, kMaxChanges));
  }
  if (!arguments.text.empty()) assigner->observe(arguments.text, facts.now, state);
  found.assignment = assigner->assign(facts, state);
  return found;
}

base::OrderedJson to_json(const Found& found, bool explains) {
  const persona::Assignment& assignment = found.assignment;
  base::OrderedJson json = {{"persona", assignment.persona.str()},
                            {"weights", base::OrderedJson::object()},
                            {"abstain", assignment.abstain},
                            {"evidence", base::OrderedJson::array()}};
  for (const auto& weight : assignment.weights) {
    json["weights"][weight.persona.str()] = weight.probability;
  }
  for (const auto& reason : assignment.evidence) {
    json["evidence"].push_back({{"persona", reason.persona.str()},
                                {"source", reason.source},
                                {"detail", reason.detail},
                                {"weight", reason.weight}});
  }
  if (!explains) return json;
  json["changes"] = base::OrderedJson::array();
  for (const auto& change : found.changes) {
    const auto document = base::parse_ordered_json(change.document);
    base::OrderedJson item = document ? *document : base::OrderedJson::object();
    item["at"] = base::to_iso8601(change.at);
    json["changes"].push_back(std::move(item));
  }
  return json;
}

void print_reasons(const base::OrderedJson& json) {
  for (const auto& reason : json["evidence"]) {
    std::cout << std::showpos << std::setw(8) << reason["weight"].get<double>() << std::noshowpos
              << "  " << std::setw(18) << reason.value("persona", "") << reason.value("source", "")
              << ": " << reason.value("detail", "") << "\n";
  }
  for (const auto& change : json["changes"]) {
    std::cout << change.value("at", "") << "  was " << change.value("from", "") << ", is "
              << change.value("to", "") << ":";
    for (const auto& reason : change.value("reasons", base::OrderedJson::array())) {
      std::cout << " " << reason.value("detail", "");
    }
    std::cout << "\n";
  }
}

Status show_assignment(const GlobalOptions& options, const PersonaArguments& arguments,
                       bool explains) {
  KITH_ASSIGN_OR_RETURN(const auto installation, open_with_personas(options));
  KITH_ASSIGN_OR_RETURN(const Found found, assign(*installation, arguments));
  const base::OrderedJson json = to_json(found, explains);
  if (options.json) {
    print_json(json);
    return {};
  }
  std::cout << std::fixed << std::setprecision(3);
  for (const auto& weight : found.assignment.weights) {
    std::cout << std::left << std::setw(20) << weight.persona.str() << weight.probability << "\n";
  }
  std::cout << std::left << std::setw(20) << persona::kNoPersona << found.assignment.abstain
            << "\n";
  if (explains) print_reasons(json);
  return {};
}

}  // namespace

void add_persona_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("persona", "personas and who has which");
  command->require_subcommand(1);
  add_persona_version_commands(*command, options, status);
  add_persona_gate_commands(*command, options, status);
  add_persona_stats_command(*command, options, status);
  add_persona_train_command(*command, options, status);
  add_persona_share_command(*command, options, status);
  add_persona_discover_command(*command, options, status);
  add_calibrate_command(*command, options, status);
  const auto arguments = std::make_shared<PersonaArguments>();
  command->add_subcommand("list", "the catalogue")->callback([&options, &status, arguments] {
    status = finish(list(options, *arguments), options.json);
  });
  for (const bool explains : {false, true}) {
    auto* sub = command->add_subcommand(
        explains ? "explain" : "assign",
        explains ? "the probabilities with their reasons" : "the probability of each persona");
    sub->add_option("--user,user", arguments->user, "a user's id");
    sub->add_option("--text", arguments->text, "something that the user writes");
    sub->callback([&options, &status, arguments, explains] {
      status = finish(show_assignment(options, *arguments, explains), options.json);
    });
  }
}

}  // namespace kith::cli
