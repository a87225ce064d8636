// What stands in for the embedding of a user of whom no events are known: the mean over the users
// of his persona, or over all where too few of them have one. A mean over few would tell what one
// of them did.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "kith/base/ids.h"
#include "kith/storage/embedding_store.h"

namespace kith::timeline {

struct MeanEmbedding {
  std::vector<float> latents;  // [num_latents, width]
  int num_latents = 0;
  std::vector<float> vector;  // [width], of length 1
  std::int64_t num_users = 0;
  // Of the persona's users, or of everybody.
  bool is_of_persona = false;
};

// Counts users, then is read. Reading is thread-safe.
class PersonaMeans {
 public:
  // A mean is over at least `min_users`, >= 1.
  explicit PersonaMeans(std::int64_t min_users) : min_users_(min_users) {}

  // All of one version, hence of one shape; another shape is left out.
  void add(const storage::EmbeddedUser& user);

  // Of the persona, else of all users, else nothing. `persona` may be empty.
  std::optional<MeanEmbedding> find(const PersonaId& persona) const;

 private:
  struct Sums {
    std::vector<double> latents;
    std::vector<double> vector;
    std::int64_t count = 0;
  };
  static void add(const storage::EmbeddingRow& row, Sums& sums);

  std::int64_t min_users_;
  int num_latents_ = 0;
  Sums all_;
  std::map<PersonaId, Sums> personas_;
};

}  // namespace kith::timeline
