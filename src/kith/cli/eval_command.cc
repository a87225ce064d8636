// kith eval assignment|bridges|discovery|personas|facts|preferences|answers|voices|essays|patients|
// router|routing|timeline
#include <iostream>

#include "kith/cli/command.h"
#include "kith/cli/print_report.h"
#include "kith/cli/progress_bar.h"
#include "kith/eval/desk_users.h"
#include "kith/eval/discovery_suite.h"
#include "kith/eval/router_suite.h"
#include "kith/eval/routing_suite.h"
#include "kith/eval/suites.h"
#include "kith/runtime/application.h"
#include "kith/runtime/resources.h"
#include "kith/runtime/router.h"
#include "kith/runtime/sentence_features.h"

namespace kith::cli {
namespace {

struct EvalArguments {
  std::string example;
  std::size_t samples = 0;
  // Directories of adapters: in place of the configuration's, and as they were before tuning.
  std::string adapters;
  std::string before;
  // "test", or "tune": users to choose settings on.
  std::string part = "test";
  std::string write_training;
  // The part on which choices are made, in place of the one that is reported on.
  bool tuning = false;
};

// The router that is configured, or the one that ships for the example.
Result<eval::Report> evaluate_routing(const eval::DeskData& data,
                                      const std::filesystem::path& example,
                                      const runtime::Config& config,
                                      personalize::Generator& generator) {
  runtime::Config chosen = config;
  if (chosen.router.dir.empty()) {
    chosen.router.dir = runtime::service_desk_router_directory().string();
  }
  chosen.router.enabled = true;
  KITH_ASSIGN_OR_RETURN(const auto router, runtime::load_router(chosen, chosen.data.dir));
  KITH_ASSIGN_OR_RETURN(const auto routing, eval::load_desk_routing(example));
  return eval::evaluate_routing(routing, data, *router, &generator, progress_bar());
}

Result<eval::Report> run_suite(const std::string& suite, const eval::DeskData& data,
                               const std::filesystem::path& example, const runtime::Config& config,
                               personalize::Generator& generator, std::size_t samples) {
  if (suite == "routing") return evaluate_routing(data, example, config, generator);
  if (suite == "personas") return eval::evaluate_personas(data, generator, progress_bar());
  if (suite == "facts") return eval::evaluate_facts(data, generator, progress_bar());
  if (suite == "answers") {
    return eval::evaluate_answers(data, generator, {.num_samples = samples}, progress_bar());
  }
  KITH_ASSIGN_OR_RETURN(const auto catalogue,
                        persona::PersonaCatalogue::load(example / "personas.toml"));
  return eval::evaluate_voices(data, catalogue, generator, {.num_samples = samples},
                               progress_bar());
}

// On the tuning part the held-out users' conversations are left alone too.
Result<eval::Report> run_preferences(eval::DeskData data, const std::filesystem::path& example,
                                     runtime::Config config, personalize::Generator& generator,
                                     const EvalArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(auto pairs,
                        eval::load_preference_pairs(example / "preferences" / "pairs.jsonl"));
  if (arguments.part == "tune") {
    pairs = eval::tuning_part(pairs);
    data.conversations.clear();
  }
  std::unique_ptr<personalize::Generator> untuned;
  const base::SystemClock clock;
  if (!arguments.before.empty()) {
    config.model.adapters = arguments.before;
    KITH_ASSIGN_OR_RETURN(untuned, runtime::make_generator(config, clock));
  }
  return eval::evaluate_preferences(data, pairs, generator, untuned.get(), progress_bar());
}

Status evaluate(const GlobalOptions& options, const EvalArguments& arguments,
                const std::string& suite) {
  KITH_ASSIGN_OR_RETURN(runtime::Config config, load_config(options));
  if (!arguments.adapters.empty()) config.model.adapters = arguments.adapters;
  const std::filesystem::path example = arguments.example.empty()
                                            ? runtime::service_desk_directory()
                                            : std::filesystem::path(arguments.example);
  KITH_ASSIGN_OR_RETURN(const eval::DeskData data, eval::load_desk(example));
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto generator, runtime::make_generator(config, clock));
  KITH_ASSIGN_OR_RETURN(
      const eval::Report report,
      suite == "preferences"
          ? run_preferences(data, example, config, *generator, arguments)
          : run_suite(suite, data, example, config, *generator, arguments.samples));
  print_report(report, options);
  return {};
}

Status evaluate_essays(const GlobalOptions& options, const EvalArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(runtime::Config config, load_config(options));
  if (!arguments.adapters.empty()) config.model.adapters = arguments.adapters;
  const std::filesystem::path example = arguments.example.empty()
                                            ? runtime::education_directory()
                                            : std::filesystem::path(arguments.example);
  KITH_ASSIGN_OR_RETURN(const auto essays, eval::load_essays(example));
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto generator, runtime::make_generator(config, clock));
  KITH_ASSIGN_OR_RETURN(const eval::Report report,
                        eval::evaluate_essays(essays, *generator, progress_bar()));
  print_report(report, options);
  return {};
}

