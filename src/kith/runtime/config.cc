#include "kith/runtime/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <variant>

// Without exceptions the library's compiled part does not serve, so its headers are used alone.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include "kith/base/toml.h"

namespace kith::runtime {
namespace {

using TextList = std::vector<std::string>;
using Field = std::variant<std::string*, int*, bool*, TextList*>;

struct Setting {
  const char* key;
  Field (*field)(Config& config);
  // Allowed range of integers.
  int low = 0;
  int high = 0;
  bool is_secret = false;
};

const std::vector<Setting>& all_settings() {
  static const std::vector<Setting> kSettings{
      {"server.host", [](Config& c) -> Field { return &c.server.host; }},
      {"server.port", [](Config& c) -> Field { return &c.server.port; }, 0, 65'535},
      {"server.workers", [](Config& c) -> Field { return &c.server.workers; }, 1, 1024},
      {"server.max_requests", [](Config& c) -> Field { return &c.server.max_requests; }, 1, 65'536},
      {"server.head_start_high_ms", [](Config& c) -> Field { return &c.server.head_start_high_ms; },
       0, 3'600'000},
      {"server.head_start_urgent_ms",
       [](Config& c) -> Field { return &c.server.head_start_urgent_ms; }, 0, 3'600'000},
      {"server.max_body_mb", [](Config& c) -> Field { return &c.server.max_body_mb; }, 1, 1024},
      {"server.web", [](Config& c) -> Field { return &c.server.web; }},
      {"server.ignore_unknown_fields",
       [](Config& c) -> Field { return &c.server.ignore_unknown_fields; }},
      {"server.accept_any_model", [](Config& c) -> Field { return &c.server.accept_any_model; }},
      {"server.trusted_peers", [](Config& c) -> Field { return &c.server.trusted_peers; }},
      {"server.cors_origins", [](Config& c) -> Field { return &c.server.cors_origins; }},
      {"data.dir", [](Config& c) -> Field { return &c.data.dir; }},
      {"model.dir", [](Config& c) -> Field { return &c.model.dir; }},
      {"model.adapters", [](Config& c) -> Field { return &c.model.adapters; }},
      {"model.adapters_mb", [](Config& c) -> Field { return &c.model.adapters_mb; }, 1, 1 << 20},
      {"model.dtype", [](Config& c) -> Field { return &c.model.dtype; }},
      {"model.threads", [](Config& c) -> Field { return &c.model.threads; }, 0, 1024},
      {"model.huge_pages", [](Config& c) -> Field { return &c.model.huge_pages; }},
      {"model.chat_format", [](Config& c) -> Field { return &c.model.chat_format; }},
      {"model.kv_tokens", [](Config& c) -> Field { return &c.model.kv_tokens; }, 256, 1 << 24},
      {"embedding.model", [](Config& c) -> Field { return &c.embedding.model; }},
      {"embedding.dtype", [](Config& c) -> Field { return &c.embedding.dtype; }},
      {"user_encoder.directory", [](Config& c) -> Field { return &c.user_encoder.directory; }},
      {"user_encoder.text_encoder",
       [](Config& c) -> Field { return &c.user_encoder.text_encoder; }},
      {"user_encoder.threads", [](Config& c) -> Field { return &c.user_encoder.threads; }, 1, 1024},
      {"user_encoder.max_states", [](Config& c) -> Field { return &c.user_encoder.max_states; }, 1,
       100'000},
      {"user_encoder.users_per_second",
       [](Config& c) -> Field { return &c.user_encoder.users_per_second; }, 1, 1'000'000},
      {"user_encoder.answer_wait_ms",
       [](Config& c) -> Field { return &c.user_encoder.answer_wait_ms; }, 0, 60'000},
      {"user_encoder.min_mean_users",
       [](Config& c) -> Field { return &c.user_encoder.min_mean_users; }, 1, 1'000'000},
      {"user_encoder.bridge", [](Config& c) -> Field { return &c.user_encoder.bridge; }},
      {"upstream.url", [](Config& c) -> Field { return &c.upstream.url; }},
      {"upstream.api_key", [](Config& c) -> Field { return &c.upstream.api_key; }, 0, 0, true},
      {"upstream.model", [](Config& c) -> Field { return &c.upstream.model; }},
      {"upstream.context_tokens", [](Config& c) -> Field { return &c.upstream.context_tokens; },
       256, 1 << 24},
      {"upstream.dialect", [](Config& c) -> Field { return &c.upstream.dialect; }},
      {"personas.file", [](Config& c) -> Field { return &c.personas.file; }},
      {"personas.texts", [](Config& c) -> Field { return &c.personas.texts; }},
      {"personas.min_fleet_users", [](Config& c) -> Field { return &c.personas.min_fleet_users; },
       1, 1'000'000},
      {"router.enabled", [](Config& c) -> Field { return &c.router.enabled; }},
      {"router.dir", [](Config& c) -> Field { return &c.router.dir; }},
      {"answer.default_system", [](Config& c) -> Field { return &c.answer.default_system; }},
      {"answer.drafts", [](Config& c) -> Field { return &c.answer.drafts; }, 1, 8},
      {"answer.max_passages", [](Config& c) -> Field { return &c.answer.max_passages; }, 0, 16},
      {"answer.extractive", [](Config& c) -> Field { return &c.answer.extractive; }},
      {"answer.evidence", [](Config& c) -> Field { return &c.answer.evidence; }},
      {"training.allow", [](Config& c) -> Field { return &c.training.allow; }},
      {"training.min_users", [](Config& c) -> Field { return &c.training.min_users; }, 1,
       1'000'000},
      {"training.user_cap_percent", [](Config& c) -> Field { return &c.training.user_cap_percent; },
       1, 100},
      {"training.canaries", [](Config& c) -> Field { return &c.training.canaries; }, -1, 1000},
      {"log.level", [](Config& c) -> Field { return &c.log.level; }},
      {"log.format", [](Config& c) -> Field { return &c.log.format; }},
  };
  return kSettings;
}

const Setting* find_setting(const std::string& key) {
  const auto& settings = all_settings();
  const auto it = std::find_if(settings.begin(), settings.end(),
                               [&](const Setting& setting) { return setting.key == key; });
  return it == settings.end() ? nullptr : &*it;
}

// "server.port" -> "KITH_SERVER_PORT".
std::string variable_name(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(), [](char c) {
    return c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  return "KITH_" + key;
}

Error invalid(const std::string& source, const std::string& key, const std::string& what) {
  return Error{ErrorCode::kInvalidArgument, source + ": " + key + " " + what};
}

Status write_int(const Setting& setting, int& field, const std::string& value,
                 const std::string& source) {
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole || number < setting.low || number > setting.high) {
    return invalid(source, setting.key,
                   "must be a number in [" + std::to_string(setting.low) + ", " +
                       std::to_string(setting.high) + "]: " + value);
  }
  field = number;
  return {};
}

std::string join(const TextList& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined;
}

// Parts between commas, without the white space around them and without empty ones.
TextList split(const std::string& text) {
  TextList parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    const auto first = part.find_first_not_of(" \t");
    if (first == std::string::npos) continue;
    parts.push_back(part.substr(first, part.find_last_not_of(" \t") - first + 1));
  }
  return parts;
}

std::string to_text(const Field& field) {
  if (const auto* text = std::get_if<std::string*>(&field)) return **text;
  if (const auto* number = std::get_if<int*>(&field)) return std::to_string(**number);
  if (const auto* list = std::get_if<TextList*>(&field)) return join(**list);
  return *std::get<bool*>(field) ? "true" : "false";
}

// The text of a list in the file, or no value if it holds anything but texts without commas.
std::optional<std::string> list_text(const toml::array& list) {
  TextList texts;
  for (const toml::node& item : list) {
    const auto* text = item.as_string();
    if (text == nullptr || text->get().find(',') != std::string::npos) return std::nullopt;
    texts.push_back(text->get());
  }
  return join(texts);
}

// The text of a value in the file, or no value if it is a table or a date.
std::optional<std::string> value_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  return std::nullopt;
}

Status require_one_of(const char* key, const std::string& value,
                      const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return {};
  return Error{ErrorCode::kInvalidArgument,
               std::string(key) + " must be one of " + join(allowed) + ": " + value};
}

// The usual spelling of an IP address, in which peers are told; empty if it is none.
std::string normalize_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> usual{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), address.data()) != 1) continue;
    return inet_ntop(family, address.data(), usual.data(), usual.size());
  }
  return {};
}

