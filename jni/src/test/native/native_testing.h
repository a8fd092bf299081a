// SPDX-License-Identifier: Apache-2.0
//
// What the bridge's tests share: the echo enclave's object and image (made by jni/Makefile), keys,
// temporary files, and an enclave with its outputs collected.

#ifndef SVR2_JNI_NATIVE_TESTING_H_
#define SVR2_JNI_NATIVE_TESTING_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "local_image.h"
#include "svr2_bridge.h"

namespace svr2::bridge {

// Contents of the file that an environment variable names; fails the program when there is none.
std::string FileFromEnvironment(const char* variable);
std::string EchoObject();
std::string EchoImage();
std::string EchoImagePath();
std::string SigningKey();

inline constexpr char kTestConf[] =
    "Debug=1\nNumHeapPages=4096\nNumStackPages=64\nNumTCS=4\nProductID=2\nSecurityVersion=1\n";

// PEM private keys, generated.
std::string RsaKey(int bits, unsigned exponent);
std::string EcKey();

// A signed image, by SigningKey() unless another is given.
std::string SignedImage(const std::string& object, const std::string& conf);
std::string SignedImage(const std::string& object, const std::string& conf, const std::string& key);

// A file that is removed at the end of the scope.
class TempFile {
 public:
  explicit TempFile(const std::string& contents);
  ~TempFile();
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A running enclave; destroyed at the end of the scope.
class TestEnclave {
 public:
  explicit TestEnclave(const std::string& path = EchoImagePath(), uint32_t flags = 0);
  ~TestEnclave();
  TestEnclave(const TestEnclave&) = delete;
  TestEnclave& operator=(const TestEnclave&) = delete;

  // Called for each output, instead of collecting; what it returns goes to the enclave.
  void OnOutput(std::function<uint32_t(const std::string&)> handler);

  uint32_t Init(const std::string& config = "config");
  uint32_t Input(const std::string& message);
  // Input, which must succeed and output once; returns that.
  std::string Ask(const std::string& message);
  // The same, with numbers as answer (u64 little-endian).
  std::vector<uint64_t> AskNumbers(const std::string& message);
  std::vector<std::string> TakeOutput();

  svr2_enclave* handle() const { return handle_; }
  uint32_t created() const { return created_; }  // What svr2_bridge_create returned.
  const std::string& words() const { return words_; }
  const std::string& peer_id() const { return peer_id_; }

 private:
  static uint32_t Output(void* context, const uint8_t* message, size_t size);

  std::mutex mutex_;
  std::vector<std::string> outputs_;
  std::function<uint32_t(const std::string&)> handler_;
  std::string peer_id_;
  svr2_enclave* handle_ = nullptr;
  uint32_t created_;
  std::string words_;
};

// A command of the echo enclave with a number.
std::string Command(char command, uint32_t number);

}  // namespace svr2::bridge

#endif  // SVR2_JNI_NATIVE_TESTING_H_
