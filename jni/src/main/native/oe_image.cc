// SPDX-License-Identifier: Apache-2.0

#include "oe_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace svr2::bridge {

namespace {

constexpr size_t kInfoBytes = 1960;
constexpr uint32_t kSgxEnclave = 2;
constexpr uint64_t kEndMark = 0xecececececececec;
constexpr uint64_t kAttributeDebug = 2;
constexpr uint64_t kAttribute64Bit = 4;
constexpr size_t kSignatureAt = 144;

// In the signature structure. What is signed: everything up to the key, and the body.
constexpr std::string_view kHeader1("\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0", 16);
constexpr std::string_view kHeader2("\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0", 16);
constexpr size_t kHeader2At = 24;
constexpr size_t kModulusAt = 128;
constexpr size_t kExponentAt = 512;
constexpr size_t kSignatureValueAt = 516;
constexpr size_t kBodyAt = 900;
constexpr size_t kBodyBytes = 128;
constexpr size_t kAttributesAt = 928;
constexpr size_t kMeasurementAt = 960;
constexpr size_t kProductAt = 1024;
constexpr size_t kVersionAt = 1026;
constexpr size_t kQuotient1At = 1040;
constexpr size_t kQuotient2At = 1424;

Outcome Malformed(const std::string& text) {
  return Outcome::Fail(SVR2_BRIDGE_IMAGE_MALFORMED, text);
}
Outcome WrongProperties(const std::string& text) {
  return Outcome::Fail(SVR2_BRIDGE_IMAGE_PROPERTIES, text);
}

// A little-endian number at an offset that is known to lie inside.
template <typename T>
T Load(std::string_view bytes, size_t at) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

bool Range(std::string_view file, uint64_t at, uint64_t size, std::string_view* out) {
  if (at > file.size() || size > file.size() - at) return false;
  *out = file.substr(at, size);
  return true;
}

Outcome FindInfo(std::string_view file, std::string_view* info) {
  if (file.size() < sizeof(Elf64_Ehdr)) return Malformed("ends within its ELF header");
  const auto header = Load<Elf64_Ehdr>(file, 0);
  std::string_view table, names;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64 || header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shstrndx >= header.e_shnum ||
      !Range(file, header.e_shoff, uint64_t{header.e_shnum} * sizeof(Elf64_Shdr), &table)) {
    return Malformed("not a whole ELF file of x86-64 with sections");
  }
  const auto name_section = Load<Elf64_Shdr>(table, header.e_shstrndx * sizeof(Elf64_Shdr));
  if (!Range(file, name_section.sh_offset, name_section.sh_size, &names)) {
    return Malformed("the names of its sections lie outside of it");
  }
  bool found = false;
  constexpr std::string_view kName(".oeinfo\0", 8);
  for (size_t i = 0; i < header.e_shnum; ++i) {
    const auto section = Load<Elf64_Shdr>(table, i * sizeof(Elf64_Shdr));
    if (section.sh_name >= names.size() || names.substr(section.sh_name, kName.size()) != kName) {
      continue;
    }
    if (found) return Malformed("has two sections .oeinfo");
    found = true;
    if (section.sh_type == SHT_NOBITS || section.sh_size != kInfoBytes ||
        !Range(file, section.sh_offset, section.sh_size, info)) {
      return Malformed("its section .oeinfo has not the size that is known here");
    }
  }
  if (found) return Outcome::Ok();
  return Malformed(
      "an ELF file without .oeinfo: no enclave of Open Enclave; objects of platform local are "
      "signed with svr2-image");
}

std::string Reversed(std::string_view bytes) { return std::string(bytes.rbegin(), bytes.rend()); }

Digest SignedDigest(std::string_view signed_by) {
  return Sha256({signed_by.substr(0, kModulusAt), signed_by.substr(kBodyAt, kBodyBytes)});
}

Outcome CheckSignature(std::string_view signed_by, Digest* signer) {
  const std::string_view modulus = signed_by.substr(kModulusAt, kSignatureBytes);
  if (modulus.find_first_not_of('\0') == std::string_view::npos) {
    return Malformed("not signed; sign it with oesign");
  }
  if (signed_by.substr(0, kHeader1.size()) != kHeader1 ||
      signed_by.substr(kHeader2At, kHeader2.size()) != kHeader2) {
    return Malformed("its signature structure has another header than SGX asks for");
  }
  const Key key = KeyOfModulus(Reversed(modulus));
  if (key == nullptr || Load<uint32_t>(signed_by, kExponentAt) != 3) {
    return Malformed("its public key is not RSA of 3072 bits with exponent 3");
  }
  const std::string signature = Reversed(signed_by.substr(kSignatureValueAt, kSignatureBytes));
  if (!Verifies(key.get(), SignedDigest(signed_by), signature)) {
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_SIGNATURE, "its signature does not verify");
  }
  const Quotients quotients = QuotientsOf(signature, Reversed(modulus));
  if (Reversed(signed_by.substr(kQuotient1At, kSignatureBytes)) != quotients.q1 ||
      Reversed(signed_by.substr(kQuotient2At, kSignatureBytes)) != quotients.q2) {
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_SIGNATURE,
                         "Q1 and Q2 do not fit its signature; a CPU would refuse it");
  }
  *signer = Sha256({PublicKeyDer(key.get())});
  return Outcome::Ok();
}

