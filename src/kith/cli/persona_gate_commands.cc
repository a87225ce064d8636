// kith persona evaluate|diff
#include <iostream>

#include "kith/cli/persona_version_commands.h"
#include "kith/cli/progress_bar.h"
#include "kith/cli/version_access.h"
#include "kith/cli/version_bench.h"
#include "kith/eval/desk_data.h"
#include "kith/eval/gate.h"
#include "kith/eval/preference_pairs.h"
#include "kith/eval/version_diff.h"
#include "kith/persona/shadow_trial.h"
#include "kith/runtime/resources.h"
#include "kith/tuning/job.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;

struct GateArguments {
  std::string persona;
  int version = 0;
  int second = 0;
  std::string example;
  std::vector<std::string> data;
  bool is_dry = false;
  eval::GateLimits limits;
};

// What ships with Kith (other domains, false premises), the secrets planted in the last training of
// the adapter if that made this version, the example if asked for, then the named directories, the
// later ones over the earlier.
Result<eval::GateData> gate_data(const runtime::Config& config, const GateArguments& arguments,
                                 const VersionInfo& candidate) {
  eval::GateData data;
  KITH_RETURN_IF_ERROR(eval::read_gate_data(runtime::gate_directory(), data));
  const auto planted =
      tuning::find_planted(config.data.dir, AdapterId(candidate.adapter), candidate.name());
  if (!planted.empty()) KITH_RETURN_IF_ERROR(eval::read_canaries(planted, data));
  if (!arguments.example.empty()) {
    KITH_ASSIGN_OR_RETURN(const auto desk, eval::load_desk(arguments.example));
    eval::add_desk_users(desk, arguments.persona, data);
    const fs::path pairs = fs::path(arguments.example) / "preferences" / "pairs.jsonl";
    if (fs::exists(pairs)) {
      KITH_ASSIGN_OR_RETURN(const auto loaded, eval::load_preference_pairs(pairs));
      eval::add_desk_preferences(loaded, arguments.persona, data);
    }
  }
  for (const std::string& dir : arguments.data) {
    KITH_RETURN_IF_ERROR(eval::read_gate_data(dir, data));
  }
  return data;
}

// What the candidate is compared with: the version that serves, else what the model brings along.
Result<eval::GateAdapters> line_up(VersionBench& bench, const VersionAccess& access,
                                   const OrderedJson& document, const VersionInfo& candidate) {
  eval::GateAdapters adapters;
  KITH_ASSIGN_OR_RETURN(adapters.candidate, bench.load(candidate));
  const int serving = document.value("serving", 0);
  if (serving == 0 || serving == candidate.version) {
    adapters.current = bench.own(AdapterId(candidate.adapter));
    return adapters;
  }
  KITH_ASSIGN_OR_RETURN(const VersionInfo info, access.find(document, serving));
  KITH_ASSIGN_OR_RETURN(adapters.current, bench.load(info));
  return adapters;
}

Status evaluate(const GlobalOptions& options, const GateArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(VersionAccess access, VersionAccess::open(config));
  KITH_ASSIGN_OR_RETURN(const OrderedJson document, access.list(arguments.persona));
  KITH_ASSIGN_OR_RETURN(const VersionInfo candidate, access.find(document, arguments.version));
  KITH_ASSIGN_OR_RETURN(const eval::GateData data, gate_data(config, arguments, candidate));
  KITH_ASSIGN_OR_RETURN(VersionBench bench, VersionBench::open(config));
  KITH_ASSIGN_OR_RETURN(const auto adapters, line_up(bench, access, document, candidate));
  KITH_ASSIGN_OR_RETURN(const auto report, eval::run_gate(data, adapters, bench.generator(),
                                                          arguments.limits, progress_bar()));
  KITH_ASSIGN_OR_RETURN(OrderedJson result, base::parse_ordered_json(eval::to_json(report)));
  result["markdown"] = eval::to_markdown(report);
  if (!arguments.is_dry) {
    KITH_RETURN_IF_ERROR(
        access.set_gate(arguments.persona, candidate.version, report.passed(), result));
  }
  if (options.json) {
    print_json(result);
  } else {
    std::cout << eval::to_markdown(report) << std::flush;
  }
  if (report.passed()) return {};
  return Error{ErrorCode::kConflict, candidate.name() + " is refused by its gate"};
}

// With what the second version said in shadow, if it did.
Status print_diff(const GlobalOptions& options, const eval::VersionDiff& found,
                  const OrderedJson& shadow) {
  const bool has_shadow = shadow.value("answers", 0) > 0;
  if (!options.json) {
    std::cout << eval::to_markdown(found)
              << (has_shadow ? "\n" + persona::shadow_markdown(shadow) : "") << std::flush;
    return {};
  }
  KITH_ASSIGN_OR_RETURN(OrderedJson json, base::parse_ordered_json(eval::to_json(found)));
  if (has_shadow) json["shadow"] = shadow;
  print_json(json);
  return {};
}

Status diff(const GlobalOptions& options, const GateArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(VersionAccess access, VersionAccess::open(config));
  KITH_ASSIGN_OR_RETURN(const OrderedJson document, access.list(arguments.persona));
  KITH_ASSIGN_OR_RETURN(const VersionInfo first, access.find(document, arguments.version));
  KITH_ASSIGN_OR_RETURN(const VersionInfo second, access.find(document, arguments.second));
  KITH_ASSIGN_OR_RETURN(const eval::GateData data, gate_data(config, arguments, second));
  KITH_ASSIGN_OR_RETURN(VersionBench bench, VersionBench::open(config));
  KITH_ASSIGN_OR_RETURN(const AdapterId one, bench.load(first));
  KITH_ASSIGN_OR_RETURN(const AdapterId two, bench.load(second));
  KITH_ASSIGN_OR_RETURN(const auto found,
                        eval::diff_versions(data, one, two, bench.generator(), {}, progress_bar()));
  KITH_ASSIGN_OR_RETURN(const OrderedJson shadow,
                        access.shadow(arguments.persona, second.version, 0));
  return print_diff(options, found, shadow);
}

void add_data_options(CLI::App& sub, GateArguments& arguments) {
  sub.add_option("--held-out", arguments.data,
                 "directories of held-out data (docs/formats/adapter-versions.md)");
  sub.add_option("--example", arguments.example,
                 "the service-desk example, whose test users are held-out data");
}

}  // namespace

void add_persona_gate_commands(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<GateArguments>();
  auto* gate = command.add_subcommand("evaluate", "measure a version and let its gate decide");
  gate->add_option("persona", arguments->persona)->required();
  gate->add_option("--version", arguments->version, "default: the newest");
  add_data_options(*gate, *arguments);
  gate->add_flag("--dry-run", arguments->is_dry, "keep no result");
  eval::GateLimits& limits = arguments->limits;
  gate->add_option("--max-off-domain", limits.off_domain, "perplexity on other domains");
  gate->add_option("--max-others", limits.others, "perplexity on other personas");
  gate->callback([&options, &status, arguments] {
    status = finish(evaluate(options, *arguments), options.json);
  });
  auto* compared = command.add_subcommand("diff", "two versions: figures by slice, and answers");
  compared->add_option("persona", arguments->persona)->required();
  compared->add_option("first", arguments->version)->required()->check(CLI::PositiveNumber);
  compared->add_option("second", arguments->second)->required()->check(CLI::PositiveNumber);
  add_data_options(*compared, *arguments);
  compared->callback(
      [&options, &status, arguments] { status = finish(diff(options, *arguments), options.json); });
}

}  // namespace kith::cli
