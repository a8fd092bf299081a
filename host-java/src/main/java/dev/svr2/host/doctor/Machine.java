// SPDX-License-Identifier: Apache-2.0
//
// The parts of a machine that decide whether a platform runs on it; tests put a folder in the place
// of
// its root.
package dev.svr2.host.doctor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Immutable. What cannot be read counts as absent.
 *
 * @param root "/" but for tests
 * @param environment variables of this process
 * @param processors CPUs that this process may use
 * @param architecture as {@code os.arch} names it
 * @param javaFeature 17, 21, 25, …
 */
public record Machine(
    Path root,
    Map<String, String> environment,
    int processors,
    String architecture,
    int javaFeature) {

  private static final List<String> LIBRARY_FOLDERS =
      List.of(
          "usr/lib/x86_64-linux-gnu",
          "lib/x86_64-linux-gnu",
          "usr/lib64",
          "usr/lib",
          "usr/local/lib",
          "opt/intel/sgx-aesm-service/aesm");

  private static final long BYTES_PER_KIB = 1024;

  /** This machine. */
  public static Machine current() {
    return new Machine(
        Path.of("/"),
        System.getenv(),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.arch"),
        Runtime.version().feature());
  }

  /** A path below the root, whether it begins with a slash or not. */
  Path at(String path) {
    return root.resolve(path.startsWith("/") ? path.substring(1) : path);
  }

  boolean exists(String path) {
    return Files.exists(at(path));
  }

  boolean mayReadAndWrite(String path) {
    return Files.isReadable(at(path)) && Files.isWritable(at(path));
  }

  Optional<String> read(String path) {
    try {
      return Optional.of(Files.readString(at(path), StandardCharsets.ISO_8859_1));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** The flags of the first CPU. */
  Set<String> cpuFlags() {
    return read("/proc/cpuinfo")
        .flatMap(text -> text.lines().filter(line -> line.startsWith("flags")).findFirst())
        .map(line -> line.substring(line.indexOf(':') + 1).trim().split("\\s+"))
        .map(flags -> Set.copyOf(Arrays.asList(flags)))
        .orElse(Set.of());
  }

  /** Memory that can be had without swapping, in bytes. */
  OptionalLong availableMemory() {
    return read("/proc/meminfo")
        .flatMap(text -> text.lines().filter(line -> line.startsWith("MemAvailable:")).findFirst())
        .map(line -> line.replaceAll("[^0-9]", ""))
        .filter(digits -> !digits.isEmpty())
        .map(digits -> OptionalLong.of(Long.parseLong(digits) * BYTES_PER_KIB))
        .orElse(OptionalLong.empty());
  }

  /** Protected memory of all nodes together, in bytes; Linux tells it since 5.17. */
  OptionalLong protectedMemory() {
    long sum = 0;
    for (int node = 0; exists("/sys/devices/system/node/node" + node); node++) {
      Optional<String> bytes =
          read("/sys/devices/system/node/node" + node + "/x86/sgx_total_bytes");
      if (bytes.isPresent() && bytes.get().trim().matches("[0-9]{1,18}")) {
        sum += Long.parseLong(bytes.get().trim());
      }
    }
    return sum == 0 ? OptionalLong.empty() : OptionalLong.of(sum);
  }

  /** Where a shared library lies, by the beginning of its file's name. */
  Optional<Path> library(String name) {
    return LIBRARY_FOLDERS.stream()
        .map(this::at)
        .map(folder -> folder.resolve(name))
        .filter(Files::exists)
        .findFirst();
  }
}
