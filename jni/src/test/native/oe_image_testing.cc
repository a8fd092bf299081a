// SPDX-License-Identifier: Apache-2.0

#include "oe_image_testing.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <algorithm>
#include <string_view>

#include "rsa.h"

namespace svr2::bridge {

namespace {

constexpr size_t kInfoBytes = 1960;
constexpr char kNames[] = "\0.shstrtab\0.oeinfo";
constexpr size_t kSectionsAt = kNamesAt + 24;
static_assert(kNamesAt == kInfoAt + kInfoBytes);

Key ReadKey(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Key key(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  return key;
}

}  // namespace

std::string SignDigest(const Digest& digest, const std::string& pem) {
  const Key key = ReadKey(pem);
  const KeyContext context = StartPkcs1(key.get(), EVP_PKEY_sign_init);
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  EXPECT_EQ(EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                          digest.data(), digest.size()),
            1);
  return signature;
}

void SignOeImage(std::string* file, const std::string& pem) {
  const Key key = ReadKey(pem);
  BIGNUM* modulus = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
  BN_bn2lebinpad(modulus, reinterpret_cast<unsigned char*>(file->data()) + kStructureAt + 128, 384);
  BN_free(modulus);
  Store<uint32_t>(file, kStructureAt + 512, 3);
  const std::string_view all(*file);
  const Digest digest =
      Sha256({all.substr(kStructureAt, 128), all.substr(kStructureAt + 900, 128)});
  const std::string signature = SignDigest(digest, pem);
  std::reverse_copy(signature.begin(), signature.end(), file->begin() + kStructureAt + 516);
  const Quotients quotients = QuotientsOf(signature, ModulusOf(key.get()));
  std::reverse_copy(quotients.q1.begin(), quotients.q1.end(), file->begin() + kStructureAt + 1040);
  std::reverse_copy(quotients.q2.begin(), quotients.q2.end(), file->begin() + kStructureAt + 1424);
}

std::string UnsignedOeImage() {
  std::string file(kSectionsAt + 3 * sizeof(Elf64_Shdr), '\0');
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_shoff = kSectionsAt;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 1;
  Store(&file, 0, header);
  std::memcpy(file.data() + kNamesAt, kNames, sizeof(kNames));
  Elf64_Shdr names{};
  names.sh_name = 1;
  names.sh_type = SHT_STRTAB;
  names.sh_offset = kNamesAt;
  names.sh_size = sizeof(kNames);
  Store(&file, kSectionsAt + sizeof(Elf64_Shdr), names);
  Elf64_Shdr info{};
  info.sh_name = 11;
  info.sh_type = SHT_PROGBITS;
  info.sh_offset = kInfoAt;
  info.sh_size = kInfoBytes;
  Store(&file, kSectionsAt + 2 * sizeof(Elf64_Shdr), info);
  Store<uint32_t>(&file, kInfoAt, kInfoBytes);
  Store<uint32_t>(&file, kInfoAt + 4, 2);
  Store<uint64_t>(&file, kInfoAt + 8, 4096);
  Store<uint64_t>(&file, kInfoAt + 16, 64);
  Store<uint64_t>(&file, kInfoAt + 24, 4);
  Store<uint16_t>(&file, kInfoAt + 32, 2);
  Store<uint16_t>(&file, kInfoAt + 34, 1);
  Store<uint64_t>(&file, kInfoAt + 72, 6);
  Store<uint64_t>(&file, kInfoAt + 1952, 0xecececececececec);
  std::memcpy(file.data() + kStructureAt, "\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0", 16);
  std::memcpy(file.data() + kStructureAt + 24, "\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0", 16);
  Store<uint64_t>(&file, kStructureAt + 928, 6);
  std::memset(file.data() + kStructureAt + 960, 'm', 32);
  Store<uint16_t>(&file, kStructureAt + 1024, 2);
  Store<uint16_t>(&file, kStructureAt + 1026, 1);
  return file;
}

}  // namespace svr2::bridge
