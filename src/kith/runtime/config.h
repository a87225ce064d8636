// The settings of an installation. Precedence: command line, then environment (KITH_SECTION_KEY),
// then kith.toml, then defaults; every value knows where it came from.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kith/base/result.h"

namespace kith::runtime {

struct Config {
  struct {
    std::string host = "127.0.0.1";
    int port = 7717;
    // Threads that answer requests (each waits for the model or the upstream).
    int workers = 16;
    // Requests in work or waiting; more are refused with 429.
    int max_requests = 64;
    // Head starts of the queue classes high and urgent, in milliseconds (base/queue_class.h).
    int head_start_high_ms = 5'000;
    int head_start_urgent_ms = 20'000;
    int max_body_mb = 32;
    // Directory of the web page; empty serves none.
    std::string web;
    // Members of requests that nobody knows: ignored, or refused by name.
    bool ignore_unknown_fields = true;
    // Answer with the usual model whatever name `model` holds, instead of 404.
    bool accept_any_model = false;
    // Addresses whose X-OpenWebUI-* headers say who the user is.
    std::vector<std::string> trusted_peers{"127.0.0.1", "::1"};
    // Other sites whose pages may call: "https://desk.example".
    std::vector<std::string> cors_origins;
  } server;
  struct {
    std::string dir = "data";
  } data;
  struct {
    // A Hugging Face directory; empty uses the built-in model.
    std::string dir;
    // Directory of PEFT directories; empty: "adapters" beside the weights, if there.
    std::string adapters;
    // Memory for adapters; those used least recently are read from disk again when needed.
    int adapters_mb = 1024;
    std::string dtype = "bf16";
    // Compute threads; 0 takes all cores.
    int threads = 0;
    // Quantised weights in huge pages, which decodes faster; off: in the mapped file, which loads
    // at once and which processes share.
    bool huge_pages = true;
    std::string chat_format;
    int kv_tokens = 32'768;
  } model;
  struct {
    // A sentence-transformers directory; empty: embeddings come from the upstream, if there is one.
    std::string model;
    // f32 by default: vectors are kept and compared, so they should not depend on the processor.
    std::string dtype = "f32";
  } embedding;
  struct {
    // What `kith-train train timeline` left in OUTPUT/encoder; empty: the version of `kith train
    // timeline` that serves, and without one users have no embeddings.
    std::string directory;
    // Directory of the text encoder that it was trained on, if it reads texts; empty: the built-in
    // one.
    std::string text_encoder;
    // Compute threads of one pass. One: a pass is a single event of a single user, mostly.
    int threads = 1;
    // Users whose states are kept in memory, each below 2 MB.
    int max_states = 64;
    // Users that are brought up to date in the background, a second. A user of 200 events takes
    // some 3 ms of the compute thread and a write of the store: answers hardly notice 20 of them.
    int users_per_second = 20;
    // How long an answer waits for its user's last events, in milliseconds, before it takes the
    // stored embedding.
    int answer_wait_ms = 20;
    // A mean that stands in for a user without events is over at least so many.
    int min_mean_users = 10;
    // Directory of a bridge from the encoder into the language model; empty: answers know nothing
    // of users' events.
    std::string bridge;
  } user_encoder;
  struct {
    // When set, answers come from there and no own model is loaded.
    std::string url;
    std::string api_key;
    std::string model;
    int context_tokens = 8192;
    // What it understands beyond OpenAI's protocol: "openai" (nothing) or "vllm".
    std::string dialect = "openai";
  } upstream;
  struct {
    // TOML file of personas; empty: personas.toml in the data directory, if there.
    std::string file;
    // JSON Lines of texts whose writer's persona is known; may be empty.
    std::string texts;
    // Figures of a persona are told where at least so many different users stand behind them.
    int min_fleet_users = 5;
  } personas;
  struct {
    // Prompts choose the persona whose model answers, where there is a trained router.
    bool enabled = true;
    // Directory of the router; empty: "router" in the data directory, if there.
    std::string dir;
  } router;
  struct {
    // Stands first in the prompt when the application sends no system message.
    std::string default_system = "You are a helpful assistant.";
    // Drafts an answer by the own engine, in [1, 8].
    int drafts = 2;
    int max_passages = 2;
    bool extractive = true;
    // Name the best sentences of the documents in the own model's prompt.
    bool evidence = true;
  } answer;
  // Of `kith persona train`; its options go before.
  struct {
    // Texts that stay although they look like personal data: products, shared mailboxes.
    std::vector<std::string> allow;
    // The k-anonymity floor.
    int min_users = 10;
    // Largest share of one user, in percent.
    int user_cap_percent = 2;
    // Planted secrets; -1: by the number of rows.
    int canaries = -1;
  } training;
  struct {
    std::string level = "info";
    std::string format = "pretty";
  } log;
};

// One setting as `kith config print` shows it.
struct SettingView {
  std::string key;
  // Secrets are masked.
  std::string value;
  // "default", "file kith.toml:12", "environment KITH_SERVER_PORT" or "command line".
  std::string source;
};

// Reads the environment; std::getenv in production, a table in tests.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

class ConfigLoader {
 public:
  explicit ConfigLoader(Environment environment = process_environment());

  // Later calls override earlier ones.
  // Errors: kNotFound without the file; kInvalidArgument naming file, line, key and what is
  // allowed.
  Status read_file(const std::filesystem::path& path);
  // Errors: kInvalidArgument naming the variable.
  Status read_environment();
  // `key` like "server.port"; parts of a list stand between commas. Errors: kInvalidArgument.
  Status set(const std::string& key, const std::string& value);

  // Errors: kInvalidArgument naming a value that is out of range.
  Result<Config> finish() const;
  // In the order of the file format.
  std::vector<SettingView> settings() const;

 private:
  Status assign(const std::string& key, const std::string& value, const std::string& source);

  Environment environment_;
  Config config_;
  std::map<std::string, std::string> sources_;
};

// Settings of the file `path` (or none) and the environment, then `overrides` from the command
// line. Errors: those of ConfigLoader.
Result<ConfigLoader> load_config(const std::optional<std::filesystem::path>& path,
                                 const std::map<std::string, std::string>& overrides);

}  // namespace kith::runtime
