// Test double of a generator, and a pipeline over SQLite in a temporary directory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kith/base/test_directory.h"
#include "kith/memory/knowledge.h"
#include "kith/persona/test_personas.h"
#include "kith/personalize/pipeline.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/sqlite/sqlite_store_set.h"
#include "kith/text/utf8.h"

namespace kith::personalize {

class FakeGenerator final : public Generator {
 public:
  using Answer = std::function<GeneratedText(const GenerationRequest&, int sample)>;

  GeneratorCapabilities caps;
  std::vector<AdapterId> adapters;
  Answer answer = [](const GenerationRequest&, int) { return text("Plain answer to you."); };
  std::function<Result<std::vector<double>>(std::span<const std::string>)> score_of =
      [](std::span<const std::string> texts) { return std::vector<double>(texts.size(), -1.0); };
  std::optional<Error> failure;

  FakeGenerator() {
    caps.is_own_engine = true;
    caps.has_adapters = true;
    caps.has_scores = true;
    caps.model = "fake";
  }

  static GeneratedText text(std::string words, double mean_logprob = -0.5) {
    GeneratedText out;
    out.text = std::move(words);
    out.mean_logprob = mean_logprob;
    out.prompt_tokens = 10;
    out.completion_tokens = 5;
    return out;
  }

  GeneratorCapabilities capabilities() const override { return caps; }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override { return adapters; }

  // The held adapters of this double: which lookup of the generator's they come from.
  struct Held final : HeldAdapters {
    int lookup = 0;
  };
  Result<std::shared_ptr<const HeldAdapters>> hold_adapters(
      std::span<const AdapterShare> shares) const override {
    if (hold_failure) return *hold_failure;
    if (auto found = Generator::hold_adapters(shares); !found) return found;
    auto held = std::make_shared<Held>();
    held->lookup = ++num_lookups;
    return std::shared_ptr<const HeldAdapters>(std::move(held));
  }
  static int lookup_of(const std::shared_ptr<const HeldAdapters>& held) {
    const auto* own = dynamic_cast<const Held*>(held.get());
    return own == nullptr ? 0 : own->lookup;
  }
  std::optional<Error> hold_failure;
  mutable std::atomic<int> num_lookups{0};

  // A memory as this double holds it: the memory itself.
  struct FakeMemory final : HeldMemory {
    UserMemory memory;
    int rows = 0;
    int prompt_rows() const override { return rows; }
    std::string bridge() const override { return "fake"; }
    std::string bridge_version() const override { return "b1"; }
  };
  Result<std::shared_ptr<const HeldMemory>> hold_memory(const UserMemory& memory) const override {
    if (!caps.no_memories.empty()) return Generator::hold_memory(memory);
    if (memory_failure) return *memory_failure;
    auto held = std::make_shared<FakeMemory>();
    held->memory = memory;
    held->rows = memory_rows;
    return std::shared_ptr<const HeldMemory>(std::move(held));
  }
  std::optional<Error> memory_failure;
  int memory_rows = 0;  // of a prompt

  Result<std::vector<GeneratedText>> generate(const GenerationRequest& request, DeltaSink* sink,
                                              const CancelToken& cancel) override {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    if (failure) return *failure;
    if (cancel.stop_requested()) return Error{ErrorCode::kCancelled, "nobody waits"};
    std::vector<GeneratedText> out;
    for (std::size_t i = 0; i < request.samples.size(); ++i) {
      out.push_back(answer(request, static_cast<int>(i)));
      if (sink == nullptr) continue;
      const std::string& words = out.back().text;
      text::for_each_code_point(words, [&](char32_t, std::size_t offset, std::size_t length) {
        sink->on_delta({static_cast<int>(i), std::string_view(words).substr(offset, length), ""});
      });
    }
    return out;
  }

  Result<std::vector<double>> score(const ScoreRequest& request) override {
    scored_lookup = lookup_of(request.held_adapters);
    scored_memory = request.memory != nullptr;
    return score_of(request.continuations);
  }
  std::atomic<int> scored_lookup{0};
  std::atomic<bool> scored_memory{false};

  // The requests seen so far.
  std::vector<GenerationRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  GenerationRequest last() const { return requests().back(); }

 private:
  mutable std::mutex mutex_;
  std::vector<GenerationRequest> requests_;
};

class CountingMetrics final : public PipelineMetrics {
 public:
  void on_request(std::string_view outcome) override { add("request " + std::string(outcome)); }
  void on_step(std::string_view, double) override {}
  void on_degraded(std::string_view step, std::string_view reason) override {
    add("degraded " + std::string(step) + " " + std::string(reason));
  }
  void on_answer(std::string_view persona, std::string_view source, const AnswerTokens&) override {
    add("answer " + std::string(persona) + " " + std::string(source));
  }
  int count(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto it = counts_.find(name);
    return it == counts_.end() ? 0 : it->second;
  }

 private:
  void add(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++counts_[name];
  }
  mutable std::mutex mutex_;
  std::map<std::string, int> counts_;
};

// Knows the users that a test tells it of.
class FakeUserEncoder final : public UserEncoder {
 public:
  std::map<std::string, UserMemory> memories;
  std::optional<Error> failure;
  std::chrono::milliseconds delay{0};
  std::atomic<int> num_calls{0};

