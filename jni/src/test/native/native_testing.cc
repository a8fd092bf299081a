// SPDX-License-Identifier: Apache-2.0

#include "native_testing.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace svr2::bridge {

namespace {

std::string Environment(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) {
    ADD_FAILURE() << variable << " is not set; run `make -C jni check`";
    std::abort();
  }
  return value;
}

std::string GeneratedKey(EVP_PKEY_CTX* context) {
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen(context, &key), 1);
  BIO* bio = BIO_new(BIO_s_mem());
  EXPECT_EQ(PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  return pem;
}

}  // namespace

std::string FileFromEnvironment(const char* variable) {
  std::string contents;
  const Outcome outcome = ReadFile(Environment(variable), size_t{1} << 30, &contents);
  if (!outcome.ok()) {
    ADD_FAILURE() << outcome.text;
    std::abort();
  }
  return contents;
}

std::string EchoObject() { return FileFromEnvironment("SVR2_ECHO_OBJECT"); }
std::string EchoImage() { return FileFromEnvironment("SVR2_ECHO_IMAGE"); }
std::string EchoImagePath() { return Environment("SVR2_ECHO_IMAGE"); }
std::string SigningKey() { return FileFromEnvironment("SVR2_SIGNING_KEY"); }

std::string RsaKey(int bits, unsigned exponent) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr);
  BIGNUM* e = BN_new();
  BN_set_word(e, exponent);
  EXPECT_EQ(EVP_PKEY_keygen_init(context), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e), 1);
  BN_free(e);
  return GeneratedKey(context);
}

std::string EcKey() {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr);
  EXPECT_EQ(EVP_PKEY_keygen_init(context), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1), 1);
  return GeneratedKey(context);
}

std::string SignedImage(const std::string& object, const std::string& conf) {
  return SignedImage(object, conf, SigningKey());
}

std::string SignedImage(const std::string& object, const std::string& conf,
                        const std::string& key) {
  std::string unsigned_file, signature, file;
  Digest digest;
  Outcome outcome = PrepareLocalImage(object, conf, key, &unsigned_file, &digest);
  if (outcome.ok()) outcome = SignLocalImage(unsigned_file, key, &signature);
  if (outcome.ok()) outcome = FinishLocalImage(unsigned_file, signature, &file);
  EXPECT_TRUE(outcome.ok()) << outcome.text;
  return file;
}

TempFile::TempFile(const std::string& contents) {
  std::string name = ::testing::TempDir() + "svr2-XXXXXX";
  const int fd = mkstemp(name.data());
  EXPECT_GE(fd, 0);
  size_t done = 0;
  while (done < contents.size()) {
    const ssize_t n = write(fd, contents.data() + done, contents.size() - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  EXPECT_EQ(done, contents.size());
  close(fd);
  path_ = name;
}

TempFile::~TempFile() { unlink(path_.c_str()); }

TestEnclave::TestEnclave(const std::string& path, uint32_t flags)
    : created_(
          svr2_bridge_create(SVR2_PLATFORM_LOCAL, path.c_str(), flags, Output, this, &handle_)),
      words_(svr2_bridge_last_error()) {}

TestEnclave::~TestEnclave() { svr2_bridge_destroy(handle_); }

void TestEnclave::OnOutput(std::function<uint32_t(const std::string&)> handler) {
  std::lock_guard<std::mutex> lock(mutex_);
  handler_ = std::move(handler);
}

uint32_t TestEnclave::Init(const std::string& config) {
  uint8_t peer_id[SVR2_PEER_ID_BYTES] = {};
  const uint32_t error = svr2_bridge_init(handle_, reinterpret_cast<const uint8_t*>(config.data()),
                                          config.size(), peer_id);
  peer_id_.assign(reinterpret_cast<const char*>(peer_id), sizeof(peer_id));
  return error;
}

uint32_t TestEnclave::Input(const std::string& message) {
  return svr2_bridge_input(handle_, reinterpret_cast<const uint8_t*>(message.data()),
                           message.size());
}

std::string TestEnclave::Ask(const std::string& message) {
  EXPECT_EQ(Input(message), 0u);
  const std::vector<std::string> out = TakeOutput();
  EXPECT_EQ(out.size(), 1u);
  return out.empty() ? "" : out[0];
}

std::vector<uint64_t> TestEnclave::AskNumbers(const std::string& message) {
  const std::string out = Ask(message);
  std::vector<uint64_t> numbers(out.size() / 8);
  std::memcpy(numbers.data(), out.data(), numbers.size() * 8);
  return numbers;
}

std::vector<std::string> TestEnclave::TakeOutput() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(outputs_, {});
}

uint32_t TestEnclave::Output(void* context, const uint8_t* message, size_t size) {
  TestEnclave* self = static_cast<TestEnclave*>(context);
  std::string copy(reinterpret_cast<const char*>(message), size);
  std::function<uint32_t(const std::string&)> handler;
  {
    std::lock_guard<std::mutex> lock(self->mutex_);
    if (!self->handler_) {
      self->outputs_.push_back(std::move(copy));
      return 0;
    }
    handler = self->handler_;
  }
  return handler(copy);
}

std::string Command(char command, uint32_t number) {
  std::string out(5, command);
  std::memcpy(out.data() + 1, &number, sizeof(number));
  return out;
}

}  // namespace svr2::bridge
