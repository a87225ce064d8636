#include "kith/eval/patient_data.h"

#include <algorithm>

#include "kith/base/json.h"
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

std::size_t session_index(const Patient& patient, const std::string& id) {
  const auto is_named = [&](const auto& session) { return session.id == id; };
  const auto found = std::find_if(patient.sessions.begin(), patient.sessions.end(), is_named);
  return static_cast<std::size_t>(found - patient.sessions.begin());
}

// Errors: kInvalidArgument for a turn that the patient's conversations do not have.
Result<std::vector<PatientTurn>> read_evidence(const base::Json& line, const Patient& patient) {
  std::vector<PatientTurn> evidence;
  for (const auto& place : line.value("evidence", base::Json::array())) {
    const std::size_t session = session_index(patient, text_of(place, "session"));
    // Counted from 1 in the file.
    KITH_ASSIGN_OR_RETURN(const auto turn, base::read_integer(place, "turn"));
    if (session == patient.sessions.size() || !turn || *turn < 1 ||
        static_cast<std::size_t>(*turn) > patient.sessions[session].turns.size()) {
      return Error{ErrorCode::kInvalidArgument, "evidence names no turn"};
    }
    evidence.push_back({session, static_cast<std::size_t>(*turn) - 1});
  }
  return evidence;
}

// Errors: kInvalidArgument for an unknown patient, session or turn, or without distractors.
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
  question.session = session_index(patient->second, text_of(line, "session"));
  if (question.session == patient->second.sessions.size()) {
    return Error{ErrorCode::kInvalidArgument, "question " + question.id + " has no session"};
  }
  auto evidence = read_evidence(line, patient->second);
  if (!evidence) return Error(evidence.error()).with_context("question " + question.id);
  question.evidence = *std::move(evidence);
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

}  // namespace

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

}  // namespace kith::eval
