// SPDX-License-Identifier: Apache-2.0
//
// The strict reading of .conf files: what is refused, and in which words.

#include "properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "native_testing.h"

namespace svr2::bridge {
namespace {

using ::testing::HasSubstr;

std::string With(const std::string& from, const std::string& to) {
  std::string conf = kTestConf;
  const size_t at = conf.find(from);
  EXPECT_NE(at, std::string::npos);
  return conf.replace(at, from.size(), to);
}

void ExpectRefused(const std::string& conf, const std::string& words) {
  Properties properties;
  const Outcome outcome = ParseProperties(conf, &properties);
  EXPECT_EQ(outcome.code, uint32_t{SVR2_BRIDGE_IMAGE_PROPERTIES}) << conf;
  EXPECT_THAT(outcome.text, HasSubstr(words)) << conf;
}

TEST(PropertiesTest, ReadsCommentsBlanksAndAnyOrder) {
  Properties properties;
  const Outcome outcome = ParseProperties(
      "# a comment\r\n\n  SecurityVersion = 7 # another\r\nProductID=65535\nNumTCS\t=\t32\n"
      "NumStackPages=1\nNumHeapPages=000256\nDebug=0",
      &properties);
  ASSERT_TRUE(outcome.ok()) << outcome.text;
  EXPECT_EQ(CanonicalProperties(properties),
            "Debug=0\nNumHeapPages=256\nNumStackPages=1\nNumTCS=32\nProductID=65535\n"
            "SecurityVersion=7\n");
}

TEST(PropertiesTest, CanonicalFormIsAFixedPoint) {
  Properties properties;
  ASSERT_TRUE(ParseProperties(kTestConf, &properties).ok());
  EXPECT_EQ(CanonicalProperties(properties), kTestConf);
}

TEST(PropertiesTest, EachPropertyMustBeThere) {
  for (const char* key :
       {"Debug", "NumHeapPages", "NumStackPages", "NumTCS", "ProductID", "SecurityVersion"}) {
    const std::string conf = kTestConf;
    const size_t at = conf.find(key);
    const size_t end = conf.find('\n', at);
    ExpectRefused(conf.substr(0, at) + conf.substr(end + 1), std::string(key) + " is missing");
  }
  ExpectRefused("", "Debug is missing");
}

TEST(PropertiesTest, UnknownKeysNameTheNearest) {
  ExpectRefused(With("NumTCS", "NumTSC"),
                "line 4: unknown property \"NumTSC\"; did you mean NumTCS?");
  ExpectRefused(With("NumTCS", "numtcs"), "did you mean NumTCS?");
  ExpectRefused(With("Debug", "Debugg"),
                "line 1: unknown property \"Debugg\"; did you mean Debug?");
  ExpectRefused(With("Debug", "RequireKSS"), "oesign knows it");
  const Outcome far = [] {
    Properties properties;
    return ParseProperties(With("Debug", "Xyzzyqwertzuiop"), &properties);
  }();
  EXPECT_EQ(far.text, "line 1: unknown property \"Xyzzyqwertzuiop\"");
}

TEST(PropertiesTest, DuplicatesNameBothLines) {
  ExpectRefused(std::string(kTestConf) + "NumTCS=4\n", "line 7: NumTCS was given in line 4 too");
}

TEST(PropertiesTest, ValuesOutOfRange) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"Debug=1", "Debug=2"},
      {"NumHeapPages=4096", "NumHeapPages=255"},
      {"NumHeapPages=4096", "NumHeapPages=16777217"},
      {"NumStackPages=64", "NumStackPages=0"},
      {"NumTCS=4", "NumTCS=0"},
      {"NumTCS=4", "NumTCS=33"},
      {"ProductID=2", "ProductID=65536"},
      {"SecurityVersion=1", "SecurityVersion=65536"},
      {"SecurityVersion=1", "SecurityVersion=18446744073709551617"},
  };
  for (const auto& [from, to] : cases) {
    ExpectRefused(With(from, to), to + ": must be a decimal number from ");
  }
}

TEST(PropertiesTest, ValuesThatAreNoNumbers) {
  for (const char* value : {"", "x", "4x", "-1", "+4", "0x4", "4 4", "4.0", "4=4"}) {
    ExpectRefused(With("NumTCS=4", std::string("NumTCS=") + value), "must be a decimal number");
  }
  ExpectRefused(With("NumTCS=4", "NumTCS"), "line 4: not of the form Key=Value");
}

}  // namespace
}  // namespace svr2::bridge