Status normalize_peers(TextList& peers) {
  for (std::string& peer : peers) {
    const std::string usual = normalize_address(peer);
    if (usual.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   "server.trusted_peers must hold IP addresses: " + peer};
    }
    peer = usual;
  }
  return {};
}

// An origin as browsers send it: no path, no slash at its end.
Status require_origins(const TextList& origins) {
  for (const std::string& origin : origins) {
    const std::size_t scheme = origin.starts_with("https://")  ? 8
                               : origin.starts_with("http://") ? 7
                                                               : 0;
    const bool is_origin = scheme > 0 && origin.size() > scheme &&
                           origin.find_first_of("/?#@* ", scheme) == std::string::npos;
    if (is_origin) continue;
    return Error{
        ErrorCode::kInvalidArgument,
        "server.cors_origins must hold origins like https://desk.example, without a path: " +
            origin};
  }
  return {};
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

ConfigLoader::ConfigLoader(Environment environment) : environment_(std::move(environment)) {}

Status ConfigLoader::read_file(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    return Error{ErrorCode::kNotFound, "no configuration file: " + path.string()};
  }
  const toml::parse_result parsed = toml::parse_file(path.string());
  if (!parsed) {
    return Error{ErrorCode::kInvalidArgument,
                 path.string() + ":" + std::to_string(parsed.error().source().begin.line) + ": " +
                     std::string(parsed.error().description())};
  }
  for (const auto& [section, node] : parsed.table()) {
    const auto* table = node.as_table();
    if (table == nullptr) {
      return invalid(path.string(), std::string(section.str()), "must be a section");
    }
    for (const auto& [name, value] : *table) {
      const std::string key = std::string(section.str()) + "." + std::string(name.str());
      const std::string source =
          "file " + path.string() + ":" + std::to_string(value.source().begin.line);
      const Setting* setting = find_setting(key);
      if (setting == nullptr) return invalid(source, key, "is not a setting");
      const bool is_list = std::holds_alternative<TextList*>(setting->field(config_));
      if (is_list != value.is_array()) {
        return invalid(source, key, is_list ? "must be a list of texts" : "must not be a list");
      }
      const auto text = is_list ? list_text(*value.as_array()) : value_text(value);
      if (!text) {
        return invalid(source, key,
                       is_list ? "must be a list of texts without commas"
                               : "must be a text, a number or true or false");
      }
      KITH_RETURN_IF_ERROR(assign(key, *text, source));
    }
  }
  return {};
}

