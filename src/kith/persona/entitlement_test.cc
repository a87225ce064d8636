#include "kith/persona/entitlement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/persona/test_personas.h"

namespace kith::persona {
namespace {

using base::QueueClass;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kPersonas =
    two_personas({.persona = "priority = \"urgent\"\nknowledge = [\"board\", \"payroll\"]\n"});

Assigner make_assigner() {
  auto catalogue = PersonaCatalogue::from_toml(kPersonas, "test");
  EXPECT_TRUE(catalogue) << catalogue.error().message;
  return *Assigner::create(*std::move(catalogue));
}

TEST(EntitlementTest, ThePersonaOfTheAttributesGivesClassAndDocuments) {
  const Assigner assigner = make_assigner();
  const Entitlement boss = entitle(&assigner, {{"grade", "director"}});
  EXPECT_EQ(boss.queue_class, QueueClass::kUrgent);
  EXPECT_THAT(boss.groups, ElementsAre("board", "payroll"));
  const Entitlement tech = entitle(&assigner, {{"grade", "technician"}});
  EXPECT_EQ(tech.queue_class, QueueClass::kNormal);
  EXPECT_THAT(tech.groups, ElementsAre("tech"));
}

TEST(EntitlementTest, WhoeverHasNoPersonaIsNormalAndReadsNothingSpecial) {
  const Assigner assigner = make_assigner();
  const Entitlement nobody = entitle(&assigner, {});
  EXPECT_EQ(nobody.queue_class, QueueClass::kNormal);
  EXPECT_THAT(nobody.groups, IsEmpty());
}

TEST(EntitlementTest, GroupsOfTheDirectoryCountWithoutPersonas) {
  EXPECT_THAT(entitle(nullptr, {{"role", "auditor"}, {"groups", "night, north;south"}}).groups,
              ElementsAre("auditor", "night", "north", "south"));
}

}  // namespace
}  // namespace kith::persona
