#include <algorithm>
#include <array>
#include <fstream>
#include <iomanip>
#include <set>
#include <sstream>

#include "kith/base/json.h"
#include "kith/eval/patient_memory.h"
#include "kith/eval/suites.h"
#include "kith/memory/terms.h"

namespace kith::eval {
namespace {

constexpr std::array kUses{MemoryUse::kNone, MemoryUse::kShort, MemoryUse::kLong, MemoryUse::kBoth};
constexpr std::size_t kNumUses = kUses.size();

using Questions = std::vector<const PatientQuestion*>;

// What a question is worth under each use: 1 right, 0 wrong, or a share for a guess among equals.
using UseScores = std::array<double, kNumUses>;

struct QuestionScore {
  std::string patient;
  std::string memory;  // where the answer stands
  UseScores right{};
};

std::vector<RecalledStatement> recall(const PatientData& data, const PatientQuestion& question,
                                      MemoryUse use) {
  return recall_statements(data.patients.at(question.patient), question, use);
}

// Whether the right option is the likeliest a token.
Result<UseScores> score_by_model(const PatientData& data, const PatientQuestion& question,
                                 personalize::Generator& generator, const AdapterId& adapter) {
  UseScores right{};
  for (std::size_t use = 0; use < kNumUses; ++use) {
    const auto recalled = recall(data, question, kUses[use]);
    KITH_ASSIGN_OR_RETURN(const auto scores,
                          generator.score({.messages = patient_prompt(recalled, question),
                                           .adapters = personalize::only_adapter(adapter),
                                           .soft_prompt = nullptr,
                                           .tenant = {},
                                           .continuations = question.options}));
    right[use] = std::max_element(scores.begin(), scores.end()) == scores.begin() ? 1.0 : 0.0;
  }
  return right;
}

// A reader without a model takes the option of whose words the largest share is remembered.
UseScores score_by_overlap(const PatientData& data, const PatientQuestion& question) {
  UseScores right{};
  for (std::size_t use = 0; use < kNumUses; ++use) {
    std::set<std::string> remembered;
    for (const auto& statement : recall(data, question, kUses[use])) {
      for (auto& term : memory::to_terms(statement.text)) remembered.insert(std::move(term));
    }
    std::vector<double> shares;
    for (const auto& option : question.options) {
      const auto terms = memory::to_terms(option);
      const auto known = std::count_if(terms.begin(), terms.end(),
                                       [&](const auto& term) { return remembered.contains(term); });
      shares.push_back(static_cast<double>(known) /
                       std::max(1.0, static_cast<double>(terms.size())));
    }
    const double best = *std::max_element(shares.begin(), shares.end());
    const auto equals = std::count(shares.begin(), shares.end(), best);
    right[use] = shares.front() == best ? 1.0 / static_cast<double>(equals) : 0.0;
  }
  return right;
}

// Whether all turns that the answer needs stand in the prompt.
UseScores score_recall(const PatientData& data, const PatientQuestion& question) {
  UseScores found{};
  for (std::size_t use = 0; use < kNumUses; ++use) {
    const auto recalled = recall(data, question, kUses[use]);
    const bool all = std::all_of(
        question.evidence.begin(), question.evidence.end(), [&](const PatientTurn& turn) {
          return std::any_of(recalled.begin(), recalled.end(), [&](const auto& statement) {
            return statement.place.session == turn.session && statement.place.turn == turn.turn;
          });
        });
    found[use] = all ? 1.0 : 0.0;
  }
  return found;
}

// By means that cannot fail.
std::vector<QuestionScore> score_each(const Questions& questions, const PatientData& data,
                                      UseScores (*score)(const PatientData&,
                                                         const PatientQuestion&)) {
  std::vector<QuestionScore> scores;
  for (const auto* question : questions) {
    scores.push_back({question->patient, question->memory, score(data, *question)});
  }
  return scores;
}

// Sums over one patient's questions.
struct PatientSum {
  double asked = 0.0;
  UseScores right{};
};

// By patient; of `memory` only, or of all that a memory answers, or of all questions.
std::vector<PatientSum> sum_by_patient(const std::vector<QuestionScore>& scores,
                                       const std::function<bool(const std::string&)>& counts) {
  std::map<std::string, PatientSum> sums;
  for (const auto& score : scores) {
    PatientSum& sum = sums[score.patient];
    if (!counts(score.memory)) continue;
    sum.asked += 1.0;
    for (std::size_t use = 0; use < kNumUses; ++use) sum.right[use] += score.right[use];
  }
  std::vector<PatientSum> list;
  for (const auto& [patient, sum] : sums) list.push_back(sum);
  return list;
}

using Statistic = std::function<double(const UseScores& shares)>;

// Of the shares right by use, resampled by patient.
Figure resample(const std::vector<PatientSum>& patients, const Statistic& statistic) {
  return bootstrap(patients.size(), [&](const std::vector<std::size_t>& units) {
    double asked = 0.0;
    UseScores shares{};
    for (const std::size_t unit : units) {
      asked += patients[unit].asked;
      for (std::size_t u = 0; u < kNumUses; ++u) shares[u] += patients[unit].right[u];
    }
    for (double& share : shares) share /= std::max(asked, 1.0);
    return statistic(shares);
  });
}

bool counts_always(const std::string&) { return true; }
bool needs_memory(const std::string& memory) { return memory != "none"; }

// Shares right by memory in use (rows) and by where the answer stands (columns).
std::string table_by_kind(const std::string& model, const std::vector<QuestionScore>& scores) {
  std::ostringstream table;
  table << model << ": share right by memory in use and by where the answer stands\n  " << std::left
        << std::setw(8) << "in use";
  for (const MemoryUse kind : kUses) table << std::setw(8) << to_string(kind);
  table << std::fixed << std::setprecision(2);
  for (std::size_t use = 0; use < kNumUses; ++use) {
    table << "\n  " << std::setw(8) << to_string(kUses[use]);
    for (const MemoryUse kind : kUses) {
      double asked = 0.0;
      double right = 0.0;
      for (const auto& score : scores) {
        if (score.memory != to_string(kind)) continue;
        asked += 1.0;
        right += score.right[use];
      }
      table << std::setw(8) << right / std::max(asked, 1.0);
    }
  }
  return table.str();
}

void add_figures(Report& report, const std::string& model, const std::vector<QuestionScore>& scores,
                 const std::vector<PatientSum>& overlap) {
  const auto all = sum_by_patient(scores, counts_always);
  const auto needing = sum_by_patient(scores, needs_memory);
  for (std::size_t use = 0; use < kNumUses; ++use) {
    const auto share = [use](const UseScores& shares) { return shares[use]; };
    const std::string name = model + "_" + std::string(to_string(kUses[use]));
    report.figures[name] = resample(all, share);
    report.figures[name].baselines = {{"chance", 0.25},
                                      {"overlap", resample(overlap, share).value}};
    report.figures[name + "_needing"] = resample(needing, share);
    if (kUses[use] == MemoryUse::kBoth) continue;
    report.figures[model + "_gain_over_" + std::string(to_string(kUses[use]))] =
        resample(all, [use](const UseScores& shares) { return shares.back() - shares[use]; });
  }
  report.notes.push_back(table_by_kind(model, scores));
}

}  // namespace

Result<Report> evaluate_patients(const PatientData& data, personalize::Generator& generator,
                                 PatientPart part, const Progress& progress) {
  Questions questions;
  for (const auto& question : data.questions) {
    if (question.is_test == (part == PatientPart::kTest)) questions.push_back(&question);
  }
  if (questions.empty()) return Error{ErrorCode::kNotFound, "the example has no such questions"};
  std::vector<std::pair<std::string, AdapterId>> models{{"base", AdapterId()}};
  const auto names = generator.adapter_names();
  const AdapterId tuned(kMedicalAdapter);
  if (std::find(names.begin(), names.end(), tuned) != names.end()) {
    models.emplace_back("tuned", tuned);
  }
  Report report{.suite = "patients"};
  const auto overlap = score_each(questions, data, score_by_overlap);
  const auto recalled = score_each(questions, data, score_recall);
  report.figures["evidence_recalled"] =
      resample(sum_by_patient(recalled, needs_memory),
               [](const UseScores& shares) { return shares.back(); });
  report.notes.push_back(table_by_kind("evidence in the prompt", recalled));
  double done = 0.0;
  for (const auto& [model, adapter] : models) {
    std::vector<QuestionScore> scores;
    for (const auto* question : questions) {
      KITH_ASSIGN_OR_RETURN(const auto right, score_by_model(data, *question, generator, adapter));
      scores.push_back({question->patient, question->memory, right});
      if (progress) progress(++done / static_cast<double>(models.size() * questions.size()));
    }
    add_figures(report, model, scores, sum_by_patient(overlap, counts_always));
  }
  report.notes.push_back("This shows a method on invented patients; it gives no advice.");
  return report;
}

Status write_patient_training(const PatientData& data, const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  for (const auto& question : data.questions) {
    if (question.is_test) continue;
    for (const MemoryUse use : kUses) {
      // Without the memory that holds the answer there is nothing to learn but a guess.
      if (use != MemoryUse::kBoth && question.memory != "none" &&
          question.memory != to_string(use)) {
        continue;
      }
      base::OrderedJson messages = base::OrderedJson::array();
      for (const auto& message : patient_prompt(recall(data, question, use), question)) {
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
