// The medical example: invented patients who come back over several sessions, and questions whose
// answers stand in the session that is going on, in earlier ones, in both or in none. It shows a
// method and gives no advice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/personalize/ports.h"

namespace kith::eval {

struct PatientSession {
  std::string id;
  std::string date;  // ISO 8601
  std::vector<personalize::Message> turns;
};

struct Patient {
  std::string id;
  bool is_test = false;
  std::vector<PatientSession> sessions;  // in order of date
};

struct PatientQuestion {
  std::string id;
  std::string patient;
  bool is_test = false;
  std::size_t session = 0;  // index of the session at whose end it is asked
  std::string memory;       // where the answer stands: "short", "long", "both", "none"
  std::string question;
  // The right one first.
  std::vector<std::string> options;
};

struct PatientData {
  std::map<std::string, Patient> patients;
  std::vector<PatientQuestion> questions;
};

// Reads patients.jsonl and questions.jsonl. Errors: kNotFound; kInvalidArgument naming what is
// wrong with which question.
Result<PatientData> load_patients(const std::filesystem::path& example);

// Which memory an answer may use: the session that is going on (short-term), those before it
// (long-term; Zhang et al. 2023, "LLM-based Medical Assistant Personalization with Short- and
// Long-Term Memory Coordination").
enum class MemoryUse : std::uint8_t { kNone, kShort, kLong, kBoth };

std::string_view to_string(MemoryUse use);

// The patient's own statements that say most about the question, by BM25 (Robertson and Zaragoza
// 2009) over his statements up to this session, in the order in which they were said. The two last
// of the session always belong to short-term memory. Lines "DATE: TEXT".
std::vector<std::string> recall_statements(const Patient& patient, const PatientQuestion& question,
                                           MemoryUse use);

// The chat that puts the question to a model: what is remembered stands in the system message.
std::vector<personalize::Message> patient_prompt(const Patient& patient,
                                                 const PatientQuestion& question, MemoryUse use);

}  // namespace kith::eval
