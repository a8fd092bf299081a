// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/tcb_info.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "util/seed_testing.h"

namespace svr2::platform_oe {
namespace {

const char kJson[] = R"({"tcbInfo": {"id": "SGX", "version": 3, "tcbType": 0,
  "tcbEvaluationDataNumber": 17, "other": [1, -2.5e3, true, null, {"x": "a\"b\\"}],
  "tcbLevels": [
    {"tcb": {"pcesvn": 13}, "tcbDate": "2023-08-09T00:00:00Z", "tcbStatus": "UpToDate"},
    {"tcb": {}, "tcbDate": "2023-02-15T00:00:00Z", "tcbStatus": "SWHardeningNeeded",
     "advisoryIDs": ["INTEL-SA-00001", "INTEL-SA-00002"]},
    {"tcb": {}, "tcbDate": "2023-02-15T00:00:00Z", "tcbStatus": "SWHardeningNeeded",
     "advisoryIDs": ["INTEL-SA-00002", "INTEL-SA-00003"]},
    {"tcb": {}, "tcbDate": "2022-01-01T00:00:00Z", "tcbStatus": "SWHardeningNeeded",
     "advisoryIDs": ["INTEL-SA-00009"]}]},
  "signature": "00ff"})";

Result<TcbInfo> Read(const std::string& json, const std::string& date = "2023-02-15T00:00:00Z",
                     const std::string& status = "SWHardeningNeeded") {
  return ReadTcbInfo(util::ByteView(json), date, status);
}

TEST(TcbInfo, TakesTheAdvisoriesOfEveryLevelThatItMayBe) {
  const Result<TcbInfo> info = Read(kJson);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->evaluation_data_number, 17u);
  EXPECT_EQ(info->advisories,
            (std::vector<std::string>{"INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00003"}));
  const Result<TcbInfo> newest = Read(kJson, "2023-08-09T00:00:00Z", "UpToDate");
  ASSERT_TRUE(newest.ok());
  EXPECT_TRUE(newest->advisories.empty());
}

TEST(TcbInfo, ReadsTheInnerObjectAndATrailingNulToo) {
  const std::string all = kJson;
  const size_t begin = all.find('{', 1);
  const std::string inner = all.substr(begin, all.find(",\n  \"signature") - begin);
  EXPECT_TRUE(Read(inner).ok());
  EXPECT_TRUE(Read(all + std::string(1, '\0')).ok());
}

TEST(TcbInfo, ALevelThatIsNotThereIsAnError) {
  const Error kNone = proto::ERROR_ATTESTATION_COLLATERAL;
  EXPECT_EQ(Read(kJson, "2023-02-15T00:00:00Z", "UpToDate").error(), kNone);
  EXPECT_EQ(Read(kJson, "2023-02-16T00:00:00Z").error(), kNone);
  EXPECT_EQ(Read("{}").error(), kNone);
  EXPECT_EQ(Read("").error(), kNone);
  EXPECT_EQ(Read("[]").error(), kNone);
  EXPECT_EQ(Read(std::string(kJson) + "x").error(), kNone);
}

TEST(TcbInfo, ANumberThatIsMissingOrTooLargeIsAnError) {
  std::string json = kJson;
  json.replace(json.find("17"), 2, "99999999999999999999");
  EXPECT_FALSE(Read(json).ok());
  json = kJson;
  json.replace(json.find("tcbEvaluationDataNumber"), 3, "xyz");
  EXPECT_FALSE(Read(json).ok());
}

TEST(TcbInfo, EscapedNamesAreOtherNames) {
  std::string json = kJson;
  json.replace(json.find("\"tcbEvaluation"), 4, "\"\\tcb");
  EXPECT_FALSE(Read(json).ok());
}

TEST(TcbInfo, DepthIsBounded) {
  std::string json = kJson;
  const std::string deep = std::string(100'000, '[');
  json.replace(json.find("[1, -2.5e3"), 0, deep + ",");
  EXPECT_FALSE(Read(json).ok());
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += "{\"tcbInfo\":";
  EXPECT_FALSE(Read(nested).ok());
}

TEST(TcbInfo, EveryPrefixIsRefused) {
  const std::string all = kJson;
  for (size_t size = 0; size < all.size(); ++size) EXPECT_FALSE(Read(all.substr(0, size)).ok());
}

TEST(TcbInfo, MutatedTextIsReadOrRefused) {
  std::mt19937_64 random(util::TestSeed());
  for (int i = 0; i < 20'000; ++i) {
    std::string json = kJson;
    for (size_t n = 1 + random() % 4; n > 0; --n) {
      json[random() % json.size()] = "{}[]\",:\\x0 "[random() % 11];
    }
    json.shrink_to_fit();
    (void)Read(json).ok();
  }
}

// Published by Intel: peer review of what was made up above.
TEST(TcbInfo, ReadsIntels) {
  const char* const vectors = std::getenv("SVR2_VECTORS");
  std::ifstream file(std::string(vectors == nullptr ? "" : vectors) + "/sgx/tcb_info_v3.json");
  if (!file) GTEST_SKIP() << "no vectors";
  const std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const Result<TcbInfo> info = Read(json, "2022-08-10T00:00:00Z");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->evaluation_data_number, 14u);
  EXPECT_EQ(info->advisories, (std::vector<std::string>{"INTEL-SA-00615", "INTEL-SA-00657"}));
}

}  // namespace
}  // namespace svr2::platform_oe
