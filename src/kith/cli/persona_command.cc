// kith persona list|assign|explain
#include <iomanip>
#include <iostream>

#include "kith/cli/command.h"
#include "kith/cli/persona_version_commands.h"
#include "kith/runtime/installation.h"

namespace kith::cli {
namespace {

struct PersonaArguments {
  std::string user;
  std::string text;
};

Result<std::unique_ptr<runtime::Installation>> open_with_personas(const GlobalOptions& options) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(auto installation, runtime::Installation::open(config));
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

// The posterior from the user's attributes, what he is known to have written, and `text`.
Result<persona::Assignment> assign(runtime::Installation& installation,
                                   const PersonaArguments& arguments) {
  const storage::Scope scope{TenantId(storage::kDefaultTenant), UserId(arguments.user)};
  const auto assigner = installation.assigner();
  storage::Attributes attributes;
  persona::WordState words;
  if (!arguments.user.empty()) {
    KITH_ASSIGN_OR_RETURN(const auto user, installation.stores().users().find(scope));
    if (!user) return Error{ErrorCode::kNotFound, "no such user: " + arguments.user};
    attributes = user->attributes;
    KITH_ASSIGN_OR_RETURN(const auto row, installation.stores().personas().find(scope));
    if (row) words = assigner->from_row(*row);
  }
  if (!arguments.text.empty()) assigner->observe(arguments.text, words);
  return assigner->assign(attributes, {}, words);
}

Status show_assignment(const GlobalOptions& options, const PersonaArguments& arguments,
                       bool explains) {
  KITH_ASSIGN_OR_RETURN(const auto installation, open_with_personas(options));
  KITH_ASSIGN_OR_RETURN(const auto assignment, assign(*installation, arguments));
  base::OrderedJson json = {{"persona", assignment.persona.str()},
                            {"weights", base::OrderedJson::object()},
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
  if (options.json) {
    print_json(json);
    return {};
  }
  std::cout << std::fixed << std::setprecision(3);
  for (const auto& weight : assignment.weights) {
    std::cout << std::left << std::setw(20) << weight.persona.str() << weight.probability << "\n";
  }
  if (!explains) return {};
  for (const auto& reason : assignment.evidence) {
    std::cout << std::showpos << std::setw(8) << reason.weight << std::noshowpos << "  "
              << std::setw(18) << reason.persona.str() << reason.source << ": " << reason.detail
              << "\n";
  }
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
  add_persona_discover_command(*command, options, status);
  const auto arguments = std::make_shared<PersonaArguments>();
  command->add_subcommand("list", "the catalogue")->callback([&options, &status, arguments] {
    status = finish(list(options, *arguments), options.json);
  });
  for (const bool explains : {false, true}) {
    auto* sub = command->add_subcommand(
        explains ? "explain" : "assign",
        explains ? "the probabilities with their reasons" : "the probability of each persona");
    sub->add_option("--user", arguments->user, "a user's id");
    sub->add_option("--text", arguments->text, "something that the user writes");
    sub->callback([&options, &status, arguments, explains] {
      status = finish(show_assignment(options, *arguments, explains), options.json);
    });
  }
}

}  // namespace kith::cli
