#include "kith/persona/router_file.h"

#include <string>
#include <system_error>
#include <utility>

#include "kith/base/file.h"
#include "kith/base/new_directory.h"

namespace kith::persona {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCardFile = "router.json";
constexpr const char* kClassifierDirectory = "classifier";
constexpr const char* kTopicsDirectory = "topics";
constexpr std::size_t kMaxCardBytes = 1 << 20;

class ClassifierScorer final : public SegmentScorer {
 public:
  explicit ClassifierScorer(TextClassifier classifier)
      : classifier_(std::move(classifier)),
        hash_(classifier_.encoder_hash() + "-" + classifier_.version()) {}

  const std::vector<std::string>& labels() const override { return classifier_.labels(); }
  std::string hash() const override { return hash_; }

  Result<SegmentScore> score(std::string_view text) const override {
    KITH_ASSIGN_OR_RETURN(const Prediction prediction, classifier_.classify(text));
    return SegmentScore{{prediction.probabilities.begin(), prediction.probabilities.end()},
                        prediction.out_of_scope,
                        prediction.abstains};
  }

 private:
  const TextClassifier classifier_;
  const std::string hash_;
};

}  // namespace

std::shared_ptr<const SegmentScorer> make_scorer(TextClassifier classifier) {
  return std::make_shared<const ClassifierScorer>(std::move(classifier));
}

Result<Router> load_router(const fs::path& dir, std::shared_ptr<const TextEncoder> encoder) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(dir / kCardFile, kMaxCardBytes));
  auto card = parse_router_card(bytes);
  if (!card) return std::move(card).error().with_context((dir / kCardFile).string());
  KITH_ASSIGN_OR_RETURN(auto classifier, TextClassifier::load(dir / kClassifierDirectory, encoder));
  std::shared_ptr<const SegmentScorer> topics;
  std::error_code error;
  if (fs::exists(dir / kTopicsDirectory, error)) {
    auto known = TextClassifier::load(dir / kTopicsDirectory, std::move(encoder));
    if (!known) return std::move(known).error().with_context((dir / kTopicsDirectory).string());
    topics = make_scorer(*std::move(known));
  }
  auto router = Router::create(make_scorer(std::move(classifier)), std::move(card->settings),
                               std::move(topics));
  if (!router) return std::move(router).error().with_context(dir.string());
  return router;
}

Status save_router(const fs::path& dir, const RouterCard& card, const TextClassifier& classifier,
                   const TextClassifier* topics) {
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(dir, kCardFile));
  KITH_RETURN_IF_ERROR(classifier.save(directory.path() / kClassifierDirectory));
  if (topics != nullptr) {
    KITH_RETURN_IF_ERROR(topics->save(directory.path() / kTopicsDirectory));
  }
  KITH_RETURN_IF_ERROR(base::write_file_atomically(directory.path() / kCardFile, to_json(card)));
  return directory.commit();
}

}  // namespace kith::persona
