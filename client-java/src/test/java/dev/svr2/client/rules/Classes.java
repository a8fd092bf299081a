// SPDX-License-Identifier: Apache-2.0
package dev.svr2.client.rules;

import dev.svr2.client.Svr2Client;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The library's own class files. Stateless. */
final class Classes {
  private Classes() {}

  /** The folder with them, as compiled. */
  static Path root() {
    try {
      return Path.of(Svr2Client.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  /** All class files, in order. */
  static List<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(root())) {
      return all.filter(file -> file.toString().endsWith(".class"))
          .sorted()
          .collect(Collectors.toList());
    }
  }

  /** The binary name of a class file's class. */
  static String name(Path file) {
    String path = root().relativize(file).toString().replace('/', '.');
    return path.substring(0, path.length() - ".class".length());
  }
}
