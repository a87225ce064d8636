// Questions whose answers are known: asked alone, before the load, and again and again under it. An
// answer depends on nothing but the question and the adapter's version. For tests.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "kith/base/rng.h"
#include "kith/model/adapter.h"
#include "kith/runtime/load/load_server.h"
#include "kith/runtime/load/tally.h"

namespace kith::runtime::load {

// Thread-safe but for learn(), which comes first.
class Probes {
 public:
  // The name whose adapter is replaced while it is used.
  static constexpr const char* kSwapped = "swapped";
  // What miss() counts in the tally.
  static constexpr const char* kAnswersWithout = "answered without the persona's adapter";

  Probes(LoadServer& server, Tally& tally, int patience)
      : server_(server), tally_(tally), patience_(patience) {}

  // Asks everything once, with nothing else going on. Errors: kInternal if an answer is not good,
  // or if answers that should differ do not, so that asking them would prove nothing.
  Status learn();

  // Asks one question and compares.
  void check_one(base::Rng& rng);

  // Replaces the adapter under the swapped name, and asks at once: the new version must answer.
  void swap(base::Rng& rng);
  // Unloads the adapter of a persona, asks as one of its users, who must be answered without it,
  // and loads it again.
  void miss(base::Rng& rng);
  // Versions that were replaced and still are somebody's.
  std::size_t num_held_versions();
  std::uint64_t num_swaps() const { return num_swaps_; }

 private:
  struct Question {
    std::string target;
    std::string body;
    std::string answer;
  };

  // The part of the answer that must be the same each time; empty (and a failure, or nothing if all
  // is full) if there is none.
  std::string ask(const Question& question, bool may_be_full = true);
  std::string ask_swapped(bool may_be_full = true);
  bool load_version(std::size_t version);
  // As a user of the persona that has LoadServer::kMissed.
  server::TestResponse ask_director() const;

  LoadServer& server_;
  Tally& tally_;
  const int patience_;
  std::vector<Question> questions_;
  Question swapped_;
  // By version.
  std::vector<std::string> swapped_answers_;
  std::vector<std::weak_ptr<const model::Adapter>> replaced_;
  std::atomic<std::uint64_t> num_swaps_{0};
};

}  // namespace kith::runtime::load