  static UserMemory memory(std::int64_t num_events, base::UnixMicros at) {
    return {.latents = std::make_shared<const std::vector<float>>(8, 0.5F),
            .rows = 2,
            .width = 4,
            .version = "e1",
            .num_events = num_events,
            .at = at,
            .is_persona_mean = false,
            .persona = {}};
  }

  Result<std::optional<UserMemory>> memory_of(const storage::Scope& scope) override {
    ++num_calls;
    std::this_thread::sleep_for(delay);
    if (failure) return *failure;
    const auto it = memories.find(scope.user.str());
    return it == memories.end() ? std::nullopt : std::optional(it->second);
  }
};

class RecordingSink final : public AnswerSink {
 public:
  void on_start(const ChatAnswer& head) override {
    ++num_starts;
    head_ = head;
  }
  void on_delta(const AnswerDelta& delta) override {
    EXPECT_EQ(num_starts, 1) << "a delta before the start";
    EXPECT_TRUE(text::is_valid_utf8(delta.text));
    ++num_deltas;
    texts[delta.choice] += delta.text;
    raws[delta.choice] += delta.raw;
    if (!delta.logprobs.empty()) {
      logprobs[delta.choice].emplace_back(texts[delta.choice], delta.logprobs);
    }
  }

  int num_starts = 0;
  int num_deltas = 0;
  ChatAnswer head_;
  std::map<int, std::string> texts;
  std::map<int, std::string> raws;
  // The text so far, and the log-probabilities that came with its last piece.
  std::map<int, std::vector<std::pair<std::string, std::string>>> logprobs;
};

inline const std::string kTestPersonas =
    persona::two_personas({.style = "length = \"short\"\n"}, {.style = "length = \"short\"\n"});

class PipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = storage::open_sqlite(directory_.path() / "kith.db");
    ASSERT_TRUE(opened) << opened.error().message;
    sqlite_ = *std::move(opened);
    stores_ = storage::make_faulty(*sqlite_);
    generator_.adapters = {AdapterId("boss"), AdapterId("tech")};
    auto catalogue = persona::PersonaCatalogue::from_toml(kTestPersonas, "test");
    ASSERT_TRUE(catalogue) << catalogue.error().message;
    auto assigner = persona::Assigner::create(*std::move(catalogue));
    ASSERT_TRUE(assigner);
    assigner_ = std::make_shared<const persona::Assigner>(*std::move(assigner));
    options_.id_seed = 7;
    open();
  }

  void TearDown() override {
    pipeline_.reset();
    stores_.reset();
    sqlite_.reset();
  }

  // Makes the pipeline anew, with options_ as they are now.
  void open() {
    pipeline_.reset();
    auto pipeline =
        Pipeline::create({generator_, *stores_, metrics_, clock_, nullptr, user_encoder_.get()},
                         assigner_, options_, router_);
    ASSERT_TRUE(pipeline) << pipeline.error().message;
    pipeline_ = *std::move(pipeline);
  }

  static storage::Scope scope(const std::string& user) {
    return {TenantId(storage::kDefaultTenant), UserId(user)};
  }

  static ChatRequest ask(const std::string& user, const std::string& question) {
    ChatRequest request;
    request.scope = scope(user);
    request.messages = {{"user", question, ""}};
    return request;
  }

  void add_user(const std::string& user, const storage::Attributes& attributes) {
    ASSERT_TRUE(sqlite_->users().upsert(scope(user), attributes, 1));
  }

  void refuse(const std::string& user, const char* purpose) {
    ASSERT_TRUE(sqlite_->consents().set(scope(user), purpose, false, 1));
  }

  void add_document(const std::string& id, const std::string& title, const std::string& text,
                    const std::vector<std::string>& access = {}) {
    memory::Knowledge knowledge(sqlite_->knowledge(), clock_);
    ASSERT_TRUE(knowledge.add({TenantId(storage::kDefaultTenant)},
                              {DocumentId(id), title, text, "en", access}));
  }

  ChatAnswer must_answer(const ChatRequest& request, AnswerSink* sink = nullptr) {
    auto answer = pipeline_->answer(request, sink);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *std::move(answer) : ChatAnswer{};
  }

  static const PlanStep* find_step(const ChatAnswer& answer, const std::string& technique) {
    for (const PlanStep& step : answer.plan) {
      if (step.technique == technique) return &step;
    }
    return nullptr;
  }

  static bool used(const ChatAnswer& answer, const std::string& technique) {
    const PlanStep* step = find_step(answer, technique);
    return step != nullptr && step->used;
  }

  std::size_t num_turns(const std::string& user) {
    const auto turns = sqlite_->conversations().recent_turns(scope(user), 1000);
    EXPECT_TRUE(turns);
    return turns ? turns->size() : 0;
  }

  std::size_t num_conversations(const std::string& user) {
    const auto rows = sqlite_->conversations().list(scope(user), 1000);
    EXPECT_TRUE(rows);
    return rows ? rows->size() : 0;
  }

  const base::TestDirectory directory_;
  base::SystemClock clock_;
  std::unique_ptr<storage::StoreSet> sqlite_;
  std::unique_ptr<storage::FaultyStoreSet> stores_;
  FakeGenerator generator_;
  CountingMetrics metrics_;
  std::shared_ptr<const persona::Assigner> assigner_;
  std::shared_ptr<const persona::Router> router_;
  std::unique_ptr<FakeUserEncoder> user_encoder_;  // null unless a test makes one
  PipelineOptions options_;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace kith::personalize
