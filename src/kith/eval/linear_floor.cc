#include "kith/eval/linear_floor.h"

#include <linear.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "kith/persona/feature_table.h"
#include "kith/persona/ngram_features.h"

namespace kith::eval {
namespace {

struct ModelDeleter {
  void operator()(::model* model) const { free_and_destroy_model(&model); }
};

std::vector<feature_node> to_nodes(const persona::FeatureTable& table,
                                   std::span<const persona::FeatureHash> features) {
  std::vector<persona::WeighedRow> rows;
  table.weigh(features, rows);
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
  double squares = 0.0;
  for (const auto& row : rows) squares += static_cast<double>(row.weight) * row.weight;
  const double scale = squares > 0.0 ? 1.0 / std::sqrt(squares) : 0.0;
  std::vector<feature_node> nodes;
  for (const auto& row : rows) {
    nodes.push_back({static_cast<int>(row.row) + 1, scale * row.weight});
  }
  nodes.push_back({static_cast<int>(table.size()) + 1, 1.0});  // the bias
  nodes.push_back({-1, 0.0});
  return nodes;
}

std::vector<persona::FeatureHash> features_of(std::string_view text) {
  std::vector<persona::FeatureHash> features;
  persona::append_ngrams(persona::fold_text(text), features);
  return features;
}

}  // namespace

struct LinearFloor::Parts {
  persona::FeatureTable table;
  std::unique_ptr<::model, ModelDeleter> model;
  // Place among the labels of each class of the model.
  std::vector<std::size_t> places;
};

Result<LinearFloor> LinearFloor::train(std::span<const persona::LabelledText> texts,
                                       const std::vector<std::string>& labels) {
  if (labels.size() < 2) return Error{ErrorCode::kInvalidArgument, "a classifier needs two labels"};
  std::vector<std::vector<persona::FeatureHash>> documents;
  std::vector<double> answers;
  for (const auto& text : texts) {
    if (text.label.empty()) continue;
    documents.push_back(features_of(text.text));
    const auto at = std::lower_bound(labels.begin(), labels.end(), text.label);
    answers.push_back(static_cast<double>(at - labels.begin()));
  }
  auto parts = std::make_shared<Parts>();
  parts->table = persona::FeatureTable::build(documents, 1);
  std::vector<std::vector<feature_node>> nodes;
  std::vector<feature_node*> rows;
  for (const auto& document : documents) nodes.push_back(to_nodes(parts->table, document));
  for (auto& row : nodes) rows.push_back(row.data());
  const problem data{.l = static_cast<int>(rows.size()),
                     .n = static_cast<int>(parts->table.size()) + 1,
                     .y = answers.data(),
                     .x = rows.data(),
                     .bias = 1.0};
  const parameter settings{.solver_type = L2R_L2LOSS_SVC_DUAL, .eps = 0.1, .C = 1.0};
  set_print_string_function([](const char*) {});
  parts->model.reset(::train(&data, &settings));
  for (int i = 0; i < parts->model->nr_class; ++i) {
    parts->places.push_back(static_cast<std::size_t>(parts->model->label[i]));
  }
  return LinearFloor(std::move(parts));
}

std::vector<float> LinearFloor::scores(std::string_view text) const {
  const auto nodes = to_nodes(parts_->table, features_of(text));
  const std::size_t classes = parts_->places.size();
  std::vector<double> values(classes);
  predict_values(parts_->model.get(), nodes.data(), values.data());
  std::vector<float> scores(classes);
  // Of two classes, one value says it all.
  if (classes == 2) values[1] = -values[0];
  for (std::size_t i = 0; i < classes; ++i) {
    scores[parts_->places[i]] = static_cast<float>(values[i]);
  }
  return scores;
}

}  // namespace kith::eval