// The properties beside the signature are measured; those in it are what the CPU goes by. They must
// agree, and say nothing that a .conf file here cannot say.
Outcome ReadProperties(std::string_view info, std::string_view signed_by, Properties* out) {
  const auto attributes = Load<uint64_t>(info, 72);
  if ((attributes & ~kAttributeDebug) != kAttribute64Bit ||
      info.substr(36, 36).find_first_not_of('\0') != std::string_view::npos) {
    return WrongProperties("has properties that are not known here");
  }
  Properties properties;
  properties.debug = attributes & kAttributeDebug ? 1 : 0;
  properties.heap_pages = Load<uint64_t>(info, 8);
  properties.stack_pages = Load<uint64_t>(info, 16);
  properties.num_tcs = Load<uint64_t>(info, 24);
  properties.product_id = Load<uint16_t>(info, 32);
  properties.security_version = Load<uint16_t>(info, 34);
  if (Load<uint16_t>(signed_by, kProductAt) != properties.product_id ||
      Load<uint16_t>(signed_by, kVersionAt) != properties.security_version ||
      Load<uint64_t>(signed_by, kAttributesAt) != attributes) {
    return WrongProperties("its properties are not those that were signed");
  }
  return ParseProperties(CanonicalProperties(properties), out);  // The ranges.
}

}  // namespace

bool IsElf(const std::string& file) { return file.compare(0, SELFMAG, ELFMAG, SELFMAG) == 0; }

Outcome ParseOeImage(const std::string& file, OeImage* out) {
  if (!IsElf(file)) return Malformed("not an ELF file, as enclaves of Open Enclave are");
  std::string_view info;
  if (Outcome outcome = FindInfo(file, &info); !outcome.ok()) return outcome;
  if (Load<uint32_t>(info, 0) != kInfoBytes || Load<uint32_t>(info, 4) != kSgxEnclave ||
      Load<uint64_t>(info, 1952) != kEndMark) {
    return Malformed("its section .oeinfo has another layout than is known here");
  }
  const std::string_view signed_by = info.substr(kSignatureAt);
  OeImage image;
  if (Outcome outcome = CheckSignature(signed_by, &image.signer); !outcome.ok()) return outcome;
  if (Outcome o = ReadProperties(info, signed_by, &image.properties); !o.ok()) return o;
  std::memcpy(image.measurement.data(), signed_by.data() + kMeasurementAt,
              image.measurement.size());
  *out = image;
  return Outcome::Ok();
}

Outcome DigestOfOeImage(const std::string& file, Digest* out) {
  OeImage image;
  if (Outcome outcome = ParseOeImage(file, &image); !outcome.ok()) return outcome;
  std::string_view info;
  if (Outcome outcome = FindInfo(file, &info); !outcome.ok()) return outcome;
  *out = SignedDigest(info.substr(kSignatureAt));
  return Outcome::Ok();
}

Outcome ReplaceOeSignature(const std::string& file, const std::string& public_key_pem,
                           const std::string& signature, std::string* out) {
  OeImage image;
  if (Outcome outcome = ParseOeImage(file, &image); !outcome.ok()) return outcome;
  Key key;
  if (Outcome outcome = ReadPublicKey(public_key_pem, &key); !outcome.ok()) return outcome;
  Digest digest;
  if (Outcome outcome = DigestOfOeImage(file, &digest); !outcome.ok()) return outcome;
  if (signature.size() != kSignatureBytes || !Verifies(key.get(), digest, signature)) {
    return Outcome::Fail(
        SVR2_BRIDGE_IMAGE_SIGNATURE,
        "the signature is not this key's, PKCS#1 v1.5 with SHA-256, over this image's digest");
  }
  std::string_view info;
  if (Outcome outcome = FindInfo(file, &info); !outcome.ok()) return outcome;
  const auto structure_at = static_cast<size_t>(info.data() - file.data()) + kSignatureAt;
  std::string signed_file = file;
  const auto put = [&signed_file, structure_at](size_t at, std::string_view big_endian) {
    signed_file.replace(structure_at + at, big_endian.size(), Reversed(big_endian));
  };
  const std::string modulus = ModulusOf(key.get());
  const Quotients quotients = QuotientsOf(signature, modulus);
  put(kModulusAt, modulus);
  put(kSignatureValueAt, signature);
  put(kQuotient1At, quotients.q1);
  put(kQuotient2At, quotients.q2);
  if (Outcome outcome = ParseOeImage(signed_file, &image); !outcome.ok()) return outcome;
  *out = std::move(signed_file);
  return Outcome::Ok();
}

}  // namespace svr2::bridge
