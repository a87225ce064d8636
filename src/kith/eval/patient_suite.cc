#include <algorithm>
#include <array>
#include <fstream>

#include "kith/base/json.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

constexpr std::array kUses{MemoryUse::kNone, MemoryUse::kShort, MemoryUse::kLong, MemoryUse::kBoth};

// Whether the right option is the likeliest.
Result<bool> answers_right(const PatientData& data, const PatientQuestion& question, MemoryUse use,
                           personalize::Generator& generator, const AdapterId& adapter) {
  KITH_ASSIGN_OR_RETURN(const auto scores,
                        generator.score({.messages = patient_prompt(
                                             data.patients.at(question.patient), question, use),
                                         .adapters = personalize::only_adapter(adapter),
                                         .soft_prompt = nullptr,
                                         .tenant = {},
                                         .continuations = question.options}));
  return std::max_element(scores.begin(), scores.end()) == scores.begin();
}

// The questions of one patient under one model: [use] right ones, by where the answer stands.
struct PatientScore {
  double asked = 0.0;
  std::array<double, kUses.size()> right{};
  // Of the questions that need a memory: asked, and right with both memories.
  double needing = 0.0;
  std::array<double, kUses.size()> needing_right{};
};

Result<std::vector<PatientScore>> score_patients(const PatientData& data,
                                                 personalize::Generator& generator,
                                                 const AdapterId& adapter,
                                                 const std::function<void()>& step) {
  std::map<std::string, PatientScore> scores;
  for (const auto& question : data.questions) {
    if (!question.is_test) continue;
    PatientScore& score = scores[question.patient];
    score.asked += 1.0;
    const bool needs = question.memory != "none";
    score.needing += needs ? 1.0 : 0.0;
    for (std::size_t use = 0; use < kUses.size(); ++use) {
      KITH_ASSIGN_OR_RETURN(const bool right,
                            answers_right(data, question, kUses[use], generator, adapter));
      score.right[use] += right ? 1.0 : 0.0;
      score.needing_right[use] += right && needs ? 1.0 : 0.0;
    }
    step();
  }
  std::vector<PatientScore> list;
  for (const auto& [patient, score] : scores) list.push_back(score);
  return list;
}

Figure accuracy(const std::vector<PatientScore>& patients, std::size_t use, bool only_needing) {
  return bootstrap(patients.size(), [&](const std::vector<std::size_t>& units) {
    double right = 0.0;
    double asked = 0.0;
    for (const std::size_t unit : units) {
      right += only_needing ? patients[unit].needing_right[use] : patients[unit].right[use];
      asked += only_needing ? patients[unit].needing : patients[unit].asked;
    }
    return asked > 0.0 ? right / asked : 0.0;
  });
}

}  // namespace

Result<Report> evaluate_patients(const PatientData& data, personalize::Generator& generator,
                                 const Progress& progress) {
  const auto names = generator.adapter_names();
  const AdapterId tuned(kMedicalAdapter);
  std::vector<std::pair<std::string, AdapterId>> models{{"base", AdapterId()}};
  if (std::find(names.begin(), names.end(), tuned) != names.end()) {
    models.emplace_back("tuned", tuned);
  }
  const auto num_test = std::count_if(data.questions.begin(), data.questions.end(),
                                      [](const auto& question) { return question.is_test; });
  if (num_test == 0) return Error{ErrorCode::kNotFound, "the example has no test questions"};
  const double steps = static_cast<double>(num_test) * static_cast<double>(models.size());
  double done = 0.0;
  Report report{.suite = "patients"};
  for (const auto& [name, adapter] : models) {
    KITH_ASSIGN_OR_RETURN(const auto patients, score_patients(data, generator, adapter, [&] {
                            if (progress) progress(++done / steps);
                          }));
    for (std::size_t use = 0; use < kUses.size(); ++use) {
      const std::string figure = name + "_" + std::string(to_string(kUses[use]));
      report.figures[figure] = accuracy(patients, use, /*only_needing=*/false);
      report.figures[figure].baselines["chance"] = 0.25;
      report.figures[figure + "_needing"] = accuracy(patients, use, /*only_needing=*/true);
    }
  }
  report.notes = {"This shows a method on invented patients; it gives no advice."};
  return report;
}

Status write_patient_training(const PatientData& data, const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  for (const auto& question : data.questions) {
    if (question.is_test) continue;
    const Patient& patient = data.patients.at(question.patient);
    for (const MemoryUse use : kUses) {
      // Without the memory that holds the answer there is nothing to learn but a guess.
      if (use != MemoryUse::kBoth && question.memory != "none" &&
          question.memory != to_string(use)) {
        continue;
      }
      base::OrderedJson messages = base::OrderedJson::array();
      for (const auto& message : patient_prompt(patient, question, use)) {
        messages.push_back({{"role", message.role}, {"content", message.content}});
      }
      messages.push_back({{"role", "assistant"}, {"content", question.options.front()}});
      out << base::dump_json(base::OrderedJson{{"messages", messages}}) << "\n";
    }
  }
  out.close();
  if (!out) return Error{ErrorCode::kUnavailable, "cannot write " + file.string()};
  return {};
}

}  // namespace kith::eval
