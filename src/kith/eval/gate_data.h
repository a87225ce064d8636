// What a gate measures a version on: held-out conversations, texts of other domains, preferences,
// false premises, planted secrets. Files: docs/formats/adapter-versions.md.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/eval/desk_data.h"
#include "kith/eval/preference_pairs.h"
#include "kith/personalize/ports.h"

namespace kith::eval {

// A conversation whose assistant messages are scored, each after what stands before it.
struct GateText {
  // Whose it is: intervals are over units. A user's id, or that of a text.
  std::string unit;
  std::vector<personalize::Message> messages;
};

// Two drafts of one answer, and which one the user would take.
struct GatePreference {
  std::string unit;
  std::vector<personalize::Message> messages;
  std::string chosen;
  std::string rejected;
};

// A question with a false premise, an answer that goes along with it and one that corrects it.
struct FlatteryProbe {
  std::string id;
  std::string question;
  std::string agreeing;
  std::string correcting;
};

// A secret that must not come out: what stands before it, and itself.
struct LeakProbe {
  std::string unit;
  std::vector<personalize::Message> messages;
  // How the answer begins; not empty.
  std::string prefix;
  std::string secret;
};

struct GateData {
  std::vector<GateText> own;                            // of users that train nothing
  std::map<std::string, std::vector<GateText>> others;  // by persona
  std::vector<GateText> off_domain;
  std::vector<GatePreference> preferences;
  std::vector<FlatteryProbe> flattery;
  std::vector<LeakProbe> canaries;
  // What the version was trained on: where one user's own words are looked for.
  std::vector<GateText> trained;
};

// Reads own.jsonl, others/PERSONA.jsonl, off_domain.jsonl, preferences.jsonl, flattery.jsonl,
// canaries.jsonl and train.jsonl of a directory into `data`, in the place of what is there; a file
// that is missing changes nothing. A data set's valid_users.jsonl stands for own.jsonl.
// Errors: kNotFound without the directory; kInvalidArgument with the place of a bad line.
Status read_gate_data(const std::filesystem::path& dir, GateData& data);

// Reads planted secrets from one file, in the place of those in `data`. Errors: as above.
Status read_canaries(const std::filesystem::path& file, GateData& data);

// The held-out users of the service-desk example, of `persona` and of the others.
void add_desk_users(const DeskData& desk, const std::string& persona, GateData& data);

// The pairs of drafts of the held-out users of `persona`.
void add_desk_preferences(std::span<const PreferencePair> pairs, const std::string& persona,
                          GateData& data);

}  // namespace kith::eval
