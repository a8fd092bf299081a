// SPDX-License-Identifier: Apache-2.0

#include "local_image.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string_view>

namespace svr2::bridge {

namespace {

constexpr std::string_view kMagic = "SVR2IMG1";
constexpr std::string_view kMeasurementDomain = "svr2-local-measurement-1";

// Unsigned integers of the header and of the measurement.
std::string LittleEndian(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string BigEndian64(uint64_t value) {
  const std::string reversed = LittleEndian(value, 8);
  return std::string(reversed.rbegin(), reversed.rend());
}

uint64_t LoadLittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return value;
}

Digest Measure(std::string_view object, std::string_view conf) {
  return Sha256(
      {kMeasurementDomain, BigEndian64(object.size()), object, BigEndian64(conf.size()), conf});
}

// Where the parts lie in a file, signature included or not.
struct Parts {
  std::string_view object, conf, key, rest;
};

Outcome Malformed(const std::string& text) {
  return Outcome::Fail(SVR2_BRIDGE_IMAGE_MALFORMED, text);
}

Outcome Split(std::string_view file, Parts* out) {
  if (file.substr(0, 4) == "\177ELF") {
    return Malformed("an object that is not signed; sign it with svr2-image");
  }
  if (file.substr(0, kMagic.size() - 1) != kMagic.substr(0, kMagic.size() - 1)) {
    return Malformed("does not begin with " + std::string(kMagic));
  }
  if (file.size() < kImageHeaderBytes) return Malformed("ends within its header");
  if (file[kMagic.size() - 1] != kMagic.back()) return Malformed("of an unknown version");
  const uint64_t object = LoadLittleEndian(file.substr(8, 8));
  const uint64_t conf = LoadLittleEndian(file.substr(16, 4));
  const uint64_t key = LoadLittleEndian(file.substr(20, 4));
  if (object == 0 || object > kMaxImageBytes || conf == 0 || conf > kMaxConfBytes || key == 0 ||
      key > kMaxKeyBytes) {
    return Malformed("a size in its header is out of range");
  }
  if (file.size() - kImageHeaderBytes < object + conf + key) {
    return Malformed("cut off: shorter than its header says");
  }
  out->object = file.substr(kImageHeaderBytes, object);
  out->conf = file.substr(kImageHeaderBytes + object, conf);
  out->key = file.substr(kImageHeaderBytes + object + conf, key);
  out->rest = file.substr(kImageHeaderBytes + object + conf + key);
  return Outcome::Ok();
}

Outcome ReadKey(std::string_view der, Key* out) {
  const unsigned char* at = Bytes(der);
  out->reset(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));  // NOLINT(runtime/int)
  ERR_clear_error();
  if (*out == nullptr || at != Bytes(der) + der.size()) {
    return Malformed("its public key cannot be read");
  }
  if (!IsAcceptable(out->get())) return Malformed("its public key: " + std::string(kKeyWanted));
  return Outcome::Ok();
}

Outcome CheckSignature(std::string_view file, const Parts& parts) {
  Key key;
  if (Outcome outcome = ReadKey(parts.key, &key); !outcome.ok()) return outcome;
  const Digest digest = Sha256({file.substr(0, file.size() - parts.rest.size())});
  if (!Verifies(key.get(), digest, parts.rest)) {
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_SIGNATURE, "its signature does not verify");
  }
  return Outcome::Ok();
}

}  // namespace

Outcome ParseLocalImage(const std::string& file, LocalImage* out) {
  Parts parts;
  if (Outcome outcome = Split(file, &parts); !outcome.ok()) return outcome;
  if (parts.rest.empty()) return Malformed("not signed: it ends before its signature");
  if (parts.rest.size() != kSignatureBytes) {
    return Malformed("its signature has " + std::to_string(parts.rest.size()) + " bytes, not " +
                     std::to_string(kSignatureBytes));
  }
  if (Outcome outcome = CheckSignature(file, parts); !outcome.ok()) return outcome;
  LocalImage image;
  if (Outcome o = ParseProperties(parts.conf, &image.properties); !o.ok()) return o;
  if (CanonicalProperties(image.properties) != parts.conf) {
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_PROPERTIES, "the properties are not in canonical form");
  }
  image.object = std::string(parts.object);
  image.measurement = Measure(parts.object, parts.conf);
  image.signer = Sha256({parts.key});
  *out = std::move(image);
  return Outcome::Ok();
}

Outcome PrepareLocalImage(const std::string& object, const std::string& conf,
                          const std::string& public_key_pem, std::string* unsigned_file,
                          Digest* digest) {
  Properties properties;
  if (Outcome outcome = ParseProperties(conf, &properties); !outcome.ok()) return outcome;
  Key public_key;
  if (Outcome o = ReadPublicKey(public_key_pem, &public_key); !o.ok()) return o;
  const std::string key = PublicKeyDer(public_key.get());
  const std::string canonical = CanonicalProperties(properties);
  std::string file(kMagic);
  file += LittleEndian(object.size(), 8);
  file += LittleEndian(canonical.size(), 4);
  file += LittleEndian(key.size(), 4);
  file += object;
  file += canonical;
  file += key;
  Parts parts;
  if (Outcome outcome = Split(file, &parts); !outcome.ok()) return outcome;
  *digest = Sha256({file});
  *unsigned_file = std::move(file);
  return Outcome::Ok();
}

Outcome SignLocalImage(const std::string& unsigned_file, const std::string& private_key_pem,
                       std::string* signature) {
  Key key;
  if (Outcome outcome = ReadPrivateKey(private_key_pem, &key); !outcome.ok()) return outcome;
  const Digest digest = Sha256({unsigned_file});
  KeyContext context = StartPkcs1(key.get(), EVP_PKEY_sign_init);
  size_t size = kSignatureBytes;
  signature->resize(size);
  if (context == nullptr ||
      EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(signature->data()), &size,
                    digest.data(), digest.size()) != 1 ||
      size != kSignatureBytes) {
    return Outcome::Fail(SVR2_BRIDGE_BAD_ARGUMENT, "signing failed: " + OpensslError());
  }
  return Outcome::Ok();
}

Outcome FinishLocalImage(const std::string& unsigned_file, const std::string& signature,
                         std::string* file) {
  std::string whole = unsigned_file + signature;
  LocalImage image;
  if (Outcome outcome = ParseLocalImage(whole, &image); !outcome.ok()) return outcome;
  *file = std::move(whole);
  return Outcome::Ok();
}

Outcome ReadFile(const std::string& path, size_t max_bytes, std::string* out) {
  const auto fail = [&path](const std::string& why) {
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_UNREADABLE, path + ": " + why);
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(std::strerror(errno));
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd,
                                                                [](const int* f) { close(*f); });
  struct stat status;
  if (fstat(fd, &status) != 0) return fail(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail("not a regular file");
  if (static_cast<uint64_t>(status.st_size) > max_bytes) {
    return fail("larger than " + std::to_string(max_bytes) + " bytes");
  }
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = read(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(std::strerror(errno));
    if (n == 0) break;  // Became shorter meanwhile; the checks judge what was read.
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  *out = std::move(bytes);
  return Outcome::Ok();
}

std::string Hex(const Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (uint8_t byte : digest) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

}  // namespace svr2::bridge
