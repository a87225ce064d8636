// kith persona stats
#include <iomanip>
#include <iostream>

#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/cli/persona_version_commands.h"
#include "kith/persona/fleet_document.h"

namespace kith::cli {
namespace {

using base::OrderedJson;

struct StatsArguments {
  std::string persona;
  persona::FleetSpan span;
};

// A value of a query string: times hold colons and plus signs.
std::string query_of(const persona::FleetSpan& span) {
  std::string query;
  const std::pair<const char*, const std::string&> parts[] = {
      {"from", span.from}, {"to", span.to}, {"bucket", span.bucket}};
  for (const auto& [name, text] : parts) {
    if (text.empty()) continue;
    query += (query.empty() ? "?" : "&") + std::string(name) + "=" + encode_segment(text);
  }
  return query;
}

Result<OrderedJson> count_here(const runtime::Config& config, runtime::Installation& installation,
                               const StatsArguments& arguments) {
  const PersonaId id(arguments.persona);
  const auto assigner = installation.assigner();
  if (!assigner || assigner->catalogue().find_persona(id) == nullptr) {
    return Error{ErrorCode::kNotFound, "there is no persona " + arguments.persona};
  }
  KITH_ASSIGN_OR_RETURN(const auto query,
                        persona::to_fleet_query(id, arguments.span, installation.clock().now()));
  const storage::TenantScope scope{TenantId(storage::kDefaultTenant)};
  KITH_ASSIGN_OR_RETURN(const auto figures, installation.stores().fleet().figures(scope, query));
  return persona::fleet_json(query, figures, config.personas.min_fleet_users);
}

Result<OrderedJson> count(const GlobalOptions& options, const StatsArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const DirectoryAccess access, open_directory(config));
  if (access.installation != nullptr) return count_here(config, *access.installation, arguments);
  KITH_ASSIGN_OR_RETURN(
      const std::string body,
      call_server(*access.server, {.url = "/v1/personas/" + encode_segment(arguments.persona) +
                                          "/stats" + query_of(arguments.span)}));
  return base::parse_ordered_json(body);
}

void print_row(const std::string& name, const OrderedJson& counts) {
  std::cout << std::left << std::setw(12) << name << std::right;
  for (const char* key :
       {"size", "joined", "left", "requests", "users", "thumbs_up", "thumbs_down"}) {
    const bool is_told = counts.contains(key);
    std::cout << std::setw(11) << (is_told ? counts[key].dump() : std::string("-"));
  }
  const OrderedJson own = counts.value("to_own_users", OrderedJson::object());
  for (const char* key : {"requests", "users"}) {
    std::cout << std::setw(11) << (own.contains(key) ? own[key].dump() : std::string("-"));
  }
  if (counts.contains("share")) {
    std::cout << std::setw(8) << std::fixed << std::setprecision(1)
              << 100.0 * counts["share"].get<double>() << " %";
  }
  std::cout << "\n";
}

void print_figures(const OrderedJson& document) {
  std::cout << std::left << std::setw(12) << "from" << std::right;
  for (const char* title :
       {"size", "joined", "left", "answers", "users", "up", "down", "to own", "own users"}) {
    std::cout << std::setw(11) << title;
  }
  std::cout << std::setw(10) << "share"
            << "\n";
  for (const OrderedJson& bucket : document.value("buckets", OrderedJson::array())) {
    print_row(bucket.value("from", "").substr(0, 10), bucket);
  }
  print_row("total", document.value("total", OrderedJson::object()));
  std::cout << "- stands where fewer than " << document.value("min_users", 0)
            << " different users asked; answers are those that this persona gave, \"to own\" those "
               "to users whose persona it is\n";
}

Status show(const GlobalOptions& options, const StatsArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const OrderedJson document, count(options, arguments));
  if (options.json) {
    print_json(document);
  } else {
    print_figures(document);
  }
  return {};
}

}  // namespace

void add_persona_stats_command(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<StatsArguments>();
  auto* sub = command.add_subcommand(
      "stats", "size, drift, answers and thumbs of a persona's users over time");
  sub->add_option("persona", arguments->persona, "a persona's id")->required();
  sub->add_option("--from", arguments->span.from, "a day (UTC); default: 29 days before --to");
  sub->add_option("--to", arguments->span.to, "a day, which is counted; default: today");
  sub->add_option("--bucket", arguments->span.bucket)->check(CLI::IsMember({"day", "week"}));
  sub->callback(
      [&options, &status, arguments] { status = finish(show(options, *arguments), options.json); });
}

}  // namespace kith::cli
