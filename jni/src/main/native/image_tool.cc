// SPDX-License-Identifier: Apache-2.0
//
// svr2-image: signs enclave images of platform `local` and describes them. What oesign is for Open
// Enclave, with the same two ways: a key at hand, or a digest out and a signature in where the key
// lives in a hardware security module.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "local_image.h"
#include "oe_image.h"
#include "svr2_bridge.h"

namespace svr2::bridge {

namespace {

constexpr char kUsage[] =
    "svr2-image sign    --object FILE --conf FILE --key FILE --out FILE\n"
    "    Signs with an unencrypted PEM private key: RSA-3072 with exponent 3.\n"
    "svr2-image digest  --object FILE --conf FILE --public-key FILE --out FILE\n"
    "    Writes the 32 bytes (SHA-256) that are to be signed. Then sign them where the key is,\n"
    "    RSASSA-PKCS1-v1_5 with SHA-256, as for example\n"
    "    openssl pkeyutl -sign -inkey KEY -pkeyopt digest:sha256 -in DIGEST -out SIGNATURE\n"
    "svr2-image attach  --object FILE --conf FILE --public-key FILE --signature FILE --out FILE\n"
    "    Writes the image from the same inputs and that signature (384 bytes), which must verify.\n"
    "svr2-image digest  --image FILE --out FILE\n"
    "svr2-image attach  --image FILE --public-key FILE --signature FILE --out FILE\n"
    "    The same for an image of Open Enclave (*.signed), which any key has signed before, as "
    "that\n"
    "    of a development build: oesign found its measurement. Another signature takes its place.\n"
    "svr2-image inspect FILE\n"
    "    Checks an image and prints platform, measurement, signer and properties.\n"
    "Exit code: 0 done, 1 refused or failed, 2 usage.\n";

using Options = std::map<std::string, std::string>;

// Every option exactly once, nothing else.
bool ParseOptions(int argc, char** argv, const std::set<std::string>& wanted, Options* out) {
  for (int i = 2; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 >= argc || wanted.count(name) == 0 || !out->emplace(name, argv[i + 1]).second) {
      std::fprintf(stderr, "svr2-image: %s: unknown, given twice or without a value\n", argv[i]);
      return false;
    }
  }
  for (const std::string& name : wanted) {
    if (out->count(name) == 0) {
      std::fprintf(stderr, "svr2-image: %s is missing\n", name.c_str());
      return false;
    }
  }
  return true;
}

Outcome WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    return Outcome::Fail(SVR2_BRIDGE_BAD_ARGUMENT, path + ": " + std::strerror(errno));
  }
  return Outcome::Ok();
}

Outcome Prepare(const Options& options, const std::string& key_option, std::string* unsigned_file,
                Digest* digest) {
  std::string object, conf, key;
  if (Outcome o = ReadFile(options.at("--object"), kMaxImageBytes, &object); !o.ok()) return o;
  if (Outcome o = ReadFile(options.at("--conf"), size_t{1} << 20, &conf); !o.ok()) return o;
  if (Outcome o = ReadFile(options.at(key_option), size_t{1} << 20, &key); !o.ok()) return o;
  Outcome outcome = PrepareLocalImage(object, conf, key, unsigned_file, digest);
  if (outcome.code == SVR2_BRIDGE_IMAGE_PROPERTIES) {
    outcome.text = options.at("--conf") + ": " + outcome.text;
  } else if (!outcome.ok()) {
    outcome.text = options.at(key_option) + ": " + outcome.text;
  }
  return outcome;
}

Outcome Finish(const std::string& unsigned_file, const std::string& signature,
               const std::string& path) {
  std::string file;
  if (Outcome o = FinishLocalImage(unsigned_file, signature, &file); !o.ok()) return o;
  if (Outcome o = WriteFile(path, file); !o.ok()) return o;
  LocalImage image;
  if (Outcome o = ParseLocalImage(file, &image); !o.ok()) return o;
  std::printf("%s measurement %s\n", path.c_str(), Hex(image.measurement).c_str());
  return Outcome::Ok();
}

