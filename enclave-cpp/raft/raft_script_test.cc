// SPDX-License-Identifier: Apache-2.0
//
// Every raft/*.script gives the transcript that is recorded in it. Runs in enclave-cpp, as make
// does. SVR2_RECORD=1 records anew.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "raft/script_testing.h"

namespace svr2::raft {
namespace {

std::vector<std::string> Scripts() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator("raft", none)) {
    if (file.path().extension() == ".script") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class RaftScriptTest : public ::testing::TestWithParam<std::string> {};

TEST_P(RaftScriptTest, GivesItsTranscript) {
  const std::string path = "raft/" + GetParam() + ".script";
  std::ifstream in(path, std::ios::binary);
  const std::string recorded((std::istreambuf_iterator<char>(in)),
                             std::istreambuf_iterator<char>());
  const std::string now = RunScript(recorded);
  if (std::getenv("SVR2_RECORD") != nullptr) {
    std::ofstream(path, std::ios::binary) << now;
    GTEST_SKIP() << "recorded anew";
  }
  EXPECT_EQ(now, recorded);
  EXPECT_EQ(now.find("BAD COMMAND"), std::string::npos);
  EXPECT_NE(now.find("----"), std::string::npos) << "a script without commands";
}

INSTANTIATE_TEST_SUITE_P(All, RaftScriptTest, ::testing::ValuesIn(Scripts()),
                         [](const auto& script) { return script.param; });

TEST(RaftScriptsTest, AreFound) {
  EXPECT_GE(Scripts().size(), 45u) << "run this program in the folder enclave-cpp";
}

TEST(RaftScriptsTest, AChangedTranscriptIsSeen) {
  const std::string recorded = RunScript("# A story.\nr1 found min=1 max=1 s=0\n\nr1 status\n");
  EXPECT_EQ(RunScript(recorded), recorded);
  std::string changed = recorded;
  changed.replace(changed.find("term 1"), 6, "term 2");
  EXPECT_NE(RunScript(changed), changed);
}

}  // namespace
}  // namespace svr2::raft
