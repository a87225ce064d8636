// What the server is told at its start.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/queue_class.h"

namespace kith::server {

struct ServerOptions {
  // An IP address. Any but a loopback address needs an API key in the store.
  std::string host = "127.0.0.1";
  // 0: any free one, see Server::port().
  std::uint16_t port = 7717;

  std::size_t max_connections = 512;
  std::size_t max_header_bytes = std::size_t{32} << 10;
  std::size_t max_body_bytes = std::size_t{32} << 20;
  // Longest quiet between two requests of a connection.
  std::chrono::milliseconds idle_timeout{75'000};
  // From the first byte of a request to the last of its header, and of its body.
  std::chrono::milliseconds header_timeout{15'000};
  std::chrono::milliseconds body_timeout{120'000};
  // For each piece that is sent.
  std::chrono::milliseconds write_timeout{30'000};
  // A stream that says nothing for this long gets a comment.
  std::chrono::milliseconds ping_interval{15'000};
  // How long stop() lets running requests finish before it cancels them.
  std::chrono::milliseconds drain_timeout{10'000};
  // Of a stream, unsent; a reader slower than this loses its answer.
  std::size_t max_stream_buffer_bytes = std::size_t{1} << 20;

  // Chat requests that run, and that wait, at most; further ones get 429.
  std::size_t generation_threads = 16;
  std::size_t generations_waiting = 48;
  // Which of those that wait runs next.
  base::HeadStarts head_starts;
  // The same for other calls.
  std::size_t worker_threads = 4;
  std::size_t calls_waiting = 256;

  // Figures of a persona are withheld where fewer different users than this stand behind them.
  std::int64_t min_fleet_users = 5;

  // Origins whose pages may call ("https://desk.example"); empty: none but our own page.
  std::vector<std::string> cors_origins;
  // Addresses whose X-OpenWebUI-* headers are believed.
  std::vector<std::string> trusted_peers{"127.0.0.1", "::1"};
  // Gives the operator's rights; from server.json. Empty: none.
  std::string local_token;
  // The built web page; empty: none.
  std::filesystem::path web_directory;
  // Whether members of a request that nobody knows are ignored by the own models, not refused by
  // name. Members of `kith`, and those that would change what an answer must be, never are.
  bool ignores_unknown_fields = true;
  // Whether the own engine answers with the usual model to any name that it does not know.
  bool accepts_any_model = false;
};

}  // namespace kith::server