Outcome Sign(const Options& options) {
  std::string unsigned_file, signature, key;
  Digest digest;
  if (Outcome o = Prepare(options, "--key", &unsigned_file, &digest); !o.ok()) return o;
  if (Outcome o = ReadFile(options.at("--key"), size_t{1} << 20, &key); !o.ok()) return o;
  if (Outcome o = SignLocalImage(unsigned_file, key, &signature); !o.ok()) return o;
  return Finish(unsigned_file, signature, options.at("--out"));
}

Outcome WriteDigest(const Options& options) {
  std::string unsigned_file;
  Digest digest;
  if (Outcome o = Prepare(options, "--public-key", &unsigned_file, &digest); !o.ok()) return o;
  return WriteFile(options.at("--out"), std::string(digest.begin(), digest.end()));
}

Outcome Attach(const Options& options) {
  std::string unsigned_file, signature;
  Digest digest;
  if (Outcome o = Prepare(options, "--public-key", &unsigned_file, &digest); !o.ok()) return o;
  if (Outcome o = ReadFile(options.at("--signature"), size_t{1} << 20, &signature); !o.ok()) {
    return o;
  }
  return Finish(unsigned_file, signature, options.at("--out"));
}

Outcome ReadOeImage(const Options& options, std::string* file) {
  return ReadFile(options.at("--image"), kMaxImageBytes, file);
}

Outcome WriteOeDigest(const Options& options) {
  std::string file;
  Digest digest;
  if (Outcome o = ReadOeImage(options, &file); !o.ok()) return o;
  if (Outcome o = DigestOfOeImage(file, &digest); !o.ok()) {
    o.text = options.at("--image") + ": " + o.text;
    return o;
  }
  return WriteFile(options.at("--out"), std::string(digest.begin(), digest.end()));
}

Outcome AttachToOeImage(const Options& options) {
  std::string file, key, signature, out;
  if (Outcome o = ReadOeImage(options, &file); !o.ok()) return o;
  if (Outcome o = ReadFile(options.at("--public-key"), size_t{1} << 20, &key); !o.ok()) return o;
  if (Outcome o = ReadFile(options.at("--signature"), size_t{1} << 20, &signature); !o.ok()) {
    return o;
  }
  if (Outcome o = ReplaceOeSignature(file, key, signature, &out); !o.ok()) return o;
  if (Outcome o = WriteFile(options.at("--out"), out); !o.ok()) return o;
  OeImage image;
  if (Outcome o = ParseOeImage(out, &image); !o.ok()) return o;
  std::printf("%s measurement %s\n", options.at("--out").c_str(), Hex(image.measurement).c_str());
  return Outcome::Ok();
}

int InspectImage(const char* path) {
  char text[4096];
  if (svr2_bridge_inspect(path, text, sizeof(text)) != 0) {
    std::fprintf(stderr, "svr2-image: %s\n", text);
    return 1;
  }
  std::fputs(text, stdout);
  return 0;
}

struct Command {
  std::set<std::string> options;
  Outcome (*run)(const Options&);
};

int Run(int argc, char** argv) {
  const bool of_oe = std::find(argv, argv + argc, std::string_view("--image")) != argv + argc;
  const std::map<std::string, Command> commands_of_oe = {
      {"digest", {{"--image", "--out"}, WriteOeDigest}},
      {"attach", {{"--image", "--public-key", "--signature", "--out"}, AttachToOeImage}}};
  const std::map<std::string, Command> commands_of_local = {
      {"sign", {{"--object", "--conf", "--key", "--out"}, Sign}},
      {"digest", {{"--object", "--conf", "--public-key", "--out"}, WriteDigest}},
      {"attach", {{"--object", "--conf", "--public-key", "--signature", "--out"}, Attach}}};
  const std::map<std::string, Command>& commands = of_oe ? commands_of_oe : commands_of_local;
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "inspect" && argc == 3) return InspectImage(argv[2]);
  if (name == "--help" || name == "help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const auto command = commands.find(name);
  Options options;
  if (command == commands.end() || !ParseOptions(argc, argv, command->second.options, &options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const Outcome outcome = command->second.run(options);
  if (!outcome.ok()) std::fprintf(stderr, "svr2-image: %s\n", outcome.text.c_str());
  return outcome.ok() ? 0 : 1;
}

}  // namespace
}  // namespace svr2::bridge

int main(int argc, char** argv) { return svr2::bridge::Run(argc, argv); }
