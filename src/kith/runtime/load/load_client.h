// One of many people who use the server at once, by a random schedule from a seed. For tests.
#pragma once

#include <stop_token>
#include <string>

#include "kith/base/rng.h"
#include "kith/runtime/load/load_server.h"
#include "kith/runtime/load/probes.h"
#include "kith/runtime/load/requests.h"
#include "kith/runtime/load/tally.h"

namespace kith::runtime::load {

// Used by one thread.
class LoadClient {
 public:
  LoadClient(LoadServer& server, Probes& probes, Tally& tally, const LoadOptions& options,
             int index);

  // Makes requests until it is told to stop, the last of them whole.
  void run(const std::stop_token& stop);

 private:
  void act();
  void perform(const Request& request);
  void leave(const Request& request);
  void judge(const Request& request, const server::TestResponse& reply);
  server::TestResponse exchange(const Request& request);

  // A user comes, chats, and is erased while the chat goes on: nothing may be left.
  void live_and_leave();
  // A chat of a known user, feedback on it, and why it was as it was.
  void chat_and_tell();
  // An adapter comes and goes under its name.
  void bring_adapter();
  // Straight to the engine, with little time.
  void hurry();

  LoadServer& server_;
  Probes& probes_;
  Tally& tally_;
  const LoadOptions options_;
  const int index_;
  base::Rng rng_;
  RequestFacts facts_;
  std::uint64_t num_lives_ = 0;
};

}  // namespace kith::runtime::load
