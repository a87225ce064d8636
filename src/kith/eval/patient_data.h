// The medical example: invented patients who come back over several sessions, and questions whose
// answers stand in the session that is going on, in earlier ones, in both or in none. It shows a
// method and gives no advice.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
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

// A turn of a patient's conversations, by index.
struct PatientTurn {
  std::size_t session = 0;
  std::size_t turn = 0;
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
  // The turns that the answer needs.
  std::vector<PatientTurn> evidence;
};

struct PatientData {
  std::map<std::string, Patient> patients;
  std::vector<PatientQuestion> questions;
};

// Reads patients.jsonl and questions.jsonl. Errors: kNotFound; kInvalidArgument naming what is
// wrong with which question.
Result<PatientData> load_patients(const std::filesystem::path& example);

}  // namespace kith::eval
