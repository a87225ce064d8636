// kith train router|encoder: what Kith trains without gradients of libtorch; timeline stands in
// train_timeline_command.cc.
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "kith/base/clock.h"
#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/persona/teacher_vectors.h"
#include "kith/persona/text_classifier.h"
#include "kith/persona/word_encoder.h"
#include "kith/runtime/sentence_features.h"
#include "kith/storage/record_reader.h"

namespace kith::cli {
namespace {

namespace fs = std::filesystem;

struct TrainArguments {
  std::string texts;
  std::string out;
  std::string encoder;
  std::string teacher;
  std::string vectors;
  std::string provenance;
  persona::TrainOptions router;
  persona::EncoderTraining word;
};

std::function<void(double)> progress_line(const char* what) {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [what](double share) {
    std::cerr << "\r" << what << " " << static_cast<int>(100.0 * share) << " % " << std::flush;
    if (share >= 1.0) std::cerr << "\r                      \r";
  };
}

// {"text": .., "label": ..} a line. Bad lines are reported, and none of the good ones is lost.
Result<std::vector<persona::LabelledText>> read_texts(const fs::path& file, bool has_labels) {
  std::vector<persona::LabelledText> texts;
  const auto take = [&](const base::Json& row) -> Result<storage::WriteOutcome> {
    KITH_ASSIGN_OR_RETURN(auto text, base::read_string(row, "text"));
    if (!text) return Error{ErrorCode::kInvalidArgument, "text is missing"};
    KITH_ASSIGN_OR_RETURN(auto label, base::read_string(row, "label"));
    texts.push_back({*std::move(text), has_labels ? label.value_or("") : ""});
    return storage::WriteOutcome::kAdded;
  };
  KITH_ASSIGN_OR_RETURN(const auto report, storage::import_records(file, {}, take));
  for (const auto& bad : report.bad_lines) {
    std::cerr << bad.file << ":" << bad.line << ": " << bad.reason << "\n";
  }
  if (report.num_failed > 0) {
    return Error{ErrorCode::kInvalidArgument, std::to_string(report.num_failed) + " lines of " +
                                                  file.string() + " are bad; nothing was trained"};
  }
  return texts;
}

Status train_router(const GlobalOptions& options, TrainArguments arguments) {
  KITH_ASSIGN_OR_RETURN(const auto texts, read_texts(arguments.texts, true));
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(auto encoder, runtime::load_text_encoder(arguments.encoder, clock));
  arguments.router.progress = progress_line("training");
  KITH_ASSIGN_OR_RETURN(const auto classifier, persona::TextClassifier::train(
                                                   texts, std::move(encoder), arguments.router));
  KITH_RETURN_IF_ERROR(classifier.save(arguments.out));
  base::OrderedJson row{{"out", arguments.out},
                        {"version", classifier.version()},
                        {"labels", classifier.labels().size()},
                        {"texts", texts.size()},
                        {"temperature", classifier.scale().temperature},
                        {"threshold", classifier.threshold()},
                        {"metrics", classifier.metrics()}};
  options.json ? print_json(row) : print_rows(base::OrderedJson::array({row}));
  return {};
}

Status train_encoder(const GlobalOptions& options, TrainArguments arguments) {
  KITH_ASSIGN_OR_RETURN(const auto rows, read_texts(arguments.texts, false));
  std::vector<std::string> texts;
  for (const auto& row : rows) texts.push_back(row.text);
  const base::SystemClock clock;
  KITH_ASSIGN_OR_RETURN(const auto teacher, runtime::load_text_encoder(arguments.teacher, clock));
  const std::size_t width = teacher->dimensions();
  KITH_ASSIGN_OR_RETURN(const auto vectors,
                        persona::teacher_vectors(texts, *teacher, arguments.vectors,
                                                 progress_line("asking the teacher")));
  arguments.word.progress = progress_line("training");
  if (!arguments.provenance.empty()) {
    KITH_ASSIGN_OR_RETURN(arguments.word.provenance, base::read_file(arguments.provenance));
  }
  KITH_ASSIGN_OR_RETURN(const auto encoder,
                        persona::WordEncoder::train(texts, vectors, width, arguments.word));
  KITH_RETURN_IF_ERROR(encoder->save(arguments.out));
  if (options.json) {
    KITH_ASSIGN_OR_RETURN(const auto card, base::parse_ordered_json(encoder->card()));
    print_json(card);
  } else {
    std::cout << encoder->card();
  }
  return {};
}

}  // namespace

void add_train_commands(CLI::App& app, GlobalOptions& options, int& status) {
  auto* command = app.add_subcommand("train", "train models and adapters (kith-train)");
  command->require_subcommand(1);
  add_train_routing(*command, options, status);
  add_train_timeline(*command, options, status);
  const auto arguments = std::make_shared<TrainArguments>();
  auto* router = command->add_subcommand("router", "a prompt classifier, with its calibration");
  router
      ->add_option("--texts", arguments->texts,
                   "JSON Lines or CSV: text, label (empty or absent: out of scope)")
      ->required();
  router->add_option("--out", arguments->out, "directory to write")->required();
  router->add_option("--encoder", arguments->encoder,
                     "text encoder: a word encoder's directory or a sentence-transformers one "
                     "(default: built in)");
  router->add_option("--seed", arguments->router.seed, "seed (default: 1)");
  router->add_option("--epochs", arguments->router.epochs, "passes (default: by the texts)");
  router->add_option("--hidden", arguments->router.hidden, "hidden units");
  router->add_option("--members", arguments->router.members, "models that are averaged");
  router->callback([&options, &status, arguments] {
    status = finish(train_router(options, *arguments), options.json);
  });
  auto* encoder = command->add_subcommand("encoder", "a word encoder, from a sentence encoder");
  encoder->add_option("--texts", arguments->texts, "JSON Lines or CSV: text")->required();
  encoder->add_option("--teacher", arguments->teacher, "sentence-transformers directory")
      ->required();
  encoder->add_option("--out", arguments->out, "directory to write")->required();
  encoder->add_option("--vectors", arguments->vectors,
                      "file that keeps the teacher's vectors, so that a killed run goes on");
  encoder->add_option("--provenance", arguments->provenance,
                      "JSON file whose members go into the card");
  encoder->add_option("--features", arguments->word.features, "n-grams in the table");
  encoder->add_option("--hidden", arguments->word.hidden, "hidden units");
  encoder->add_option("--epochs", arguments->word.epochs, "passes");
  encoder->add_option("--learning-rate", arguments->word.learning_rate, "of Adam");
  encoder->add_option("--seed", arguments->word.seed, "seed (default: 1)");
  encoder->callback([&options, &status, arguments] {
    status = finish(train_encoder(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
