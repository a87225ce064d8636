// kith persona share
#include <cstdio>
#include <iostream>

#include "kith/cli/persona_version_commands.h"
#include "kith/cli/progress_bar.h"
#include "kith/cli/version_bench.h"
#include "kith/eval/update_share.h"
#include "kith/runtime/resources.h"
#include "kith/tuning/scaled_adapter.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;
using base::OrderedJson;

struct ShareArguments {
  std::string persona;
  std::string adapter;
  std::vector<std::string> choice;
  std::string target;
};

OrderedJson to_json(const eval::Figure& change) {
  return {{"value", change.value}, {"low", change.low}, {"high", change.high}};
}

OrderedJson to_json(const eval::UpdateShare& chosen) {
  OrderedJson tried = OrderedJson::array();
  for (const eval::TriedShare& one : chosen.tried) {
    OrderedJson row{{"share", one.share}};
    if (!one.too_much_for.empty()) {
      row["too_much_for"] = one.too_much_for;
      row["change"] = to_json(one.change);
    }
    tried.push_back(std::move(row));
  }
  return {{"share", chosen.share},
          {"tried", std::move(tried)},
          {"own_whole", to_json(chosen.own_whole)},
          {"own", to_json(chosen.own)}};
}

void print_share(const eval::UpdateShare& chosen) {
  for (const eval::TriedShare& one : chosen.tried) {
    std::printf("%6.4f  ", one.share);
    if (one.too_much_for.empty()) {
      std::printf("tells nobody worse\n");
    } else {
      std::printf("too much for %s: %+.2f %% [%+.2f, %+.2f]\n", one.too_much_for.c_str(),
                  100.0 * one.change.value, 100.0 * one.change.low, 100.0 * one.change.high);
    }
  }
  std::printf("own users: %+.2f %% at the whole update, %+.2f %% at %.4f of it\n",
              100.0 * chosen.own_whole.value, 100.0 * chosen.own.value, chosen.share);
}

Status choose(const GlobalOptions& options, const ShareArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  eval::GateData data;
  KITH_RETURN_IF_ERROR(eval::read_gate_data(runtime::gate_directory() / "choice", data));
  for (const std::string& directory : arguments.choice) {
    KITH_RETURN_IF_ERROR(eval::read_gate_data(directory, data));
  }
  KITH_ASSIGN_OR_RETURN(VersionBench bench, VersionBench::open(config));
  const eval::GateAdapters adapters{.candidate = AdapterId("measured"),
                                    .current = bench.own(AdapterId(arguments.persona))};
  KITH_RETURN_IF_ERROR(bench.load(adapters.candidate, arguments.adapter));
  KITH_ASSIGN_OR_RETURN(
      const eval::UpdateShare chosen,
      eval::choose_update_share(data, adapters, bench.generator(), {}, progress_bar()));
  if (options.json) {
    print_json(to_json(chosen));
  } else {
    print_share(chosen);
  }
  if (chosen.share == 0.0) {
    return Error{ErrorCode::kConflict, "however little of the update is too much"};
  }
  if (arguments.target.empty()) return {};
  return tuning::write_scaled_adapter(arguments.adapter, chosen.share, arguments.target);
}

}  // namespace

void add_persona_share_command(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<ShareArguments>();
  auto* sub = command.add_subcommand(
      "share", "how much of an adapter's update may stay, as kith persona train chooses it");
  sub->add_option("persona", arguments->persona, "whose users it is for")->required();
  sub->add_option("adapter", arguments->adapter, "PEFT directory")->required();
  sub->add_option(
      "--choice", arguments->choice,
      "directories with own.jsonl and others/PERSONA.jsonl, which the gate never reads");
  sub->add_option("--write", arguments->target, "write the adapter with that share here");
  sub->callback([&options, &status, arguments] {
    status = finish(choose(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
