// What the model of a persona is trained on: the conversations of its users, selected, cleaned and
// weighted, with the reason for everything that is left out.
//
// In this order: users who consent to learning and exist; conversations whose answers are worth
// learning; personal data replaced (text/pii.h); a part of the users, and of the others their
// latest conversations, kept for validation; duplicates removed, also those of validation rows;
// no fewer users than the k-anonymity floor; no user above the cap (user_cap.h).
// The same stores and options give the same bytes. ADR 18, docs/formats/training-data.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/persona/members.h"
#include "kith/persona/user_cap.h"
#include "kith/storage/store_set.h"
#include "kith/text/pii.h"

namespace kith::persona {

// Why something does not train. Of users: the first three; of conversations: the others.
enum class DropReason : std::uint8_t {
  kNoConsent,
  kUnknownUser,  // erased, or never there
  kHeldOut,      // belongs to a test part
  kEmpty,        // a question or an answer without text
  kNoAnswer,
  kForeignRole,     // turns of tools, say
  kDisliked,        // every answer was rated down
  kOwnUnrated,      // every answer is Kith's own and nobody praised it
  kTooLong,         // more tokens than a training window holds
  kDuplicate,       // equals an earlier row
  kNearDuplicate,   // nearly equals an earlier row
  kLikeValidation,  // equals or nearly equals a row that is kept for validation
};
inline constexpr std::size_t kNumDropReasons = 12;
std::string_view to_string(DropReason reason);
// A sentence for people.
std::string_view explain(DropReason reason);

enum class DataPart : std::uint8_t { kTrain, kValidUsers, kValidLatest };
inline constexpr std::size_t kNumDataParts = 3;
// "train", "valid_users", "valid_latest": also the names of the files.
std::string_view to_string(DataPart part);

struct TrainingMessage {
  std::string role;
  std::string content;
  // Whether an answer is learned; others are context.
  bool trains = false;
};

// One conversation.
struct TrainingRow {
  UserId user;
  PersonaId persona;
  ConversationId conversation;
  DataPart part = DataPart::kTrain;
  std::vector<TrainingMessage> messages;
  // Of the whole row, and those that the loss counts.
  std::size_t tokens = 0;
  std::size_t counted_tokens = 0;
  // Of the loss of its tokens; 1 outside of training.
  double weight = 1.0;
};

struct DroppedRow {
  // Number of the conversation, counted over all that were looked at, in order of user and time:
  // no report names users.
  std::size_t row = 0;
  DropReason reason = DropReason::kEmpty;
};

struct DataOptions {
  // The personas whose users take part; empty: all of the members'.
  std::vector<PersonaId> personas;
  UserCapOptions cap;
  // k-anonymity: fewer users in training are refused. >= 1.
  std::size_t min_users = 10;
  // Share of the users who only validate, and, of the others' conversations, of the latest; in
  // [0, 0.5].
  double validation_users = 0.125;
  double validation_latest = 0.125;
  // Longer rows are left out. >= 16.
  std::size_t max_tokens = 1024;
  // From this Jaccard similarity on two rows are the same; in (0, 1].
  double near_duplicate = 0.8;
  // Ratings up to `disliked` are not learned from; Kith's own answers only from `liked` on, as a
  // model that learns from what it said itself narrows. Ratings are in [1, 5].
  double disliked = 2.0;
  double liked = 4.0;
  // Learn Kith's own answers also when nobody rated them.
  bool learns_unrated = false;
  // What stays although it looks like personal data, see text::PiiOptions.
  std::vector<std::string> allowed;
};

// What the selection asks of those above it.
struct DataPorts {
  // Tokens of a text in the base model's vocabulary.
  std::function<std::size_t(std::string_view)> count_tokens;
  // The system message with which the base model would be asked this question, without persona or
  // style; empty: none. `variant` is a number of the row's own: the same row gets the same.
  std::function<Result<std::string>(const std::string& question, std::uint64_t variant)>
      system_message;
};

struct TrainingData {
  std::vector<TrainingRow> rows;  // in the order of part, user and time
  std::vector<DroppedRow> dropped;
  UserCap cap;
  text::PiiCounts redactions{};
  // Of the members of the personas.
  std::size_t num_members = 0;
  std::size_t num_validation_users = 0;
  // Answers inside kept rows that are context only: rated down; own and not praised.
  std::size_t num_disliked_answers = 0;
  std::size_t num_unrated_answers = 0;
  // Users with rows in training, in order; shares in cap.shares.
  std::vector<UserId> contributors;
};

// Errors: kInvalidArgument for an option out of range, and if fewer than options.min_users users
//   would train, or nothing is left for validation; those of the stores and ports.
Result<TrainingData> select_training_data(storage::StoreSet& stores,
                                          const storage::TenantScope& scope,
                                          const std::vector<Member>& members,
                                          const DataOptions& options, const DataPorts& ports);

// The rows of a part as JSON Lines {"unit","messages":[{"role","content","train"?}],"weight"?}, the
// form that kith-train and the gate read. `unit` tells users apart and names none.
std::string to_jsonl(const TrainingData& data, DataPart part);

}  // namespace kith::persona
