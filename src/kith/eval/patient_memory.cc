#include "kith/eval/patient_memory.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kith/memory/terms.h"

namespace kith::eval {
namespace {

struct Statement {
  PatientTurn place;
  std::string_view text;
  std::vector<std::string> terms;
  double score = 0.0;
  bool is_recent = false;  // one of the last of its session
};

// Views into `patient`.
std::vector<Statement> statements_until(const Patient& patient, std::size_t last_session) {
  constexpr std::size_t kRecent = 2;
  std::vector<Statement> statements;
  for (std::size_t s = 0; s <= last_session; ++s) {
    const std::size_t first = statements.size();
    const auto& turns = patient.sessions[s].turns;
    for (std::size_t t = 0; t < turns.size(); ++t) {
      if (turns[t].role != "user") continue;
      statements.push_back({{s, t}, turns[t].content, memory::to_terms(turns[t].content)});
    }
    const std::size_t recent = std::min(kRecent, statements.size() - first);
    for (std::size_t i = 0; i < recent; ++i) statements[statements.size() - 1 - i].is_recent = true;
  }
  return statements;
}

void score_bm25(std::vector<Statement>& statements, const std::vector<std::string>& query) {
  constexpr double kSaturation = 1.2;
  constexpr double kLengthShare = 0.75;
  double mean_length = 0.0;
  for (const auto& statement : statements) {
    mean_length += static_cast<double>(statement.terms.size());
  }
  const auto count = static_cast<double>(statements.size());
  mean_length = std::max(mean_length / count, 1.0);
  for (const auto& term : query) {
    double holders = 0.0;
    for (const auto& statement : statements) {
      const auto& terms = statement.terms;
      holders += std::find(terms.begin(), terms.end(), term) != terms.end() ? 1.0 : 0.0;
    }
    const double rarity = std::log(1.0 + (count - holders + 0.5) / (holders + 0.5));
    for (auto& statement : statements) {
      const auto times =
          static_cast<double>(std::count(statement.terms.begin(), statement.terms.end(), term));
      const double length = static_cast<double>(statement.terms.size()) / mean_length;
      statement.score += rarity * times * (kSaturation + 1.0) /
                         (times + kSaturation * (1.0 - kLengthShare + kLengthShare * length));
    }
  }
}

// Indices of the statements to remember, in the order in which they were said.
//   wanted: statements of the memory in use, the latest first
std::set<std::size_t> choose(const std::vector<Statement>& statements,
                             std::vector<std::size_t> wanted, std::size_t session,
                             std::size_t most) {
  // Of two statements that fit as well the later one counts: facts change.
  std::stable_sort(wanted.begin(), wanted.end(), [&](std::size_t a, std::size_t b) {
    return statements[a].score > statements[b].score;
  });
  std::set<std::size_t> chosen;
  for (const std::size_t i : wanted) {
    if (statements[i].place.session == session && statements[i].is_recent) chosen.insert(i);
  }
  std::size_t found = 0;
  for (const std::size_t i : wanted) {
    if (found == most || statements[i].score <= 0.0) break;
    chosen.insert(i);
    ++found;
  }
  return chosen;
}

}  // namespace

std::string_view to_string(MemoryUse use) {
  switch (use) {
    case MemoryUse::kShort:
      return "short";
    case MemoryUse::kLong:
      return "long";
    case MemoryUse::kBoth:
      return "both";
    case MemoryUse::kNone:
      break;
  }
  return "none";
}

std::vector<RecalledStatement> recall_statements(const Patient& patient,
                                                 const PatientQuestion& question, MemoryUse use,
                                                 std::size_t most) {
  if (use == MemoryUse::kNone) return {};
  auto statements = statements_until(patient, question.session);
  score_bm25(statements, memory::to_query_terms(question.question));
  std::vector<std::size_t> wanted;
  for (std::size_t i = statements.size(); i-- > 0;) {
    const bool is_short = statements[i].place.session == question.session;
    if (use == MemoryUse::kBoth || is_short == (use == MemoryUse::kShort)) wanted.push_back(i);
  }
  std::vector<RecalledStatement> recalled;
  for (const std::size_t i : choose(statements, std::move(wanted), question.session, most)) {
    const PatientTurn place = statements[i].place;
    recalled.push_back({place, patient.sessions[place.session].date,
                        std::string(statements[i].text), statements[i].score});
  }
  return recalled;
}

std::vector<personalize::Message> patient_prompt(const std::vector<RecalledStatement>& recalled,
                                                 const PatientQuestion& question) {
  const personalize::Message asked{"user", question.question, {}};
  if (recalled.empty()) return {asked};
  std::string text = "You are a helpful assistant.\n\n## Documents";
  const RecalledStatement* best = &recalled.front();
  for (std::size_t i = 0; i < recalled.size(); ++i) {
    text += "\n[" + std::to_string(i + 1) + "] " + recalled[i].date + "\n" + recalled[i].text;
    // The later of two that say as much.
    if (recalled[i].score >= best->score) best = &recalled[i];
  }
  text += "\n\n## Evidence\n" + best->text;
  return {{"system", std::move(text), {}}, asked};
}

}  // namespace kith::eval