Status evaluate_patients(const GlobalOptions& options, const EvalArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(runtime::Config config, load_config(options));
  if (!arguments.adapters.empty()) config.model.adapters = arguments.adapters;
  const std::filesystem::path example = arguments.example.empty()
                                            ? runtime::medical_directory()
                                            : std::filesystem::path(arguments.example);
  KITH_ASSIGN_OR_RETURN(const eval::PatientData data, eval::load_patients(example));
  if (!arguments.write_training.empty()) {
    return eval::write_patient_training(data, arguments.write_training);
  }
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto generator, runtime::make_generator(config, clock));
  KITH_ASSIGN_OR_RETURN(
      const eval::Report report,
      eval::evaluate_patients(
          data, *generator, arguments.tuning ? eval::PatientPart::kTrain : eval::PatientPart::kTest,
          progress_bar()));
  print_report(report, options);
  return {};
}

struct RouterArguments {
  std::string data;
  std::string test;
  std::string encoder;
  std::uint64_t seed = 1;
};

Status evaluate_router(const GlobalOptions& options, const RouterArguments& arguments) {
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(auto encoder, runtime::load_text_encoder(arguments.encoder, clock));
  eval::RouterOptions suite{.data = arguments.data, .training = {.seed = arguments.seed}};
  if (!arguments.test.empty()) suite.test = arguments.test;
  KITH_ASSIGN_OR_RETURN(const eval::Report report,
                        eval::evaluate_router(suite, std::move(encoder), progress_bar()));
  print_report(report, options);
  return {};
}

void add_router_suite(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<RouterArguments>();
  auto* sub = command.add_subcommand("router", "the prompt classifier, on public data");
  sub->add_option("--data", arguments->data,
                  "directory with it-tickets-endava, clinc150, hwu64, or some of them")
      ->required();
  sub->add_option("--test", arguments->test,
                  "the same with other texts: --data trains and tunes, this is reported on");
  sub->add_option("--encoder", arguments->encoder, "text encoder: a directory (default: built in)");
  sub->add_option("--seed", arguments->seed, "seed of the training (default: 1)");
  sub->callback([&options, &status, arguments] {
    status = finish(evaluate_router(options, *arguments), options.json);
  });
}

struct DiscoveryArguments {
  std::string example;
  std::string encoder;
  persona::DiscoveryOptions options;
};

Status evaluate_discovery(const GlobalOptions& options, const DiscoveryArguments& arguments) {
  const std::filesystem::path example = arguments.example.empty()
                                            ? runtime::service_desk_directory()
                                            : std::filesystem::path(arguments.example);
  KITH_ASSIGN_OR_RETURN(const auto users, eval::load_desk_users(example));
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto encoder, runtime::load_text_encoder(arguments.encoder, clock));
  KITH_ASSIGN_OR_RETURN(
      const eval::Report report,
      eval::evaluate_discovery(users, encoder.get(), arguments.options, progress_bar()));
  print_report(report, options);
  return {};
}

void add_discovery_suite(CLI::App& command, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<DiscoveryArguments>();
  auto* sub = command.add_subcommand("discovery", "are hidden personas found?");
  sub->add_option("--example", arguments->example, "directory of the service-desk example");
  sub->add_option("--encoder", arguments->encoder, "text encoder: a directory (default: built in)");
  sub->add_option("--seed", arguments->options.mixture.seed, "seed of the starts (default: 1)");
  sub->callback([&options, &status, arguments] {
    status = finish(evaluate_discovery(options, *arguments), options.json);
  });
}

}  // namespace

void add_eval_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("eval", "measure whether personalization helps");
  command->require_subcommand(1);
  const auto arguments = std::make_shared<EvalArguments>();
  for (const std::string suite :
       {"personas", "facts", "preferences", "answers", "voices", "routing"}) {
    auto* sub = command->add_subcommand(suite);
    sub->add_option("--example", arguments->example, "directory of the service-desk example");
    sub->add_option("--samples", arguments->samples, "answers to print");
    sub->add_option("--adapters", arguments->adapters, "directory of adapters to evaluate");
    if (suite == "preferences") {
      sub->add_option("--before", arguments->before,
                      "directory of the adapters as they were before tuning");
      sub->add_option("--part", arguments->part,
                      "whose pairs are asked: test, or tune to choose settings")
          ->check(CLI::IsMember({"test", "tune"}));
    }
    sub->callback([&options, &status, arguments, suite] {
      status = finish(evaluate(options, *arguments, suite), options.json);
    });
  }
  auto* essays = command->add_subcommand("essays", "agreement with the marker of essays");
  essays->add_option("--example", arguments->example, "directory of the education example");
  essays->add_option("--adapters", arguments->adapters, "directory with the adapter \"essays\"");
  essays->callback([&options, &status, arguments] {
    status = finish(evaluate_essays(options, *arguments), options.json);
  });
  auto* patients = command->add_subcommand("patients", "what short- and long-term memory add");
  patients->add_option("--example", arguments->example, "directory of the medical example");
  patients->add_option("--write-training", arguments->write_training,
                       "write the training patients' chats to this file instead");
  patients->add_option("--adapters", arguments->adapters, "directory with the adapter \"medical\"");
  patients->add_flag("--tuning", arguments->tuning,
                     "ask the training patients' questions: for choices, not for reporting");
  patients->callback([&options, &status, arguments] {
    status = finish(evaluate_patients(options, *arguments), options.json);
  });
  add_router_suite(*command, options, status);
  add_discovery_suite(*command, options, status);
  add_assignment_suite(*command, options, status);
  add_bridge_suite(*command, options, status);
  add_timeline_suite(*command, options, status);
}

}  // namespace kith::cli
