// SPDX-License-Identifier: Apache-2.0
//
// Several replicas as one service: any of them serves any client, and losing one costs nothing.

#include <gtest/gtest.h>

#include "core/hosts_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

TEST(GroupTest, ThreeReplicasFormAGroup) {
  TestGroup group;
  group.Form(3);
  for (size_t i = 0; i < 3; ++i) {
    const proto::StatusReply status = group.host(i).GetStatus();
    EXPECT_TRUE(status.serving()) << i << " " << proto::Error_Name(status.not_serving_reason());
    EXPECT_EQ(status.members_size(), 3);
  }
}

TEST(GroupTest, AnyReplicaServes) {
  TestGroup group;
  group.Form(3);
  for (size_t i = 0; i < 3; ++i) {
    TestClient client = TestClient::Connected(&group.host(i), BackupIdOf(i));
    const auto backup = group.Call(i, &client, BackupOf(kData, "1234", 3));
    ASSERT_TRUE(backup.has_value()) << i;
    EXPECT_EQ(backup->backup().status(), proto::BackupResponse::OK);
    const auto expose = group.Call(i, &client, ExposeOf(kData));
    ASSERT_TRUE(expose.has_value());
    EXPECT_EQ(expose->expose().status(), proto::ExposeResponse::OK);
  }
  for (size_t i = 0; i < 3; ++i) {
    const size_t other = (i + 1) % 3;
    TestClient client = TestClient::Connected(&group.host(other), BackupIdOf(i));
    const auto restore = group.Call(other, &client, RestoreOf("1234"));
    ASSERT_TRUE(restore.has_value());
    EXPECT_EQ(restore->restore().data(), kData);
  }
}

}  // namespace
}  // namespace svr2::core
