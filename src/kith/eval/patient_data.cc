#include "kith/eval/patient_data.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kith/base/json.h"
#include "kith/memory/terms.h"
#include "kith/storage/record_files.h"

namespace kith::eval {
namespace {

std::string text_of(const base::Json& record, const char* key) {
  const auto text = base::read_string(record, key);
  return text && *text ? **text : std::string();
}

Patient read_patient(const base::Json& line) {
  Patient patient{text_of(line, "id"), text_of(line, "split") == "test", {}};
  for (const auto& session : line.value("sessions", base::Json::array())) {
    PatientSession read{text_of(session, "id"), text_of(session, "date"), {}};
    for (const auto& turn : session.value("turns", base::Json::array())) {
      read.turns.push_back({text_of(turn, "role"), text_of(turn, "text"), {}});
    }
    patient.sessions.push_back(std::move(read));
  }
  return patient;
}

// Errors: kInvalidArgument for an unknown patient or session, or without distractors.
Result<PatientQuestion> read_question(const base::Json& line, const PatientData& data) {
  PatientQuestion question;
  question.id = text_of(line, "id");
  question.patient = text_of(line, "patient");
  question.is_test = text_of(line, "split") == "test";
  question.memory = text_of(line, "memory");
  question.question = text_of(line, "question");
  const auto patient = data.patients.find(question.patient);
  if (patient == data.patients.end()) {
    return Error{ErrorCode::kInvalidArgument, "question " + question.id + " has no patient"};
  }
  const auto& sessions = patient->second.sessions;
  const auto session = std::find_if(sessions.begin(), sessions.end(), [&](const auto& candidate) {
    return candidate.id == text_of(line, "session");
  });
  if (session == sessions.end()) {
    return Error{ErrorCode::kInvalidArgument, "question " + question.id + " has no session"};
  }
  question.session = static_cast<std::size_t>(session - sessions.begin());
  question.options = {text_of(line, "answer")};
  for (const auto& distractor : line.value("distractors", base::Json::array())) {
    if (distractor.is_string()) question.options.push_back(distractor.get<std::string>());
  }
  if (question.options.front().empty() || question.options.size() < 2) {
    return Error{ErrorCode::kInvalidArgument,
                 "question " + question.id + " needs an answer and distractors"};
  }
  return question;
}

struct Statement {
  std::size_t session = 0;
  std::string text;
  std::vector<std::string> terms;
  double score = 0.0;
  bool is_recent = false;  // one of the last of its session
};

std::vector<Statement> statements_until(const Patient& patient, std::size_t last_session) {
  constexpr std::size_t kRecent = 2;
  std::vector<Statement> statements;
  for (std::size_t s = 0; s <= last_session; ++s) {
    const std::size_t first = statements.size();
    for (const auto& turn : patient.sessions[s].turns) {
      if (turn.role != "user") continue;
      statements.push_back({s, turn.content, memory::to_terms(turn.content)});
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

Result<PatientData> load_patients(const std::filesystem::path& example) {
  PatientData data;
  KITH_RETURN_IF_ERROR(
      storage::read_records(example / "patients.jsonl", [&](const base::Json& line) {
        Patient patient = read_patient(line);
        data.patients[patient.id] = std::move(patient);
      }));
  Status questions;
  KITH_RETURN_IF_ERROR(
      storage::read_records(example / "questions.jsonl", [&](const base::Json& line) {
        auto question = read_question(line, data);
        if (question) {
          data.questions.push_back(std::move(*question));
        } else if (questions) {
          questions = question.error();
        }
      }));
  KITH_RETURN_IF_ERROR(questions);
  return data;
}

std::vector<std::string> recall_statements(const Patient& patient, const PatientQuestion& question,
                                           MemoryUse use) {
  constexpr std::size_t kMost = 3;
  if (use == MemoryUse::kNone) return {};
  auto statements = statements_until(patient, question.session);
  score_bm25(statements, memory::to_query_terms(question.question));
  const auto is_short = [&](const Statement& s) { return s.session == question.session; };
  const auto is_wanted = [&](const Statement& s) {
    if (use == MemoryUse::kBoth) return true;
    return is_short(s) == (use == MemoryUse::kShort);
  };
  // Of two statements that fit as well the later one counts: facts change.
  std::vector<std::size_t> order;
  for (std::size_t i = statements.size(); i-- > 0;) {
    if (is_wanted(statements[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return statements[a].score > statements[b].score;
  });
  std::set<std::size_t> chosen;
  for (const std::size_t i : order) {
    if (is_short(statements[i]) && statements[i].is_recent) chosen.insert(i);
  }
  std::size_t found = 0;
  for (const std::size_t i : order) {
    if (found == kMost || statements[i].score <= 0.0) break;
    chosen.insert(i);
    ++found;
  }
  std::vector<std::string> lines;
  for (const std::size_t i : chosen) {
    lines.push_back(patient.sessions[statements[i].session].date + ": " + statements[i].text);
  }
  return lines;
}

std::vector<personalize::Message> patient_prompt(const Patient& patient,
                                                 const PatientQuestion& question, MemoryUse use) {
  std::vector<personalize::Message> messages;
  std::string about;
  for (const auto& line : recall_statements(patient, question, use)) about += "\n" + line;
  if (!about.empty()) messages.push_back({"system", "## About the user" + about, {}});
  messages.push_back({"user", question.question, {}});
  return messages;
}

}  // namespace kith::eval