Status ConfigLoader::read_environment() {
  for (const Setting& setting : all_settings()) {
    const std::string name = variable_name(setting.key);
    if (const auto value = environment_(name)) {
      KITH_RETURN_IF_ERROR(assign(setting.key, *value, "environment " + name));
    }
  }
  return {};
}

Status ConfigLoader::set(const std::string& key, const std::string& value) {
  return assign(key, value, "command line");
}

Status ConfigLoader::assign(const std::string& key, const std::string& value,
                            const std::string& source) {
  const Setting* setting = find_setting(key);
  if (setting == nullptr) return invalid(source, key, "is not a setting");
  const Field field = setting->field(config_);
  if (auto* const* text = std::get_if<std::string*>(&field)) {
    **text = value;
  } else if (auto* const* number = std::get_if<int*>(&field)) {
    KITH_RETURN_IF_ERROR(write_int(*setting, **number, value, source));
  } else if (auto* const* list = std::get_if<TextList*>(&field)) {
    **list = split(value);
  } else {
    if (value != "true" && value != "false") {
      return invalid(source, key, "must be true or false: " + value);
    }
    *std::get<bool*>(field) = value == "true";
  }
  sources_[key] = source;
  return {};
}

Result<Config> ConfigLoader::finish() const {
  KITH_RETURN_IF_ERROR(require_one_of("model.dtype", config_.model.dtype, {"f32", "bf16", "int8"}));
  KITH_RETURN_IF_ERROR(
      require_one_of("embedding.dtype", config_.embedding.dtype, {"f32", "bf16", "int8"}));
  KITH_RETURN_IF_ERROR(
      require_one_of("upstream.dialect", config_.upstream.dialect, {"openai", "vllm"}));
  KITH_RETURN_IF_ERROR(
      require_one_of("log.level", config_.log.level, {"debug", "info", "warn", "error"}));
  KITH_RETURN_IF_ERROR(require_one_of("log.format", config_.log.format, {"pretty", "json"}));
  if (config_.server.head_start_urgent_ms < config_.server.head_start_high_ms) {
    return Error{ErrorCode::kInvalidArgument,
                 "server.head_start_urgent_ms must be at least server.head_start_high_ms: " +
                     std::to_string(config_.server.head_start_urgent_ms)};
  }
  Config config = config_;
  KITH_RETURN_IF_ERROR(normalize_peers(config.server.trusted_peers));
  KITH_RETURN_IF_ERROR(require_origins(config.server.cors_origins));
  return config;
}

std::vector<SettingView> ConfigLoader::settings() const {
  std::vector<SettingView> views;
  Config copy = config_;
  for (const Setting& setting : all_settings()) {
    std::string value = to_text(setting.field(copy));
    if (setting.is_secret && !value.empty()) value = "********";
    const auto source = sources_.find(setting.key);
    views.push_back({.key = setting.key,
                     .value = std::move(value),
                     .source = source == sources_.end() ? "default" : source->second});
  }
  return views;
}

Result<ConfigLoader> load_config(const std::optional<std::filesystem::path>& path,
                                 const std::map<std::string, std::string>& overrides) {
  ConfigLoader loader;
  if (path) KITH_RETURN_IF_ERROR(loader.read_file(*path));
  KITH_RETURN_IF_ERROR(loader.read_environment());
  for (const auto& [key, value] : overrides) KITH_RETURN_IF_ERROR(loader.set(key, value));
  KITH_RETURN_IF_ERROR(loader.finish());
  return loader;
}

}  // namespace kith::runtime
